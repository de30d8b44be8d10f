package main

import (
	"bytes"
	"encoding/csv"
	"regexp"
	"strings"

	"github.com/spf13/pflag"
)

// flagsAsGiven are flags as a shell takes them that were given, on the command
// line or by variables, so that another command can be suggested that means the
// same.
func flagsAsGiven(flags *pflag.FlagSet, which func(name string) bool) (words []string) {
	flags.VisitAll(func(flag *pflag.Flag) {
		if given(flags, flag.Name) && which(flag.Name) {
			words = append(words, flagAsGiven(flag)...)
		}
	})
	return words
}

func flagAsGiven(flag *pflag.Flag) (words []string) {
	name := "--" + flag.Name
	list, isList := flag.Value.(pflag.SliceValue)
	switch {
	case flag.Value.Type() == "bool" && flag.Value.String() == "true":
		return []string{name}
	case flag.Value.Type() == "bool":
		return []string{name + "=" + flag.Value.String()}
	case flag.Value.Type() == "stringSlice":
		return []string{name, shellWord(commaSeparated(list.GetSlice()))}
	case isList:
		for _, entry := range list.GetSlice() {
			words = append(words, name, shellWord(entry))
		}
		return words
	}
	return []string{name, shellWord(flag.Value.String())}
}

// commaSeparated is a list as flags that take one read it.
func commaSeparated(entries []string) string {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write(entries) // into memory
	w.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// shellWord is a text as one word of a shell.
func shellWord(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
