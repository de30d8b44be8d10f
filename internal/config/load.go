package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// maxSize is the largest configuration that is read, in bytes.
const maxSize = 1 << 20

// maxErrors is how many mistakes of a file are listed.
const maxErrors = 50

// Error is one mistake in a configuration file. Errors returned by this
// package join any number of them; nothing but the file's text need be changed.
type Error struct {
	Path         string
	Line, Column int // from 1; 0 where not known
	Message      string
}

func (e *Error) Error() string {
	place := e.Path
	for _, n := range []int{e.Line, e.Column} {
		if n > 0 {
			place += ":" + strconv.Itoa(n)
		}
	}
	return place + ": " + e.Message
}

// Find returns the path of the configuration file in a folder: ecraudit.yaml,
// or else ecraudit.yml. A file that is there but cannot be read is found too,
// so that [Load] says why instead of auditing without it.
func Find(dir string) (path string, ok bool) {
	return find(dir, names())
}

func names() []string { return []string{"ecraudit.yaml", "ecraudit.yml"} }

// CheckAlone refuses a folder with two configuration files, one of which would be
// passed over. The error is an [Error].
func CheckAlone(dir string) error {
	var there []string
	for _, name := range names() {
		if path, ok := find(dir, []string{name}); ok {
			there = append(there, path)
		}
	}
	if len(there) < 2 {
		return nil
	}
	return rivals(there[0], there[1])
}

// rivals is the error of two files of which one would be passed over.
func rivals(path, beside string) *Error {
	return &Error{Path: path, Message: beside + " is beside it, and only one of the two can hold: merge them into one file, or move one away"}
}

func find(dir string, names []string) (path string, ok bool) {
	for _, name := range names {
		path := filepath.Join(dir, name)
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return path, true
		}
	}
	return "", false
}

// Load reads a configuration file and those that it extends. A mistake in them
// is an [Error], several are joined; a file that cannot be read is the error of
// package os, wrapped.
func Load(path string) (*Config, error) { return LoadWith(path, Packs{}) }

// Packs are how configuration files in bundles and artifacts are read, for files
// that extend them. The zero value reads none.
type Packs struct {
	// Trust has the public keys in these files verify what is read from then on.
	Trust func(keys []string) error
	// ReadFile reads a file by its reference, such as platform.tar.gz//base.yaml, and
	// says what is to be recorded of where it was.
	ReadFile func(reference string) ([]byte, finding.Source, error)
}

// LoadWith is [Load] where files can extend what is in bundles and artifacts.
func LoadWith(path string, packs Packs) (*Config, error) {
	c, err := ReviewWith(path, packs)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// ReviewWith is [LoadWith] for who wants to say more about a configuration with
// mistakes: beside the error it returns what could be read.
func ReviewWith(path string, packs Packs) (*Config, error) {
	text, err := readFile(path)
	if err != nil {
		c := Default()
		c.Path = path
		return c, err
	}
	return newLoader(path, packs, readFile, identityOf).load(path, text)
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading configuration %s: %w%s", path, cause(err), remedy(err))
	}
	defer func() { _ = f.Close() }() // only read
	text, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading configuration %s: %w%s", path, cause(err), remedy(err))
	}
	return text, nil
}

// cause strips operation and path, which the message has already.
func cause(err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return pathError.Err
	}
	return err
}

func remedy(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ": check the path, or leave it out to use the defaults"
	case errors.Is(err, fs.ErrPermission):
		return ": make it readable for the user that runs ecraudit"
	case errors.Is(err, syscall.EISDIR):
		return ": name the file in it, such as ecraudit.yaml"
	}
	return ""
}

// Parse reads the text of one configuration file. The path is for messages, and
// its folder is what relative paths start from; nothing is read from disk, so that
// what the file extends is left out. The errors are those of [Load].
func Parse(path string, text []byte) (*Config, error) {
	c, err := newLoader(path, Packs{}, nil, nil).load(path, text)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// parseText returns the root node of a file, or nil for an empty one.
func parseText(path string, text []byte) (*yaml.Node, error) {
	if len(text) > maxSize {
		return nil, &Error{Path: path, Message: fmt.Sprintf("larger than %d bytes, which no configuration is: check the path", maxSize)}
	}
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	if err := checkText(path, text); err != nil {
		return nil, err
	}
	return parseYAML(path, text)
}

// parseYAML returns the root node of the only document, or nil for an empty
// file.
func parseYAML(path string, text []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, second yaml.Node
	err := decoder.Decode(&document)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, syntaxError(path, text, err)
	}
	err = decoder.Decode(&second)
	switch {
	case errors.Is(err, io.EOF):
		return document.Content[0], nil
	case err != nil:
		return nil, syntaxError(path, text, err)
	}
	return nil, &Error{Path: path, Line: second.Line, Column: second.Column, Message: "a second document starts here: a configuration file holds one, remove the \"---\""}
}

// checkText refuses what is not text, which the YAML parser refuses without
// saying where.
func checkText(path string, text []byte) error {
	line, column := 1, 1
	for i := 0; i < len(text); {
		char, size := utf8.DecodeRune(text[i:])
		switch {
		case char == utf8.RuneError && size == 1:
			return &Error{Path: path, Line: line, Column: column, Message: "not UTF-8: save the file as UTF-8"}
		case char == '\n':
			line, column = line+1, 0
		case char == '\uFEFF' || unicode.IsControl(char) && !strings.ContainsRune("\t\r\u0085", char):
			return &Error{Path: path, Line: line, Column: column, Message: fmt.Sprintf("control character %U: remove it", char)}
		}
		i += size
		column++
	}
	return nil
}

// The parser says nothing of a line when it is the first, or for an anchor.
var (
	yamlLine   = regexp.MustCompile(`^yaml: line (\d+): (.*)$`)
	yamlAnchor = regexp.MustCompile(`unknown anchor '(.*)' referenced`)
)

func syntaxError(path string, text []byte, err error) error {
	e := &Error{Path: path, Line: 1, Message: "not valid YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		e.Line, _ = strconv.Atoi(m[1]) // digits
		e.Message = "not valid YAML: " + m[2]
	}
	lines := bytes.Split(text, []byte("\n"))
	if m := yamlAnchor.FindStringSubmatch(err.Error()); m != nil {
		e.Line = 1 + slices.IndexFunc(lines, func(line []byte) bool { return bytes.Contains(line, []byte("*"+m[1])) })
	}
	e.Message += ": " + syntaxRemedy(e, lines)
	return e
}

func syntaxRemedy(e *Error, lines [][]byte) string {
	switch {
	case yamlAnchor.MatchString(e.Message):
		return "define it with & further up, or quote text that begins with *"
	case strings.HasSuffix(e.Message, "did not find expected alphabetic or numeric character"):
		return "quote text that begins with * or &"
	case e.Line > 0 && e.Line <= len(lines) && bytes.HasPrefix(bytes.TrimLeft(lines[e.Line-1], " "), []byte("\t")):
		return "indent with spaces, not with tabs"
	}
	return "check indentation, quotes and brackets there and above"
}

// inOrder returns the mistakes of one file in the order of the file.
func inOrder(found []*Error) []*Error {
	slices.SortStableFunc(found, func(a, b *Error) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	// What is shared by an alias is read, and found wrong, more than once.
	return slices.CompactFunc(found, func(a, b *Error) bool { return *a == *b })
}

// joinErrors returns mistakes as one error, or nil if there are none.
func joinErrors(path string, found []*Error) error {
	var all []error
	for i, e := range found {
		if i == maxErrors {
			all = append(all, &Error{Path: path, Message: fmt.Sprintf("and %d more mistakes", len(found)-i)})
			break
		}
		all = append(all, e)
	}
	return errors.Join(all...)
}

// ValidateRules checks the rule ids of the files against those that exist. Its
// errors are those of [Parse].
func (c *Config) ValidateRules(known []string) error {
	var found []*Error
	for _, use := range c.ruleUses {
		if slices.Contains(known, use.id) {
			continue
		}
		found = append(found, &Error{
			Path: use.path, Line: use.line, Column: use.column,
			Message: fmt.Sprintf("unknown rule %s: %s", quote(use.id), suggestRule(use.id, known)),
		})
	}
	return joinErrors(c.Path, found)
}

func suggestRule(id string, known []string) string {
	if near, ok := Nearest(id, known); ok {
		return "did you mean " + quote(near) + "?"
	}
	return "ecraudit rules lists them"
}

// quote shows text of the file in a message: on one line, without escapes
// that a terminal would obey, and not at any length.
func quote(text string) string {
	const longest = 80
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest]) + "…"
	}
	return strconv.Quote(text)
}
