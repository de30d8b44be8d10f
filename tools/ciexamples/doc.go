// Package ciexamples has tests, and nothing else: what ecraudit gives to CI
// systems is read here by the parsers and validators of those systems, as far as
// there are any. They are in a module of their own, so that the program's stays
// small. That the commands in these files work is tested with the program, in
// cmd/ecraudit.
package ciexamples
