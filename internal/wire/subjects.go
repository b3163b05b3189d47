package wire

import "strings"

// QueueGroup is the group that the workers of a task share.
const QueueGroup = "at"

// AllNodes stands in place of a node ID for every node of the namespace.
const AllNodes = "all"

// The verbs of a node's private subject.
const (
	VerbPing     = "ping"
	VerbCancel   = "cancel"
	VerbAwaits   = "awaits"
	VerbInfo     = "info"
	VerbPs       = "ps"
	VerbStack    = "stack"
	VerbDrain    = "drain"
	VerbPresent  = "present"
	VerbRelease  = "release"
	VerbEntities = "entities"
	VerbSchema   = "schema"
	VerbWatch    = "watch"
	// verbTask precedes the name of a task that this node is to run.
	verbTask = "task."
)

// TaskSubject is where calls of a task go.
func TaskSubject(ns, name string) string { return "at." + ns + ".task." + name }

// NodeSubject is where a verb goes that is meant for one node, or for
// AllNodes.
func NodeSubject(ns, node, verb string) string { return "at." + ns + ".node." + node + "." + verb }

// NodeTaskSubject is where a call goes that is meant for the task on one node.
func NodeTaskSubject(ns, node, name string) string {
	return NodeSubject(ns, node, verbTask+name)
}

// NodePattern matches every verb sent to node.
func NodePattern(ns, node string) string { return NodeSubject(ns, node, ">") }

// InboxPrefix begins every return address of a node.
func InboxPrefix(ns, group, node string) string {
	return "at." + ns + ".reply." + group + "." + node + "."
}

// EventSubject is where a node reports calls as they start and end, while
// somebody watches.
func EventSubject(ns, node string) string { return "at." + ns + ".event." + node }

// EventPattern matches the reports of all nodes.
func EventPattern(ns string) string { return "at." + ns + ".event.*" }

// ParseNodeSubject takes the verb from a subject that NodePattern matched. For
// a call that is meant for this node, task is its name and verb is empty.
func ParseNodeSubject(subject string) (verb, task string, ok bool) {
	rest, ok := strings.CutPrefix(subject, "at.")
	if !ok {
		return "", "", false
	}
	for range 3 { // namespace, "node", node
		if _, rest, ok = strings.Cut(rest, "."); !ok {
			return "", "", false
		}
	}
	if name, found := strings.CutPrefix(rest, verbTask); found {
		return "", name, CheckName(name) == nil
	}
	return rest, "", rest != ""
}
