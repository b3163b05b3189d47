//go:build mut_nosweep

package mutant

const broken = "nosweep"
