// Package sandbox simulates every processor, and WeChat's own servers, on
// localhost: for make run, for tests and for the simulator. Each twin checks
// every signature from its own reading of the facts, keeps its trades in one
// [Ledger], and posts the notices that the real processor would.
//
// It is imported by functions/local and by tests only, and must know nothing of
// the cashier, the store or the processors' own packages.
package sandbox
