package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"
)

// Nothing in a message may come from the parameters or the context: values may be secret. CUE's messages have them as
// arguments, so messages are written anew from the format text and those arguments that are types or names.

// parseFailures are errors of syntax and of unknown names: entirely of the template's text.
func parseFailures(err error) []failure {
	var out []failure
	for _, e := range errors.Errors(err) {
		f := failure{Code: "parse", Message: oneLine(errors.Details(e, &errors.Config{}))}
		if text, args := e.Msg(); text != "" {
			f.Message = oneLine(fmt.Sprintf(text, args...))
		}
		if pos := e.Position(); pos.IsValid() && pos.Filename() == templateFile {
			f.Line, f.Column = pos.Line(), pos.Column()
		} else if pos.IsValid() && pos.Filename() != "" {
			f.Message = "internal package " + pos.Filename() + ": " + f.Message
		}
		if path := e.Path(); len(path) > 0 {
			f.Path = path
		}
		out = append(out, f)
		if len(out) == 10 {
			break
		}
	}
	return out
}

func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 300 {
		s = s[:300] + "..."
	}
	return s
}

var verb = regexp.MustCompile(`%[-+# 0-9.]*[a-zA-Z]`)

// shortMessage says what is wrong without saying with which value.
func shortMessage(e errors.Error) string {
	text, args := e.Msg()
	str := func(i int) string { return fmt.Sprint(args[i]) }
	switch {
	case strings.HasPrefix(text, "conflicting values") && len(args) == 4:
		return fmt.Sprintf("conflicting values (types %s and %s)", str(2), str(3))
	case strings.HasPrefix(text, "conflicting values"):
		return "two different values"
	case strings.HasPrefix(text, "invalid value") && strings.Contains(text, "out of bound") && len(args) == 2:
		return "value is out of bound " + str(1)
	case strings.HasPrefix(text, "undefined field"), strings.HasPrefix(text, "cannot reference optional field"),
		strings.HasPrefix(text, "reference "), strings.HasPrefix(text, "incompatible list lengths"),
		strings.HasPrefix(text, "index %d out of range"):
		return oneLine(fmt.Sprintf(text, args...))
	case strings.HasPrefix(text, "cannot use %s (type %s) as %s in argument"):
		return fmt.Sprintf("argument %v of %v is %v, not %v", args[3], args[4], args[1], args[2])
	case strings.HasPrefix(text, "invalid interpolation"):
		return "an interpolated value is missing or is no string, number or boolean"
	case strings.HasPrefix(text, "error in call to %s") && len(args) > 0:
		return "error in call to " + str(0)
	case strings.HasPrefix(text, "incomplete value"), strings.HasPrefix(text, "non-concrete value"):
		return "has no concrete value"
	case strings.HasPrefix(text, "invalid operands") && len(args) == 5:
		return fmt.Sprintf("invalid operands to '%s' (types %s and %s)", str(2), str(3), str(4))
	}
	// A format text is a constant of the evaluator; only its arguments can carry values.
	text = verb.ReplaceAllString(text, "…")
	return oneLine(strings.TrimSuffix(text, ":"))
}

// isSummary tells whether an error only announces others ("2 errors in empty disjunction:").
func isSummary(e errors.Error) bool {
	text, _ := e.Msg()
	return strings.HasSuffix(text, "errors in empty disjunction:")
}

// onlyNotGiven tells whether all that is wrong is an optional parameter that nobody gave: a loop over it is no mistake of
// its author. KubeVela 1.10 takes what the other loops of `outputs` make (trait storage).
func onlyNotGiven(err error) bool {
	return !slices.ContainsFunc(errors.Errors(err), func(e errors.Error) bool {
		text, _ := e.Msg()
		return !strings.HasPrefix(text, "cannot reference optional field")
	})
}

// templatePosition finds where in the template an error arose.
func templatePosition(e errors.Error) token.Pos {
	for _, pos := range append([]token.Pos{e.Position()}, e.InputPositions()...) {
		if pos.IsValid() && pos.Filename() == templateFile {
			return pos
		}
	}
	return token.NoPos
}

// templateFailures turns evaluation errors into failures. Errors at the parameter hide those that follow from them.
func (u *unit) templateFailures(err error, prefix []string) []failure {
	var own, parameter []failure
	for _, e := range errors.Errors(err) {
		path := append(slices.Clone(prefix), e.Path()...)
		if len(path) > 0 && path[0] == "parameter" {
			if !slices.ContainsFunc(parameter, func(f failure) bool { return slices.Equal(f.Path, path) }) {
				parameter = append(parameter, failure{Code: "parameter", Message: shortMessage(e), Path: path})
			}
			continue
		}
		if isSummary(e) {
			continue
		}
		f := failure{Code: "template", Message: shortMessage(e), Path: path}
		if pos := templatePosition(e); pos.IsValid() {
			f.Line, f.Column = pos.Line(), pos.Column()
		}
		if !slices.ContainsFunc(own, func(o failure) bool { return slices.Equal(o.Path, f.Path) }) {
			own = append(own, f)
		}
	}
	if len(parameter) > 0 {
		return limit(parameter)
	}
	if len(own) == 0 {
		own = []failure{{Code: "template", Message: "the template contradicts itself", Path: prefix}}
	}
	return limit(own)
}

func limit(list []failure) []failure {
	if len(list) > 20 {
		return list[:20]
	}
	return list
}

// checkImports refuses packages that do not exist here, by name and with their position.
func checkImports(file *ast.File) []failure {
	var out []failure
	for spec := range file.ImportSpecs() {
		path := importPath(spec)
		if knownPackage(path) {
			continue
		}
		pos := spec.Pos()
		out = append(out, failure{Code: "unsupported", Message: fmt.Sprintf("unknown package %q", path), Line: pos.Line(), Column: pos.Column()})
	}
	return out
}
