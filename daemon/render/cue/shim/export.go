package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/errors"
)

type exportOptions struct {
	// partial leaves out what has no value instead of giving up.
	partial bool
	// text writes bytes as a string (KubeVela's workflow variables) instead of base64.
	text bool
	// skip leaves out a field at the top.
	skip func(name string) bool
}

// exportJSON writes a value as JSON with defaults taken. Regular fields only. What has no value is reported, and the
// result is then nil unless it may be partial.
func exportJSON(v cue.Value, o exportOptions, path []string) (json.RawMessage, []failure) {
	w := &jsonWriter{options: o}
	if !w.value(v, path, true) {
		if o.partial {
			return json.RawMessage("null"), w.missing
		}
		return nil, w.missing
	}
	if len(w.missing) > 0 && !o.partial {
		return nil, w.missing
	}
	return w.buffer.Bytes(), w.missing
}

type jsonWriter struct {
	options exportOptions
	buffer  bytes.Buffer
	missing []failure
}

func (w *jsonWriter) value(v cue.Value, path []string, top bool) bool {
	if d, ok := v.Default(); ok {
		v = d
	}
	switch v.Kind() {
	case cue.StructKind:
		return w.structure(v, path, top)
	case cue.ListKind:
		return w.list(v, path)
	case cue.BottomKind:
		// An open list such as [...string] has no concrete kind, and still is the empty list.
		if v.IncompleteKind() == cue.ListKind && v.Err() == nil {
			return w.list(v, path)
		}
		w.lack(v, path)
		return false
	case cue.BytesKind:
		b, _ := v.Bytes()
		if w.options.text {
			w.write(strings.ToValidUTF8(string(b), "\uFFFD"))
		} else {
			w.write(b)
		}
		return true
	case cue.StringKind:
		s, _ := v.String()
		w.write(s)
		return true
	}
	b, err := v.MarshalJSON()
	if err != nil {
		w.lack(v, path)
		return false
	}
	w.buffer.Write(b)
	return true
}

func (w *jsonWriter) write(x any) {
	b, _ := json.Marshal(x)
	w.buffer.Write(b)
}

func (w *jsonWriter) structure(v cue.Value, path []string, top bool) bool {
	if v.Err() != nil {
		w.lack(v, path)
		if !w.options.partial {
			return false
		}
	}
	fields, err := v.Fields()
	if err != nil {
		w.lack(v, path)
		return false
	}
	w.buffer.WriteByte('{')
	first := true
	for fields.Next() {
		name := fields.Selector().Unquoted()
		if top && w.options.skip != nil && w.options.skip(name) {
			continue
		}
		mark := w.buffer.Len()
		if !first {
			w.buffer.WriteByte(',')
		}
		w.write(name)
		w.buffer.WriteByte(':')
		if w.value(fields.Value(), append(slices.Clone(path), name), false) {
			first = false
		} else {
			w.buffer.Truncate(mark)
		}
	}
	w.buffer.WriteByte('}')
	return true
}

func (w *jsonWriter) list(v cue.Value, path []string) bool {
	items, err := v.List()
	if err != nil {
		w.lack(v, path)
		return false
	}
	w.buffer.WriteByte('[')
	for i := 0; items.Next(); i++ {
		if i > 0 {
			w.buffer.WriteByte(',')
		}
		if !w.value(items.Value(), append(slices.Clone(path), strconv.Itoa(i)), false) {
			// A hole would shift the others.
			w.buffer.WriteString("null")
		}
	}
	w.buffer.WriteByte(']')
	return true
}

func (w *jsonWriter) lack(v cue.Value, path []string) {
	f := failure{Code: "nonconcrete", Message: "has no value", Path: path}
	if err := v.Err(); err != nil {
		e := errors.Errors(err)[0]
		f.Message = shortMessage(e)
		if pos := templatePosition(e); pos.IsValid() {
			f.Line, f.Column = pos.Line(), pos.Column()
		}
	} else if text := describe(v); text != "" {
		f.Message = "has no value (" + text + ")"
	}
	w.missing = append(w.missing, f)
}
