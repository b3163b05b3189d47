// Package netbatch gathers what goes out over a network connection, so that
// many small messages cost few system calls.
package netbatch
