//go:build mut_noorder

package mutant

const broken = "noorder"
