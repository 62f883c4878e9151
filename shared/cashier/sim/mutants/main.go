// Command mutants plants known bugs, one at a time, in a copy of the tree, and
// shows that the tests catch each one. A bug that survives is a hole in the tests:
// the exit status is 1.
//
//	go run ./shared/cashier/sim/mutants [-only part-of-a-name] [-jobs 2]
package main

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// suites are run in this order until one fails: the quickest first.
var suites = [][]string{
	{"./shared/payment"},
	{"./shared/store/embedded"},
	{"./shared/cashier"},
	{"./shared/cashier/sim", "-run", "^TestA"},
	{"./shared/cashier/sim", "-run", "^TestR", "-seeds", "100", "-every", "30", "-jobs", "1"},
}

// patience bounds one suite of one mutant; a test that hangs has caught it, too.
const patience = 5 * time.Minute

func main() {
	only := flag.String("only", "", "plant only bugs with this in their name")
	jobs := flag.Int("jobs", 2, "bugs at once")
	flag.Parse()
	if err := run(*only, *jobs); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(only string, jobs int) error {
	var mutants []Mutant
	for _, m := range Mutants {
		if strings.Contains(m.Name, only) {
			mutants = append(mutants, m)
		}
	}
	temp, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	results, queue := make([]string, len(mutants)), make(chan int)
	errs := make([]error, jobs)
	var wg sync.WaitGroup
	for j := range jobs {
		wg.Go(func() {
			dir := filepath.Join(temp, fmt.Sprint(j))
			errs[j] = clone(dir)
			for i := range queue {
				if errs[j] == nil {
					results[i], errs[j] = try(dir, mutants[i])
					fmt.Printf("%-9s %-55s %-8s %s\n", verdict(results[i]), mutants[i].Name, mutants[i].Breaks, results[i])
				}
			}
		})
	}
	for i := range mutants {
		queue <- i
	}
	close(queue)
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	survived := 0
	for _, r := range results {
		if r == "" {
			survived++
		}
	}
	fmt.Printf("%d planted bugs, %d caught, %d survived\n", len(mutants), len(mutants)-survived, survived)
	if survived > 0 {
		return fmt.Errorf("%d planted bugs survived", survived)
	}
	return nil
}

func verdict(by string) string {
	if by == "" {
		return "SURVIVED"
	}
	return "caught"
}

// clone copies what the tests need of the tree.
func clone(to string) error {
	for _, part := range []string{"go.mod", "go.sum", "shared", "functions"} {
		if err := copyTree(part, filepath.Join(to, part)); err != nil {
			return err
		}
	}
	return nil
}

func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := to + strings.TrimPrefix(path, from)
		if d.IsDir() {
			if d.Name() == "node_modules" {
				return filepath.SkipDir
			}
			return os.MkdirAll(target, 0o755)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		return os.WriteFile(target, raw, 0o644)
	})
}

// try plants a bug, runs the suites until one fails, and takes the bug out again.
// It returns what caught it, "" if nothing did.
func try(dir string, m Mutant) (by string, err error) {
	path := filepath.Join(dir, "shared", m.File)
	sound, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(sound), m.Old); n != 1 {
		return "", fmt.Errorf("%q: %s has the old text %d times; bring the list up to date", m.Name, m.File, n)
	}
	sick := strings.Replace(string(sound), m.Old, m.New, 1)
	if err := os.WriteFile(path, []byte(sick), 0o644); err != nil {
		return "", err
	}
	defer func() {
		if e := os.WriteFile(path, sound, 0o644); err == nil {
			err = e
		}
	}()
	if out, err := goIn(dir, "build", "-gcflags=-e", "./shared/..."); err != nil {
		fmt.Printf("%q does not compile:\n%s", m.Name, out)
		return "", nil // counts as a survivor: the list is to be mended
	}
	for _, suite := range suites {
		if out, err := goIn(dir, append([]string{"test", "-failfast"}, suite...)...); err != nil {
			return suite[0] + firstFailure(out), nil
		}
	}
	return "", nil
}

func goIn(dir string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// firstFailure names the first test that failed.
func firstFailure(out string) string {
	for line := range strings.Lines(out) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "--- FAIL: "); ok {
			name, _, _ = strings.Cut(name, " ")
			return " " + name
		}
	}
	return ""
}
