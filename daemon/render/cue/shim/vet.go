package main

import (
	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
)

type parameterField struct {
	Name     string `json:"name"`
	Required bool   `json:"required"`
	Type     string `json:"type"`
}

type vetAnswer struct {
	Errors     []failure        `json:"errors"`
	Parameters []parameterField `json:"parameters"`
	Known      bool             `json:"parametersKnown"`
	Imports    []string         `json:"imports"`
}

// vet compiles a template without parameters and context, and reads what its `parameter` declares.
func vet(r *requestBody) *vetAnswer {
	a := &vetAnswer{Errors: []failure{}, Parameters: []parameterField{}, Imports: []string{}}
	dialect := r.Dialect
	if dialect == "" {
		dialect = "1.10"
	}
	u, failures := freshUnit(newContext(), dialect, r.Template)
	if failures != nil {
		a.Errors = failures
		return a
	}
	for spec := range u.file.ImportSpecs() {
		a.Imports = append(a.Imports, importPath(spec))
	}
	hasParameter := declares(u.file, "parameter")
	for _, name := range []string{"parameter", "context"} {
		if !declares(u.file, name) {
			u.set(name, ast.NewIdent("_"))
		}
	}
	if dialect == "1.1" {
		expandScripts(u.file)
	}
	if failures := u.build(); failures != nil {
		a.Errors = failures
		return a
	}
	if err := u.value.Validate(); err != nil {
		a.Errors = u.templateFailures(err, nil)
	}
	if !hasParameter {
		a.Known = true
		return a
	}
	a.readParameters(u.value.LookupPath(cue.MakePath(cue.Str("parameter"))))
	return a
}

func (a *vetAnswer) readParameters(v cue.Value) {
	if v.IncompleteKind() != cue.StructKind || v.LookupPath(cue.MakePath(cue.AnyString)).Exists() {
		return
	}
	a.Known = true
	fields, err := v.Fields(cue.Optional(true))
	if err != nil {
		return
	}
	for fields.Next() {
		value := fields.Value()
		required := fields.FieldType()&cue.OptionalConstraint == 0
		if required {
			if _, missing := exportJSON(value, exportOptions{}, nil); missing == nil {
				required = false
			}
		}
		a.Parameters = append(a.Parameters, parameterField{Name: fields.Selector().Unquoted(), Required: required, Type: describe(value)})
	}
}
