package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"overseaspay/functions/internal/wiring"
	"overseaspay/shared/config"
	"overseaspay/shared/config/ssm"
	"overseaspay/shared/provider/all"
)

// verdict is what is to be said of one item.
type verdict struct {
	id       string
	err      error // why it is refused, or why that cannot be told now
	warnings []config.Warning
}

// problems lists why the item is refused, one line each.
func (v verdict) problems() []string {
	var found config.Problems
	if !errors.As(v.err, &found) {
		return []string{v.err.Error()}
	}
	lines := make([]string, len(found))
	for i, p := range found {
		lines[i] = p.String()
	}
	return lines
}

// check judges items. The error names what is wrong with any of them by id and path.
func check(items []item, env config.Env) (all []verdict, refused error) {
	for _, it := range items {
		_, warnings, err := config.Parse(it.merchant, it.raw, env)
		if err != nil {
			refused = errors.Join(refused, fmt.Errorf("%s: %w", it.id, err))
		}
		all = append(all, verdict{it.id, err, warnings})
	}
	return all, refused
}

// checkCommand says what is wrong with a file's items, without any store: first
// what refuses them, then what to look at, last what is assumed of the processors.
func checkCommand(ctx context.Context, k knock, path string, out io.Writer) error {
	items, err := readItems(k.File, configID())
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	client := wiring.Client()
	verdicts, refused := check(items, config.Env{Registry: all.Registry(), HTTP: client, Secrets: secrets(ctx, client)})
	for _, v := range verdicts {
		v.print(out)
	}
	printAssumptions(out, verdicts)
	if refused != nil {
		return firstOf(path, verdicts)
	}
	return nil
}

func (v verdict) print(out io.Writer) {
	if v.err == nil {
		fmt.Fprintf(out, "%s is valid\n", v.id)
	} else {
		fmt.Fprintf(out, "%s is refused:\n  %s\n", v.id, strings.Join(v.problems(), "\n  "))
	}
	v.printWarnings(out)
}

func (v verdict) printWarnings(out io.Writer) {
	for _, w := range v.warnings {
		if w.Assumes == "" {
			fmt.Fprintf(out, "  look at %s\n", w)
		}
	}
}

// printAssumptions prints what is assumed of each processor, once.
func printAssumptions(out io.Writer, verdicts []verdict) {
	registry, said := all.Registry(), map[string]bool{}
	for _, v := range verdicts {
		for _, w := range v.warnings {
			if w.Assumes == "" || said[w.Assumes] {
				continue
			}
			said[w.Assumes] = true
			fmt.Fprintf(out, "\nAssumed about %s, as no public source says so; confirm with %s before you go live:\n  - %s\n",
				w.Assumes, registry[w.Assumes].Title, strings.Join(registry[w.Assumes].Unverified, "\n  - "))
		}
	}
}

// firstOf is the error of a file that was refused: short, as everything was printed.
func firstOf(path string, verdicts []verdict) error {
	first, more := "", 0
	for _, v := range verdicts {
		if v.err == nil {
			continue
		}
		lines := v.problems()
		if more += len(lines); first == "" {
			first = v.id + " is refused: " + lines[0]
		}
	}
	if more--; more > 0 {
		return fmt.Errorf("%s: %s (and %d more)", path, first, more)
	}
	return fmt.Errorf("%s: %s", path, first)
}

// secrets reads the parameters that items name: with what the environment holds,
// as on Lambda, else with whatever else the AWS SDK finds, such as a profile. nil
// where that is nothing: then a reference is refused, by its name.
func secrets(ctx context.Context, client *http.Client) config.Resolver {
	if r, err := ssm.FromEnv(os.Getenv, client); err == nil {
		return r
	}
	cfg, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return nil
	}
	if r, err := ssm.New(ssm.Config{Region: cfg.Region, Credentials: cfg.Credentials, HTTP: client}); err == nil {
		return r
	}
	return nil
}
