package config

import "strings"

// Nearest returns the candidate that somebody who wrote name most likely
// meant: the one with the fewest edits (a character added, dropped, replaced,
// or two swapped), the first of them when several are as near, or the only one
// that name abbreviates. Case does not count, and - is _. It returns false when
// nothing is near.
func Nearest(name string, candidates []string) (string, bool) {
	wanted := foldName(name)
	limit := min(max(len(wanted)/3, 1), 4)
	best, bestEdits := "", limit+1
	var longer []string
	for _, c := range candidates {
		folded := foldName(c)
		if len(wanted) >= 3 && strings.HasPrefix(string(folded), string(wanted)) {
			longer = append(longer, c)
		}
		if max(len(folded)-len(wanted), len(wanted)-len(folded)) > limit {
			continue
		}
		// With as many edits as it has characters, anything is near.
		if n := edits(wanted, folded); n < bestEdits && n < len(wanted) {
			best, bestEdits = c, n
		}
	}
	if bestEdits > limit && len(longer) == 1 {
		return longer[0], true
	}
	return best, bestEdits <= limit
}

func foldName(name string) []rune {
	return []rune(strings.ReplaceAll(strings.ToLower(name), "_", "-"))
}

// edits is the optimal string alignment distance, row by row.
func edits(a, b []rune) int {
	beforeLast, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := last[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(last[j]+1, row[j-1]+1, replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], beforeLast[j-2]+1)
			}
		}
		beforeLast, last = last, row
	}
	return last[len(b)]
}

// suggest ends a message about an unknown name: with the nearest name, or with
// all of them.
func suggest(name string, candidates []string) string {
	if near, ok := Nearest(name, candidates); ok {
		return "did you mean " + quote(near) + "?"
	}
	if len(candidates) == 0 {
		return "there are none"
	}
	return "use one of " + strings.Join(candidates, ", ")
}
