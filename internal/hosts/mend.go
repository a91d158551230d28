package hosts

import (
	"errors"
	"fmt"
	"strings"
)

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

// MendPull returns what to type where the distributor runs against a pull that failed.
func MendPull(h Host, image string, err error) string {
	text := err.Error()
	if command := Mend(text); command != "" {
		return OnHost(h, command)
	}
	if errors.Is(err, ErrUnreachable) || errors.Is(err, ErrDown) {
		return "distributor hosts check " + h.Name
	}
	bring := "docker load -i FILE"
	if h.SSH != nil {
		bring = fmt.Sprintf("docker save %s | ssh root@%s docker load", image, h.Address)
	}
	for _, words := range []string{"not found", "denied", "manifest unknown", "unauthorized", "does not exist", "invalid reference"} {
		if strings.Contains(text, words) && !strings.Contains(text, "dial ") {
			return bring + "   # the registry has no such image, or wants a login: where the image is; or correct WRP_IMAGE in .env"
		}
	}
	return bring + "   # where the image is: the host does not reach its registry"
}

// OnHost returns a command for a host's root: the distributor's own key runs none.
func OnHost(h Host, command string) string {
	if h.SSH == nil {
		return command
	}
	return fmt.Sprintf("ssh root@%s '%s'", h.Address, command)
}
