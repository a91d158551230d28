#!/bin/sh
# Runs dockerd and sshd until told to end; /run/ready appears when both serve.
set -eu

end() {
	trap - TERM INT
	kill $sshd $dockerd 2>/dev/null || true
	wait
	exit 0
}

# What a killed predecessor left in this container would stop dockerd.
rm -f /run/ready /run/docker.pid /run/docker/containerd/containerd.pid
if [ -n "${AUTHORIZED_KEYS:-}" ]; then
	printf '%s\n' "$AUTHORIZED_KEYS" >/home/wrp/.ssh/authorized_keys
	chown wrp: /home/wrp/.ssh/authorized_keys
fi
# Its own choice of addresses would look free, and be a network of the outer engine.
dockerd --log-level=error --bip=10.213.0.1/24 --default-address-pool base=10.214.0.0/16,size=24 & dockerd=$!
/usr/sbin/sshd -e -D & sshd=$!
trap end TERM INT

for _ in $(seq 300); do
	[ ! -S /run/docker.sock ] || ! docker version >/dev/null 2>&1 || break
	sleep 0.1
done
for image in /images/*.tar; do
	[ ! -f "$image" ] || docker load -q -i "$image"
done
touch /run/ready
wait $dockerd
