// Package goreleaser pins goreleaser as a tool, and tests the form of the
// configuration. The tool's own check is not run with each change, for it takes
// minutes to compile: a release, and a job of the project's CI, run it.
package goreleaser
