package template

import (
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEveryFolderIsDeployed holds functions/ against the template and the Makefile.
func TestEveryFolderIsDeployed(t *testing.T) {
	t.Parallel()
	all := functions(load(t))
	if diff := cmp.Diff(folders(t), slices.Sorted(maps.Keys(all))); diff != "" {
		t.Errorf("-functions/*/bootstrap +template.yaml:\n%s", diff)
	}
	for name, f := range all {
		want := map[string]any{
			"Handler": "bootstrap", "Runtime": "provided.al2023", "CodeUri": ".",
			"Architectures": []any{object{"Ref": "Arch"}},
			"Role":          object{"Fn::GetAtt": strings.TrimSuffix(f["ID"].(string), "Function") + "Role.Arn"},
		}
		for member, value := range want {
			if diff := cmp.Diff(value, at(f, "Properties", member)); diff != "" {
				t.Errorf("%s: %s: -want +got:\n%s", name, member, diff)
			}
		}
		if at(f, "Metadata", "BuildMethod") != "makefile" {
			t.Errorf("%s: BuildMethod is not makefile", name)
		}
	}
}

// TestMakefileBuildsWhatSAMAsksFor runs make without doing anything. Both ways of
// building a function must be the same command, whatever the caller's own setting.
func TestMakefileBuildsWhatSAMAsksFor(t *testing.T) {
	t.Parallel()
	tpl := load(t)
	const build = `CGO_ENABLED=0 GOOS=linux GOARCH=%ARCH% go build -trimpath -tags lambda.norpc -ldflags "-s -w" -o %OUT% ./functions/%NAME%/bootstrap`
	archs := map[string]string{"": "arm64", "arm64": "arm64", "amd64": "amd64", "x86_64": "amd64"}
	for name, f := range functions(tpl) {
		for arch, goarch := range archs {
			line := strings.NewReplacer("%ARCH%", goarch, "%NAME%", name)
			want := line.Replace(strings.ReplaceAll(build, "%OUT%", `"/artifacts/bootstrap"`))
			if got := dryRun(t, arch, "build-"+f["ID"].(string), "ARTIFACTS_DIR=/artifacts"); got != want {
				t.Errorf("sam build, ARCH=%q: got\n%s\nwant\n%s", arch, got, want)
			}
			target := "build/" + name + "/bootstrap"
			want = line.Replace(strings.ReplaceAll(build, "%OUT%", target))
			if got := dryRun(t, arch, target); got != want {
				t.Errorf("make build, ARCH=%q: got\n%s\nwant\n%s", arch, got, want)
			}
		}
	}
	if got := at(tpl, "Parameters", "Arch", "Default"); got != archs[""] {
		t.Errorf("Arch defaults to %v, make to %s", got, archs[""])
	}
}

func dryRun(t *testing.T, arch string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "make", append([]string{"-n", "-s", "-C", root}, args...)...)
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin"}
	if arch != "" {
		cmd.Env = append(cmd.Env, "ARCH="+arch)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("make %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestPublicURLs: SAM adds the two permissions of a public URL, InvokeFunctionUrl
// and InvokeFunction, only where AuthType is the literal NONE.
func TestPublicURLs(t *testing.T) {
	t.Parallel()
	tpl := load(t)
	public := []string{"notify", "pay", "scheme"}
	for name, f := range functions(tpl) {
		url := at(f, "Properties", "FunctionUrlConfig")
		want := any(nil)
		if slices.Contains(public, name) {
			want = object{"AuthType": "NONE", "InvokeMode": "BUFFERED"}
		}
		if diff := cmp.Diff(want, url); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
	if own := resources(tpl, "AWS::Lambda::Permission"); len(own) > 0 {
		t.Errorf("permissions of our own beside SAM's: %v", slices.Sorted(maps.Keys(own)))
	}
}

// TestTimeouts: a pay call takes 20 s at most and must be able to say so; a
// doorbell is answered within 4 s. A sweep needs time for the slowest processor, and
// ends before the next one begins; a delivery takes 3 s, and what it books 5 s.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	least := map[string]int{"pay": 25, "notify": 10, "reconcile": 45, "deliver": 20, "scheme": 25}
	for name, f := range functions(load(t)) {
		if got, ok := at(f, "Properties", "Timeout").(int); !ok || got < least[name] || name == "reconcile" && got >= 60 {
			t.Errorf("%s: Timeout is %v, want at least %d", name, at(f, "Properties", "Timeout"), least[name])
		}
	}
}
