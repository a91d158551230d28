package torture

import (
	"time"

	"wrpdistributor/internal/hosts/hoststest"
)

// guardOnHost starts a guard as the package would, and takes Docker from the key's user.
const guardOnHost = `set -e
chmod 755 /usr/bin/wrp-hostguard
printf 'IMAGES=%s\nPORTS=1024-65535\nPUBLISH=*\n' "$1" >/etc/wrp-hostguard.conf
groupadd wrp-hostguard
usermod -aG wrp-hostguard wrp
gpasswd -d wrp docker
mkdir -p /run/wrp-hostguard /var/lib/wrp-hostguard
/usr/bin/wrp-hostguard --listen /run/wrp-hostguard/docker.sock >/run/wrp-hostguard/log 2>&1 &
while ! test -S /run/wrp-hostguard/docker.sock; do sleep 0.1; done
chgrp wrp-hostguard /run/wrp-hostguard/docker.sock
touch /run/wrp-hostguard/ready
wait
`

// startGuard has the host's key reach Docker through a guard only. What that has refused in
// the end is a violation: distributors ask for nothing that it does not let through.
func (h *realHost) startGuard() {
	h.t.Helper()
	hoststest.Docker(h.t, "cp", hoststest.GuardProgram(h.t), h.id+":/usr/bin/wrp-hostguard")
	hoststest.Docker(h.t, "exec", "-d", h.id, "sh", "-c", guardOnHost, "sh", realImage)
	for last := time.Now().Add(deadline); ; time.Sleep(lookPause) {
		if _, err := h.inside("test", "-e", "/run/wrp-hostguard/ready"); err == nil {
			break
		}
		if time.Now().After(last) {
			h.t.Fatal("the guard of a real host does not listen")
		}
	}
	h.t.Cleanup(func() {
		if log, err := h.inside("cat", "/run/wrp-hostguard/log"); err != nil || log != "" {
			h.t.Errorf("the guard of %s says: %s, %v", h.entry.Name, log, err)
		}
	})
}
