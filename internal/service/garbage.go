package service

import (
	"os"
	"runtime/debug"
)

// LimitGarbage has garbage collected sooner than usual: by default the collector lets
// memory double, what clients make a distributor hold is held twice then, and cleanup
// takes the machine's memory from others. GOGC is for who wants it otherwise.
func LimitGarbage() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}
