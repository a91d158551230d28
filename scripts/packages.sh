#!/bin/sh
# Sees that what the tests need is installed. On Debian as root it installs what
# is missing, else it says what that is. No service is started or left enabled.
#
# Usage: packages.sh [e2e]     (e2e: also for the tests that take long)
set -eu
cd "$(dirname "$0")/.."
. scripts/common.sh
help "$@"
[ $# = 0 ] || [ "$*" = e2e ] || die "packages.sh takes nothing but e2e behind it. Nothing was done."

missing=
has() { PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null; }
need() { # PROGRAM PACKAGES...
	program=$1
	shift
	has "$program" || missing="$missing $*"
}
need gcc gcc libc6-dev # for the race detector
has mysqld || need mariadbd mariadb-server-core mariadb-client-core
has mysqldump || need mariadb-dump mariadb-client
need sshd openssh-server
need ssh-keygen openssh-client
need nft nftables # the host's table, and what it keeps apart
need ip iproute2
need sqlite3 sqlite3 # make backup
! has docker || docker compose version >/dev/null 2>&1 || need docker-compose docker-compose
for browser in lynx w3m links elinks; do need $browser $browser; done
if [ "${1:-}" = e2e ]; then
	has chromium-headless-shell || need chromium chromium
	need lintian lintian # the Debian packages
	need mmdebstrap mmdebstrap debian-archive-keyring # images for tests, which are made on a new machine
fi
promtool=
has promtool || promtool=prometheus # the alert rules; its package is a service, of which nothing else is wanted
[ -n "$missing$promtool" ] || exit 0

if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
	missing="$missing${promtool:+ $promtool}"
	echo "Missing Debian packages:$missing" >&2
	echo "Tests that need them are skipped. To install them: sudo apt-get install --no-install-recommends$missing" >&2
	exit 0
fi

policy=/usr/sbin/policy-rc.d
had_sshd=
! has sshd || had_sshd=yes
if [ ! -e $policy ]; then
	trap 'rm -f $policy' EXIT
	trap 'exit 1' INT TERM
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
fi
echo "Installing Debian packages:$missing${promtool:+ promtool}"
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update </dev/null || true # what is known may do
# shellcheck disable=SC2086 # a list of packages
if [ -n "$missing" ] && ! apt-get -qq install -y --no-remove --no-install-recommends $missing </dev/null >/dev/null; then
	echo "They cannot be installed; tests that need them cannot run." >&2
fi
# The program alone: no service, no user, and none of the packages that its pages need.
take_promtool() {
	folder=$(mktemp -d)
	(
		cd "$folder" && apt-get -qq download prometheus </dev/null >/dev/null 2>&1 &&
			dpkg-deb --fsys-tarfile prometheus_*.deb | tar -xf - ./usr/bin/promtool &&
			install -m 755 usr/bin/promtool /usr/local/bin/promtool
	) || echo "promtool cannot be installed; the alert rules cannot be tested." >&2
	rm -rf "$folder"
}
[ -z "$promtool" ] || take_promtool
if [ -z "$had_sshd" ] && command -v systemctl >/dev/null; then
	systemctl -q disable ssh.service ssh.socket >/dev/null 2>&1 || true
fi
