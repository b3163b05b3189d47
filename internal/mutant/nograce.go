//go:build mut_nograce

package mutant

const broken = "nograce"
