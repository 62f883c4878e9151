// Package sim runs a whole cashier in a simulated world, again and again: every
// processor, impatient shoppers, a shop that fails, an operator, containers that
// die, notices that get lost. It holds the product against the promises I1 to I12
// (see truth.go) after every step. Product code must not import it.
//
// All chance enters through four seams: clock, random numbers, HTTP transport and
// store. The clock is that of a testing/synctest bubble. At each step (a call to
// the store or over HTTP) a call stops, and the world decides by its seed whose
// step is taken next and what goes wrong with it; so any two calls may interleave
// at any step, and the same seed does the same again, to the byte of its log.
//
// A run has two parts. In the first everything may fail, and nothing unsafe may
// happen. Then faults stop, and everything must come right in time.
//
//	report := sim.Run(t, sim.Options{Seed: 42})
//	if len(report.Violations) > 0 {
//		t.Error(report)
//	}
package sim
