package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The first minute works as both READMEs print it: in another terminal, in the same
// folder, pasted as it is.
func TestReadmeWorksAsPrinted(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"bash", "curl", "grep"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	fence := regexp.MustCompile("(?s)```sh\n(.*?)```")
	for _, name := range []string{"README.md", "README.zh-CN.md"} {
		raw, err := os.ReadFile("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		_, text, _ := strings.Cut(string(raw), "\n## 60 ")
		text, _, _ = strings.Cut(text, "\n## ")
		blocks := fence.FindAllStringSubmatch(text, -1)
		if len(blocks) != 2 || strings.TrimSpace(blocks[0][1]) != "make run" {
			t.Fatalf("%s: %v", name, blocks)
		}
		dir := t.TempDir()
		r := start(t, dir, "-config", filepath.Join(dir, ".local", "config.json"))
		cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", strings.ReplaceAll(blocks[1][1], "http://127.0.0.1:3000", r.url))
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Contains(string(out), `"error"`) {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		var last struct{ Order map[string]any }
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		if last.Order["trade_state"] != "SUCCESS" || last.Order["sp_trade_no"] == "" || last.Order["transaction_id"] == "" {
			t.Errorf("%s: %v", name, last.Order)
		}
	}
}

// What the READMEs call a parameter lies where the template lets functions read:
// below the name of the stack.
func TestReadmeNamesParametersBelowTheStack(t *testing.T) {
	t.Parallel()
	sam, err := os.ReadFile("../../samconfig.toml")
	if err != nil {
		t.Fatal(err)
	}
	stack := regexp.MustCompile(`stack_name = "([^"]+)"`).FindStringSubmatch(string(sam))
	template, err := os.ReadFile("../../template.yaml")
	if err != nil || stack == nil || !strings.Contains(string(template), ":parameter/${AWS::StackName}/*") {
		t.Fatal(err, stack)
	}
	for _, name := range []string{"README.md", "README.zh-CN.md"} {
		raw, err := os.ReadFile("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(`ssm:/[^"`+"`"+`\s]*`).FindAllString(string(raw), -1)
		for _, ref := range found {
			if !strings.HasPrefix(ref, "ssm:/"+stack[1]+"/") && !strings.HasPrefix(ref, "ssm:/{stack}/") {
				t.Errorf("%s: %s is not below the stack's name %s", name, ref, stack[1])
			}
		}
		if len(found) == 0 {
			t.Errorf("%s names no parameter", name)
		}
	}
}
