package main

import (
	"encoding/json"
	"fmt"
	"slices"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

const auxiliaryType = "AuxiliaryWorkload"

// auxiliary is an object under `outputs`, still as a tree.
type auxiliary struct {
	Name   string          `json:"name"`
	Type   string          `json:"type"`
	Trait  int             `json:"trait"`
	Object json.RawMessage `json:"object"`

	tree ast.Expr
	gaps []gap
	unit *unit
}

type unknownParameter struct {
	Path     []string `json:"path"`
	Trait    *int     `json:"trait,omitempty"`
	Declared []string `json:"declared"`
}

type renderAnswer struct {
	Output   json.RawMessage    `json:"output"`
	Outputs  []*auxiliary       `json:"outputs"`
	Errors   []failure          `json:"errors"`
	Warnings []failure          `json:"warnings"`
	Unknown  []unknownParameter `json:"unknownParameters"`
}

// renderer carries the base object and the auxiliaries from one trait to the next.
type renderer struct {
	ctx     *cue.Context
	request *requestBody
	base    ast.Expr
	gaps    []gap
	unit    *unit
	outputs []*auxiliary
	answer  renderAnswer
}

// render is KubeVela's rendering of a component with its traits, or of a single object (a policy).
func render(r *requestBody) *renderAnswer {
	x := &renderer{ctx: newContext(), request: r}
	x.answer = renderAnswer{Output: json.RawMessage("null"), Outputs: []*auxiliary{}, Errors: []failure{}, Warnings: []failure{}, Unknown: []unknownParameter{}}
	text := r.Component.Template
	if r.Op == "object" {
		text = r.Template
	}
	if isNull(r.Output) {
		x.workload(text)
	} else {
		x.base = jsonExpr("output", r.Output)
	}
	for i := range r.Traits {
		if len(x.answer.Errors) > 0 {
			return &x.answer
		}
		x.trait(i, &r.Traits[i])
	}
	if len(x.answer.Errors) == 0 {
		x.finish()
	}
	return &x.answer
}

func (x *renderer) fail(trait int, failures ...failure) {
	for _, f := range failures {
		if trait >= 0 {
			f.Trait = &trait
		}
		x.answer.Errors = append(x.answer.Errors, f)
	}
}

// evaluate builds the unit of a component or trait and checks what comes before any output is read.
func (x *renderer) evaluate(trait int, text string, parameter json.RawMessage, context *ast.StructLit, fields map[string]json.RawMessage) *unit {
	u, failures := newUnit(x.ctx, x.request.Dialect, text)
	if failures != nil {
		x.fail(trait, failures...)
		return nil
	}
	switch {
	case !isNull(parameter):
		u.setJSON("parameter", parameter)
	case trait < 0 || x.request.Dialect == "1.1" || !declares(u.file, "parameter"):
		u.set("parameter", &ast.StructLit{})
	}
	u.set("context", context)
	for _, field := range contextExpr(fields).Elts {
		u.file.Decls = append(u.file.Decls, field)
	}
	if failures := u.build(); failures != nil {
		x.fail(trait, failures...)
		return nil
	}
	if err := u.value.Validate(); err != nil {
		x.fail(trait, u.explainParameters(u.templateFailures(err, nil), parameter, context)...)
		return nil
	}
	if importsVela(u.file) && x.request.Dialect != "1.1" {
		if call := nextCall(u.value, "1.10", nil); call != nil {
			x.fail(trait, failure{Code: "unsupported", Message: fmt.Sprintf("the template calls %s.%s while rendering", call.Provider, call.Do), Path: []string{call.Path}})
			return nil
		}
	}
	x.unknownParameters(trait, u, parameter)
	return u
}

// userErrors reads the template's own `errs`.
func (x *renderer) userErrors(trait int, u *unit) {
	list, err := u.value.LookupPath(cue.ParsePath("errs")).List()
	if err != nil {
		return
	}
	for list.Next() {
		if text, err := list.Value().String(); err == nil && text != "" {
			x.fail(trait, failure{Code: "user", Message: text})
		}
	}
}

func (x *renderer) workload(text string) {
	context := contextExpr(x.request.Context)
	u := x.evaluate(-1, text, x.request.Parameter, context, x.request.Component.Fields)
	if u == nil {
		return
	}
	x.unit = u
	if output := u.value.LookupPath(cue.ParsePath("output")); output.Exists() || output.Err() != nil && declares(u.file, "output") {
		b := &treeBuilder{unit: u}
		x.base = b.tree(output, []string{"output"})
		x.gaps = b.gaps
	}
	x.readOutputs(-1, auxiliaryType, u)
	x.userErrors(-1, u)
}

func (x *renderer) readOutputs(trait int, typeName string, u *unit) {
	outputs := u.value.LookupPath(cue.ParsePath("outputs"))
	if !outputs.Exists() {
		return
	}
	fields, err := outputs.Fields()
	if err != nil {
		x.fail(trait, u.templateFailures(err, []string{"outputs"})...)
		return
	}
	if err := outputs.Err(); err != nil {
		x.fail(trait, u.templateFailures(err, []string{"outputs"})...)
		return
	}
	for fields.Next() {
		name := fields.Selector().Unquoted()
		b := &treeBuilder{unit: u}
		tree := b.tree(fields.Value(), []string{"outputs", name})
		x.outputs = append(x.outputs, &auxiliary{Name: name, Type: typeName, Trait: trait, tree: tree, gaps: b.gaps, unit: u})
	}
}

func (x *renderer) trait(i int, t *template) {
	context := contextExpr(x.request.Context, t.Context)
	if x.base != nil {
		context.Elts = append(context.Elts, newField("output", x.base))
	}
	if outputs := x.outputsTree(); outputs != nil {
		context.Elts = append(context.Elts, newField("outputs", outputs))
	}
	u := x.evaluate(i, t.Template, t.Parameter, context, t.Fields)
	if u == nil {
		return
	}
	if u.value.LookupPath(cue.ParsePath("processing.http")).Exists() {
		x.fail(i, failure{Code: "unsupported", Message: "the trait makes an HTTP call while rendering (processing.http)", Path: []string{"processing", "http"}})
		return
	}
	x.readOutputs(i, t.Type, u)
	x.patchBase(i, t, u)
	x.patchOutputs(i, u)
	x.userErrors(i, u)
}

// outputsTree is `context.outputs`; of two objects with one name the later is seen.
func (x *renderer) outputsTree() *ast.StructLit {
	if len(x.outputs) == 0 {
		return nil
	}
	s := &ast.StructLit{}
	for i, aux := range x.outputs {
		later := slices.ContainsFunc(x.outputs[i+1:], func(o *auxiliary) bool { return o.Name == aux.Name })
		if !later {
			s.Elts = append(s.Elts, newField(aux.Name, aux.tree))
		}
	}
	return s
}

func (x *renderer) patchBase(i int, t *template, u *unit) {
	patch := u.value.LookupPath(cue.ParsePath("patch"))
	if !patch.Exists() && patch.Err() != nil && !declares(u.file, "patch") || !patch.Exists() && patch.Err() == nil {
		return
	}
	if x.base == nil {
		if x.request.Dialect == "1.1" {
			return
		}
		x.fail(i, failure{Code: "template", Message: fmt.Sprintf("trait %s patches a component that has no output", t.Type), Path: []string{"patch"}})
		return
	}
	if strategy := marksOf(patch.Doc())[markStrategy]; x.request.Dialect != "1.1" && (strategy == strategyJSONPatch || strategy == strategyJSONMergePatch) {
		x.jsonPatch(i, u, patch, strategy)
		return
	}
	b := &treeBuilder{docs: true, unit: u}
	tree := b.tree(patch, []string{"patch"})
	x.fail(i, fatalGaps(b.gaps)...)
	if s, ok := tree.(*ast.StructLit); ok && x.request.Dialect == "1.1" {
		// 1.1 puts the patch for auxiliaries under `patch.context.outputs`. It also merges that `context` into the
		// workload, where the API server of the time dropped it; server-side apply would refuse it.
		s.Elts = slices.DeleteFunc(s.Elts, func(d ast.Decl) bool {
			field, ok := d.(*ast.Field)
			return ok && labelName(field.Label) == "context"
		})
	}
	if merged, gaps, ok := x.merge(i, u, x.base, tree, []string{"output"}); ok {
		x.base = merged
		x.gaps = append(slices.Clone(x.gaps), append(b.gaps, gaps...)...)
	}
}

// patchOutputs merges the patches for auxiliaries: the trait's own outputs included.
func (x *renderer) patchOutputs(i int, u *unit) {
	at := "patchOutputs"
	if x.request.Dialect == "1.1" {
		at = "patch.context.outputs"
	}
	patches := u.value.LookupPath(cue.ParsePath(at))
	if !patches.Exists() {
		return
	}
	for _, aux := range x.outputs {
		patch := patches.LookupPath(cue.MakePath(cue.Str(aux.Name)))
		if !patch.Exists() {
			continue
		}
		b := &treeBuilder{docs: true, unit: u}
		tree := b.tree(patch, []string{at, aux.Name})
		x.fail(i, fatalGaps(b.gaps)...)
		if merged, gaps, ok := x.merge(i, u, aux.tree, tree, []string{"outputs", aux.Name}); ok {
			aux.tree = merged
			aux.gaps = append(slices.Clone(aux.gaps), append(b.gaps, gaps...)...)
		}
	}
}

// merge unifies a patch with an object by KubeVela's rules.
func (x *renderer) merge(i int, u *unit, base, patch ast.Expr, path []string) (ast.Expr, []gap, bool) {
	for _, warning := range prepareMerge(x.request.Dialect, base, patch) {
		warning.Trait = &i
		x.answer.Warnings = append(x.answer.Warnings, warning)
	}
	value := freeExpr(x.ctx, &ast.BinaryExpr{X: base, Op: token.AND, Y: patch})
	if err := value.Validate(); err != nil {
		x.fail(i, patchFailures(u, err, path)...)
		return nil, nil, false
	}
	b := &treeBuilder{unit: u}
	return b.tree(value, path), nil, true
}

func patchFailures(u *unit, err error, path []string) []failure {
	failures := u.templateFailures(err, path)
	for i := range failures {
		failures[i].Code = "template"
		failures[i].Message = "patch does not fit the object: " + failures[i].Message
	}
	return failures
}

func fatalGaps(gaps []gap) []failure {
	var out []failure
	for _, g := range gaps {
		if g.fatal {
			out = append(out, g.failure)
		}
	}
	return out
}

func (x *renderer) jsonPatch(i int, u *unit, patch cue.Value, strategy string) {
	base, failures := x.concrete(x.base, []string{"output"}, x.gaps)
	if failures != nil {
		x.fail(i, failures...)
		return
	}
	if strategy == strategyJSONPatch {
		patch = patch.LookupPath(cue.ParsePath("operations"))
	}
	b := &treeBuilder{unit: u}
	patchJSON, failures := x.concrete(b.tree(patch, []string{"patch"}), []string{"patch"}, b.gaps)
	if failures != nil {
		x.fail(i, failures...)
		return
	}
	doc, err := decodeJSON(base)
	if err == nil && strategy == strategyJSONPatch {
		var operations []operation
		if err = json.Unmarshal(patchJSON, &operations); err == nil {
			doc, err = applyPatch(doc, operations)
		} else {
			err = fmt.Errorf("operations are no list of JSON patch operations")
		}
	} else if err == nil {
		var p any
		if p, err = decodeJSON(patchJSON); err == nil {
			doc = mergePatch(doc, p)
		}
	}
	if err != nil {
		x.fail(i, failure{Code: "template", Message: oneLine(err.Error()), Path: []string{"patch"}})
		return
	}
	out, _ := json.Marshal(doc)
	x.base = jsonExpr("output", out)
	x.gaps = nil
}

// finish makes the objects concrete.
func (x *renderer) finish() {
	if x.base != nil {
		object, failures := x.concrete(x.base, []string{"output"}, x.gaps)
		x.fail(-1, x.blameParameters(x.unit, x.request.Parameter, failures)...)
		x.answer.Output = object
	}
	for _, aux := range x.outputs {
		object, failures := x.concrete(aux.tree, []string{"outputs", aux.Name}, aux.gaps)
		parameter := x.request.Parameter
		if aux.Trait >= 0 {
			parameter = x.request.Traits[aux.Trait].Parameter
		}
		x.fail(aux.Trait, x.blameParameters(aux.unit, parameter, failures)...)
		aux.Object = object
	}
	if len(x.answer.Errors) > 0 {
		x.answer.Output = json.RawMessage("null")
		return
	}
	if len(x.outputs) > 0 {
		x.answer.Outputs = x.outputs
	}
}

// concrete writes a tree as JSON; failures say what has no value, with the reason found when it was first rendered.
func (x *renderer) concrete(tree ast.Expr, path []string, gaps []gap) (json.RawMessage, []failure) {
	if fatal := fatalGaps(gaps); fatal != nil {
		return nil, limit(fatal)
	}
	value := freeExpr(x.ctx, tree)
	out, missing := exportJSON(value, exportOptions{}, path)
	if missing == nil {
		return out, nil
	}
	for i, m := range missing {
		for _, g := range gaps {
			if slices.Equal(g.path, m.Path) {
				missing[i] = g.failure
			}
		}
		missing[i].Code = "concrete"
	}
	return nil, limit(missing)
}
