#!/bin/sh
# Makes the images that tests can use besides this machine's own programs:
#
#   wrp-test-mysql           MySQL as Debian sid has it, started like the official image
#   wrp-test-mariadb         MariaDB, likewise
#   wrp-test-container-host  a machine with Docker and sshd, from Debian sid
#   wrp-test-machine         a machine with systemd, from Debian trixie, to install packages on
#   wrp-test-caddy           Caddy, the web server in front of the Compose stack
#   wrp-test-new-host        the same with Docker and sshd, to make a container host of
#   wrp-test-tenox7          WRP as tenox7/wrp has it, a proxy too, with Chromium from Debian sid
#
# No image registry is needed, only a Debian mirror. The root file systems are
# kept in the cache folder, so that the second time takes seconds.
#
# Usage: test-images.sh [mysql] [mariadb] [container-host] [machine] [new-host] [caddy] [tenox7]
#        (without a name: all; tenox7 only with WRP_SOURCE)
#
#   WRP_SOURCE     a clone of https://github.com/tenox7/wrp
#   DEBIAN_MIRROR  where the packages come from, if not where mmdebstrap looks by itself
#   CACHE_DIR      where root file systems are kept
set -eu
cd "$(dirname "$0")/.."
. scripts/common.sh
help "$@"

cache=${CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/wrpdistributor-tests}

# rootfs IMAGE PACKAGES [SUITE]: imports a Debian sid, or another, with these packages.
rootfs() {
	image=$1 packages=$2 suite=${3:-sid}
	tar=$cache/rootfs-$(echo "$packages${3:+ of $3}" | sha256sum | cut -c1-12).tar
	if [ ! -f "$tar" ]; then
		command -v mmdebstrap >/dev/null || die "mmdebstrap is missing (Debian: apt-get install mmdebstrap)"
		say "$image: fetching Debian packages, a minute or two"
		mkdir -p "$cache"
		# The date of an archive that is mirrored rarely may have passed.
		mmdebstrap --variant=minbase --include="$packages" \
			--aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Languages "none"' \
			--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
			--dpkgopt='path-exclude=/usr/share/locale/*' \
			"$suite" "$tar.$$.tar" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"}
		mv "$tar.$$.tar" "$tar"
	fi
	stamp=$(basename "$tar" .tar)
	if [ "$(docker image inspect -f '{{.Comment}}' "$image" 2>/dev/null)" != "$stamp" ]; then
		say "$image: importing $tar"
		docker import -m "$stamp" "$tar" "$image" >/dev/null
	fi
}

# build NAME: makes the image wrp-test-NAME from its folder.
build() {
	say "wrp-test-$1: building"
	quietly docker build -t "wrp-test-$1" "docker/test-images/$1" || die "wrp-test-$1 cannot be built"
}

# try COMMAND...: starts a container with this command, which prints its id, and
# sees that it becomes healthy. It is removed.
try() {
	id=$("$@") || return 1
	for _ in $(seq 300); do
		health=$(docker inspect -f '{{.State.Health.Status}}' "$id")
		[ "$health" != healthy ] || break
		sleep 1
	done
	[ "$health" = healthy ] || docker logs "$id" >&2
	docker rm -fv "$id" >/dev/null
	[ "$health" = healthy ]
}

mysql() {
	rootfs wrp-test-mysql-base mysql-server-core,mysql-client-core
	build mysql
	try docker run -d -e MYSQL_DATABASE=try -e MYSQL_USER=try -e MYSQL_PASSWORD=try wrp-test-mysql ||
		die "wrp-test-mysql does not work"
	say "wrp-test-mysql works"
}

mariadb() {
	rootfs wrp-test-mariadb-base mariadb-server-core,mariadb-client-core,mariadb-client
	build mariadb
	try docker run -d -e MYSQL_DATABASE=try -e MYSQL_USER=try -e MYSQL_PASSWORD=try wrp-test-mariadb ||
		die "wrp-test-mariadb does not work"
	say "wrp-test-mariadb works"
}

container_host() {
	rootfs wrp-test-container-host-base docker.io,docker-cli,openssh-server,iptables,iproute2,ca-certificates,passwd,systemd-standalone-sysusers,procps
	build container-host
	try scripts/container-host.sh || die "wrp-test-container-host does not work"
	say "wrp-test-container-host works"
}

machine() {
	# Packages are for those who have a stable release.
	rootfs wrp-test-machine-base systemd,systemd-sysv,init-system-helpers,debconf,openssh-client,nftables,procps trixie
	build machine
	try env IMAGE=wrp-test-machine scripts/container-host.sh || die "wrp-test-machine does not work"
	say "wrp-test-machine works"
}

caddy() {
	rootfs wrp-test-caddy-base caddy,ca-certificates
	build caddy
	quietly docker run --rm wrp-test-caddy caddy version || die "wrp-test-caddy does not work"
	say "wrp-test-caddy works"
}

new_host() {
	rootfs wrp-test-new-host-base systemd,systemd-sysv,docker.io,docker-cli,openssh-server,sudo,iptables,nftables,iproute2,ca-certificates,passwd,procps trixie
	build new-host
	try env IMAGE=wrp-test-new-host scripts/container-host.sh || die "wrp-test-new-host does not work"
	say "wrp-test-new-host works"
}

# The commit that is built, so that tests know what they meet.
wrp_commit=42bba02

tenox7() {
	[ -n "${WRP_SOURCE:-}" ] || die "WRP_SOURCE is not set, want a clone of https://github.com/tenox7/wrp"
	rootfs wrp-test-tenox7-base chromium-headless-shell,ca-certificates,fonts-dejavu-core
	folder=$(mktemp -d)
	trap 'rm -rf "$folder"' EXIT
	say "wrp-test-tenox7: building"
	mkdir "$folder/source"
	git -C "$WRP_SOURCE" archive "$wrp_commit" >"$folder/source.tar" ||
		die "WRP_SOURCE=$WRP_SOURCE has no commit $wrp_commit, want a whole clone of https://github.com/tenox7/wrp"
	tar -xf "$folder/source.tar" -C "$folder/source"
	(cd "$folder/source" && CGO_ENABLED=0 quietly go build -trimpath -ldflags=-s -o "$folder/wrp" .) || die "WRP cannot be built"
	quietly docker build -t wrp-test-tenox7 -f docker/test-images/tenox7/Dockerfile "$folder" ||
		die "wrp-test-tenox7 cannot be built"
	try docker run -d --cap-drop ALL --read-only --tmpfs /tmp wrp-test-tenox7 || die "wrp-test-tenox7 does not work"
	say "wrp-test-tenox7 works"
}

for name; do
	case $name in
	mysql | mariadb | container-host | machine | new-host | caddy | tenox7) ;;
	*) die "there is no image $name, want mysql, mariadb, container-host, machine, new-host, caddy or tenox7" ;;
	esac
done
docker version >/dev/null 2>&1 || die "no Docker engine answers"
[ $# -gt 0 ] || set -- mysql mariadb container-host machine new-host caddy ${WRP_SOURCE:+tenox7}
for name; do
	case $name in
	container-host) container_host ;;
	new-host) new_host ;;
	*) "$name" ;;
	esac
done
