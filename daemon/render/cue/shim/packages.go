package main

import (
	"embed"
	"path"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"
)

// The packages that KubeVela supplies to templates. Their definitions only describe calls; Lateen makes the calls.

//go:embed packages/*.cue
var packageTexts embed.FS

var velaPackages = []string{
	"base64", "builtin", "config", "cue", "email", "http", "kube", "metrics", "multicluster", "oam", "op", "ql", "query",
	"terraform", "time", "util",
}

type packageLoader struct {
	dialect string
	context *build.Context
	file    *ast.File
}

// load supplies a package that CUE itself does not have.
func (l *packageLoader) load(_ token.Pos, importedPath string) *build.Instance {
	var file *ast.File
	var err error
	switch {
	case strings.HasPrefix(importedPath, "vela/"):
		file, err = parser.ParseFile(importedPath, velaText(l.dialect, strings.TrimPrefix(importedPath, "vela/")), parser.ParseComments)
	case isKubePackage(importedPath):
		file = l.openPackage(importedPath)
	default:
		return nil
	}
	instance := l.context.NewInstance(importedPath, l.load)
	instance.ImportPath = importedPath
	if err != nil {
		instance.Err = errors.Promote(err, importedPath)
		return instance
	}
	file.Filename = importedPath
	_ = instance.AddSyntax(file)
	instance.PkgName = path.Base(importedPath)
	_ = instance.Complete()
	return instance
}

// velaText: KubeVela 1.1 has one package, `vela/op`, with content of its own; the rest came later.
func velaText(dialect, name string) string {
	file := name
	if name == "op" && dialect == "1.1" {
		file = "op11"
	}
	text, err := packageTexts.ReadFile("packages/" + file + ".cue")
	if err != nil {
		return ""
	}
	return string(text)
}

// isKubePackage: packages that KubeVela 1.1 made from a cluster's OpenAPI document, e.g. `kube/apps/v1`,
// `oam.dev/v1alpha2`.
func isKubePackage(importedPath string) bool {
	return strings.HasPrefix(importedPath, "kube/") || strings.Contains(strings.Split(importedPath, "/")[0], ".")
}

func knownPackage(importedPath string) bool {
	if name, ok := strings.CutPrefix(importedPath, "vela/"); ok {
		return slices.Contains(velaPackages, name)
	}
	return true
}

// openPackage has every definition that the template asks for, as an open struct: such packages add a check of field
// names, which the API server makes anyway.
func (l *packageLoader) openPackage(importedPath string) *ast.File {
	names := map[string]bool{}
	for spec := range l.file.ImportSpecs() {
		if importPath(spec) == importedPath {
			names[importName(spec)] = true
		}
	}
	file := &ast.File{}
	seen := map[string]bool{}
	ast.Walk(l.file, func(node ast.Node) bool {
		selector, ok := node.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := selector.X.(*ast.Ident)
		if !ok || !names[x.Name] {
			return true
		}
		name := labelName(selector.Sel)
		if name != "" && !seen[name] {
			seen[name] = true
			open := &ast.StructLit{Elts: []ast.Decl{&ast.Ellipsis{}}}
			file.Decls = append(file.Decls, &ast.Field{Label: ast.NewIdent(name), Value: open})
		}
		return true
	}, nil)
	return file
}

func importPath(spec *ast.ImportSpec) string {
	p, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return ""
	}
	return p
}

func importName(spec *ast.ImportSpec) string {
	if spec.Name != nil {
		return spec.Name.Name
	}
	base := path.Base(importPath(spec))
	if _, after, ok := strings.Cut(base, ":"); ok {
		return after
	}
	return base
}

// importsVela tells whether the template can make calls at all.
func importsVela(file *ast.File) bool {
	for spec := range file.ImportSpecs() {
		if strings.HasPrefix(importPath(spec), "vela/") {
			return true
		}
	}
	return false
}
