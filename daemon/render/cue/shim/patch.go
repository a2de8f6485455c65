package main

import (
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
)

// KubeVela's strategic merge (1.1 and 1.10): the patch's lists are re-ordered so that unification lines each element
// up with the element of the base that has the same key. Works on trees as tree.go makes them.

const (
	markKey      = "patchKey"
	markStrategy = "patchStrategy"

	strategyRetainKeys     = "retainKeys"
	strategyReplace        = "replace"
	strategyJSONPatch      = "jsonPatch"
	strategyJSONMergePatch = "jsonMergePatch"
)

type merger struct {
	dialect  string
	base     ast.Expr
	warnings []failure
}

// prepareMerge changes base and patch so that their unification is the merged object.
func prepareMerge(dialect string, base, patch ast.Expr) []failure {
	m := &merger{dialect: dialect, base: base}
	openLists(base, dialect == "1.1")
	if dialect == "1.1" {
		openLists(patch, true)
	}
	m.walk(patch, nil, "")
	return m.warnings
}

// openLists lets lists grow: 1.1 only those that have an element.
func openLists(x ast.Expr, onlyFilled bool) {
	switch x := x.(type) {
	case *ast.StructLit:
		for _, field := range fieldsOf(x) {
			openLists(field.Value, onlyFilled)
		}
	case *ast.ListLit:
		for _, e := range x.Elts {
			openLists(e, onlyFilled)
		}
		if !isOpen(x) && !(onlyFilled && len(x.Elts) == 0) {
			x.Elts = append(x.Elts, &ast.Ellipsis{})
		}
	}
}

func isOpen(list *ast.ListLit) bool {
	if len(list.Elts) == 0 {
		return false
	}
	_, ok := list.Elts[len(list.Elts)-1].(*ast.Ellipsis)
	return ok
}

func (m *merger) walk(x ast.Expr, path []string, key string) {
	switch x := x.(type) {
	case *ast.StructLit:
		for _, field := range fieldsOf(x) {
			m.field(field, path, key)
		}
	case *ast.ListLit:
		for i, e := range x.Elts {
			m.walk(e, extend(path, strconv.Itoa(i)), key)
		}
	}
}

func (m *merger) field(field *ast.Field, parent []string, key string) {
	marks := marksOf(ast.Comments(field))
	if own := marks[markKey]; own != "" {
		key = own
	}
	strategy := marks[markStrategy]
	path := extend(parent, labelName(field.Label))
	if list, ok := field.Value.(*ast.ListLit); ok {
		if base, ok := lookup(m.base, path).(*ast.ListLit); ok {
			switch {
			case strategy == strategyReplace && m.dialect != "1.1":
				base.Elts = list.Elts
			case key != "":
				if !m.mergeList(key, strategy == strategyRetainKeys, base, list) && (hasOddKey(base, key) || hasOddKey(list, key)) {
					m.warnings = append(m.warnings, failure{
						Code:    "template",
						Message: "patchKey " + strconv.Quote(key) + " is not used here, elements are merged by position: the key of some element is a default or not known",
						Path:    append([]string{"patch"}, path...),
					})
				}
			}
		}
	} else if strategy == strategyRetainKeys {
		m.retain(parent, field)
	}
	m.walk(field.Value, path, key)
}

// retain: the patch decides the whole field. 1.1 does so for structs only, and lets unification put the content in.
func (m *merger) retain(parent []string, field *ast.Field) {
	owner, ok := lookup(m.base, parent).(*ast.StructLit)
	if !ok {
		return
	}
	base := fieldOf(owner, labelName(field.Label))
	if base == nil {
		return
	}
	if m.dialect != "1.1" {
		base.Value = field.Value
	} else if _, ok := field.Value.(*ast.StructLit); ok {
		base.Value = &ast.StructLit{}
	}
}

// mergeList re-orders the patch to the base's order. False: some key is no literal, and nothing was changed.
func (m *merger) mergeList(key string, retain bool, base, patch *ast.ListLit) bool {
	if m.dialect == "1.1" {
		return m.mergeListOld(key, retain, base, patch)
	}
	keys := strings.Split(key, ",")
	waiting, ok := patchKeys(keys, patch)
	if !ok {
		return false
	}
	var merged []ast.Expr
	for i, e := range base.Elts {
		if _, ok := e.(*ast.Ellipsis); ok {
			continue
		}
		// KubeVela leaves out an element without the key, so that all after it are merged with their neighbour. An
		// empty placeholder keeps them in place.
		var match ast.Expr = &ast.StructLit{}
		for _, k := range keys {
			literal, present := keyOf(e, k)
			if present && literal == "" {
				return false
			}
			if found, ok := waiting[k+"="+literal]; ok && present {
				match = found
				delete(waiting, k+"="+literal)
				if retain {
					base.Elts[i] = &ast.StructLit{}
				}
				break
			}
		}
		merged = append(merged, match)
	}
	finishList(patch, merged, waiting)
	return true
}

// patchKeys indexes the patch's elements by "key=literal". False when a key is no literal or nowhere to be found.
func patchKeys(keys []string, patch *ast.ListLit) (map[string]ast.Expr, bool) {
	waiting := map[string]ast.Expr{}
	for _, k := range keys {
		found := false
		for _, e := range elementsOf(patch) {
			literal, present := keyOf(e, k)
			if !present {
				continue
			}
			if literal == "" {
				return nil, false
			}
			found = true
			waiting[k+"="+literal] = e
		}
		if !found && len(patch.Elts) > 0 {
			return nil, false
		}
	}
	return waiting, true
}

// mergeListOld: KubeVela 1.1 gives up when any element lacks the key, and knows one key only.
func (m *merger) mergeListOld(key string, retain bool, base, patch *ast.ListLit) bool {
	waiting := map[string]ast.Expr{}
	for _, e := range elementsOf(patch) {
		literal, _ := keyOf(e, key)
		if literal == "" {
			return false
		}
		waiting[literal] = e
	}
	var merged []ast.Expr
	for i, e := range base.Elts {
		if _, ok := e.(*ast.Ellipsis); ok {
			continue
		}
		literal, _ := keyOf(e, key)
		if literal == "" {
			return false
		}
		match, ok := waiting[literal]
		if !ok {
			merged = append(merged, &ast.StructLit{})
			continue
		}
		if retain {
			base.Elts[i] = &ast.StructLit{}
		}
		merged = append(merged, match)
		delete(waiting, literal)
	}
	finishList(patch, merged, waiting)
	return true
}

// finishList appends what matched nothing, in the patch's order. Of two elements with one key only the last counts.
func finishList(patch *ast.ListLit, merged []ast.Expr, waiting map[string]ast.Expr) {
	for _, e := range elementsOf(patch) {
		for _, w := range waiting {
			if w == e {
				merged = append(merged, e)
				break
			}
		}
	}
	patch.Elts = append(merged, &ast.Ellipsis{})
}

func elementsOf(list *ast.ListLit) []ast.Expr {
	if isOpen(list) {
		return list.Elts[:len(list.Elts)-1]
	}
	return list.Elts
}

// hasOddKey: some element has the key, but not as a plain value. Then the author meant a merge and does not get one.
func hasOddKey(list *ast.ListLit, key string) bool {
	for _, k := range strings.Split(key, ",") {
		for _, e := range elementsOf(list) {
			if literal, present := keyOf(e, k); present && literal == "" {
				return true
			}
		}
	}
	return false
}

// keyOf reads an element's key: its literal text ("" when it is something else than a literal), and whether the field
// is there at all.
func keyOf(element ast.Expr, key string) (literal string, present bool) {
	node := lookup(element, strings.Split(key, "."))
	if node == nil {
		return "", false
	}
	if lit, ok := node.(*ast.BasicLit); ok {
		return lit.Value, true
	}
	return "", true
}

// lookup follows names and list indexes; nil when there is nothing.
func lookup(x ast.Expr, path []string) ast.Expr {
	for _, name := range path {
		switch node := x.(type) {
		case *ast.StructLit:
			field := fieldOf(node, name)
			if field == nil {
				return nil
			}
			x = field.Value
		case *ast.ListLit:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(elementsOf(node)) {
				return nil
			}
			x = node.Elts[i]
		default:
			return nil
		}
	}
	return x
}

func fieldsOf(s *ast.StructLit) []*ast.Field {
	var out []*ast.Field
	for _, e := range s.Elts {
		if field, ok := e.(*ast.Field); ok {
			out = append(out, field)
		}
	}
	return out
}

func fieldOf(s *ast.StructLit, name string) *ast.Field {
	for _, field := range fieldsOf(s) {
		if labelName(field.Label) == name {
			return field
		}
	}
	return nil
}

func extend(path []string, name string) []string {
	return append(path[:len(path):len(path)], name)
}

// marksOf reads `// +name=value` lines. A value with white space in it is prose, not a marker.
func marksOf(groups []*ast.CommentGroup) map[string]string {
	marks := map[string]string{}
	for _, group := range groups {
		for _, comment := range group.List {
			line, ok := strings.CutPrefix(strings.TrimSpace(strings.TrimPrefix(comment.Text, "//")), "+")
			if !ok {
				continue
			}
			name, value, ok := strings.Cut(line, "=")
			value = strings.TrimSpace(value)
			if ok && len(strings.Fields(value)) <= 1 {
				marks[strings.TrimSpace(name)] = value
			}
		}
	}
	return marks
}
