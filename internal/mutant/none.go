//go:build !mut_sendtwice && !mut_noaccept && !mut_noping && !mut_noask && !mut_falsedeath && !mut_nograce && !mut_nosweep && !mut_nodetour && !mut_nobound && !mut_nocancel && !mut_norecover && !mut_holdslot && !mut_nodrain && !mut_nohold && !mut_leak && !mut_untrue && !mut_replyanywhere && !mut_nofence && !mut_replyearly && !mut_noproof && !mut_noorder

package mutant

// broken is the mutant that this program is.
const broken = ""
