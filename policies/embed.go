// Package policies holds the default rules and the schema of their input.
//
// Each rule is one .rego file with its table of cases in a _test.rego file
// beside it; lib/ holds what rules share. They are plain Rego that opa, Regal
// and any editor understand.
package policies

import "embed"

// Files are the default rules, their tests and their library.
//
//go:embed *.rego lib/*.rego
var Files embed.FS

// InputSchema is the JSON Schema of what rules see as input.
//
//go:embed schema/input.v1.json
var InputSchema []byte
