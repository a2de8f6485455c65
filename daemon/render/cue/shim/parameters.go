package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
)

// schemaOf evaluates the template without properties: what its `parameter` wants.
func (u *unit) schemaOf(context ast.Expr) cue.Value {
	s, failures := newUnit(newContext(), u.dialect, u.text)
	if failures != nil {
		return cue.Value{}
	}
	if !declares(s.file, "parameter") {
		return cue.Value{}
	}
	s.set("context", context)
	if failures := s.build(); failures != nil {
		return cue.Value{}
	}
	return s.value.LookupPath(cue.MakePath(cue.Str("parameter")))
}

// explainParameters rewrites parameter errors as "expected X, got Y".
func explainParameters(failures []failure, parameter json.RawMessage, schema cue.Value) []failure {
	if len(failures) == 0 || failures[0].Code != "parameter" {
		return failures
	}
	given, _ := decodeJSON(parameter)
	for i, f := range failures {
		if f.Message == "field not allowed" {
			continue
		}
		got, present := dig(given, f.Path[1:])
		if want := describeAt(schema, f.Path[1:]); want != "" && present {
			failures[i].Message = mismatch(want, kindOf(got))
		}
	}
	return failures
}

func mismatch(want, got string) string {
	if strings.HasPrefix(want, "one of") {
		return "expected " + want
	}
	if want == got {
		return "value is not allowed here (" + want + ")"
	}
	return fmt.Sprintf("expected %s, got %s", want, got)
}

// describeAt follows a path through a schema, list elements and patterns included.
func describeAt(v cue.Value, path []string) string {
	for _, name := range path {
		if !v.Exists() {
			return ""
		}
		var next cue.Value
		if _, err := strconv.Atoi(name); err == nil && v.IncompleteKind()&cue.ListKind != 0 {
			next = v.LookupPath(cue.MakePath(cue.AnyIndex))
		} else {
			next = v.LookupPath(cue.MakePath(cue.Str(name)))
			if !next.Exists() {
				next = v.LookupPath(cue.MakePath(cue.Str(name).Optional()))
			}
			if !next.Exists() {
				next = v.LookupPath(cue.MakePath(cue.AnyString))
			}
		}
		v = next
	}
	if !v.Exists() {
		return ""
	}
	return describe(v)
}

func dig(v any, path []string) (any, bool) {
	for _, name := range path {
		switch node := v.(type) {
		case map[string]any:
			next, ok := node[name]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(node) {
				return nil, false
			}
			v = node[i]
		default:
			return nil, false
		}
	}
	return v, true
}

func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "bool"
	case string:
		return "string"
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return "float"
		}
		return "int"
	case []any:
		return "list"
	}
	return "struct"
}

// blameParameters: where an object is not concrete, the cause usually is a property that is required and absent. Those
// are reported in place of the fields that only refer to them.
func (x *renderer) blameParameters(u *unit, parameter json.RawMessage, failures []failure) []failure {
	if len(failures) == 0 || u == nil {
		return failures
	}
	value := u.value.LookupPath(cue.MakePath(cue.Str("parameter")))
	if !value.Exists() {
		return failures
	}
	_, lacking := exportJSON(value, exportOptions{partial: true}, []string{"parameter"})
	if len(lacking) == 0 {
		return failures
	}
	given, _ := decodeJSON(parameter)
	var required []failure
	for _, f := range lacking {
		if len(f.Path) == 1 {
			continue
		}
		message := "required field missing"
		if want := describe(value.LookupPath(pathOf(f.Path[1:]))); want != "" {
			message += " (" + want + ")"
		}
		if _, present := dig(given, f.Path[1:]); present {
			message = "value is not decided (none or several of the alternatives fit)"
		}
		required = append(required, failure{Code: "parameter", Message: message, Path: f.Path})
	}
	if len(required) == 0 {
		return failures
	}
	return limit(required)
}

func pathOf(names []string) cue.Path {
	selectors := make([]cue.Selector, 0, len(names))
	for _, name := range names {
		if i, err := strconv.Atoi(name); err == nil {
			selectors = append(selectors, cue.Index(i))
		} else {
			selectors = append(selectors, cue.Str(name))
		}
	}
	return cue.MakePath(selectors...)
}

// unknownParameters lists properties that only the user's document has: KubeVela lets them pass silently, and they are
// mostly typing errors.
func (x *renderer) unknownParameters(trait int, value cue.Value, parameter json.RawMessage, topOnly bool) {
	given, err := decodeJSON(parameter)
	if err != nil || !value.Exists() {
		return
	}
	find := &unknownFinder{topOnly: topOnly}
	find.walk(value, given, []string{"parameter"})
	for _, found := range find.found {
		if trait >= 0 {
			found.Trait = &trait
		}
		x.answer.Unknown = append(x.answer.Unknown, found)
	}
}

type unknownFinder struct {
	topOnly bool
	found   []unknownParameter
}

func (f *unknownFinder) walk(v cue.Value, given any, path []string) {
	if len(f.found) >= 50 {
		return
	}
	switch node := given.(type) {
	case map[string]any:
		if v.IncompleteKind() != cue.StructKind || v.LookupPath(cue.MakePath(cue.AnyString)).Exists() {
			return
		}
		names, known := declaredFields(v)
		if !known {
			return
		}
		for _, name := range sortedKeys(node) {
			at := append(slices.Clone(path), name)
			if !slices.Contains(names, name) {
				f.found = append(f.found, unknownParameter{Path: at, Declared: names})
				continue
			}
			if !f.topOnly {
				f.walk(v.LookupPath(cue.MakePath(cue.Str(name))), node[name], at)
			}
		}
	case []any:
		for i, item := range node {
			f.walk(v.LookupPath(cue.MakePath(cue.Index(i))), item, append(slices.Clone(path), strconv.Itoa(i)))
		}
	}
}

// declaredFields are those with the mark that only a template's own fields have. A struct without any (`{...}`, a
// map) says nothing about names.
func declaredFields(v cue.Value) ([]string, bool) {
	fields, err := v.Fields(cue.Optional(true))
	if err != nil {
		return nil, false
	}
	names := []string{}
	for fields.Next() {
		if _, ok := orderOf(fields.Value()); ok {
			names = append(names, fields.Selector().Unquoted())
		}
	}
	return names, len(names) > 0
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
