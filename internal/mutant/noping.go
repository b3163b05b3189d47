//go:build mut_noping

package mutant

const broken = "noping"
