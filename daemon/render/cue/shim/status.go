package main

import (
	"encoding/json"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/format"
)

type statusAnswer struct {
	Healthy bool              `json:"healthy"`
	Message string            `json:"message"`
	Details map[string]string `json:"details"`
	Errors  []failure         `json:"errors"`
}

const maxDetailLabel = 32

// evaluateStatus: details, then health (which sees the details), then the message (which sees both). KubeVela 1.1 has
// no details and gives no `context.status`.
func evaluateStatus(r *requestBody) *statusAnswer {
	a := &statusAnswer{Healthy: true, Details: map[string]string{}, Errors: []failure{}}
	status := map[string]json.RawMessage{}
	if r.Details != "" && r.Dialect != "1.1" {
		status["details"] = a.readDetails(r)
	}
	if r.HealthPolicy != "" {
		a.Healthy = false
		if value, ok := a.statusValue(r, r.HealthPolicy, status, "isHealth"); ok {
			healthy, err := value.Bool()
			a.Healthy = healthy
			a.note(value, err, "isHealth")
		}
	}
	healthy, _ := json.Marshal(a.Healthy)
	status["healthy"] = healthy
	if r.CustomStatus != "" {
		if value, ok := a.statusValue(r, r.CustomStatus, status, "message"); ok {
			message, err := value.String()
			a.Message = message
			a.note(value, err, "message")
		}
	}
	return a
}

func (a *statusAnswer) note(v cue.Value, err error, field string) {
	if err == nil {
		return
	}
	_, missing := exportJSON(v, exportOptions{}, []string{field})
	if len(missing) == 0 {
		missing = []failure{{Code: "nonconcrete", Message: "is of another type", Path: []string{field}}}
	}
	a.Errors = append(a.Errors, missing[0])
}

func statusUnit(r *requestBody, text string, status map[string]json.RawMessage) (*unit, []failure) {
	u, failures := newUnit(newContext(), r.Dialect, text)
	if failures != nil {
		return nil, failures
	}
	parameter := r.Parameter
	if isNull(parameter) {
		parameter = json.RawMessage("{}")
	}
	u.setJSON("parameter", parameter)
	context := contextExpr(r.Context)
	if r.Dialect != "1.1" {
		raw, _ := json.Marshal(status)
		context = contextExpr(r.Context, map[string]json.RawMessage{"status": raw})
	}
	u.set("context", context)
	if failures := u.build(); failures != nil {
		return nil, failures
	}
	return u, nil
}

func (a *statusAnswer) statusValue(r *requestBody, text string, status map[string]json.RawMessage, field string) (cue.Value, bool) {
	u, failures := statusUnit(r, text, status)
	if failures != nil {
		a.Errors = append(a.Errors, failures...)
		return cue.Value{}, false
	}
	return u.value.LookupPath(cue.MakePath(cue.Str(field))), true
}

// readDetails returns what the other templates see as `context.status.details`.
func (a *statusAnswer) readDetails(r *requestBody) json.RawMessage {
	seen := map[string]json.RawMessage{}
	u, failures := statusUnit(r, r.Details, nil)
	if failures != nil {
		a.Errors = append(a.Errors, failures...)
		return json.RawMessage("{}")
	}
	fields, err := u.value.Fields()
	if err != nil {
		return json.RawMessage("{}")
	}
	for fields.Next() {
		name, value := fields.Selector().Unquoted(), fields.Value()
		if name == "context" || name == "parameter" || len(name) >= maxDetailLabel {
			continue
		}
		raw, missing := exportJSON(value, exportOptions{}, nil)
		internal := strings.HasPrefix(name, "$")
		if !internal && isPrivate(value) {
			continue
		}
		if missing == nil {
			seen[name] = raw
		}
		if !internal {
			a.Details[name] = detailText(value, missing == nil)
		}
	}
	out, _ := json.Marshal(seen)
	return out
}

func isPrivate(v cue.Value) bool {
	for _, attribute := range v.Attributes(cue.FieldAttr) {
		if attribute.Name() == "local" || attribute.Name() == "private" {
			return true
		}
	}
	return false
}

func detailText(v cue.Value, concrete bool) string {
	if !concrete {
		return "_|_"
	}
	if text, err := v.String(); err == nil {
		return text
	}
	b, err := format.Node(v.Syntax(cue.Final()))
	if err != nil {
		return "_|_"
	}
	return string(b)
}
