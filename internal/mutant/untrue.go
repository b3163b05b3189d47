//go:build mut_untrue

package mutant

const broken = "untrue"
