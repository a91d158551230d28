#!/bin/sh
# Makes of a container what systemd takes for a machine of its own.
set -e
# Else services do not see the credentials that are mounted for them.
mount --make-rshared /
# systemd knows this kind of control groups only. An engine may have mounted the old one,
# and the kernel has both.
umount -R /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 none /sys/fs/cgroup
exec /lib/systemd/systemd
