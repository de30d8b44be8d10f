package report

import (
	_ "embed" // for the schema
	"slices"
)

//go:embed schema/report.v1.json
var schemaJSON []byte

// SchemaJSON returns the JSON Schema (draft 2020-12) of the report document.
// Its "#/$defs/record" describes one line of the NDJSON format.
func SchemaJSON() []byte { return slices.Clone(schemaJSON) }
