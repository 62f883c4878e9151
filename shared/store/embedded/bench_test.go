package embedded

import (
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
)

// The file is synced at every save, as in make run; memory is not.
var places = map[string]func(*testing.B) string{
	"memory": func(*testing.B) string { return "" },
	"file":   func(b *testing.B) string { return filepath.Join(b.TempDir(), "pay.db") },
}

func BenchmarkGet(b *testing.B) {
	s := open(b, "")
	if err := s.Save(b.Context(), newOrder("ORDER-0001")); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Get(b.Context(), "default", "ORDER-0001"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSave(b *testing.B) {
	for name, path := range places {
		b.Run(name, func(b *testing.B) {
			s, o := open(b, path(b)), newOrder("ORDER-0001")
			for b.Loop() {
				if err := s.Save(b.Context(), o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSaveBy32 is 32 writers, each with orders of its own.
func BenchmarkSaveBy32(b *testing.B) {
	for name, path := range places {
		b.Run(name, func(b *testing.B) {
			s := open(b, path(b))
			var writers atomic.Int64
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				o := newOrder("ORDER-" + strconv.FormatInt(writers.Add(1), 10))
				for pb.Next() {
					if err := s.Save(b.Context(), o); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
