package session

import "time"

// SparePorts is how many ports a host needs above its slots, to be used in place of
// foreign ones.
const SparePorts = 16

// MinStartTimeout is the shortest time that a start can be given: calls to Docker
// end 10 s before it is over, and need some time themselves.
const MinStartTimeout = 15 * time.Second

// MinFreezeAfter is after what time without use a session can be frozen at the
// earliest. A gateway may be late by [GatewayDelay] to say that it is used.
const MinFreezeAfter = 2 * GatewayDelay
