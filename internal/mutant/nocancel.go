//go:build mut_nocancel

package mutant

const broken = "nocancel"
