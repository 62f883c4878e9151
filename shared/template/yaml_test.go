package template

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// root is the repository, seen from this package.
const root = "../.."

// object is a mapping of the template. Intrinsic functions are in their long form:
// !Ref X is {"Ref": "X"}, !Sub s is {"Fn::Sub": s}.
type object = map[string]any

// load reads template.yaml.
func load(t *testing.T) object {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return plain(t, doc.Content[0]).(object)
}

func plain(t *testing.T, n *yaml.Node) any {
	t.Helper()
	value := untagged(t, n)
	tag, short := strings.CutPrefix(n.Tag, "!")
	switch {
	case !short || strings.HasPrefix(tag, "!"): // !!str and its like are YAML's own
		return value
	case tag == "Ref" || tag == "Condition":
		return object{tag: value}
	}
	return object{"Fn::" + tag: value}
}

func untagged(t *testing.T, n *yaml.Node) any {
	t.Helper()
	switch n.Kind {
	case yaml.MappingNode:
		o := object{}
		for i := 0; i < len(n.Content); i += 2 {
			o[n.Content[i].Value] = plain(t, n.Content[i+1])
		}
		return o
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			list[i] = plain(t, item)
		}
		return list
	case yaml.ScalarNode:
		var v any
		if !strings.HasPrefix(n.Tag, "!!") {
			return n.Value
		}
		if err := n.Decode(&v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	t.Fatalf("line %d: aliases are not for templates", n.Line)
	return nil
}

// at walks down mappings; a missing step is nil.
func at(v any, path ...string) any {
	for _, name := range path {
		o, _ := v.(object)
		v = o[name]
	}
	return v
}

// resources are those of a type, by logical id.
func resources(tpl object, kind string) map[string]object {
	all := map[string]object{}
	for id, r := range tpl["Resources"].(object) {
		if at(r, "Type") == kind {
			all[id] = r.(object)
		}
	}
	return all
}

// functions are the template's functions with the globals folded in, by folder name.
func functions(tpl object) map[string]object {
	all := map[string]object{}
	for id, f := range resources(tpl, "AWS::Serverless::Function") {
		own, _ := f["Properties"].(object)
		props := maps.Clone(at(tpl, "Globals", "Function").(object))
		vars := object{}
		for _, env := range []any{at(props, "Environment", "Variables"), at(own, "Environment", "Variables")} {
			if env, ok := env.(object); ok {
				maps.Copy(vars, env)
			}
		}
		maps.Copy(props, own)
		props["Environment"] = vars
		all[strings.ToLower(strings.TrimSuffix(id, "Function"))] = object{"ID": id, "Metadata": f["Metadata"], "Properties": props}
	}
	return all
}

// folders are the functions that have code to deploy.
func folders(t *testing.T) []string {
	t.Helper()
	mains, err := filepath.Glob(filepath.Join(root, "functions", "*", "bootstrap", "main.go"))
	if err != nil || len(mains) == 0 {
		t.Fatalf("functions/*/bootstrap/main.go: found %d, %v", len(mains), err)
	}
	names := make([]string, len(mains))
	for i, m := range mains {
		names[i] = filepath.Base(filepath.Dir(filepath.Dir(m)))
	}
	return names
}

// walk visits every member of every mapping.
func walk(v any, visit func(name string, value any)) {
	switch v := v.(type) {
	case object:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			visit(name, v[name])
			walk(v[name], visit)
		}
	case []any:
		for _, item := range v {
			walk(item, visit)
		}
	}
}
