package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/ecraudit/ecraudit/internal/collect"
)

const (
	progressOnTerminal = 200 * time.Millisecond // one line, written over
	progressInLog      = 5 * time.Second        // a line each
)

// showProgress tells on standard error how far a collection is, at once and
// then again and again. The function that it returns ends that.
func (f *targetFlags) showProgress(stderr io.Writer, stats *collect.Stats) (stop func()) {
	return f.showLine(stderr, func(elapsed time.Duration) string { return progressLine(stats, elapsed) })
}

// showLine tells a line on standard error again and again.
func (f *targetFlags) showLine(stderr io.Writer, line func(elapsed time.Duration) string) (stop func()) {
	file, ok := stderr.(*os.File)
	terminal := ok && term.IsTerminal(int(file.Fd())) && !f.verbose
	if !terminal && !f.progress {
		return func() {}
	}
	interval, format, last := progressInLog, "ecraudit: %s\n", ""
	if terminal {
		interval, format, last = progressOnTerminal, "\r\x1b[K%s", "\r\x1b[K"
	}
	started := time.Now()
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			fmt.Fprintf(stderr, format, line(time.Since(started)))
			select {
			case <-ticker.C:
			case <-done:
				fmt.Fprint(stderr, last)
				return
			}
		}
	})
	return func() {
		close(done)
		group.Wait()
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
