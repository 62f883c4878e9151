package payment

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// floats lists where a file names a floating-point type or number.
func floats(name string, src any) (found []string, err error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	names := []string{"float32", "float64", "complex64", "complex128", "ParseFloat", "FormatFloat", "AppendFloat", "Float", "Float64"}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			if slices.Contains(names, n.Name) {
				found = append(found, fmt.Sprintf("%s: %s", set.Position(n.Pos()), n.Name))
			}
		case *ast.BasicLit: // 1e9 may stand for a whole number
			if n.Kind == token.IMAG || n.Kind == token.FLOAT && !whole(n) {
				found = append(found, fmt.Sprintf("%s: %s", set.Position(n.Pos()), n.Value))
			}
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				found = append(found, untyped(set, n.Rhs)...)
			}
		case *ast.ValueSpec:
			if n.Type == nil {
				found = append(found, untyped(set, n.Values)...)
			}
		}
		return true
	})
	return found, nil
}

// untyped lists the whole numbers, written as 1e9, that become a float for want of a type.
func untyped(set *token.FileSet, values []ast.Expr) (found []string) {
	for _, v := range values {
		if lit, ok := v.(*ast.BasicLit); ok && lit.Kind == token.FLOAT && whole(lit) {
			found = append(found, fmt.Sprintf("%s: %s", set.Position(lit.Pos()), lit.Value))
		}
	}
	return found
}

func whole(lit *ast.BasicLit) bool {
	return constant.ToInt(constant.MakeFromLiteral(lit.Value, lit.Kind, 0)).Kind() == constant.Int
}

// R19: no floating-point number comes near money.
func TestR19NoFloats(t *testing.T) {
	t.Parallel()
	for _, tree := range []string{"payment", "provider", "cashier", "store"} {
		t.Run(tree, func(t *testing.T) {
			t.Parallel()
			files := 0
			err := filepath.WalkDir(filepath.Join("..", tree), func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
					return err
				}
				files++
				found, err := floats(path, nil)
				for _, where := range found {
					t.Errorf("a float: %s", where)
				}
				return err
			})
			if err != nil || files == 0 {
				t.Errorf("read %d files: %v", files, err)
			}
		})
	}
}

// The test above finds what it is there to find, and nothing else.
func TestR19Floats(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]int{
		"var x float64": 1,
		"func f(a, b float32) []float64 { return nil }": 2,
		"type m map[string]struct{ fee float64 }":       1,
		"const rate = 1.5":                              1,
		"var x = 1e2":                                   1,
		`var x, _ = strconv.ParseFloat("1", 64)`:        1,
		"func f(n int) int { x := 1e9; return n }":      1,
		"func f(n int) int { return n % 1e9 }":          0,
		"var x int64 = 1e9":                             0,
		"var x = 2i":                                    1,
		"var x = big.Rat{}":                             0,
		`var x int64 = 15 // float64 "1.5"`:             0,
		`var x = "float64"`:                             0,
	} {
		if found, err := floats("src.go", "package p\n"+src); err != nil || len(found) != want {
			t.Errorf("%s: found %v, %v, want %d", src, found, err, want)
		}
	}
}
