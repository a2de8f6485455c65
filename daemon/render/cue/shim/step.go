package main

import (
	"encoding/json"
	"slices"
	"sort"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
)

// A workflow step's template is evaluated in rounds: this side finds the next call that the template asks for, the
// other side makes it and evaluates again with its result. Nothing is kept between rounds.

type call struct {
	Path     string          `json:"path"`
	Provider string          `json:"provider"`
	Do       string          `json:"do"`
	Params   json.RawMessage `json:"params"`
	Style    string          `json:"style"`
	Up       bool            `json:"up,omitempty"`
	Missing  []failure       `json:"missing"`

	value    cue.Value
	segments []segment
}

type stepAnswer struct {
	Next         *call                      `json:"next,omitempty"`
	Done         bool                       `json:"done"`
	Errors       []failure                  `json:"errors"`
	Outputs      map[string]json.RawMessage `json:"outputs"`
	OutputErrors map[string]failure         `json:"outputErrors"`
}

func evaluateStep(r *requestBody) *stepAnswer {
	a := &stepAnswer{Errors: []failure{}, Outputs: map[string]json.RawMessage{}, OutputErrors: map[string]failure{}}
	u, failures := freshUnit(newContext(), r.Dialect, r.Template)
	if failures != nil {
		a.Errors = failures
		return a
	}
	context := contextExpr(r.Context)
	if !isNull(r.Parameter) {
		u.setJSON("parameter", r.Parameter)
	} else {
		u.set("parameter", &ast.StructLit{})
	}
	u.set("context", context)
	if r.Dialect == "1.1" {
		rewriteNoExist(u.file)
		expandScripts(u.file)
		tagSteps(u.file)
	}
	if failures := u.build(); failures != nil {
		a.Errors = failures
		return a
	}
	if err := u.value.LookupPath(cue.MakePath(cue.Str("parameter"))).Validate(); err != nil {
		// Paths in errors of a looked-up value are complete already.
		a.Errors = explainParameters(u.templateFailures(err, nil), r.Parameter, u.schemaOf(context))
		return a
	}
	if failures := u.fillResults(r.Results); failures != nil {
		a.Errors = failures
		return a
	}
	w := &walker{dialect: r.Dialect, done: r.Results}
	next := w.run(u.value)
	switch {
	case w.failure != nil:
		a.Errors = append(a.Errors, *w.failure)
	case next != nil:
		next.describe()
		a.Next = next
	default:
		a.Done = true
		if r.Dialect != "1.1" {
			if err := u.value.Validate(); err != nil {
				a.Errors = u.templateFailures(err, nil)
			}
		}
	}
	u.readOutputs(r.Outputs, a)
	return a
}

// nextCall finds the first call of a value that has no result yet.
func nextCall(v cue.Value, dialect string, done map[string]json.RawMessage) *call {
	w := &walker{dialect: dialect, done: done}
	return w.run(v)
}

// walker goes through a value in the order in which KubeVela executes it.
type walker struct {
	dialect string
	done    map[string]json.RawMessage
	// all makes it collect every call instead of stopping at the first without a result.
	all     bool
	calls   []*call
	failure *failure
}

func (w *walker) run(v cue.Value) *call {
	if w.dialect == "1.1" {
		return w.sequence(v, nil, false)
	}
	return w.depthFirst(v, nil)
}

const maxDepth = 64

// depthFirst is KubeVela 1.10's (CueX): children before their parent, `@step` first, nothing below a definition.
func (w *walker) depthFirst(v cue.Value, path []segment) *call {
	if len(path) > maxDepth {
		return nil
	}
	switch v.IncompleteKind() {
	case cue.StructKind, cue.BottomKind:
		for _, child := range children(v, false) {
			if len(path) == 0 && (child.name.name == "parameter" || child.name.name == "context") {
				continue
			}
			if found := w.depthFirst(child.value, extendPath(path, child.name)); found != nil {
				return found
			}
		}
	case cue.ListKind:
		for i, item := range itemsOf(v) {
			if found := w.depthFirst(item, extendPath(path, segment{index: i, isIndex: true})); found != nil {
				return found
			}
		}
		return nil
	default:
		return nil
	}
	return w.visit(v, path, false)
}

// sequence is KubeVela 1.1's: the fields of a struct in order, `steps` inside it likewise; a value that is an error
// stops it.
func (w *walker) sequence(v cue.Value, path []segment, up bool) *call {
	if len(path) > maxDepth {
		return nil
	}
	if do := definition(v, "do"); do != "" && do != "steps" {
		return w.visit(v, path, up)
	}
	for _, child := range children(v, true) {
		if len(path) == 0 && (child.name.name == "parameter" || child.name.name == "context") {
			continue
		}
		at := extendPath(path, child.name)
		if err := child.value.Err(); err != nil && child.value.IncompleteKind() == cue.BottomKind && !w.all {
			f := bottomFailure(err, pathStrings(at))
			w.failure = &f
			return nil
		}
		if child.name.name == "#up" || strings.HasPrefix(child.name.name, "#up_") {
			for i, item := range itemsOf(child.value) {
				if definition(item, "do") == "" {
					continue
				}
				if found := w.sequence(item, extendPath(at, segment{index: i, isIndex: true}), true); found != nil || w.failure != nil {
					return found
				}
			}
			continue
		}
		if definition(child.value, "do") == "" {
			continue
		}
		if found := w.sequence(child.value, at, up); found != nil || w.failure != nil {
			return found
		}
	}
	return nil
}

func (w *walker) visit(v cue.Value, path []segment, up bool) *call {
	do := definition(v, "do")
	if do == "" || do == "steps" {
		return nil
	}
	text := pathText(path)
	provider := definition(v, "provider")
	if provider == "" {
		provider = "builtin"
	}
	style := "params"
	flat, _ := v.LookupPath(cue.MakePath(cue.Def("flat"))).Bool()
	if flat || w.dialect == "1.1" || provider == "op" || provider == "ql" {
		style = "flat"
	}
	c := &call{Path: text, Provider: provider, Do: do, Style: style, Up: up, value: v, segments: path}
	if w.all {
		w.calls = append(w.calls, c)
		return nil
	}
	if _, ok := w.done[text]; ok {
		return nil
	}
	return c
}

// describe fills in the parameters: JSON of `$params`, or of the whole value.
func (c *call) describe() {
	value, at := c.value, []string(nil)
	if c.Style == "params" {
		value, at = value.LookupPath(cue.MakePath(cue.Str("$params"))), []string{"$params"}
	}
	c.Params, c.Missing = json.RawMessage("{}"), []failure{}
	if !value.Exists() && value.Err() == nil {
		return
	}
	skip := func(string) bool { return false }
	if c.Style == "params" && value.Err() != nil && !value.Exists() {
		return
	}
	params, missing := exportJSON(value, exportOptions{partial: true, skip: skip}, at)
	if len(params) > 0 && params[0] == '{' {
		c.Params = params
	}
	if missing != nil {
		c.Missing = limit(missing)
	}
}

func definition(v cue.Value, name string) string {
	text, err := v.LookupPath(cue.MakePath(cue.Def(name))).String()
	if err != nil {
		return ""
	}
	return text
}

type child struct {
	name  segment
	value cue.Value
	step  int
	order int
}

// children are the fields of a struct in the order of execution.
func children(v cue.Value, definitions bool) []child {
	fields, err := v.Fields(cue.Hidden(true), cue.Definitions(definitions))
	if err != nil {
		return nil
	}
	var out []child
	for fields.Next() {
		selector := fields.Selector()
		c := child{value: fields.Value(), step: 100, order: -1 << 30}
		if selector.LabelType() == cue.StringLabel {
			c.name = segment{name: selector.Unquoted(), quoted: true}
		} else {
			c.name = segment{name: selector.String()}
		}
		if !definitions {
			c.step = 1 << 30
		}
		for _, a := range c.value.Attributes(cue.FieldAttr) {
			if n, err := a.Int(0); err == nil && a.Name() == "step" {
				c.step = int(n)
			}
		}
		if order, ok := orderOf(c.value); ok {
			c.order = order
		}
		out = append(out, c)
	}
	sort.SliceStable(out, func(i, j int) bool {
		if out[i].step != out[j].step {
			return out[i].step < out[j].step
		}
		return out[i].order < out[j].order
	})
	return out
}

func itemsOf(v cue.Value) []cue.Value {
	list, err := v.List()
	if err != nil {
		return nil
	}
	var out []cue.Value
	for list.Next() {
		out = append(out, list.Value())
	}
	return out
}

// readOutputs evaluates what later steps want to know.
func (u *unit) readOutputs(outputs []namedPath, a *stepAnswer) {
	for _, output := range outputs {
		value, f := u.lookupOutput(output.Path)
		if f == nil {
			var missing []failure
			var text json.RawMessage
			if text, missing = exportJSON(value, exportOptions{text: true}, []string{output.Path}); missing == nil {
				a.Outputs[output.Name] = text
				continue
			}
			f = &missing[0]
		}
		a.OutputErrors[output.Name] = *f
	}
}

// lookupOutput: a path, KubeVela's way around `$returns` for it (1.10), or an expression inside the template's scope.
func (u *unit) lookupOutput(text string) (cue.Value, *failure) {
	candidates := []string{text}
	if u.dialect != "1.1" && !strings.Contains(text, "$returns.") {
		if before, after, ok := strings.Cut(text, "output."); ok {
			candidates = append(candidates, before+"output.$returns."+after)
		} else {
			candidates = append(candidates, text+".$returns")
		}
	}
	for _, candidate := range candidates {
		if segments, ok := parsePath(candidate); ok {
			if value := u.value.LookupPath(cuePath(segments)); value.Exists() && value.Err() == nil {
				return value, nil
			}
		} else if value, ok := u.scopedExpression(candidate); ok && value.Err() == nil {
			return value, nil
		}
	}
	return cue.Value{}, &failure{Code: "nonconcrete", Message: "has no value", Path: []string{text}}
}

const expressionField = "lateen_expression"

// scopedExpression evaluates an expression, with imports of its own, beside the template's fields.
func (u *unit) scopedExpression(text string) (cue.Value, bool) {
	length := len(u.file.Decls)
	saved := slices.Clone(u.file.Decls)
	defer func() { u.file.Decls = saved[:length] }()
	if failures := addExpression(u.file, text); failures != nil {
		return cue.Value{}, false
	}
	value, failures := u.buildOnce()
	if failures != nil {
		return cue.Value{}, false
	}
	return value.LookupPath(cue.MakePath(cue.Str(expressionField))), true
}

func pathStrings(path []segment) []string {
	out := make([]string, 0, len(path))
	for _, s := range path {
		if s.isIndex {
			out = append(out, strconv.Itoa(s.index))
		} else {
			out = append(out, s.name)
		}
	}
	return out
}
