// Package template holds the tests of template.yaml: that what is deployed is what
// the code expects, where linters cannot know. It has no code of its own, and must
// not repeat what cfn-lint finds by itself.
//
// A function that is added to functions/ is red here until the template builds it,
// gives it its variables, and grants it what accessOf lists:
//
//	go test ./shared/template
package template
