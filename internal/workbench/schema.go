package workbench

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/ecraudit/ecraudit/internal/evaluate"
	"github.com/ecraudit/ecraudit/internal/finding"
	"github.com/ecraudit/ecraudit/internal/snapshot"
	"github.com/ecraudit/ecraudit/policies"
)

// EditorFile is a file that an editor, OPA or Regal reads.
type EditorFile struct {
	Path string // slashes, below the folder of rules
	Text []byte
	// Own says that people change the file, so that one that is there stays.
	Own bool
}

// EditorFiles are what editors take: schemas of the input, whole and for each
// scope, for OPA; an example of the input of a scope, from which Regal's
// language server completes fields; and settings of Regal that fit rules.
func EditorFiles(scope finding.Scope) ([]EditorFile, error) {
	files := []EditorFile{{Path: "schemas/input" + schemaEnding, Text: policies.InputSchema}}
	for _, s := range finding.Scopes() {
		schema, err := SchemaOf(s)
		if err != nil {
			return nil, err
		}
		files = append(files, EditorFile{Path: "schemas/" + string(s) + schemaEnding, Text: schema})
	}
	example, err := ExampleInput(scope)
	if err != nil {
		return nil, err
	}
	return append(files, EditorFile{Path: "input.json", Text: example, Own: true}, EditorFile{Path: ".regal/config.yaml", Text: []byte(regalConfig), Own: true}), nil
}

// schemaEnding is none that OPA takes for data, of which it would load all that lies
// beside rules: what schemas have in common would be in conflict.
const schemaEnding = ".jsonschema"

// regalConfig leaves out what does not hold of rules of ecraudit.
const regalConfig = `# Regal's settings for rules of ecraudit.
rules:
  idiomatic:
    # Rules lie flat in a folder, whatever their package.
    directory-package-mismatch:
      level: ignore
    # The program asks for deny and unknown by their names.
    no-defined-entrypoint:
      level: ignore
  imports:
    unresolved-import:
      level: error
      # What the program brings with it.
      except-imports:
        - data.ecraudit.lib.*
`

// SchemaOf is the schema of the input of rules of a scope, with all needs.
func SchemaOf(scope finding.Scope) ([]byte, error) {
	schema, err := schemaOf(scope)
	if err != nil {
		return nil, err
	}
	schema["$id"] = fmt.Sprintf("ecraudit.input/v1#%s", scope)
	schema["title"] = fmt.Sprintf("The input of ecraudit's rules of scope %s", scope)
	return indented(schema)
}

func schemaOf(scope finding.Scope) (map[string]any, error) {
	return evaluate.InputSchema(scope, snapshot.AllNeeds()...)
}

// ExampleInput has every field of the input of a scope, with a value of its
// type that says nothing.
func ExampleInput(scope finding.Scope) ([]byte, error) {
	schema, err := schemaOf(scope)
	if err != nil {
		return nil, err
	}
	return indented(exampleOf(schema))
}

func exampleOf(schema map[string]any) any {
	if values, ok := schema["enum"].([]any); ok && len(values) > 0 {
		return values[0]
	}
	switch schema["type"] {
	case "object":
		example := map[string]any{}
		properties, _ := schema["properties"].(map[string]any)
		for name, property := range properties {
			example[name] = exampleOf(property.(map[string]any))
		}
		return example
	case "array":
		items, _ := schema["items"].(map[string]any)
		if items == nil {
			return []any{}
		}
		return []any{exampleOf(items)}
	case "boolean":
		return false
	case "integer", "number":
		return 0
	}
	return ""
}

func indented(value any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("writing JSON: %w", err)
	}
	return text.Bytes(), nil
}
