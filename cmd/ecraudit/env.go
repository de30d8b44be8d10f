package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ecraudit/ecraudit/internal/config"
)

// variablePrefix begins the name of every variable that stands for a flag.
const variablePrefix = "ECRAUDIT_"

// environmentHelp ends every page of help.
func environmentHelp(command *cobra.Command) string {
	return "A flag that is not given is taken from the environment: --log-format from " + variableOf("log-format") +
		", or for one command alone from " + ownVariableOf(command, "log-format") + "."
}

// An environment is what variables say about flags that are not given. A
// variable changes what a flag is by default: unlike a flag it is not refused
// where it means nothing, so that one environment can serve several commands.
type environment map[string]string

// environmentOf takes those of a process's variables ("NAME=value") that are
// ours. An empty one is as if it were not set.
func environmentOf(variables []string) environment {
	e := environment{}
	for _, variable := range variables {
		name, value, _ := strings.Cut(variable, "=")
		if value = strings.TrimSpace(value); value != "" && strings.HasPrefix(name, variablePrefix) {
			e[name] = value
		}
	}
	return e
}

// variableOf is the name of the variable for a flag of any command.
func variableOf(flag string) string {
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// ownVariableOf is the name of the variable for a flag of one command alone.
func ownVariableOf(command *cobra.Command, flag string) string {
	return variableOf(commandName(command) + "-" + flag)
}

// commandName is "quarantine-purge"; without a command it is an audit.
func commandName(command *cobra.Command) string {
	var names []string
	for c := command; c.HasParent(); c = c.Parent() {
		names = append(names, c.Name())
	}
	if len(names) == 0 {
		return "audit"
	}
	slices.Reverse(names)
	return strings.Join(names, "-")
}

// What is noted on a flag.
const (
	fromVariable    = "ecraudit/variable"     // the variable that it was taken from
	ownVariableOnly = "ecraudit/own-variable" // it is not taken from one that other commands share
)

// variableBehind is the variable that a flag was taken from, or "".
func variableBehind(flag *pflag.Flag) string {
	if flag == nil || len(flag.Annotations[fromVariable]) == 0 {
		return ""
	}
	return flag.Annotations[fromVariable][0]
}

// given reports whether a flag was set, on the command line or by a variable.
func given(flags *pflag.FlagSet, name string) bool {
	return onCommandLine(flags, name) || variableBehind(flags.Lookup(name)) != ""
}

// onCommandLine reports whether a flag was written by whoever runs the command, who
// is to be told where it means nothing. What a flag is asks given instead.
func onCommandLine(flags *pflag.FlagSet, name string) bool { return flags.Changed(name) }

// take sets the flags that were not given from their variables.
func (e environment) take(command *cobra.Command, m *messages) error {
	var wrong []error
	flags := command.Flags()
	flags.VisitAll(func(flag *pflag.Flag) {
		if flag.Changed || !hasVariable(flag) {
			return
		}
		variable := ownVariableOf(command, flag.Name)
		if e[variable] == "" {
			variable = variableOf(flag.Name)
			if e[variable] != "" && flag.Annotations[ownVariableOnly] != nil {
				m.warn(fmt.Sprintf("%s is left aside: what cannot be taken back asks for --%s or %s", variable, flag.Name, ownVariableOf(command, flag.Name)))
				return
			}
		}
		if e[variable] == "" {
			return
		}
		if err := e.set(command, flag, variable); err != nil {
			wrong = append(wrong, err)
		}
	})
	displace(flags)
	return errors.Join(wrong...)
}

// takeEarly sets what matters for saying what is wrong with a command line. What
// is wrong with these variables is said later.
func (e environment) takeEarly(root *cobra.Command) {
	root.PersistentFlags().VisitAll(func(flag *pflag.Flag) {
		if text := e[variableOf(flag.Name)]; text != "" && flag.Value.Set(text) != nil {
			_ = flag.Value.Set(flag.DefValue) // which it had before
		}
	})
}

// hasVariable tells settings from questions, and from flags that a command only
// has to refuse them.
func hasVariable(flag *pflag.Flag) bool {
	return !flag.Hidden && flag.Name != "help" && flag.Name != "version"
}

// set sets a flag without marking it as given on the command line.
func (e environment) set(command *cobra.Command, flag *pflag.Flag, variable string) error {
	text := e[variable]
	var err error
	switch list, isList := flag.Value.(pflag.SliceValue); {
	case isList:
		var entries []string
		if entries, err = splitList(text); err == nil {
			err = list.Replace(entries)
		}
	case flag.Value.Type() == "stringToString":
		err = setPairs(flag, text)
	case strings.ContainsAny(text, "\n\r"):
		err = errors.New("write one line")
	case variable == variableOf(flag.Name) && strings.Contains(text, ",") && listElsewhere(command.Root(), flag.Name):
		err = fmt.Errorf("%s takes one only: give it another one in %s", command.CommandPath(), ownVariableOf(command, flag.Name))
	default:
		if flag.Value.Set(text) != nil {
			err = errors.New(remedyFor(flag))
		}
	}
	if err != nil {
		return fmt.Errorf("%s is %q: %w", variable, text, err)
	}
	return command.Flags().SetAnnotation(flag.Name, fromVariable, []string{variable})
}

// remedyFor says what a value should look like that could not be read.
func remedyFor(flag *pflag.Flag) string {
	switch flag.Value.Type() {
	case "bool":
		return "write true or false, or 1 or 0"
	case "int":
		return "write a whole number, such as " + flag.DefValue
	case "duration":
		return "write a duration with its unit, such as 30s, 5m or 24h"
	}
	return "write a " + flag.Value.Type()
}

// splitList reads a list: entries are separated by commas or stand on lines of
// their own. An entry with a comma in it is put in double quotes.
func splitList(text string) (entries []string, err error) {
	lines := csv.NewReader(strings.NewReader(text))
	lines.FieldsPerRecord, lines.TrimLeadingSpace = -1, true
	records, err := lines.ReadAll()
	if err != nil {
		return nil, errors.New(`separate entries by commas, or write each on a line of its own; one with a comma or a double quote in it goes in double quotes, as in "a,b"`)
	}
	for _, record := range records {
		for _, entry := range record {
			if entry = strings.TrimSpace(entry); entry != "" {
				entries = append(entries, entry)
			}
		}
	}
	return entries, nil
}

func setPairs(flag *pflag.Flag, text string) error {
	pairs, err := splitList(text)
	if err != nil {
		return err
	}
	for _, pair := range pairs {
		if flag.Value.Set(pair) != nil {
			return errors.New("write KEY=VALUE, separated by commas or each on a line of its own")
		}
	}
	return nil
}

// listElsewhere reports whether another command takes a list where this one
// takes one value. A list must not become one strange value.
func listElsewhere(root *cobra.Command, name string) bool {
	found := false
	eachCommand(root, func(c *cobra.Command) {
		if flag := c.Flags().Lookup(name); flag != nil {
			_, isList := flag.Value.(pflag.SliceValue)
			found = found || isList
		}
	})
	return found
}

func eachCommand(c *cobra.Command, visit func(*cobra.Command)) {
	visit(c)
	for _, sub := range c.Commands() {
		eachCommand(sub, visit)
	}
}

// rivals are flags that contradict each other. What is given on the command
// line displaces what variables say about the others.
var rivals = [][]string{
	{"org", "ou", "accounts"},
	{"quiet", "verbose"},
	{"quiet", "progress"},
	{"policy", "principal"},
	{"live", "snapshot", "assume"},
}

func displace(flags *pflag.FlagSet) {
	for _, group := range rivals {
		if slices.ContainsFunc(group, flags.Changed) {
			leaveAside(flags, group...)
		}
	}
}

// leaveAside forgets what variables say about flags.
func leaveAside(flags *pflag.FlagSet, names ...string) {
	for _, name := range names {
		flag := flags.Lookup(name)
		if variableBehind(flag) == "" {
			continue
		}
		delete(flag.Annotations, fromVariable)
		if list, isList := flag.Value.(pflag.SliceValue); isList {
			_ = list.Replace(nil) // lists of ours are empty by default, and take any strings
			continue
		}
		_ = flag.Value.Set(flag.DefValue) // which it had before
	}
}

// refuse refuses flags that mean nothing, and leaves their variables aside.
func refuse(flags *pflag.FlagSet, why string, names ...string) error {
	for _, name := range names {
		if onCommandLine(flags, name) {
			return fmt.Errorf("--%s means nothing %s", name, why)
		}
	}
	leaveAside(flags, names...)
	return nil
}

// sharedByName are flags that mean something else from command to command.
var sharedByName = []string{"format", "output"}

// inTermsOf has an error name the variable where it names a flag that was taken
// from one: nobody finds a flag that they did not write.
func inTermsOf(command *cobra.Command, text string) string {
	command.Flags().VisitAll(func(flag *pflag.Flag) {
		variable := variableBehind(flag)
		if variable == "" || flag.Value.String() == flag.DefValue {
			return // what is wrong is not for its sake
		}
		about := strings.HasPrefix(text, "--"+flag.Name+":")
		text = regexp.MustCompile("--"+flag.Name+`($|[^a-z-])`).ReplaceAllString(text, variable+"$1")
		if about && variable == variableOf(flag.Name) && slices.Contains(sharedByName, flag.Name) {
			text += fmt.Sprintf("; %s holds for %s alone", ownVariableOf(command, flag.Name), command.CommandPath())
		}
	})
	return text
}

// Variables that begin as ours do and are none: what Kubernetes tells about a
// service of the name ecraudit, and the release that a script installs.
var notOurs = regexp.MustCompile(`^ECRAUDIT_(VERSION|SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// unknown refuses variables that no command knows: one that is misspelt must
// not be passed over.
func (e environment) unknown(root *cobra.Command) error {
	known := map[string]bool{}
	eachCommand(root, func(c *cobra.Command) {
		c.InheritedFlags() // has cobra merge them
		c.Flags().VisitAll(func(flag *pflag.Flag) {
			if hasVariable(flag) {
				known[variableOf(flag.Name)], known[ownVariableOf(c, flag.Name)] = true, true
			}
		})
	})
	var wrong []error
	for _, name := range keysOf(e) {
		if known[name] || notOurs.MatchString(name) {
			continue
		}
		hint := "no command has such a flag; rename it if it is meant for something else"
		if nearest, ok := nearestVariable(name, known); ok {
			hint = "did you mean " + nearest + "?"
		}
		wrong = append(wrong, fmt.Errorf("%s is not a variable of ecraudit: %s", name, hint))
	}
	return errors.Join(wrong...)
}

// nearestVariable compares what follows the prefix that all have in common.
// The shorter of two that are as near is the one for every command.
func nearestVariable(name string, known map[string]bool) (string, bool) {
	var candidates []string
	for variable := range known {
		candidates = append(candidates, strings.TrimPrefix(variable, variablePrefix))
	}
	slices.SortFunc(candidates, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	nearest, ok := config.Nearest(strings.TrimPrefix(name, variablePrefix), candidates)
	return variablePrefix + nearest, ok
}

// weighty are flags that write to AWS, or let more be written. Where they come
// from is said before anything is.
var weighty = []string{"fix", "last", "yes", "allow", "force-policy", "max-changes", "max-errors", "max-age", "older-than"}

// sayWeighty tells which flags that matter for writing come from variables.
func sayWeighty(flags *pflag.FlagSet, m *messages) {
	for _, name := range weighty {
		flag := flags.Lookup(name)
		if variable := variableBehind(flag); variable != "" {
			m.noteVariable(name, flag.Value.String(), variable)
		}
	}
}
