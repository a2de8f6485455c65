package main

import (
	"encoding/json"
	"slices"
	"sort"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/parser"
	cuejson "cuelang.org/go/encoding/json"
)

const templateFile = "template"

// orderAttribute is put on every field of a template before it is compiled. It tells afterwards which fields of a
// value the template declares (and which only came with the parameters), and in which order they were written: the
// evaluator sorts fields in an order of its own.
const orderAttribute = "lateen"

// unit is one compile unit: a template with its parameter and context as further declarations of the same file.
type unit struct {
	ctx     *cue.Context
	dialect string
	text    string
	file    *ast.File
	// kept is the tree that later requests will get.
	kept  *ast.File
	value cue.Value
}

// parsed keeps the syntax trees of templates between requests. Building a unit only sets what names refer to, which is
// done anew each time; a rewritten sum stays rewritten.
var parsed = map[string]*ast.File{}

const parsedMax = 256

// newUnit parses a template, or takes it from what was parsed before. The file must only be added to: see freshUnit.
func newUnit(ctx *cue.Context, dialect, text string) (*unit, []failure) {
	file, ok := parsed[text]
	if !ok {
		u, failures := freshUnit(ctx, dialect, text)
		if failures != nil {
			return nil, failures
		}
		file = u.file
		if len(parsed) >= parsedMax {
			clear(parsed)
		}
		parsed[text] = file
	}
	copied := *file
	copied.Decls = slices.Clone(file.Decls)
	return &unit{ctx: ctx, dialect: dialect, text: text, file: &copied, kept: file}, nil
}

// freshUnit parses a template into a tree of its own, which may be changed anywhere.
func freshUnit(ctx *cue.Context, dialect, text string) (*unit, []failure) {
	file, err := parser.ParseFile(templateFile, text, parser.ParseComments)
	if err != nil {
		return nil, parseFailures(err)
	}
	if failures := checkImports(file); failures != nil {
		return nil, failures
	}
	tagOrder(file)
	rewriteLists(file)
	return &unit{ctx: ctx, dialect: dialect, text: text, file: file}, nil
}

// set declares a top-level field beside the template's own.
func (u *unit) set(name string, value ast.Expr) {
	u.file.Decls = append(u.file.Decls, &ast.Field{Label: ast.NewIdent(name), Value: value})
}

func (u *unit) setJSON(name string, raw json.RawMessage) {
	u.set(name, jsonExpr(name, raw))
}

// build compiles and evaluates the unit. List arithmetic that only shows during evaluation is rewritten, and the unit
// is built again.
func (u *unit) build() []failure {
	for range 8 {
		value, failures := u.buildOnce()
		if failures != nil {
			return failures
		}
		u.value = value
		if !u.rewriteArithmetic(value.Validate()) {
			return nil
		}
	}
	return nil
}

func (u *unit) buildOnce() (cue.Value, []failure) {
	loader := &packageLoader{dialect: u.dialect}
	loader.context = build.NewContext(build.Loader(loader.load))
	loader.file = u.file
	instance := loader.context.NewInstance("", loader.load)
	forget(u.file)
	if err := instance.AddSyntax(u.file); err != nil {
		return cue.Value{}, parseFailures(err)
	}
	_ = instance.Complete()
	// KubeVela's templates import packages that they do not use; that never was an error there.
	instance.Err = withoutUnusedImports(instance.Err)
	instance.ResolutionErr = withoutUnusedImports(instance.ResolutionErr)
	value := u.ctx.BuildInstance(instance)
	if instance.Err != nil {
		return cue.Value{}, parseFailures(instance.Err)
	}
	return value, nil
}

// tagOrder numbers all fields of the template in source order.
func tagOrder(file *ast.File) {
	n := 0
	ast.Walk(file, func(node ast.Node) bool {
		if field, ok := node.(*ast.Field); ok {
			n++
			field.Attrs = append(field.Attrs, &ast.Attribute{Text: "@" + orderAttribute + "(" + strconv.Itoa(n) + ")"})
		}
		return true
	}, nil)
}

// orderOf returns a field's place in the template's source.
func orderOf(v cue.Value) (int, bool) {
	found := -1
	for _, a := range v.Attributes(cue.FieldAttr) {
		if a.Name() != orderAttribute {
			continue
		}
		if n, err := a.Int(0); err == nil && (found < 0 || int(n) < found) {
			found = int(n)
		}
	}
	return found, found >= 0
}

// jsonExpr turns JSON into a syntax tree that keeps every digit.
func jsonExpr(name string, raw json.RawMessage) ast.Expr {
	expr, err := cuejson.Extract(name, raw)
	if err != nil {
		return &ast.BottomLit{}
	}
	quoteLabels(expr)
	return expr
}

// quoteLabels turns identifier labels into strings: a key that is an identifier can be referred to by its bare name, so
// that `let image = ...` in a template would clash with a property called image.
func quoteLabels(expr ast.Expr) {
	ast.Walk(expr, func(node ast.Node) bool {
		if field, ok := node.(*ast.Field); ok {
			if label, ok := field.Label.(*ast.Ident); ok {
				field.Label = ast.NewString(label.Name)
			}
		}
		return true
	}, nil)
}

// contextExpr is the `context` struct; keys in order, so that errors come in a stable order.
func contextExpr(parts ...map[string]json.RawMessage) *ast.StructLit {
	merged := map[string]json.RawMessage{}
	for _, part := range parts {
		for key, raw := range part {
			merged[key] = raw
		}
	}
	keys := make([]string, 0, len(merged))
	for key := range merged {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	s := &ast.StructLit{}
	for _, key := range keys {
		s.Elts = append(s.Elts, newField(key, jsonExpr("context", merged[key])))
	}
	return s
}

// topFields are JSON values as top-level declarations, whose names expressions can use.
func topFields(values map[string]json.RawMessage) []ast.Decl {
	var out []ast.Decl
	for _, decl := range contextExpr(values).Elts {
		field := decl.(*ast.Field)
		if name := labelName(field.Label); ast.IsValidIdent(name) {
			field.Label = ast.NewIdent(name)
		}
		out = append(out, field)
	}
	return out
}

func newField(name string, value ast.Expr) *ast.Field {
	return &ast.Field{Label: ast.NewString(name), Value: value}
}

func isNull(raw json.RawMessage) bool {
	return len(raw) == 0 || string(raw) == "null"
}

// freeExpr compiles an expression that refers to nothing outside itself.
func freeExpr(ctx *cue.Context, expr ast.Expr) cue.Value {
	return ctx.BuildExpr(expr)
}

func newContext() *cue.Context {
	return cuecontext.New()
}

// declares tells whether the file has a top-level field of that name.
func declares(file *ast.File, name string) bool {
	return slices.ContainsFunc(file.Decls, func(d ast.Decl) bool {
		field, ok := d.(*ast.Field)
		return ok && labelName(field.Label) == name
	})
}

func labelName(label ast.Label) string {
	if alias, ok := label.(*ast.Alias); ok {
		if inner, ok := alias.Expr.(ast.Label); ok {
			return labelName(inner)
		}
		return ""
	}
	name, _, err := ast.LabelName(label)
	if err != nil {
		return ""
	}
	return name
}

// cueText formats a syntax tree on one line, for messages.
func cueText(node ast.Node) string {
	b, err := format.Node(node, format.Simplify())
	if err != nil {
		return ""
	}
	return strings.Join(strings.Fields(string(b)), " ")
}

// addImport makes a package available under its own name.
func addImport(file *ast.File, path string) {
	for spec := range file.ImportSpecs() {
		if spec.Name == nil && spec.Path.Value == strconv.Quote(path) {
			return
		}
	}
	decl := &ast.ImportDecl{Specs: []*ast.ImportSpec{{Path: ast.NewString(path)}}}
	at := 0
	for i, d := range file.Decls {
		if _, ok := d.(*ast.Package); ok {
			at = i + 1
		}
	}
	file.Decls = slices.Insert(file.Decls, at, ast.Decl(decl))
}

// forget takes back what names were found to refer to: declarations have been added since.
func forget(file *ast.File) {
	file.Unresolved = nil
	ast.Walk(file, func(node ast.Node) bool {
		if ident, ok := node.(*ast.Ident); ok && !ident.IsPredeclared() {
			ident.Node, ident.Scope = nil, nil
		}
		return true
	}, nil)
}

func withoutUnusedImports(err errors.Error) errors.Error {
	var kept errors.Error
	for _, e := range errors.Errors(err) {
		if !strings.Contains(e.Error(), "imported and not used") {
			kept = errors.Append(kept, errors.Promote(e, ""))
		}
	}
	return kept
}
