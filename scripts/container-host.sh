#!/bin/sh
# Starts a container host in the background and prints its id. Arguments: what
# "docker run" gets before the image, such as --name NAME -p 127.0.0.1:2222:22.
# With --tmpfs /var/lib/docker:exec it is quicker, and forgets all at a restart.
# IMAGE=wrp-test-machine starts a machine with systemd instead.
#
# Usage: container-host.sh [OPTION OF DOCKER RUN...]
set -eu
case "$#$*" in
1-h | 1--help)
	cd "$(dirname "$0")/.."
	. scripts/common.sh
	help "$@"
	;;
esac

start() {
	id=$(docker create "$@" "${IMAGE:-wrp-test-container-host}")
	if error=$(docker start "$id" 2>&1); then
		echo "$id"
		return
	fi
	docker rm -v "$id" >/dev/null
	return 1
}

# Where a privileged container is not allowed to run, most of its parts may be.
start --privileged "$@" || start --cap-add ALL --cap-drop SYS_RESOURCE \
	--security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined \
	--device-cgroup-rule 'a *:* rwm' -v /sys/fs/cgroup:/sys/fs/cgroup:rw "$@" || { echo "$error" >&2; exit 1; }
