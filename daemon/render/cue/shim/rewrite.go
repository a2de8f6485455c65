package main

import (
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/ast/astutil"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"
)

// Old templates add and multiply lists. CUE has refused that since 0.11; the words for it now are list.Concat and
// list.Repeat. Where an operand is visibly a list the expression is rewritten before evaluation, because an error
// inside `x != _|_` or a disjunction would be swallowed; all others when the evaluator complains about them.

const listImport = "list"

// rewriteLists rewrites what is visibly list arithmetic.
func rewriteLists(file *ast.File) {
	changed := false
	rewriteBinary(file, func(x *ast.BinaryExpr) bool {
		hit := (x.Op == token.ADD && (isListSyntax(x.X) || isListSyntax(x.Y))) ||
			(x.Op == token.MUL && (isListSyntax(x.X) || isListSyntax(x.Y)))
		changed = changed || hit
		return hit
	})
	if changed {
		addImport(file, listImport)
	}
}

// rewriteArithmetic rewrites the expressions that an evaluation complained about; false when there were none.
func (u *unit) rewriteArithmetic(err error) bool {
	if err == nil {
		return false
	}
	at := map[int]token.Token{}
	for _, e := range errors.Errors(err) {
		text, _ := e.Msg()
		op := token.ADD
		if strings.HasPrefix(text, "Multiplication of lists") {
			op = token.MUL
		} else if !strings.HasPrefix(text, "Addition of lists") {
			continue
		}
		if pos := templatePosition(e); pos.IsValid() {
			at[pos.Offset()] = op
		}
	}
	if len(at) == 0 {
		return false
	}
	changed := false
	rewriteBinary(u.file, func(x *ast.BinaryExpr) bool {
		op, ok := at[x.Pos().Offset()]
		if !ok {
			op, ok = at[x.OpPos.Offset()]
		}
		hit := ok && op == x.Op && x.Pos().Filename() == templateFile
		changed = changed || hit
		return hit
	})
	if changed {
		addImport(u.file, listImport)
		if u.kept != nil {
			addImport(u.kept, listImport)
		}
	}
	return changed
}

// rewriteNoExist replaces KubeVela 1.1's `op.NoExist` by the bottom that it stands for: a package that holds one cannot be
// loaded any more.
func rewriteNoExist(file *ast.File) {
	names := map[string]bool{}
	for spec := range file.ImportSpecs() {
		if importPath(spec) == "vela/op" {
			names[importName(spec)] = true
		}
	}
	astutil.Apply(file, nil, func(c astutil.Cursor) bool {
		x, ok := c.Node().(*ast.SelectorExpr)
		if !ok || labelName(x.Sel) != "NoExist" {
			return true
		}
		if id, ok := x.X.(*ast.Ident); ok && names[id.Name] {
			c.Replace(&ast.BottomLit{Bottom: x.Pos()})
		}
		return true
	})
}

func isListSyntax(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.ListLit:
		return true
	case *ast.ParenExpr:
		return isListSyntax(x.X)
	case *ast.BinaryExpr:
		return (x.Op == token.ADD || x.Op == token.MUL) && (isListSyntax(x.X) || isListSyntax(x.Y))
	case *ast.CallExpr:
		if s, ok := x.Fun.(*ast.SelectorExpr); ok {
			if id, ok := s.X.(*ast.Ident); ok && id.Name == listImport {
				return labelName(s.Sel) == "Concat" || labelName(s.Sel) == "Repeat"
			}
		}
	}
	return false
}

// rewriteBinary replaces the chosen `a + b` by list.Concat([a, b]) and `a * n` by list.Repeat(a, n). A chain a + b + c
// is chosen as a whole: all its parts begin at the same place.
func rewriteBinary(file *ast.File, chosen func(*ast.BinaryExpr) bool) {
	hits := map[ast.Node]bool{}
	ast.Walk(file, func(node ast.Node) bool {
		if x, ok := node.(*ast.BinaryExpr); ok && (x.Op == token.ADD || x.Op == token.MUL) && chosen(x) {
			hits[x] = true
		}
		return true
	}, nil)
	if len(hits) == 0 {
		return
	}
	astutil.Apply(file, nil, func(c astutil.Cursor) bool {
		x, ok := c.Node().(*ast.BinaryExpr)
		if !ok || !hits[x] {
			return true
		}
		if x.Op == token.ADD {
			c.Replace(listCall("Concat", x.Pos(), &ast.ListLit{Elts: []ast.Expr{x.X, x.Y}}))
			return true
		}
		list, count := x.X, x.Y
		if !isListSyntax(list) && isListSyntax(count) {
			list, count = count, list
		}
		c.Replace(listCall("Repeat", x.Pos(), list, count))
		return true
	})
}

func listCall(name string, at token.Pos, args ...ast.Expr) ast.Expr {
	return &ast.CallExpr{
		Fun:  &ast.SelectorExpr{X: &ast.Ident{NamePos: at, Name: listImport}, Sel: ast.NewIdent(name)},
		Args: args,
	}
}
