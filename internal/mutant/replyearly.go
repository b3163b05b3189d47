//go:build mut_replyearly

package mutant

const broken = "replyearly"
