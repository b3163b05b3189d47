//go:build mut_noaccept

package mutant

const broken = "noaccept"
