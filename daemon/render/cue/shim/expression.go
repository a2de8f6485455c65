package main

import (
	"encoding/json"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"
)

type expressionAnswer struct {
	Value json.RawMessage `json:"value,omitempty"`
	Error *failure        `json:"error,omitempty"`
}

// addExpression puts an expression, which may begin with imports, into a file as one more field.
func addExpression(file *ast.File, text string) []failure {
	parsed, err := parser.ParseFile(templateFile, text, parser.ParseComments)
	if err != nil {
		return parseFailures(err)
	}
	if failures := checkImports(parsed); failures != nil {
		return failures
	}
	var expr ast.Expr
	for _, decl := range parsed.Decls {
		switch d := decl.(type) {
		case *ast.EmbedDecl:
			expr = d.Expr
		case *ast.ImportDecl:
			for _, spec := range d.Specs {
				if spec.Name == nil {
					addImport(file, importPath(spec))
				} else {
					file.Decls = append([]ast.Decl{d}, file.Decls...)
				}
			}
		}
	}
	if expr == nil {
		return []failure{{Code: "parse", Message: "not an expression", Line: 1, Column: 1}}
	}
	file.Decls = append(file.Decls, &ast.Field{Label: ast.NewIdent(expressionField), Value: expr})
	return nil
}

// evaluateExpression evaluates an expression over a scope of JSON values.
func evaluateExpression(r *requestBody) *expressionAnswer {
	u := &unit{ctx: newContext(), dialect: "1.10", file: &ast.File{Filename: templateFile}}
	u.file.Decls = topFields(r.Scope)
	if failures := addExpression(u.file, r.Expression); failures != nil {
		return &expressionAnswer{Error: &failures[0]}
	}
	if failures := u.build(); failures != nil {
		return &expressionAnswer{Error: &failures[0]}
	}
	out, missing := exportJSON(u.value.LookupPath(cue.MakePath(cue.Str(expressionField))), exportOptions{text: true}, nil)
	if missing != nil {
		return &expressionAnswer{Error: &missing[0]}
	}
	return &expressionAnswer{Value: out}
}
