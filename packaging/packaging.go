// Package packaging holds the files of the package wrp-hostguard that hosts get which are
// prepared without it: both have them from here.
package packaging

import _ "embed"

// The guard's units, and its user.
var (
	//go:embed hostguard/wrp-hostguard.socket
	GuardSocket string

	//go:embed hostguard/wrp-hostguard.service
	GuardService string

	//go:embed hostguard/sysusers.conf
	GuardUser string
)
