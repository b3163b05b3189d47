//go:build mut_leak

package mutant

const broken = "leak"
