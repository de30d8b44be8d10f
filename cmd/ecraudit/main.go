// Ecraudit audits the Amazon ECR registries of an AWS organization against
// rules written in Rego.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	// Where the system has no certificates of authorities, as in an image with
	// nothing but this program, those of Mozilla that it was built with hold.
	_ "golang.org/x/crypto/x509roots/fallback"
	"golang.org/x/term"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	os.Exit(run(ctx, os.Args[1:], streams{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, asks: term.IsTerminal(int(os.Stdin.Fd())), environ: os.Environ(),
	}))
}
