package config

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Resolver reads secrets that an item only names. Names start with a slash. A
// parameter that does not exist is left out of the answer; an error is an outage.
type Resolver interface {
	Resolve(ctx context.Context, names []string) (map[string]string, error)
}

// referenceMark marks a text that stands for a parameter: ssm:/{stack}/name.
const referenceMark = "ssm:"

var parameterForm = regexp.MustCompile(`^/[0-9A-Za-z_./-]+$`)

// parameterName reports whether a text can be a parameter's name. The length is
// not the expression's to count: a repetition of thousands takes milliseconds of
// every cold start to compile.
func parameterName(name string) bool { return len(name) <= 1001 && parameterForm.MatchString(name) }

// parameter returns the name of the parameter that a leaf stands for, if it does.
func parameter(value any) (name string, ok bool) {
	text, _ := value.(string)
	return strings.CutPrefix(text, referenceMark+"/")
}

func isReference(value any) bool { _, ok := parameter(value); return ok }

// resolve replaces every reference in a tree, all of them in one question, and
// returns how many there were.
func (f *findings) resolve(ctx context.Context, tree any, from Resolver) (count int, err error) {
	var names []string
	edit(tree, "", func(_ place, value any) any {
		if name, ok := parameter(value); ok {
			count++
			names = append(names, "/"+name)
		}
		return value
	})
	names = slices.DeleteFunc(names, func(n string) bool { return !parameterName(n) })
	slices.Sort(names)
	names = slices.Compact(names)
	var values map[string]string
	if from != nil && len(names) > 0 {
		if values, err = from.Resolve(ctx, names); err != nil {
			return count, fmt.Errorf("config: resolve parameters: %w", err)
		}
	}
	edit(tree, "", func(at place, value any) any {
		name, ok := parameter(value)
		if !ok {
			return value
		}
		secret, found := values["/"+name]
		if !found {
			f.fail(at.path, missing("/"+name, from))
			return value
		}
		return secret
	})
	return count, nil
}

// missing says why a parameter has no value.
func missing(name string, from Resolver) string {
	switch {
	case !parameterName(name):
		return "not the name of a parameter"
	case from == nil:
		return "parameter " + name + " cannot be read here, without a region and credentials of AWS"
	}
	return "parameter " + name + " does not exist"
}
