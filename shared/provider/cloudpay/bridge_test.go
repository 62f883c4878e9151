package cloudpay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"overseaspay/shared/provider/internal/wire"
)

// node returns Node.js. A machine without it skips the test, except where CI is "true".
func node(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("node")
	if err == nil {
		return path
	}
	const why = "THE CLOUDPAY BRIDGE WENT UNTESTED: Node.js 20 or newer is not installed (https://nodejs.org)"
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	fmt.Fprintf(os.Stderr, "\n*** %s: %s\n\n", t.Name(), why)
	t.Skip(why)
	return ""
}

func TestBridge(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), node(t), "--test", "--test-reporter=tap", "bridge/index.test.js")
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("# fail 0")) || bytes.Contains(out, []byte("# pass 0")) {
		t.Errorf("%v\n%s", err, out)
	}
}

// signer answers every line of JSON with the bridge's own signature of it.
const signer = `const { signCall, signNotice } = require('./bridge/sign.js');
for (const line of require('fs').readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
  const { key, event, time, body } = JSON.parse(line);
  console.log(event ? signCall(key, event) : signNotice(key, time, body));
}`

// Whatever the shop's texts hold, the bridge signs a parsed event as we signed it.
func TestBothSidesSignAlike(t *testing.T) {
	t.Parallel()
	var in bytes.Buffer
	var want []string
	ask := func(line map[string]any, sign string) {
		raw, err := json.Marshal(line) // escapes more than needed, which parsing undoes
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(raw, '\n'))
		want = append(want, sign)
	}
	call := func(text string) {
		params, err := stringify(map[string]any{"attach": text, "body": "茶", "totalFee": int64(100_000_000_000), text: "a name"})
		if err != nil {
			t.Fatal(err)
		}
		e := event{Op: "unifiedOrder", Params: params, Time: noon.Unix(), Nonce: "n"}
		ask(map[string]any{"key": testKey, "event": e}, e.sign(testKey))
		ask(map[string]any{"key": testKey, "time": "1795338000", "body": string(params)}, wire.HMAC(testKey, "1795338000."+string(params)))
	}
	for _, text := range []string{
		"", "😀👨‍👩‍👧", `<b>&amp;</b>`, "\u2028\u2029", `\u2028 \\u2028 \`, `"quoted"`, "\x00\x01\b\t\n\v\f\r\x1f\x7f", "\xff\xc3", "\ufffd\ufeff",
		"__proto__", "a/b", strings.Repeat("茶", 127),
	} {
		call(text)
	}
	rapid.Check(t, func(r *rapid.T) { call("x" + rapid.String().Draw(r, "text")) })
	cmd := exec.CommandContext(t.Context(), node(t), "-e", signer)
	cmd.Stdin = &in
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Fields(string(out))
	if len(got) != len(want) {
		t.Fatalf("%d signatures, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("signature %d differs", i)
		}
	}
}
