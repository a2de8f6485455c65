package main

import (
	"encoding/json"
	"slices"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/parser"
)

// "The server's value wins": the object that an API server answers with differs from the one that was sent
// (resourceVersion, defaulted fields). KubeVela 1.1's CUE did not look closely; today's refuses to unify the two. So the
// declaration of a result's field is replaced by the answer, and what still conflicts is left out of the answer.

type filled struct {
	call    *call
	content map[string]any
	field   *ast.Field
}

// fillResults puts the results of calls into the unit. Calls show up as the results before them come in, so this goes
// in rounds.
func (u *unit) fillResults(results map[string]json.RawMessage) []failure {
	known := map[string]*filled{}
	for range len(results) + 1 {
		w := &walker{dialect: u.dialect, all: true}
		w.run(u.value)
		changed := false
		for _, c := range w.calls {
			raw, ok := results[c.Path]
			if !ok || known[c.Path] != nil {
				continue
			}
			f := u.fill(c, raw)
			known[c.Path] = f
			changed = changed || f.field != nil
		}
		if !changed {
			return nil
		}
		if failures := u.settle(known); failures != nil {
			return failures
		}
	}
	return nil
}

func (u *unit) fill(c *call, raw json.RawMessage) *filled {
	f := &filled{call: c}
	decoded, err := decodeJSON(raw)
	content, ok := decoded.(map[string]any)
	if err != nil || !ok || len(content) == 0 || c.Up {
		return f
	}
	f.content = content
	path := c.segments
	if c.Style == "params" {
		path = extendPath(path, segment{name: "$returns", quoted: true})
	}
	f.field = &ast.Field{}
	u.refresh(f)
	u.file.Decls = append(u.file.Decls, declaration(path, f.field))
	return f
}

// refresh writes the content to the added declaration, and in place of what the template declares.
func (u *unit) refresh(f *filled) {
	raw, _ := json.Marshal(f.content)
	f.field.Value = jsonExpr("result", raw)
	if f.call.Style == "params" {
		return
	}
	for _, key := range sortedKeys(f.content) {
		value, _ := json.Marshal(f.content[key])
		replaceDeclared(u.file.Decls, f.call.segments, key, func() ast.Expr { return jsonExpr("result", value) })
	}
}

// settle builds, and takes conflicting leaves out of the results until there are none.
func (u *unit) settle(known map[string]*filled) []failure {
	for range 16 {
		if failures := u.build(); failures != nil {
			return failures
		}
		again := false
		for _, f := range known {
			if f.field != nil && u.dropConflicts(f) {
				again = true
			}
		}
		if !again && !u.dropSpread(known) {
			return nil
		}
	}
	return nil
}

func (u *unit) dropConflicts(f *filled) bool {
	err := u.value.LookupPath(cuePath(f.call.segments)).Validate()
	if err == nil {
		return false
	}
	depth := len(f.call.segments)
	if f.call.Style == "params" {
		depth++
	}
	dropped := false
	for _, e := range errors.Errors(err) {
		if path := e.Path(); len(path) > depth && dropLeaf(f.content, path[depth:]) {
			dropped = true
		}
	}
	if dropped {
		u.refresh(f)
	}
	return dropped
}

// dropLeaf removes the deepest part of the path that exists, but never a whole list element.
func dropLeaf(content map[string]any, path []string) bool {
	value, ok := content[path[0]]
	if !ok {
		return false
	}
	if inner, ok := value.(map[string]any); ok && len(path) > 1 && dropLeaf(inner, path[1:]) {
		return true
	}
	delete(content, path[0])
	return true
}

// declaration writes `a: b: [_, {c: X}]` for the path a.b[1].c, with `leaf` as the last field.
func declaration(path []segment, leaf *ast.Field) *ast.Field {
	last := len(path) - 1
	for last > 0 && path[last].isIndex {
		// An index at the end: the leaf is an element. Not a shape that calls have outside of `#up`.
		last--
	}
	leaf.Label = segmentLabel(path[last])
	decl := leaf
	for i := last - 1; i >= 0; i-- {
		var value ast.Expr = &ast.StructLit{Elts: []ast.Decl{decl}}
		for path[i].isIndex {
			list := &ast.ListLit{}
			for range path[i].index {
				list.Elts = append(list.Elts, ast.NewIdent("_"))
			}
			list.Elts = append(list.Elts, value, &ast.Ellipsis{})
			value = list
			i--
		}
		decl = &ast.Field{Label: segmentLabel(path[i]), Value: value}
	}
	return decl
}

func segmentLabel(s segment) ast.Label {
	if s.quoted {
		return ast.NewString(s.name)
	}
	return ast.NewIdent(s.name)
}

// replaceDeclared replaces the value of field `key` wherever the syntax declares it at the path: through struct
// literals, unifications and comprehensions.
func replaceDeclared(decls []ast.Decl, path []segment, key string, value func() ast.Expr) {
	for _, decl := range decls {
		switch d := decl.(type) {
		case *ast.Field:
			name := labelName(d.Label)
			if len(path) == 0 {
				if name == key {
					d.Value = value()
				}
				continue
			}
			if name == path[0].name && !path[0].isIndex {
				replaceIn(d.Value, path[1:], key, value)
			}
		case *ast.EmbedDecl:
			replaceIn(d.Expr, path, key, value)
		case *ast.Comprehension:
			replaceIn(d.Value, path, key, value)
		}
	}
}

func replaceIn(expr ast.Expr, path []segment, key string, value func() ast.Expr) {
	switch x := expr.(type) {
	case *ast.StructLit:
		replaceDeclared(x.Elts, path, key, value)
	case *ast.BinaryExpr:
		replaceIn(x.X, path, key, value)
		replaceIn(x.Y, path, key, value)
	case *ast.ParenExpr:
		replaceIn(x.X, path, key, value)
	case *ast.ListLit:
		if len(path) > 0 && path[0].isIndex && path[0].index < len(x.Elts) {
			replaceIn(x.Elts[path[0].index], path[1:], key, value)
		}
	}
}

// tagSteps numbers the top-level fields of a KubeVela 1.1 step that carry no attribute of their own.
func tagSteps(file *ast.File) {
	n := 0
	seen := map[string]bool{}
	var tag func(decl ast.Decl)
	tag = func(decl ast.Decl) {
		switch d := decl.(type) {
		case *ast.Comprehension:
			if s, ok := d.Value.(*ast.StructLit); ok {
				for _, e := range s.Elts {
					tag(e)
				}
			}
		case *ast.Field:
			ident, ok := d.Label.(*ast.Ident)
			own := slices.ContainsFunc(d.Attrs, func(a *ast.Attribute) bool {
				name, _ := a.Split()
				return name != orderAttribute
			})
			if !ok || own || seen[ident.Name] {
				return
			}
			seen[ident.Name] = true
			n++
			d.Attrs = append(d.Attrs, &ast.Attribute{Text: "@step(" + jsonInt(n) + ")"})
		}
	}
	for _, decl := range file.Decls {
		tag(decl)
	}
}

func jsonInt(n int) string {
	b, _ := json.Marshal(n)
	return string(b)
}

// expandScripts replaces `x: script(path.to.text)` by the expression that the text is (KubeVela 1.1).
func expandScripts(file *ast.File) {
	ast.Walk(file, func(node ast.Node) bool {
		field, ok := node.(*ast.Field)
		if !ok {
			return true
		}
		call, ok := field.Value.(*ast.CallExpr)
		if !ok || len(call.Args) != 1 {
			return true
		}
		if fun, ok := call.Fun.(*ast.Ident); !ok || fun.Name != "script" {
			return true
		}
		path, ok := pathOfExpr(call.Args[0])
		if !ok {
			return true
		}
		text, ok := staticText(file.Decls, path)
		if !ok {
			return true
		}
		if expr, err := parser.ParseExpr(templateFile, text); err == nil {
			field.Value = expr
		}
		return true
	}, nil)
}

// staticText finds a string literal in the syntax.
func staticText(decls []ast.Decl, path []segment) (string, bool) {
	for _, decl := range decls {
		field, ok := decl.(*ast.Field)
		if !ok || labelName(field.Label) != path[0].name {
			continue
		}
		switch value := field.Value.(type) {
		case *ast.BasicLit:
			if text, err := literal.Unquote(value.Value); err == nil && len(path) == 1 {
				return text, true
			}
		case *ast.StructLit:
			if len(path) > 1 {
				if text, ok := staticText(value.Elts, path[1:]); ok {
					return text, true
				}
			}
		}
	}
	return "", false
}

func bottomFailure(err error, path []string) failure {
	e := errors.Errors(err)[0]
	f := failure{Code: "nonconcrete", Message: shortMessage(e), Path: path}
	if pos := templatePosition(e); pos.IsValid() {
		f.Line, f.Column = pos.Line(), pos.Column()
	}
	return f
}
