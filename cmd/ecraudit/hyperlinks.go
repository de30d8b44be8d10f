package main

import (
	"io/fs"
	"strconv"
	"strings"

	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/policies"
)

// showsLinks reports whether links may be written to standard output: where
// FORCE_HYPERLINK demands it, or where a terminal is known to make links of the
// escape sequence OSC 8. Others may print it as text.
func showsLinks(terminal bool, getenv func(string) string) bool {
	if force := getenv("FORCE_HYPERLINK"); force != "" {
		return force != "0" // as in supports-hyperlinks of npm
	}
	switch {
	case !terminal, getenv("TERM") == "dumb", getenv("CI") != "", getenv("TEAMCITY_VERSION") != "":
		return false
	case getenv("TMUX") != "" || getenv("TERM_PROGRAM") == "tmux":
		// What the variables say of other terminals may be stale in there. Since 3.4
		// tmux hands links on to terminals that have them.
		return getenv("TERM_PROGRAM") == "tmux" && isSince(getenv("TERM_PROGRAM_VERSION"), 3, 4)
	case getenv("STY") != "":
		return false // GNU screen
	}
	return programShowsLinks(getenv) || termShowsLinks(getenv("TERM"))
}

// programShowsLinks goes by what terminals say of themselves.
func programShowsLinks(getenv func(string) string) bool {
	version := getenv("TERM_PROGRAM_VERSION")
	switch getenv("TERM_PROGRAM") {
	case "iTerm.app":
		return isSince(version, 3, 1)
	case "vscode":
		return isSince(version, 1, 72)
	case "WezTerm", "ghostty", "zed", "rio", "Hyper":
		return true
	}
	vte, _ := strconv.Atoi(getenv("VTE_VERSION"))
	konsole, _ := strconv.Atoi(getenv("KONSOLE_VERSION"))
	return vte > 5000 || // 0.50.0 crashed on links
		konsole >= 201200 || getenv("WT_SESSION") != "" || getenv("DOMTERM") != ""
}

// termShowsLinks goes by the name of a terminal, which is there over SSH too.
func termShowsLinks(term string) bool {
	switch term {
	case "xterm-kitty", "xterm-ghostty", "wezterm", "alacritty", "foot", "foot-extra", "contour":
		return true
	}
	return strings.HasPrefix(term, "alacritty-") || strings.HasPrefix(term, "foot-")
}

// isSince reports whether a version such as 3.4a is at least major.minor.
func isSince(version string, major, minor int) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	have, err := strconv.Atoi(parts[0])
	end := strings.IndexFunc(parts[1]+" ", func(r rune) bool { return r < '0' || r > '9' })
	haveMinor, minorErr := strconv.Atoi(parts[1][:end])
	return err == nil && minorErr == nil && (have > major || have == major && haveMinor >= minor)
}

// rulePage is the address of the page about a rule, if it is a default one.
func rulePage(id string) string {
	if _, err := fs.Stat(policies.Files, strings.ReplaceAll(id, "-", "_")+".rego"); err != nil || strings.ContainsAny(id, "_/") {
		return ""
	}
	return report.RulePage(id)
}
