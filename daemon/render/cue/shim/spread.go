package main

import (
	"strconv"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"
)

// A step of KubeVela 1.1 may spread an answer into what it sends: `value: {read.value, metadata: labels: a: "new"}`.
// What it says beside the answer is what it wants. Where the two differ the answer gives way: for KubeVela 1.1's CUE such
// a difference was no error before somebody read the very field, and a newer one would never come to the call.

// spread is an embedded reference: what stands at `from` is part of what stands at `at`.
type spread struct {
	at, from []segment
}

// dropSpread takes out of the answers what contradicts the template where it spreads them; false when nothing does.
func (u *unit) dropSpread(known map[string]*filled) bool {
	if u.dialect != "1.1" {
		return false
	}
	err := u.value.Validate()
	if err == nil {
		return false
	}
	spreads := spreadsIn(u.file.Decls, nil)
	dropped := false
	for _, e := range errors.Errors(err) {
		path := bareNames(e.Path())
		for _, s := range spreads {
			if !beginsWith(path, s.at) {
				continue
			}
			source := append(pathStrings(s.from), path[len(s.at):]...)
			for _, f := range known {
				depth := len(f.call.segments)
				if f.field == nil || len(source) <= depth || !beginsWith(source, f.call.segments) || !dropScalar(f.content, source[depth:]) {
					continue
				}
				u.refresh(f)
				dropped = true
			}
		}
	}
	return dropped
}

func bareNames(path []string) []string {
	out := make([]string, len(path))
	for i, name := range path {
		out[i] = name
		if text, err := strconv.Unquote(name); err == nil {
			out[i] = text
		}
	}
	return out
}

func beginsWith(path []string, segments []segment) bool {
	if len(path) < len(segments) {
		return false
	}
	for i, text := range pathStrings(segments) {
		if path[i] != text {
			return false
		}
	}
	return true
}

// dropScalar removes the value at the path, or the list that the path leads into, and never a struct.
func dropScalar(content map[string]any, path []string) bool {
	value, ok := content[path[0]]
	if !ok {
		return false
	}
	if inner, ok := value.(map[string]any); ok {
		return len(path) > 1 && dropScalar(inner, path[1:])
	}
	delete(content, path[0])
	return true
}

// spreadsIn finds the embedded references in declarations at a path: through fields, unifications and comprehensions.
func spreadsIn(decls []ast.Decl, at []segment) []spread {
	var out []spread
	for _, decl := range decls {
		switch d := decl.(type) {
		case *ast.Field:
			if name := labelName(d.Label); name != "" {
				out = append(out, spreadsOf(d.Value, extendPath(at, segment{name: name}))...)
			}
		case *ast.EmbedDecl:
			if from, ok := pathOfExpr(d.Expr); ok {
				out = append(out, spread{at: at, from: from})
			} else {
				out = append(out, spreadsOf(d.Expr, at)...)
			}
		case *ast.Comprehension:
			out = append(out, spreadsOf(d.Value, at)...)
		}
	}
	return out
}

func spreadsOf(expr ast.Expr, at []segment) []spread {
	switch x := expr.(type) {
	case *ast.StructLit:
		return spreadsIn(x.Elts, at)
	case *ast.BinaryExpr:
		return append(spreadsOf(x.X, at), spreadsOf(x.Y, at)...)
	case *ast.ParenExpr:
		return spreadsOf(x.X, at)
	}
	return nil
}
