//go:build mut_replyanywhere

package mutant

const broken = "replyanywhere"
