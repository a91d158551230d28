package hosts

import "strings"

// mendDisk shows who has a full disk, and takes away what certainly nobody uses.
const mendDisk = "df -h; docker system df; docker image prune"

// Mend returns what a host's root types against a reason for which no container starts, if
// the engine's words say what is wrong; else nothing.
func Mend(reason string) string {
	for _, words := range []string{"no space left on device", "disk quota exceeded", "no inodes left"} {
		if strings.Contains(reason, words) {
			return mendDisk
		}
	}
	return ""
}
