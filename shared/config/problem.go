package config

import (
	"slices"
	"strconv"
	"strings"
)

// Problem is one thing that is wrong with an item: where, and why. It never holds
// the value of a secret.
type Problem struct {
	Path   string // "providers.yaband.key"; "" is the item itself
	Reason string // "required"
}

// String is "path: reason".
func (p Problem) String() string {
	if p.Path == "" {
		return p.Reason
	}
	return p.Path + ": " + p.Reason
}

// Warning is something to look at that does not refuse the item.
type Warning struct {
	Path   string
	Reason string
	// Assumes names the processor of which a fact is an assumption; "" in all other
	// warnings. What is assumed is the same for every item: Descriptor.Unverified.
	Assumes string
}

// String is "path: reason".
func (w Warning) String() string { return Problem{w.Path, w.Reason}.String() }

// Problems are everything that is wrong with an item, by path. As an error they
// mean that the item is invalid; any other error of [Parse] is an outage.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.String()
	}
	return "config item: " + strings.Join(lines, "; ")
}

// findings collects problems and warnings while an item is read. The first
// problem of a path stands, as the later ones follow from it.
type findings struct {
	problems   Problems
	warnings   []Warning
	references int      // parameters that the item names
	secrets    []string // values that a processor's own check might quote
}

func (f *findings) fail(path, reason string) {
	if !slices.ContainsFunc(f.problems, func(p Problem) bool { return p.Path == path }) {
		f.problems = append(f.problems, Problem{path, reason})
	}
}

func (f *findings) warn(path, reason string) {
	f.warnings = append(f.warnings, Warning{Path: path, Reason: reason})
}

// sort puts problems and warnings in the order of their paths.
func (f *findings) sort() {
	slices.SortStableFunc(f.problems, func(a, b Problem) int { return strings.Compare(a.Path, b.Path) })
	slices.SortStableFunc(f.warnings, func(a, b Warning) int { return strings.Compare(a.Path, b.Path) })
}

// scrub replaces secrets in a processor's words. Very short ones are left: they
// would tear ordinary words apart.
func (f *findings) scrub(text string) string {
	for _, s := range f.secrets {
		if len(s) >= 6 {
			text = strings.ReplaceAll(text, s, redacted)
		}
	}
	return text
}

// child is the path of a member.
func child(path, member string) string {
	if path == "" {
		return member
	}
	return path + "." + member
}

// element is the path of a list's element.
func element(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
