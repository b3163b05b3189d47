//go:build mut_noask

package mutant

const broken = "noask"
