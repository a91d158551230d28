package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/ssh"

	"wrpdistributor/internal/hosts"
)

// What to type. Hosts are taken to be a Debian with systemd, and who types to be root.
const (
	mendFrozen    = "systemctl restart ssh; journalctl -u ssh -n 20   # at its console: by ssh nobody gets in"
	mendShutOut   = "journalctl -u ssh -n 20; systemctl restart ssh"
	mendOldEngine = "apt-get update && apt-get install --only-upgrade -y $(dpkg -l docker.io docker-ce 2>/dev/null | awk '/^ii/ {print $2}')   # Debian 11 or newer has it"
	mendLimits    = `sed -i 's/^GRUB_CMDLINE_LINUX="/&cgroup_enable=memory swapaccount=1 /' /etc/default/grub && update-grub && reboot`
	startDocker   = "systemctl start docker"
	restartDocker = "systemctl restart docker"
	installDocker = "apt-get update && apt-get install -y docker.io"
)

// keyOptions are what stands before our key on a host: all that is needed, and no more than
// the guard's socket where there is one.
const keyOptions = `restrict,port-forwarding,command="/bin/false",permitopen="['$s']:*",permitopen="127.0.0.1:*",permitlisten="127.0.0.1:1"`

// lookForGuard begins what only its host knows how to go on with: s is the socket for the
// key, and g the group that may open it.
const lookForGuard = "if [ -e /etc/wrp-hostguard.conf ]; then s=/run/wrp-hostguard/docker.sock g=wrp-hostguard; else s=/var/run/docker.sock g=docker; fi; "

// startGuard starts a guard that has stopped, unless its settings are wrong, which it says.
const startGuard = "wrp-hostguard --check && { systemctl reset-failed wrp-hostguard.service; systemctl restart wrp-hostguard.socket; }"

// hostname is the name by which the host is reached.
func (p *patient) hostname() string {
	name, _, _ := net.SplitHostPort(p.SSH.Addr)
	return name
}

// mendName has the name corrected where it stands, or resolve here.
func (p *patient) mendName() string {
	return fmt.Sprintf("getent ahosts %[1]s   # as long as nothing comes: correct the name in %[2]s; or, if it is right, echo 'ADDRESS-OF-THE-HOST %[1]s' >>/etc/hosts",
		quote(p.hostname()), cmp.Or(p.cfg.Place, "CONTAINER_HOSTS or HOSTS_FILE"))
}

// mendConnection has sshd listen; or the host be on, at the address that is configured, or
// a firewall let us through.
func (p *patient) mendConnection(err error) Mend {
	_, port, _ := net.SplitHostPort(p.SSH.Addr)
	place := cmp.Or(p.cfg.Place, "CONTAINER_HOSTS or HOSTS_FILE")
	if errors.Is(err, syscall.ECONNREFUSED) {
		return Mend{On: p.place(), Command: "systemctl enable --now ssh   # or correct its port in " + place + ": ss -tlnp"}
	}
	return Mend{
		On:      Here,
		Command: fmt.Sprintf("ping -c 3 %s   # is it on, and is that its address? else correct it in %s", quote(p.hostname()), place),
		Else: &Else{
			If:      "it is on, and that is its address: a firewall is in between; on " + p.Name + ", and so in a firewall before it",
			Command: fmt.Sprintf("if command -v ufw; then ufw allow %[1]s/tcp; else iptables -I INPUT -p tcp --dport %[1]s -j ACCEPT; fi", port),
		},
	}
}

// mendHostKey has the host's key trusted, once somebody has compared it.
func (p *patient) mendHostKey(key hosts.HostKey, err error) Mend {
	file := p.cfg.Hosts.KnownHosts.Files[0]
	name, port, _ := net.SplitHostPort(p.SSH.Addr)
	scan := fmt.Sprintf("ssh-keyscan -p %s %s", port, name)
	trust := fmt.Sprintf("mkdir -p %[1]s && touch %[3]s && sed -i '$a\\' %[3]s && %[2]s >>%[3]s && chown --reference=%[1]s %[3]s", quote(filepath.Dir(file)), scan, quote(file))
	m := Mend{On: Here, Command: scan + " | ssh-keygen -lf -   # compare each kind with what the host says at its console: " + fingerprints}
	switch {
	case !key.IsKnown && strings.Contains(err.Error(), "permission denied"):
		m.Command = "chmod a+r " + file
	case !key.IsKnown:
		m.Else = &Else{If: "they are the same", Command: trust}
	case strings.Contains(err.Error(), "revoked"):
		m.Command = fmt.Sprintf("sed -i '\\|^@revoked.*%s|d' %s   # if you know why it was revoked", key.Base64, strings.Join(p.cfg.Hosts.KnownHosts.Files, " "))
	default:
		m.Else = &Else{If: "they are the same, for it was reinstalled (if they are not, somebody is in between)", Command: p.cfg.Hosts.KnownHosts.Forgetting(p.SSH.Addr) + "; " + trust}
	}
	return m
}

// fingerprints shows those of all kinds of key that a host has.
const fingerprints = `for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf "$f"; done`

// mendLogin has sshd let us in: there is such a user, with our key in a file that sshd
// trusts.
func (p *patient) mendLogin() Mend {
	byHand := fmt.Sprintf(lookForGuard+"groupadd -rf $g; id %[1]s || useradd -m -G $g %[1]s; case $(getent shadow %[1]s | cut -d: -f2) in '!' | '!!') usermod -p '*' %[1]s ;; esac; install -d -o %[1]s -m 700 ~%[1]s/.ssh; touch ~%[1]s/.ssh/authorized_keys; %[2]s; chown -R %[1]s ~%[1]s/.ssh; chmod -R go-w ~%[1]s ~%[1]s/.ssh",
		p.SSH.User, p.putKey())
	return Mend{On: p.place(), Command: byHand, Else: &Else{If: "you may log in there as root: all of it by one command, where the distributor runs", Command: p.addHost()}}
}

// addHost makes the host what it should be, where the distributor runs.
func (p *patient) addHost() string { return "distributor hosts add root@" + p.Name }

// keyLine is our line of authorized_keys.
func (p *patient) keyLine() string {
	return keyOptions + " " + strings.TrimSpace(string(ssh.MarshalAuthorizedKey(p.SSH.Signer.PublicKey())))
}

// replaceKey puts our line in the place of the one that has our key.
func (p *patient) replaceKey() string { return lookForGuard + p.putKey() }

// putKey is replaceKey without its beginning.
func (p *patient) putKey() string {
	key := strings.Fields(string(ssh.MarshalAuthorizedKey(p.SSH.Signer.PublicKey())))[1]
	return fmt.Sprintf("sed -i -e '\\|%[2]s|d' -e '$a\\' ~%[1]s/.ssh/authorized_keys; echo '%[3]s' >>~%[1]s/.ssh/authorized_keys", p.SSH.User, key, p.keyLine())
}

// mendWay opens the way to Docker. What is in the way is in the words of sshd and of
// the docker command.
func (p *patient) mendWay(err error) Mend {
	text := err.Error()
	has := func(part string) bool { return strings.Contains(strings.ToLower(text), part) }
	m := Mend{On: p.place()}
	switch {
	case p.SSH == nil && errors.Is(err, syscall.EACCES):
		m.Command = "usermod -aG docker $(id -un)   # then log in anew"
	case p.SSH == nil && errors.Is(err, os.ErrNotExist):
		m.Command = startDocker + "   # or, if this machine is to be no host, take it out of " + cmp.Or(p.cfg.Place, "CONTAINER_HOSTS or HOSTS_FILE")
	case p.SSH == nil:
		m.Command = startDocker
	case has("maxsessions 0"):
		m.Command = p.mendMaxSessions()
	case has("before docker answers"):
		m.Command = fmt.Sprintf("sed -i '1i [ -t 1 ] || return' ~%[1]s/.bashrc   # or, if command= of the key prints it: %[2]s", p.SSH.User, p.replaceKey())
	case has("permission denied"):
		m.Command = "usermod -aG docker " + p.SSH.User + "; chgrp docker /var/run/docker.sock"
	case has("cannot connect to the docker daemon"), has("raw stream connection"):
		m.Command = startDocker
	case has("docker: command not found"), has("docker: not found"):
		m.Command = installDocker
	case has("prohibited"):
		m.Command, m.Else = p.replaceKey(), p.mendSSHD()
	default:
		m.Command, m.Else = fmt.Sprintf("%sif [ $g = docker ]; then %s; else %s; fi; usermod -aG $g %s; %s   # all of it is needed; which was missing sshd does not say",
			lookForGuard, startDocker, startGuard, p.SSH.User, p.putKey()), p.mendSSHD()
	}
	return m
}

// mendForwarding opens the way to containers: sshd does not tell whether the key's line or
// its own configuration is in the way. The line is ours to change.
func (p *patient) mendForwarding() Mend {
	return Mend{On: p.place(), Command: p.replaceKey(), Else: p.mendSSHD()}
}

// mendSSHD lets our user through in sshd's configuration. The key's line says how far.
func (p *patient) mendSSHD() *Else {
	return &Else{
		If: "the check fails in the same way after that: then sshd's own configuration is in the way. " +
			"Warning: somebody may have meant that. This lets one user through, and leaves the lines of others as they are",
		Command: p.forUser("forwarding", "AllowTcpForwarding local", "AllowStreamLocalForwarding local", "PermitOpen any", "DisableForwarding no"),
	}
}

// mendMaxSessions has sshd allow as many sessions as it does by default.
func (p *patient) mendMaxSessions() string { return p.forUser("sessions", "MaxSessions 10") }

// forUser sets options of sshd for our user, before all that it has of the kind: the first
// block that matches counts.
func (p *patient) forUser(what string, options ...string) string {
	return fmt.Sprintf("printf 'Match User %[1]s\\n%[2]s\\n' >/etc/ssh/sshd_config.d/00-%[1]s-%[3]s.conf && sshd -t && systemctl reload ssh   # without a line Include /etc/ssh/sshd_config.d/*.conf in sshd_config (before Debian 11): the same lines at its end",
		p.SSH.User, strings.Join(options, "\\n"), what)
}

// mendMuteEngine is mendEngine for one by which no more is known than that nothing answers.
func (p *patient) mendMuteEngine(err error) Mend {
	if !p.way.Endless {
		return Mend{On: p.place(), Command: mendEngine(err)}
	}
	return Mend{On: p.place(), Command: "docker version || " + mendEngine(err), Else: &Else{
		If:      "Docker answers there: then command= of the key, or the user's shell, runs something else than docker system dial-stdio",
		Command: p.replaceKey(),
	}}
}

// mendKnown returns what to type if the engine's words, or the guard's, say what is wrong.
func mendKnown(err error) string { return cmp.Or(hosts.Mend(err.Error()), refusedByGuard(err)) }

// mendEngine has an engine answer that did not, or answered something else than asked.
func mendEngine(err error) string {
	if known := mendKnown(err); known != "" {
		return known
	}
	if text := hosts.InWords(err).Error(); strings.Contains(text, "is Docker stopped?") || strings.Contains(text, "Cannot connect to the Docker daemon") {
		return startDocker
	}
	return restartDocker
}

func (p *patient) mendNetwork(name string) string {
	if p.cfg.Hosts.Container.Network.Name != "" {
		return fmt.Sprintf("docker network create -o com.docker.network.bridge.enable_icc=false %s", name)
	}
	return "docker network rm " + name
}

// mendTable installs the host's table.
func (p *patient) mendTable() *Mend {
	if p.SSH == nil {
		return &Mend{On: Here, Command: "cp docker/host/wrp-egress.* /etc/ && systemctl enable --now /etc/wrp-egress.service"}
	}
	host := p.Address
	return &Mend{On: Here, Command: fmt.Sprintf("scp docker/host/wrp-egress.* root@%[1]s:/etc/ && ssh root@%[1]s systemctl enable --now /etc/wrp-egress.service", host)}
}

// mendCertificate makes a self-signed certificate where there is none that works.
func (p *patient) mendCertificate() string {
	return fmt.Sprintf("mkdir -p %s %s && openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=%s -keyout %s -out %s   # or put yours there",
		path.Dir(p.TLS.Cert), path.Dir(p.TLS.Key), cmp.Or(p.Address, "localhost"), p.TLS.Key, p.TLS.Cert)
}

func mendPort(foreign map[int]string) string {
	if len(foreign) == 0 {
		return "docker ps"
	}
	port := slices.Min(slices.Collect(maps.Keys(foreign)))
	if name, is := strings.CutPrefix(foreign[port], "container "); is {
		return "docker stop " + name
	}
	return fmt.Sprintf("ss -Htlnp 'sport = :%d' | grep -o 'pid=[0-9]*' | cut -d= -f2 | sort -u | xargs -r kill   # after a look at who it is: ss -tlnp 'sport = :%[1]d'", port)
}

// mendStart removes what kept a container from starting.
func (p *patient) mendStart(err error, port int) string {
	known := mendKnown(err)
	switch {
	case known != "":
		return known
	case errors.Is(err, hosts.ErrCertificate):
		return p.mendCertificate()
	case errors.Is(err, hosts.ErrPortTaken):
		return mendPort(map[int]string{port: ""})
	case errors.Is(err, hosts.ErrNetwork) && strings.Contains(err.Error(), "address pool"):
		return "docker network prune"
	case errors.Is(err, hosts.ErrNetwork) && strings.Contains(err.Error(), "same bridge name"):
		return "df -h; docker network ls   # make room if the disk is full; remove the network that has the bridge wrp0; if none has it, " + restartDocker
	case errors.Is(err, hosts.ErrNetwork):
		return restartDocker
	}
	return p.mendExit()
}

// mendExit shows why a container ends, or cannot be started at all.
func (p *patient) mendExit() string {
	c := p.cfg.Hosts.Container
	command := "docker run --rm " + c.Image
	for _, arg := range c.Args {
		command += " " + quote(strings.ReplaceAll(arg, "{token}", "x"))
	}
	return command + "   # then correct WRP_ARGS or WRP_IMAGE in .env"
}

// shutOut is an sshd that hangs up. Most often it has been told nothing wrong this time.
func (p *patient) shutOut(err error) error {
	if text := err.Error(); !strings.Contains(text, "EOF") && !strings.Contains(text, "reset by peer") {
		return p.fails(err, mendShutOut)
	}
	return ailment{
		fmt.Errorf("%w: sshd hangs up; it shuts out for a minute or two who failed to log in several times (PerSourcePenalties), as checks before this one may have", err),
		Mend{On: Here, Command: "sleep 120; distributor hosts check " + p.Name, Else: &Else{If: "it hangs up still, on " + p.Name, Command: mendShutOut}},
	}
}

// quote writes a word so that a shell reads it as one.
func quote(word string) string {
	plain := func(r rune) bool {
		return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) || strings.ContainsRune("-_./:=@%+,", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// mendMute is for a container that runs, and answers not even on the host itself.
func (p *patient) mendMute() string {
	return restartDocker + "   # it makes the firewall rules for published ports anew; else look at WRP_ARGS: WRP has to listen on 8080"
}

// mendFirewall opens the ports of sessions to clients. What Docker publishes does not come
// by the rules for the host itself.
func (p *patient) mendFirewall() string {
	return fmt.Sprintf("iptables -I DOCKER-USER -p tcp -m conntrack --ctorigdstport %d:%d -j RETURN   # until the next boot; and open them in a firewall before the host",
		p.cfg.StartPort, p.cfg.StartPort+p.portCount()-1)
}
