package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// messages is standard error. Whatever is written to it is a line of text for
// people, or with --log-format json an object for programs.
type messages struct {
	to       io.Writer
	terminal bool
	quiet    bool
	format   string // one of logFormats
	summary  *summaryLine

	mu    sync.Mutex // held while a line is written
	begun []byte     // a line of which the end was not written yet
}

// unfolded is a width at which no paragraph is folded, for a log.
const unfolded = 1 << 20

func logFormats() []string { return []string{"text", "json"} }

// messagesOf is the standard error that a writer is.
func messagesOf(stderr io.Writer) *messages {
	if m, already := stderr.(*messages); already {
		return m
	}
	if stderr == nil {
		stderr = io.Discard
	}
	file, isFile := stderr.(*os.File)
	return &messages{to: stderr, terminal: isFile && term.IsTerminal(int(file.Fd())), format: "text", summary: &summaryLine{}}
}

// add adds the flags that every command has.
func (m *messages) add(flags *pflag.FlagSet) {
	flags.BoolVarP(&m.quiet, "quiet", "q", false, "write to standard error only what goes wrong: no progress, no notices, no summary line")
	flags.StringVar(&m.format, "log-format", "text", "`FORMAT` of what goes to standard error: text, or json for one object a line")
}

// check refuses flags that contradict each other.
func (m *messages) check(flags *pflag.FlagSet) error {
	if err := oneOf("--log-format", m.format, logFormats()); err != nil {
		return err
	}
	for _, name := range []string{"verbose", "progress"} {
		if flag := flags.Lookup(name); m.quiet && flag != nil && flag.Value.String() == "true" {
			return fmt.Errorf("--quiet and --%s contradict each other: leave one of them out", name)
		}
	}
	return nil
}

func (m *messages) inJSON() bool { return m.format == "json" }

// Write writes text that somebody else has made into lines.
func (m *messages) Write(text []byte) (int, error) {
	if !m.inJSON() {
		return unformatted{m}.Write(text)
	}
	m.mu.Lock()
	m.begun = append(m.begun, text...)
	end := bytes.LastIndexByte(m.begun, '\n') + 1
	lines := string(m.begun[:end])
	m.begun = m.begun[end:]
	m.mu.Unlock()
	for line := range strings.Lines(lines) {
		if line = strings.TrimRight(line, "\r\n"); strings.TrimSpace(line) != "" {
			m.object(slog.LevelInfo, line)
		}
	}
	return len(text), nil
}

// print writes text as it is. Where standard error is gone, nobody can be told.
func (m *messages) print(format string, args ...any) { _, _ = fmt.Fprintf(m, format, args...) }

// unformatted writes whole lines as they are, one writer at a time.
type unformatted struct{ m *messages }

func (u unformatted) Write(text []byte) (int, error) {
	u.m.mu.Lock()
	defer u.m.mu.Unlock()
	return u.m.to.Write(text)
}

// object writes a line as one JSON object.
func (m *messages) object(level slog.Level, text string, about ...slog.Attr) {
	m.objects().LogAttrs(context.Background(), level, text, about...) //nolint:sloglint // a message is made where it is said
}

func (m *messages) objects() *slog.Logger {
	return slog.New(slog.NewJSONHandler(unformatted{m}, &slog.HandlerOptions{ReplaceAttr: printable}))
}

// printable makes strings harmless for those who read the log at a terminal.
func printable(_ []string, a slog.Attr) slog.Attr {
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(report.Printable(a.Value.String()))
	case slog.KindDuration:
		a.Value = slog.StringValue(a.Value.String())
	}
	return a
}

// calls is the log of single calls to AWS.
func (m *messages) calls() *slog.Logger {
	if m.inJSON() {
		return m.objects()
	}
	return slog.New(slog.NewTextHandler(unformatted{m}, nil))
}

// tell writes a line. What it is about is for programs: the text says it, too.
func (m *messages) tell(level slog.Level, text string, about ...slog.Attr) {
	if m.inJSON() {
		m.object(level, text, about...)
		return
	}
	m.print("ecraudit: %s\n", report.Printable(text))
}

// note says what is good to know.
func (m *messages) note(text string, about ...slog.Attr) {
	if !m.quiet {
		m.tell(slog.LevelInfo, text, about...)
	}
}

// warn says what goes wrong but does not end the command.
func (m *messages) warn(text string, about ...slog.Attr) { m.tell(slog.LevelWarn, text, about...) }

// notRead says what could not be read where no report does.
func (m *messages) notRead(gaps []snapshot.Gap) {
	for _, gap := range slices.SortedFunc(slices.Values(gaps), compareGaps) {
		place := strings.TrimSuffix(gap.Target.String(), "/")
		if gap.Repository != "" {
			place += "/" + gap.Repository
		}
		m.warn(fmt.Sprintf("not read: %s: %s: %s", place, gap.Code, gap.Message), aboutGap(gap)...)
	}
}

func aboutGap(gap snapshot.Gap) (about []slog.Attr) {
	for _, part := range []struct{ key, value string }{
		{"account", gap.Account}, {"region", gap.Region}, {"repository", gap.Repository}, {"need", string(gap.Need)},
		{"operation", gap.Operation}, {"code", gap.Code}, {"permission", gap.Permission},
	} {
		if part.value != "" {
			about = append(about, slog.String(part.key, part.value))
		}
	}
	return about
}

// noteVariable says that a flag comes from a variable.
func (m *messages) noteVariable(flag, value, variable string) {
	m.note(fmt.Sprintf("%s=%s from %s", flag, value, variable), slog.String("flag", flag), slog.String("value", value), slog.String("variable", variable))
}

// ask writes a question, whose answer is typed on the same line.
func (m *messages) ask(question string) {
	if m.inJSON() {
		m.object(slog.LevelInfo, question)
		return
	}
	m.print("\n%s ", question)
}

// fail says why a command ends, one problem a line.
func (m *messages) fail(problems []string, code int) {
	for _, problem := range problems {
		m.tell(slog.LevelError, problem, slog.Int("exit_code", code))
	}
}
