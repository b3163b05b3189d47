// Package cli is the atasks command line: one file a verb. Every verb writes
// data to its output and everything else to its error output, asks nothing,
// and ends with a code that says what went wrong; see exit.go.
package cli
