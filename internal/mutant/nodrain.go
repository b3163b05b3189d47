//go:build mut_nodrain

package mutant

const broken = "nodrain"
