package access

// truth is three-valued.
type truth int8

const (
	no truth = iota
	maybe
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

func (t truth) not() truth            { return yes - t }
func (t truth) and(other truth) truth { return min(t, other) }
func (t truth) or(other truth) truth  { return max(t, other) }
