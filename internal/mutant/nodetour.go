//go:build mut_nodetour

package mutant

const broken = "nodetour"
