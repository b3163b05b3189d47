//go:build mut_norecover

package mutant

const broken = "norecover"
