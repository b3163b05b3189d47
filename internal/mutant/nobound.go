//go:build mut_nobound

package mutant

const broken = "nobound"
