package main

import (
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/parser"
)

// segment is one element of the path to a call: a field, a definition or hidden field (not quoted), or an index.
type segment struct {
	name    string
	quoted  bool
	index   int
	isIndex bool
}

func extendPath(path []segment, s segment) []segment {
	return append(path[:len(path):len(path)], s)
}

// pathText writes a path as CUE does: `steps[0].read`, `"a-b".c`.
func pathText(path []segment) string {
	var b strings.Builder
	for _, s := range path {
		if s.isIndex {
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		if s.quoted && !isPlainIdent(s.name) {
			b.WriteString(literal.Label.Quote(s.name))
			if !strings.HasPrefix(literal.Label.Quote(s.name), `"`) {
				continue
			}
		} else {
			b.WriteString(s.name)
		}
	}
	return b.String()
}

func isPlainIdent(name string) bool {
	return ast.IsValidIdent(name) && !strings.HasPrefix(name, "#") && !strings.HasPrefix(name, "_")
}

// parsePath reads `a.b[0]["c d"]."e-f".$returns`; false when the text is another expression.
func parsePath(text string) ([]segment, bool) {
	expr, err := parser.ParseExpr("path", text)
	if err != nil {
		return nil, false
	}
	return pathOfExpr(expr)
}

func pathOfExpr(expr ast.Expr) ([]segment, bool) {
	switch x := expr.(type) {
	case *ast.Ident:
		return []segment{labelSegment(x.Name)}, true
	case *ast.SelectorExpr:
		path, ok := pathOfExpr(x.X)
		if !ok {
			return nil, false
		}
		if ident, ok := x.Sel.(*ast.Ident); ok {
			return extendPath(path, labelSegment(ident.Name)), true
		}
		return extendPath(path, segment{name: labelName(x.Sel), quoted: true}), true
	case *ast.IndexExpr:
		path, ok := pathOfExpr(x.X)
		lit, isLit := x.Index.(*ast.BasicLit)
		if !ok || !isLit {
			return nil, false
		}
		if i, err := strconv.Atoi(lit.Value); err == nil {
			return extendPath(path, segment{index: i, isIndex: true}), true
		}
		name, err := literal.Unquote(lit.Value)
		return extendPath(path, segment{name: name, quoted: true}), err == nil
	case *ast.BasicLit:
		// A path that begins with a quoted field: `"my-field".value`.
		name, err := literal.Unquote(x.Value)
		return []segment{{name: name, quoted: true}}, err == nil
	}
	return nil, false
}

func labelSegment(name string) segment {
	return segment{name: name, quoted: !strings.HasPrefix(name, "#") && !strings.HasPrefix(name, "_")}
}

func cuePath(path []segment) cue.Path {
	selectors := make([]cue.Selector, 0, len(path))
	for _, s := range path {
		switch {
		case s.isIndex:
			selectors = append(selectors, cue.Index(s.index))
		case s.quoted:
			selectors = append(selectors, cue.Str(s.name))
		case strings.HasPrefix(s.name, "#"):
			selectors = append(selectors, cue.Def(s.name))
		default:
			selectors = append(selectors, cue.Hid(s.name, "_"))
		}
	}
	return cue.MakePath(selectors...)
}
