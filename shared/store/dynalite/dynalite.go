// Package dynalite runs an emulator of DynamoDB for the tests of any package:
// dynalite 4, fetched by npx, on a free port of this machine, in memory, one
// process for all tests of a binary. It is imported by tests only, and must not
// know what is kept in it.
//
//	endpoint := dynalite.Start(t)
//
// Tables are shared by the whole binary: give them names of your own. The emulator
// has no streams, no transactions and no time to live, and does not return the old
// item with a refused condition.
package dynalite

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Version is the release that the tests are written against.
const Version = "4.0.0"

// patience bounds the start, a first download included.
const patience = 2 * time.Minute

// serve prints the port once it listens. It ends with its standard input, which
// the system closes when the test binary ends, in whatever way: nothing is left
// running, neither node nor npx, which waits for it.
const serve = `const path = require("path"), fs = require("fs");
const home = process.env.PATH.split(path.delimiter).map(p => path.join(p, "..", "dynalite"))
  .find(p => fs.existsSync(path.join(p, "package.json")));
const server = require(home)({createTableMs: 0, deleteTableMs: 0, updateTableMs: 0});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit()).resume();`

// process is the running emulator.
type process struct {
	endpoint string
	stdin    io.Closer // kept, as the emulator lives as long as it is open
}

var shared = sync.OnceValues(launch)

// Start returns the endpoint of the emulator and starts it if this is the first
// call. Where AWS_ENDPOINT_URL_DYNAMODB is set, it is that endpoint instead. A
// machine that cannot run it skips the test, except where CI is "true".
func Start(t testing.TB) string {
	t.Helper()
	if endpoint := os.Getenv("AWS_ENDPOINT_URL_DYNAMODB"); endpoint != "" {
		return endpoint
	}
	p, err := shared()
	if err == nil {
		return p.endpoint
	}
	why := fmt.Sprintf("NOT TESTED AGAINST DYNAMODB: %v.\n"+
		"Install Node.js 20 or newer (https://nodejs.org) so that npx can fetch dynalite@%s,\n"+
		"or name a running emulator in AWS_ENDPOINT_URL_DYNAMODB.", err, Version)
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	fmt.Fprintf(os.Stderr, "\n*** %s: %s\n\n", t.Name(), why)
	t.Skip(why)
	return ""
}

// launch starts the process and waits until it listens.
func launch() (*process, error) {
	npx, err := exec.LookPath("npx")
	if err != nil {
		return nil, errors.New("npx is not installed")
	}
	var complaints bytes.Buffer
	cmd := exec.Command(npx, "--yes", "--package", "dynalite@"+Version, "--", "node", "-e", serve)
	cmd.Stderr, cmd.WaitDelay = &complaints, time.Second
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	giveUp := time.AfterFunc(patience, func() { stdin.Close(); cmd.Process.Kill() })
	defer giveUp.Stop()
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if port, err := strconv.Atoi(strings.TrimSpace(lines.Text())); err == nil {
			return &process{"http://127.0.0.1:" + strconv.Itoa(port), stdin}, nil
		}
	}
	stdin.Close()
	return nil, fmt.Errorf("dynalite did not start: %w\n%s", cmd.Wait(), complaints.String())
}
