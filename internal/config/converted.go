package config

import (
	"fmt"
	"strings"

	"wrpdistributor/internal/hosts"
)

// Converted returns the hosts of CONTAINER_HOSTS and the lists beside it as the text of a
// HOSTS_FILE, with a line more. Passphrases are not in it: comments say where they are to
// be.
func Converted(envFile string, theirs Environment, line string) (string, error) {
	c, err := Load(envFile, theirs)
	if err != nil {
		return "", err
	}
	v, _, _, err := read(envFile, theirs)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	keys := v.keyLists(len(c.Hosts))
	for i, h := range c.Hosts {
		login := ""
		if h.SSH != nil {
			user, file, passphrase := splitLogin(keys[i])
			file = strings.TrimLeft(file, "/") // in SSH_DIR it is, also with a /
			login = fmt.Sprintf(" user=%s key=%s", user, file)
			if passphrase != "" {
				fmt.Fprintf(&b, "# The passphrase of %s has to stand in %[1]s.pass, beside it.\n", file)
				login += " passphrase-file=" + file + ".pass"
			}
		}
		fmt.Fprintf(&b, "%s%s%s\n", h.Name, login, options(h))
	}
	return withLine(b.String(), line), nil
}

// keyLists returns the entries of CONTAINER_HOSTS_KEYS, which are right.
func (v *variables) keyLists(hosts int) []string {
	list, _ := new(parser).secret("CONTAINER_HOSTS_KEYS", v.ContainerHostsKeys, v.ContainerHostsKeysFile)
	if v.ContainerHostsKeysFile != "" {
		return lines(list, hosts)
	}
	return strings.Split(list, ",")
}

// options are what a line says of a host besides the login.
func options(h hosts.Host) string {
	text := " max=" + limitOf(h)
	if h.TLS != nil {
		text += " tls=" + h.TLS.Cert + "~" + h.TLS.Key
	}
	if h.Warm > 0 {
		text += fmt.Sprintf(" warm=%d", h.Warm)
	}
	if h.WarmTLS > 0 {
		text += fmt.Sprintf(" warm-tls=%d", h.WarmTLS)
	}
	return text
}
