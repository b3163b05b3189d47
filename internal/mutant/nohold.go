//go:build mut_nohold

package mutant

const broken = "nohold"
