package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// RFC 6902 and RFC 7396 on decoded JSON. Numbers stay text (json.Number), so nothing is rounded.

func decodeJSON(raw []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var out any
	err := d.Decode(&out)
	return out, err
}

// mergePatch is RFC 7396.
func mergePatch(target, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	t, ok := target.(map[string]any)
	if !ok {
		t = map[string]any{}
	}
	for key, value := range p {
		if value == nil {
			delete(t, key)
		} else {
			t[key] = mergePatch(t[key], value)
		}
	}
	return t
}

type operation struct {
	Op    string           `json:"op"`
	Path  string           `json:"path"`
	From  string           `json:"from"`
	Value *json.RawMessage `json:"value"`
}

// applyPatch is RFC 6902. Messages name the operation and its path, never a value.
func applyPatch(doc any, operations []operation) (any, error) {
	for i, op := range operations {
		next, err := applyOperation(doc, op)
		if err != nil {
			return nil, fmt.Errorf("operation %d (%s %s): %w", i, op.Op, op.Path, err)
		}
		doc = next
	}
	return doc, nil
}

func applyOperation(doc any, op operation) (any, error) {
	path, err := pointer(op.Path)
	if err != nil {
		return nil, err
	}
	value, err := op.value()
	if err != nil {
		return nil, err
	}
	switch op.Op {
	case "add":
		return edit(doc, path, value, insertAt)
	case "remove":
		return edit(doc, path, nil, removeAt)
	case "replace":
		if len(path) == 0 {
			return value, nil
		}
		return edit(doc, path, value, replaceAt)
	case "test":
		found, err := read(doc, path)
		if err != nil {
			return nil, err
		}
		if !reflect.DeepEqual(found, value) {
			return nil, fmt.Errorf("test failed")
		}
		return doc, nil
	case "move", "copy":
		from, err := pointer(op.From)
		if err != nil {
			return nil, err
		}
		moved, err := read(doc, from)
		if err != nil {
			return nil, err
		}
		if op.Op == "copy" {
			moved = cloneJSON(moved)
		} else if doc, err = edit(doc, from, nil, removeAt); err != nil {
			return nil, err
		}
		return edit(doc, path, moved, insertAt)
	}
	return nil, fmt.Errorf("unknown operation")
}

func (op operation) value() (any, error) {
	if op.Value == nil {
		return nil, nil
	}
	return decodeJSON(*op.Value)
}

func pointer(text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	if text[0] != '/' {
		return nil, fmt.Errorf("not a JSON pointer")
	}
	parts := strings.Split(text[1:], "/")
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(strings.ReplaceAll(p, "~1", "/"), "~0", "~")
	}
	return parts, nil
}

func read(doc any, path []string) (any, error) {
	for _, name := range path {
		switch node := doc.(type) {
		case map[string]any:
			value, ok := node[name]
			if !ok {
				return nil, fmt.Errorf("path does not exist")
			}
			doc = value
		case []any:
			i, err := index(name, len(node)-1)
			if err != nil {
				return nil, err
			}
			doc = node[i]
		default:
			return nil, fmt.Errorf("path does not exist")
		}
	}
	return doc, nil
}

func index(name string, last int) (int, error) {
	i, err := strconv.Atoi(name)
	if err != nil || (len(name) > 1 && name[0] == '0') {
		return 0, fmt.Errorf("not an index")
	}
	// Negative indexes count from the end, as in the library that KubeVela uses.
	if i < 0 {
		i += last + 1
	}
	if i < 0 || i > last {
		return 0, fmt.Errorf("index out of range")
	}
	return i, nil
}

type change func(container any, name string, value any) (any, error)

// edit applies a change at the last element of the path and returns the (possibly new) document.
func edit(doc any, path []string, value any, change change) (any, error) {
	if len(path) == 0 {
		return value, nil
	}
	if len(path) == 1 {
		return change(doc, path[0], value)
	}
	child, err := read(doc, path[:1])
	if err != nil {
		return nil, err
	}
	next, err := edit(child, path[1:], value, change)
	if err != nil {
		return nil, err
	}
	return replaceAt(doc, path[0], next)
}

func insertAt(container any, name string, value any) (any, error) {
	switch node := container.(type) {
	case map[string]any:
		node[name] = value
		return node, nil
	case []any:
		if name == "-" {
			return append(node, value), nil
		}
		i, err := index(name, len(node))
		if err != nil {
			return nil, err
		}
		return slices.Insert(node, i, value), nil
	}
	return nil, fmt.Errorf("path does not exist")
}

func removeAt(container any, name string, _ any) (any, error) {
	switch node := container.(type) {
	case map[string]any:
		if _, ok := node[name]; !ok {
			return nil, fmt.Errorf("path does not exist")
		}
		delete(node, name)
		return node, nil
	case []any:
		i, err := index(name, len(node)-1)
		if err != nil {
			return nil, err
		}
		return slices.Delete(node, i, i+1), nil
	}
	return nil, fmt.Errorf("path does not exist")
}

func replaceAt(container any, name string, value any) (any, error) {
	switch node := container.(type) {
	case map[string]any:
		if _, ok := node[name]; !ok {
			return nil, fmt.Errorf("path does not exist")
		}
		node[name] = value
		return node, nil
	case []any:
		i, err := index(name, len(node)-1)
		if err != nil {
			return nil, err
		}
		node[i] = value
		return node, nil
	}
	return nil, fmt.Errorf("path does not exist")
}

func cloneJSON(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			out[key] = cloneJSON(value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = cloneJSON(value)
		}
		return out
	}
	return v
}
