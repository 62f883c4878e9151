// Command mutants plants known bugs, one at a time, in a copy of the tree, and
// shows that the tests catch each one. A bug that is not caught is a hole in the
// tests: the exit status is 1. The tests must be green on the copy before; a run
// that takes too long, and a bug that does not build, count as not caught.
//
//	go run ./shared/cashier/sim/mutants [-only 'names|as a regexp'] [-jobs 2] [-sound=false]
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

func main() {
	only := flag.String("only", "", "plant only bugs whose name this regexp meets")
	jobs := flag.Int("jobs", 2, "bugs at once")
	check := flag.Bool("sound", true, "run the tests without a bug first")
	flag.Parse()
	if err := run(*only, *jobs, *check); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(only string, jobs int, check bool) error {
	names, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	var mutants []Mutant
	for _, m := range Mutants {
		if names.MatchString(m.Name) {
			mutants = append(mutants, m)
		}
	}
	temp, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	dirs := make([]string, jobs)
	for j := range dirs {
		dirs[j] = filepath.Join(temp, fmt.Sprint(j))
		if err := clone(dirs[j]); err != nil {
			return err
		}
	}
	if check {
		if err := sound(dirs[0], mutants); err != nil {
			return err
		}
	}
	return plantAll(dirs, mutants)
}

// sound makes sure that nothing fails before anything is planted.
func sound(dir string, mutants []Mutant) error {
	for _, suite := range suitesFor(mutants) {
		if r := test(dir, suite); r.verdict != survived {
			return fmt.Errorf("%s is red without a planted bug: %s %s", strings.Join(suite, " "), r.verdict, r.by)
		}
	}
	return nil
}

// plantAll plants every bug, as many at once as there are copies.
func plantAll(dirs []string, mutants []Mutant) error {
	queue, errs := make(chan Mutant), make([]error, len(dirs))
	var wg sync.WaitGroup
	var mu sync.Mutex
	done, tally := 0, map[verdict]int{}
	for j, dir := range dirs {
		wg.Go(func() {
			for m := range queue {
				r, err := try(dir, m)
				mu.Lock()
				if err != nil {
					errs[j], r.verdict = err, survived
				}
				done++
				tally[r.verdict]++
				fmt.Printf("%2d/%d %-14s %-60s %-8s %s\n", done, len(mutants), r.verdict, m.Name, m.Breaks, r.by)
				mu.Unlock()
			}
		})
	}
	for _, m := range mutants {
		queue <- m
	}
	close(queue)
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	fmt.Printf("%d planted bugs: %d caught, %d survived, %d timed out, %d do not build\n",
		len(mutants), tally[caught], tally[survived], tally[timedOut], tally[unbuilt])
	if tally[caught] < len(mutants) {
		return fmt.Errorf("%d planted bugs were not caught", len(mutants)-tally[caught])
	}
	return nil
}
