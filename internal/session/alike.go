package session

import "regexp"

// passing is what differs each time in reasons that are the same: which container, folder
// or port it was, and since when.
var passing = regexp.MustCompile(`wrp_[0-9a-z_]+|[0-9a-f]{12,}(-init)?| since \d{4}-\d\d-\d\d[ T][0-9:.]+( ?UTC|Z)`)

var (
	// sourcePort is our own of a connection: 192.0.2.1:41234->192.0.2.7:22.
	sourcePort = regexp.MustCompile(`:\d+->`)

	// startOf names a session and its port, or a container.
	startOf = regexp.MustCompile(`(start session|start container|create container) ?\d* ?on ([^ ]+?)(:\d+)?: `)
)

// alike returns a reason without that, so that it can be counted. The whole of it is in a
// refusal's reasons, and in the log.
func alike(why string) string {
	why = sourcePort.ReplaceAllLiteralString(passing.ReplaceAllLiteralString(why, ""), "->")
	return startOf.ReplaceAllString(why, "$1 on $2: ")
}
