//go:build mut_falsedeath

package mutant

const broken = "falsedeath"
