//go:build mut_holdslot

package mutant

const broken = "holdslot"
