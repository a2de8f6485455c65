package main

import (
	"encoding/json"
	"fmt"
)

// Template is a definition's CUE text with what is unified into it.
type template struct {
	Name      string                     `json:"name"`
	Type      string                     `json:"type"`
	Template  string                     `json:"template"`
	Parameter json.RawMessage            `json:"parameter"`
	Context   map[string]json.RawMessage `json:"context"`
	Fields    map[string]json.RawMessage `json:"fields"`
}

// Request is the union of all operations' fields; `op` says which are meant. The TypeScript side documents them.
type requestBody struct {
	Op           string                     `json:"op"`
	Dialect      string                     `json:"dialect"`
	Component    template                   `json:"component"`
	Template     string                     `json:"template"`
	Parameter    json.RawMessage            `json:"parameter"`
	Context      map[string]json.RawMessage `json:"context"`
	Traits       []template                 `json:"traits"`
	Output       json.RawMessage            `json:"output"`
	HealthPolicy string                     `json:"healthPolicy"`
	CustomStatus string                     `json:"customStatus"`
	Details      string                     `json:"details"`
	Results      map[string]json.RawMessage `json:"results"`
	Outputs      []namedPath                `json:"outputs"`
	Expression   string                     `json:"expression"`
	Scope        map[string]json.RawMessage `json:"scope"`
	Kind         string                     `json:"kind"`
}

type namedPath struct {
	Name string `json:"name"`
	Path string `json:"path"`
}

// Failure is CueError of the TypeScript side.
type failure struct {
	Code    string   `json:"code"`
	Message string   `json:"message"`
	Path    []string `json:"path,omitempty"`
	Line    int      `json:"line,omitempty"`
	Column  int      `json:"column,omitempty"`
	Trait   *int     `json:"trait,omitempty"`
}

func serve(in []byte) (out []byte) {
	defer func() {
		// CUE panics on some inputs (internal errors of the evaluator). Trees that it was working on are thrown away.
		if r := recover(); r != nil {
			clear(parsed)
			out, _ = json.Marshal(map[string]any{"panic": fmt.Sprint(r)})
		}
	}()
	var r requestBody
	if err := json.Unmarshal(in, &r); err != nil {
		out, _ = json.Marshal(map[string]any{"panic": "request: " + err.Error()})
		return out
	}
	var answer any
	switch r.Op {
	case "component", "object":
		answer = render(&r)
	case "status":
		answer = evaluateStatus(&r)
	case "step":
		answer = evaluateStep(&r)
	case "expression":
		answer = evaluateExpression(&r)
	case "vet":
		answer = vet(&r)
	default:
		answer = map[string]any{"panic": "unknown op"}
	}
	out, err := json.Marshal(answer)
	if err != nil {
		out, _ = json.Marshal(map[string]any{"panic": "response: " + err.Error()})
	}
	return out
}
