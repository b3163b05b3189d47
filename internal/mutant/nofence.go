//go:build mut_nofence

package mutant

const broken = "nofence"
