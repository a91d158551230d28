// Package host holds the table that keeps pages from what is near a container host: its
// rules, the script that loads them, and the unit that does it at each boot.
package host

import _ "embed"

// The files as they are here; the unit is for those in /etc.
var (
	//go:embed wrp-egress.nft
	Rules string

	//go:embed wrp-egress.sh
	Script string

	//go:embed wrp-egress.service
	Unit string
)
