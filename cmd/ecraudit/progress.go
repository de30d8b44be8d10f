package main

import (
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/ecraudit/ecraudit/internal/collect"
)

const (
	progressOnTerminal = 200 * time.Millisecond // one line, written over
	progressInLog      = 5 * time.Second        // a line each
)

// showProgress tells on standard error how far a collection is, at once and
// then again and again. The function that it returns ends that.
func (f *targetFlags) showProgress(stderr io.Writer, stats *collect.Stats) (stop func()) {
	return f.showLine(stderr, func(elapsed time.Duration) (string, []slog.Attr) {
		return progressLine(stats, elapsed), progressCounts(stats)
	})
}

// showLine tells a line on standard error again and again, with counts for
// programs.
func (f *targetFlags) showLine(stderr io.Writer, line func(elapsed time.Duration) (string, []slog.Attr)) (stop func()) {
	m := messagesOf(stderr)
	terminal := m.terminal && !f.verbose && !m.inJSON()
	if m.quiet || !terminal && !f.progress {
		return func() {}
	}
	interval, last := progressInLog, ""
	show := func(text string, counts []slog.Attr) { m.note(text, counts...) }
	if terminal {
		interval, last = progressOnTerminal, "\r\x1b[K"
		show = func(text string, _ []slog.Attr) { m.print("\r\x1b[K%s", text) }
	}
	started := time.Now()
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			show(line(time.Since(started)))
			select {
			case <-ticker.C:
			case <-done:
				m.print("%s", last)
				return
			}
		}
	})
	return func() {
		close(done)
		group.Wait()
	}
}

func progressCounts(stats *collect.Stats) []slog.Attr {
	return []slog.Attr{
		slog.Int64("targets_done", stats.TargetsDone.Load()), slog.Int64("targets", stats.Targets.Load()),
		slog.Int64("repositories_done", stats.Repositories.Load()), slog.Int64("repositories", stats.RepositoriesListed.Load()),
		slog.Int64("images", stats.Images.Load()), slog.Int64("calls", stats.Calls.Load()),
		slog.Int64("throttled", stats.Throttles.Load()), slog.Int64("gaps", stats.Gaps.Load()),
	}
}

func progressLine(stats *collect.Stats, elapsed time.Duration) string {
	line := fmt.Sprintf("%d/%d targets  %d/%d repositories  %d images  %d calls",
		stats.TargetsDone.Load(), stats.Targets.Load(), stats.Repositories.Load(), stats.RepositoriesListed.Load(), stats.Images.Load(), stats.Calls.Load())
	if throttles := stats.Throttles.Load(); throttles > 0 {
		line += fmt.Sprintf("  %d throttled", throttles)
	}
	if gaps := stats.Gaps.Load(); gaps > 0 {
		line += fmt.Sprintf("  %d gaps", gaps)
	}
	line += "  " + elapsed.Round(time.Second).String()
	if left, ok := timeLeft(stats, elapsed); ok {
		line += ", about " + left.String() + " left"
	}
	return line
}

// timeLeft guesses from the repositories that were listed so far. Targets that
// are not listed yet are taken to be like those that are.
func timeLeft(stats *collect.Stats, elapsed time.Duration) (time.Duration, bool) {
	done, listed := stats.Repositories.Load(), stats.RepositoriesListed.Load()
	if done == 0 || elapsed < 3*time.Second {
		return 0, false
	}
	left := time.Duration(float64(elapsed) * float64(listed-done) / float64(done))
	return left.Round(time.Second), true
}
