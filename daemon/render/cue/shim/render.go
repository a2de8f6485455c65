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

	object *object
}

// object is what has become of an output so far: the value, and the places that had none when it was first rendered.
// The tree is only written when a trait wants to see or patch it.
type object struct {
	value cue.Value
	path  []string
	unit  *unit
	tree  ast.Expr
	gaps  []gap
}

func (o *object) asTree() ast.Expr {
	if o.tree == nil {
		b := &treeBuilder{unit: o.unit}
		o.tree = b.tree(o.value, o.path)
		o.gaps = append(slices.Clone(o.gaps), b.gaps...)
	}
	return o.tree
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
	base    *object
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
		tree := jsonExpr("output", r.Output)
		x.base = &object{value: freeExpr(x.ctx, tree), path: []string{"output"}, tree: tree}
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
	u.file.Decls = append(u.file.Decls, topFields(fields)...)
	if failures := u.build(); failures != nil {
		x.fail(trait, failures...)
		return nil
	}
	if err := u.value.Validate(); err != nil {
		schema := u.schemaOf(context)
		x.fail(trait, explainParameters(u.templateFailures(err, nil), parameter, schema)...)
		// A struct with an error in it cannot be looked through; its schema tells about the names at the top.
		x.unknownParameters(trait, schema, parameter, true)
		return nil
	}
	if declares(u.file, "parameter") {
		x.unknownParameters(trait, u.value.LookupPath(cue.MakePath(cue.Str("parameter"))), parameter, false)
	}
	if importsVela(u.file) && x.request.Dialect != "1.1" {
		if call := nextCall(u.value, "1.10", nil); call != nil {
			x.fail(trait, failure{Code: "unsupported", Message: fmt.Sprintf("the template calls %s.%s while rendering", call.Provider, call.Do), Path: []string{call.Path}})
			return nil
		}
	}
	return u
}

// userErrors reads the template's own `errs`.
func (x *renderer) userErrors(trait int, u *unit) {
	list, err := u.value.LookupPath(cue.MakePath(cue.Str("errs"))).List()
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
	if output := u.value.LookupPath(cue.MakePath(cue.Str("output"))); output.Exists() || output.Err() != nil && declares(u.file, "output") {
		x.base = &object{value: output, path: []string{"output"}, unit: u}
	}
	x.readOutputs(-1, auxiliaryType, u)
	x.userErrors(-1, u)
}

func (x *renderer) readOutputs(trait int, typeName string, u *unit) {
	outputs := u.value.LookupPath(cue.MakePath(cue.Str("outputs")))
	if !outputs.Exists() {
		return
	}
	fields, err := outputs.Fields()
	if err == nil {
		err = outputs.Err()
	}
	if err != nil && !onlyNotGiven(err) {
		x.fail(trait, u.templateFailures(err, []string{"outputs"})...)
		return
	}
	if fields == nil {
		return
	}
	for fields.Next() {
		name := fields.Selector().Unquoted()
		o := &object{value: fields.Value(), path: []string{"outputs", name}, unit: u}
		x.outputs = append(x.outputs, &auxiliary{Name: name, Type: typeName, Trait: trait, object: o})
	}
}

func (x *renderer) trait(i int, t *template) {
	context := contextExpr(x.request.Context, t.Context)
	if x.base != nil {
		context.Elts = append(context.Elts, newField("output", x.base.asTree()))
	}
	if outputs := x.outputsTree(); outputs != nil {
		context.Elts = append(context.Elts, newField("outputs", outputs))
	}
	u := x.evaluate(i, t.Template, t.Parameter, context, t.Fields)
	if u == nil {
		return
	}
	if u.value.LookupPath(cue.MakePath(cue.Str("processing"), cue.Str("http"))).Exists() {
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
			s.Elts = append(s.Elts, newField(aux.Name, aux.object.asTree()))
		}
	}
	return s
}

func (x *renderer) patchBase(i int, t *template, u *unit) {
	patch := u.value.LookupPath(cue.MakePath(cue.Str("patch")))
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
	x.merge(i, u, x.base, tree, b.gaps)
}

// patchOutputs merges the patches for auxiliaries: the trait's own outputs included.
func (x *renderer) patchOutputs(i int, u *unit) {
	at := []cue.Selector{cue.Str("patchOutputs")}
	if x.request.Dialect == "1.1" {
		at = []cue.Selector{cue.Str("patch"), cue.Str("context"), cue.Str("outputs")}
	}
	patches := u.value.LookupPath(cue.MakePath(at...))
	if !patches.Exists() {
		return
	}
	for _, aux := range x.outputs {
		patch := patches.LookupPath(cue.MakePath(cue.Str(aux.Name)))
		if !patch.Exists() {
			continue
		}
		b := &treeBuilder{docs: true, unit: u}
		tree := b.tree(patch, []string{"patchOutputs", aux.Name})
		x.fail(i, fatalGaps(b.gaps)...)
		x.merge(i, u, aux.object, tree, b.gaps)
	}
}

// merge unifies a patch with an object by KubeVela's rules.
func (x *renderer) merge(i int, u *unit, o *object, patch ast.Expr, gaps []gap) {
	base := o.asTree()
	for _, warning := range prepareMerge(x.request.Dialect, base, patch) {
		warning.Trait = &i
		x.answer.Warnings = append(x.answer.Warnings, warning)
	}
	value := freeExpr(x.ctx, &ast.BinaryExpr{X: base, Op: token.AND, Y: patch})
	if err := value.Validate(); err != nil {
		x.fail(i, patchFailures(u, err, o.path)...)
		return
	}
	o.value, o.tree = value, nil
	o.gaps = append(slices.Clone(o.gaps), gaps...)
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
	base, failures := x.concrete(x.base)
	if failures != nil {
		x.fail(i, failures...)
		return
	}
	if strategy == strategyJSONPatch {
		patch = patch.LookupPath(cue.MakePath(cue.Str("operations")))
	}
	patchJSON, failures := x.concrete(&object{value: patch, path: []string{"patch"}, unit: u})
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
	tree := jsonExpr("output", out)
	x.base = &object{value: freeExpr(x.ctx, tree), path: []string{"output"}, unit: x.base.unit, tree: tree}
}

// finish makes the objects concrete.
func (x *renderer) finish() {
	if x.base != nil {
		object, failures := x.concrete(x.base)
		x.fail(-1, x.blameParameters(x.base.unit, x.request.Parameter, failures)...)
		x.answer.Output = object
	}
	for _, aux := range x.outputs {
		object, failures := x.concrete(aux.object)
		parameter := x.request.Parameter
		if aux.Trait >= 0 {
			parameter = x.request.Traits[aux.Trait].Parameter
		}
		x.fail(aux.Trait, x.blameParameters(aux.object.unit, parameter, failures)...)
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

// concrete writes an object as JSON; failures say what has no value, with the reason found when it was first rendered.
func (x *renderer) concrete(o *object) (json.RawMessage, []failure) {
	if fatal := fatalGaps(o.gaps); fatal != nil {
		return nil, limit(fatal)
	}
	out, missing := exportJSON(o.value, exportOptions{}, o.path)
	if missing == nil {
		return out, nil
	}
	for i, m := range missing {
		for _, g := range o.gaps {
			if slices.Equal(g.path, m.Path) {
				missing[i] = g.failure
			}
		}
		missing[i].Code = "concrete"
	}
	return nil, limit(missing)
}
