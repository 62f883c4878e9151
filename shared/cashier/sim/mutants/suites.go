package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// suites are run in this order until one fails: the quickest first, after the one of
// the bug's own package.
var suites = [][]string{
	{"./shared/payment"},
	{"./shared/store/embedded"},
	{"./shared/cashier"},
	{"./shared/cashier/sim", "-run", "^TestA"},
	{"./shared/cashier/sim", "-run", "^TestR", "-seeds", "100", "-every", "30", "-jobs", "1"},
}

// patience bounds one suite of one bug. Whoever plants an endless loop is told so.
const patience = 8 * time.Minute

// suitesOf are the suites for a bug: that of its own package first.
func suitesOf(m Mutant) [][]string {
	own := []string{"./shared/" + filepath.ToSlash(filepath.Dir(m.File))}
	others := slices.DeleteFunc(slices.Clone(suites), func(s []string) bool { return slices.Equal(s, own) })
	return append([][]string{own}, others...)
}

// suitesFor are all that some bugs need.
func suitesFor(mutants []Mutant) (list [][]string) {
	for _, m := range mutants {
		for _, suite := range suitesOf(m) {
			if !slices.ContainsFunc(list, func(s []string) bool { return slices.Equal(s, suite) }) {
				list = append(list, suite)
			}
		}
	}
	return list
}

// verdict is what became of a planted bug.
type verdict string

const (
	caught   verdict = "caught"
	survived verdict = "SURVIVED"
	timedOut verdict = "TIMED OUT"
	unbuilt  verdict = "DOES NOT BUILD"
)

// result is a verdict with what it comes from: a suite and its first failed test.
type result struct {
	verdict verdict
	by      string
}

// try plants a bug, runs the suites until one fails, the bug's own package first,
// and takes the bug out again.
func try(dir string, m Mutant) (r result, err error) {
	path := filepath.Join(dir, "shared", m.File)
	raw, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	if strings.Count(string(raw), m.Old) != 1 {
		return r, errors.New(m.Name + ": " + m.File + " does not have the old text once; bring the list up to date")
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(raw), m.Old, m.New, 1)), 0o644); err != nil {
		return r, err
	}
	defer func() {
		if e := os.WriteFile(path, raw, 0o644); err == nil {
			err = e
		}
	}()
	if out, err := goIn(dir, "build", "-gcflags=-e", "./shared/..."); err != nil {
		return result{unbuilt, "\n" + out}, nil
	}
	for _, suite := range suitesOf(m) {
		if r = test(dir, suite); r.verdict != survived {
			return r, nil
		}
	}
	return r, nil
}

// test runs one suite on a copy of the tree.
func test(dir string, suite []string) result {
	out, err := goIn(dir, append([]string{"test", "-failfast"}, suite...)...)
	switch {
	case err == nil:
		return result{survived, ""}
	case errors.Is(err, context.DeadlineExceeded), strings.Contains(out, "panic: test timed out"):
		return result{timedOut, suite[0]}
	case strings.Contains(out, "[build failed]"), strings.Contains(out, "[setup failed]"):
		return result{unbuilt, suite[0] + "\n" + out}
	}
	return result{caught, suite[0] + firstFailure(out)}
}

// goIn runs the go tool in a copy of the tree.
func goIn(dir string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
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
