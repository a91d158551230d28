#!/bin/sh
# Runs Docker where it sees the control groups that the kernel has for it. systemd knows the
# new kind only; of an engine outside with the old kind that has no controllers.
set -e
memory=$(awk '$1 == "memory" { print $2 }' /proc/cgroups)
if [ "${memory:-0}" != 0 ]; then
	umount -R /sys/fs/cgroup
	mount -t tmpfs tmpfs /sys/fs/cgroup
	awk '!/^#/ && $2 { print $1 }' /proc/cgroups | while read -r controller; do
		mkdir "/sys/fs/cgroup/$controller"
		mount -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/$controller"
	done
	set -- --exec-opt native.cgroupdriver=cgroupfs
fi
exec /usr/sbin/dockerd -H fd:// "$@"
