//go:build mut_noproof

package mutant

const broken = "noproof"
