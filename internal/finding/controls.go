package finding

import "strings"

// CompareControls orders the controls of a framework as people do: AC-3 before
// AC-17.
func CompareControls(a, b string) int {
	for a != "" && b != "" {
		numberA, numberB := digitsOf(a), digitsOf(b)
		if numberA == "" || numberB == "" {
			if a[0] != b[0] {
				return strings.Compare(a[:1], b[:1])
			}
			a, b = a[1:], b[1:]
			continue
		}
		if numberA != numberB {
			if len(numberA) != len(numberB) {
				return len(numberA) - len(numberB)
			}
			return strings.Compare(numberA, numberB)
		}
		a, b = a[len(numberA):], b[len(numberB):]
	}
	return len(a) - len(b)
}

func digitsOf(s string) string {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return s[:i]
		}
	}
	return s
}
