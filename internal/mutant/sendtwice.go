//go:build mut_sendtwice

package mutant

const broken = "sendtwice"
