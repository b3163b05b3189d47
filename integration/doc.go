// Package integration holds the tests that need several processes: a broker,
// workers and callers, and what is done to them. It has no code of its own
// outside of tests.
package integration
