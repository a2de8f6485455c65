package main

import (
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"
)

// A rendered object lives between traits as a syntax tree without references: structs, lists, literals, and where the
// value is still open, its constraint. `*1 | int` stays `*1 | int`, because a later trait may choose another value.

// gap is a place without a value yet.
type gap struct {
	path []string
	// failure says why, for the case that no trait fills it.
	failure failure
	// fatal: nothing that is merged in later can help (a comprehension that could not be decided).
	fatal bool
}

type treeBuilder struct {
	// docs keeps comments on fields: the patch markers.
	docs bool
	gaps []gap
	unit *unit
	// depth counts open lists around this one: their element types can be recursive.
	depth int
}

// tree writes a value as a syntax tree.
func (b *treeBuilder) tree(v cue.Value, path []string) ast.Expr {
	if d, ok := v.Default(); ok && v.IncompleteKind() == cue.StructKind {
		v = d
	}
	switch v.IncompleteKind() {
	case cue.StructKind:
		if op, args := v.Expr(); op == cue.OrOp && !v.IsConcrete() {
			return b.alternatives(args, path)
		}
		return b.structTree(v, path)
	case cue.ListKind:
		return b.listTree(v, path)
	case cue.BottomKind:
		b.gap(v, path, false)
		return ast.NewIdent("_")
	}
	if v.IsConcrete() {
		if expr, ok := v.Syntax(cue.Final()).(ast.Expr); ok {
			return expr
		}
	}
	return b.openScalar(v, path)
}

func (b *treeBuilder) structTree(v cue.Value, path []string) ast.Expr {
	if v.Err() != nil {
		b.gap(v, path, true)
	}
	s := &ast.StructLit{}
	fields, err := v.Fields()
	if err != nil {
		b.gap(v, path, true)
		return s
	}
	for fields.Next() {
		name := fields.Selector().Unquoted()
		value := fields.Value()
		field := newField(name, b.tree(value, append(slices.Clone(path), name)))
		if b.docs {
			ast.SetComments(field, value.Doc())
		}
		s.Elts = append(s.Elts, field)
	}
	return s
}

func (b *treeBuilder) listTree(v cue.Value, path []string) ast.Expr {
	list := &ast.ListLit{}
	items, err := v.List()
	if err != nil {
		if d, ok := v.Default(); ok {
			if items, err = d.List(); err == nil {
				v = d
			}
		}
	}
	if err != nil {
		b.gap(v, path, true)
		return list
	}
	for i := 0; items.Next(); i++ {
		list.Elts = append(list.Elts, b.tree(items.Value(), append(slices.Clone(path), strconv.Itoa(i))))
	}
	if rest := v.LookupPath(cue.MakePath(cue.AnyIndex)); rest.Exists() {
		list.Elts = append(list.Elts, &ast.Ellipsis{Type: b.elementTree(rest, path)})
	}
	return list
}

// elementTree is what further elements of an open list have to be: `[...{lifecycle: {...}}]` patches all of them.
func (b *treeBuilder) elementTree(v cue.Value, path []string) ast.Expr {
	if v.IncompleteKind() == cue.TopKind || b.depth > 16 {
		return nil
	}
	inner := &treeBuilder{docs: b.docs, unit: b.unit, depth: b.depth + 1}
	return inner.tree(v, path)
}

// openScalar writes a scalar without a decided value: `*default | constraint`.
func (b *treeBuilder) openScalar(v cue.Value, path []string) ast.Expr {
	constraint := constraintExpr(v)
	if d, ok := v.Default(); ok && d.IsConcrete() {
		if expr, ok := d.Syntax(cue.Final()).(ast.Expr); ok {
			return &ast.BinaryExpr{
				X:  &ast.UnaryExpr{Op: token.MUL, X: expr},
				Op: token.OR,
				Y:  constraint,
			}
		}
	}
	b.gap(v, path, false)
	return constraint
}

func (b *treeBuilder) alternatives(args []cue.Value, path []string) ast.Expr {
	var out ast.Expr
	inner := &treeBuilder{docs: b.docs, unit: b.unit}
	for _, arg := range args {
		expr := inner.tree(arg, path)
		if out == nil {
			out = expr
		} else {
			out = &ast.BinaryExpr{X: out, Op: token.OR, Y: expr}
		}
	}
	return out
}

func (b *treeBuilder) gap(v cue.Value, path []string, fatal bool) {
	f := failure{Code: "concrete", Path: path, Message: "has no value"}
	if err := v.Err(); err != nil {
		e := errors.Errors(err)[0]
		f.Message = shortMessage(e)
		if pos := templatePosition(e); pos.IsValid() {
			f.Line, f.Column = pos.Line(), pos.Column()
		}
	} else if text := describe(v); text != "" {
		f.Message = "has no value (" + text + ")"
	}
	b.gaps = append(b.gaps, gap{path: path, failure: f, fatal: fatal})
}

// constraintExpr writes what an undecided scalar may be: its alternatives where they are constants, else its kind.
func constraintExpr(v cue.Value) ast.Expr {
	if values := constants(v); values != nil {
		var out ast.Expr
		for _, c := range values {
			expr, ok := c.Syntax(cue.Final()).(ast.Expr)
			if !ok {
				return kindExpr(v.IncompleteKind())
			}
			if out == nil {
				out = expr
			} else {
				out = &ast.BinaryExpr{X: out, Op: token.OR, Y: expr}
			}
		}
		return out
	}
	return kindExpr(v.IncompleteKind())
}

// constants lists the alternatives of a disjunction of concrete scalars; nil for anything else.
func constants(v cue.Value) []cue.Value {
	op, args := v.Expr()
	if op != cue.OrOp {
		return nil
	}
	for _, arg := range args {
		if !arg.IsConcrete() || arg.IncompleteKind() == cue.StructKind || arg.IncompleteKind() == cue.ListKind {
			return nil
		}
	}
	return args
}

var kindNames = []struct {
	kind cue.Kind
	name string
}{
	{cue.NullKind, "null"}, {cue.BoolKind, "bool"}, {cue.NumberKind, "number"}, {cue.IntKind, "int"},
	{cue.FloatKind, "float"}, {cue.StringKind, "string"}, {cue.BytesKind, "bytes"},
}

func kindExpr(kind cue.Kind) ast.Expr {
	if kind == cue.TopKind || kind == cue.BottomKind {
		return ast.NewIdent("_")
	}
	var out ast.Expr
	rest := kind
	add := func(x ast.Expr) {
		if out == nil {
			out = x
		} else {
			out = &ast.BinaryExpr{X: out, Op: token.OR, Y: x}
		}
	}
	for _, k := range kindNames {
		if rest&k.kind != k.kind {
			continue
		}
		rest &^= k.kind
		if k.kind == cue.NullKind {
			add(ast.NewNull())
		} else {
			add(ast.NewPredeclared(k.name))
		}
	}
	if rest&cue.StructKind != 0 {
		add(&ast.StructLit{Elts: []ast.Decl{&ast.Ellipsis{}}})
	}
	if rest&cue.ListKind != 0 {
		add(&ast.ListLit{Elts: []ast.Expr{&ast.Ellipsis{}}})
	}
	return out
}

// describe says in a few words what a constraint wants. It is for constraints out of a template, never for values.
func describe(v cue.Value) string {
	if values := constants(v); values != nil {
		texts := make([]string, 0, len(values))
		for _, c := range values {
			texts = append(texts, cueText(c.Syntax(cue.Final())))
		}
		return "one of " + strings.Join(texts, ", ")
	}
	switch kind := v.IncompleteKind(); kind {
	case cue.StructKind:
		return "struct"
	case cue.ListKind:
		return "list"
	case cue.TopKind:
		return "any value"
	case cue.BottomKind:
		return ""
	case cue.NumberKind, cue.IntKind, cue.StringKind, cue.FloatKind:
		if isBound(v) {
			if text := cueText(v.Syntax(cue.Raw())); text != "" && len(text) <= 60 && !strings.Contains(text, "\n") {
				return text
			}
		}
		return kind.String()
	default:
		return strings.Trim(kind.String(), "()")
	}
}

// isBound: a constraint that says more than its kind, such as `>0 & <65536` or `=~"^[a-z]+$"`.
func isBound(v cue.Value) bool {
	switch op, args := v.Expr(); op {
	case cue.AndOp:
		return len(args) > 0 && !v.IsConcrete()
	case cue.LessThanOp, cue.LessThanEqualOp, cue.GreaterThanOp, cue.GreaterThanEqualOp, cue.NotEqualOp, cue.RegexMatchOp, cue.NotRegexMatchOp:
		return true
	}
	return false
}
