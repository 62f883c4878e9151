package template

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module is the import path of the repository's root.
const module = "overseaspay/"

// linked parses everything of ours that a package is made of, without tests: its
// own files and those of all packages it imports, by folder below the root.
func linked(t *testing.T, folder string) map[string][]*ast.File {
	t.Helper()
	all := map[string][]*ast.File{}
	todo := []string{folder}
	for len(todo) > 0 {
		next := todo[0]
		todo = todo[1:]
		if _, done := all[next]; done {
			continue
		}
		all[next] = parse(t, next)
		for _, f := range all[next] {
			for _, i := range f.Imports {
				if path, ours := strings.CutPrefix(text(i.Path), module); ours {
					todo = append(todo, path)
				}
			}
		}
	}
	return all
}

// parse reads the files of one package, without tests.
func parse(t *testing.T, folder string) []*ast.File {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	names = slices.DeleteFunc(names, func(n string) bool { return strings.HasSuffix(n, "_test.go") })
	if len(names) == 0 {
		t.Fatalf("%s: no Go files", folder)
	}
	files := make([]*ast.File, len(names))
	for i, name := range names {
		if files[i], err = parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// deployed is all code that any function is made of, by folder.
func deployed(t *testing.T) map[string][]*ast.File {
	t.Helper()
	all := map[string][]*ast.File{}
	for _, name := range folders(t) {
		maps.Copy(all, linked(t, "functions/"+name+"/bootstrap"))
	}
	return all
}

// text is the value of a string literal, or "".
func text(e ast.Expr) string {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return ""
	}
	s, _ := strconv.Unquote(lit.Value)
	return s
}

// called is the bare name of a call's function: Getenv of os.Getenv(...).
func called(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// TestVariablesAreSet: what a function reads from its environment is set for it.
func TestVariablesAreSet(t *testing.T) {
	t.Parallel()
	// A function cannot be given its own URL, and notify tells nobody where to post.
	absent := map[string][]string{"notify": {"NOTIFY_URL"}}
	all := functions(load(t))
	for _, name := range folders(t) {
		set, read := at(all[name], "Properties", "Environment").(object), variables(t, "functions/"+name+"/bootstrap")
		for _, v := range slices.Sorted(maps.Keys(read)) {
			_, ok := set[v]
			if sdk := strings.HasPrefix(v, "AWS_") || strings.HasPrefix(v, "_"); !ok && !sdk && !slices.Contains(absent[name], v) {
				t.Errorf("%s: %s reads %s, which the template does not set", name, read[v], v)
			}
		}
		for _, must := range []string{"ORDERS_TABLE", "CONFIG_TABLE"} {
			if read[must] == "" {
				t.Errorf("%s: found nobody who reads %s: this test does not see what it should", name, must)
			}
		}
	}
}

// variables are the names that a binary reads from its environment, with the folder that does.
func variables(t *testing.T, folder string) map[string]string {
	t.Helper()
	read := map[string]string{}
	for dir, files := range linked(t, folder) {
		for _, f := range files {
			for _, d := range f.Decls {
				for _, name := range variablesOf(t, dir, d) {
					read[name] = dir
				}
			}
		}
	}
	return read
}

// variablesOf are the names that a declaration gives to getenv. Where one is not
// a literal, all that look like one in the same function are meant.
func variablesOf(t *testing.T, dir string, d ast.Decl) []string {
	t.Helper()
	var given, looks []string
	open := false
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			if name := text(n); variable.MatchString(name) {
				looks = append(looks, name)
			}
		case *ast.CallExpr:
			if len(n.Args) > 0 && slices.Contains([]string{"getenv", "lookupenv"}, strings.ToLower(called(n))) {
				name := text(n.Args[0])
				given, open = append(given, name), open || name == ""
			}
		}
		return true
	})
	switch {
	case !open:
		return given
	case len(looks) == 0:
		t.Errorf("%s reads a variable, and nothing says which", dir)
	}
	return looks
}

var variable = regexp.MustCompile(`^_?[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$`)

// TestAlarmsListenToWhatIsCounted: what filters look for is in the words of the
// code, and every alarm looks at what a filter feeds.
func TestAlarmsListenToWhatIsCounted(t *testing.T) {
	t.Parallel()
	tpl, said := load(t), words(t)
	fed := map[string]bool{}
	for id, f := range resources(tpl, "AWS::Logs::MetricFilter") {
		feed := list(at(f, "Properties", "MetricTransformations"))[0]
		by, _ := at(list(at(feed, "Dimensions"))[0], "Key").(string)
		if want := `{ $.` + by + ` = "*" }`; at(f, "Properties", "FilterPattern") != want || !said[by] {
			t.Errorf("%s: nothing logs %q, or the pattern is not %s", id, by, want)
		}
		fed[fmt.Sprint(at(feed, "MetricNamespace"), at(feed, "MetricName"), by)] = true
	}
	alarms := resources(tpl, "AWS::CloudWatch::Alarm")
	if len(alarms) == 0 {
		t.Fatal("no alarms")
	}
	for id, a := range alarms {
		props := at(a, "Properties")
		d := list(at(props, "Dimensions"))[0]
		if space, _ := at(props, "Namespace").(string); strings.HasPrefix(space, "AWS/") {
			checkOwn(t, tpl, id, space, d)
			continue
		}
		if !fed[fmt.Sprint(at(props, "Namespace"), at(props, "MetricName"), at(d, "Name"))] {
			t.Errorf("%s: no filter feeds it", id)
		}
		if value, _ := at(d, "Value").(string); !said[value] {
			t.Errorf("%s: the code never says %q", id, value)
		}
	}
}

// checkOwn: an alarm on one of AWS's own metrics looks at a resource of this template.
func checkOwn(t *testing.T, tpl object, id, space string, dimension any) {
	t.Helper()
	of := map[string]struct{ dimension, kind, attribute string }{
		"AWS/Lambda": {"FunctionName", "AWS::Serverless::Function", ""},
		"AWS/SQS":    {"QueueName", "AWS::SQS::Queue", ".QueueName"},
	}[space]
	target, _ := at(dimension, "Value", "Ref").(string)
	if of.attribute != "" {
		attr, _ := at(dimension, "Value", "Fn::GetAtt").(string)
		target = strings.TrimSuffix(attr, of.attribute)
	}
	if at(dimension, "Name") != of.dimension || resources(tpl, of.kind)[target] == nil {
		t.Errorf("%s: %s of %v is nothing of ours", id, space, dimension)
	}
}

// words are all string literals of the code that is deployed.
func words(t *testing.T) map[string]bool {
	t.Helper()
	said := map[string]bool{}
	for _, files := range deployed(t) {
		for _, f := range files {
			ast.Inspect(f, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok {
					said[text(lit)] = true
				}
				return true
			})
		}
	}
	return said
}

// TestNoScan: no code that is deployed reads a table through, and nothing bypasses
// the actions that policies name.
func TestNoScan(t *testing.T) {
	t.Parallel()
	forbidden := []string{"Scan", "ScanInput", "NewScanPaginator", "ExecuteStatement", "ExecuteStatementInput", "BatchExecuteStatementInput"}
	seen := false
	for dir, files := range deployed(t) {
		for _, f := range files {
			sdk := slices.ContainsFunc(f.Imports, func(i *ast.ImportSpec) bool { return strings.HasSuffix(text(i.Path), "service/dynamodb") })
			seen = seen || sdk
			ast.Inspect(f, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok && sdk && slices.Contains(forbidden, s.Sel.Name) {
					t.Errorf("%s: %s", dir, s.Sel.Name)
				}
				return true
			})
		}
	}
	if !seen {
		t.Error("nobody uses DynamoDB: this test does not see what it should")
	}
}
