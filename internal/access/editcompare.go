package access

// Compare tells who can do less and who can do more with one of the documents,
// the repository-policy or the registry-policy, as it is after a change, in the
// words of [Editor.Lost] and [Editor.Gained]. Where one of the two is not
// understood, it tells nothing.
func Compare(before, after Documents, ctx Context, document string) (lost, gained []string) {
	was, err := Edit(before, ctx, document)
	if err != nil {
		return nil, nil
	}
	is, err := Edit(after, ctx, document)
	if err != nil {
		return nil, nil
	}
	was.now = is.was
	return was.Lost(), was.Gained()
}
