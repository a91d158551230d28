package hosts

import (
	"errors"
	"fmt"
	"net"
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
	bring := fmt.Sprintf("docker save %s >FILE, and here docker load -i FILE", image)
	if h.SSH != nil {
		bring = fmt.Sprintf("docker save %s | %s docker load", image, asRoot(h))
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
	return fmt.Sprintf("%s '%s'", asRoot(h), command)
}

// asRoot is the ssh of a host's root, by the address where its sshd is.
func asRoot(h Host) string {
	host, port, _ := net.SplitHostPort(h.SSH.Addr) // as the configuration makes it
	if port == "22" {
		return "ssh root@" + host
	}
	return "ssh -p " + port + " root@" + host
}
