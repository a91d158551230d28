#!/bin/sh
# Serves on 127.0.0.1:7777 with whatever this machine has: "make run". What the
# environment or .env say wins over every choice made here.
#
# Usage: run.sh
set -eu
cd "$(dirname "$0")/.."
. scripts/common.sh
help "$@"
takes_nothing "$@"

real=alb42/amifoxserver:latest
standin=wrp-standin:latest
socket=/var/run/docker.sock
patience=20 # seconds for a registry to begin to answer

# engine: the engine that the distributor means by "local".
engine() { docker -H "unix://$socket" "$@"; }

# engine_trouble: why this script cannot use the engine; nothing: it can.
engine_trouble() {
	if [ ! -S "$socket" ]; then
		echo "there is no Docker engine here ($socket)"
	elif ! command -v docker >/dev/null; then
		echo "the docker command is missing, although an engine has $socket (Debian: docker-cli)"
	elif [ ! -w "$socket" ]; then
		echo "you may not use $socket (are you in the group docker?)"
	elif ! timeout 10 docker -H "unix://$socket" version >/dev/null 2>&1; then
		echo "no Docker engine answers on $socket"
	fi
}

# can_pull IMAGE: does a registry hand it out? A download is not waited for, only
# its beginning.
can_pull() {
	log=$(mktemp)
	engine pull "$1" >"$log" 2>&1 &
	pull=$!
	left=$((patience * 5))
	while kill -0 $pull 2>/dev/null && [ $left -gt 0 ] && ! grep -q 'Pulling fs layer\|Already exists' "$log"; do
		sleep 0.2
		left=$((left - 1))
	done
	begun=$(grep -c 'Pulling fs layer\|Already exists\|Status: ' "$log" || true)
	kill $pull 2>/dev/null || true
	wait $pull 2>/dev/null || true
	rm -f "$log"
	[ "$begun" -gt 0 ]
}

build_standin() {
	CGO_ENABLED=0 go build -trimpath -ldflags=-s -o bin/wrp-standin/wrp-standin ./docker/wrp-standin
	quietly engine build -f docker/wrp-standin/Dockerfile -t "$standin" bin/wrp-standin ||
		die "The stand-in image cannot be built."
}

# tell_account ADDRESS: once the distributor serves, whose process this is by then, say how
# a browser gets in. The account is made when there is none of that name.
tell_account() {
	left=120 password=
	until has_account; do
		left=$((left - 1))
		[ $left -gt 0 ] && kill -0 $$ 2>/dev/null || return 0
		sleep 0.5
	done
	if [ -n "$password" ]; then
		say "Or open http://$1/ in a browser: name demo, password $password"
	else
		say "Or open http://$1/ in a browser: name demo, password as it was said first. Another one: bin/distributor accounts password demo"
	fi
}

# has_account: is there an account demo by now? Sets password if it was made just now. Whoever
# answers may still wait for its database, or be somebody else's service at that address.
has_account() {
	bin/distributor healthcheck >/dev/null 2>&1 || return 1
	# Asked for an account now, it would warn in its log that it has to wait.
	! bin/distributor status --json 2>/dev/null | grep -q '"serviceWaits":true' || return 1
	password=$(bin/distributor accounts add demo --note 'made by make run' --json 2>/dev/null | sed -n 's/.*"password":"\([^"]*\)".*/\1/p')
	[ -n "$password" ] || bin/distributor accounts list 2>/dev/null | grep -q '^demo '
}

make_env
if [ -z "$(setting LISTEN)" ]; then
	export LISTEN=127.0.0.1:7777
	# Who cannot ask for a session needs no way to its container.
	[ -n "$(setting PUBLISH_ADDRESS)$(setting LOCAL_ADDRESS)" ] || export PUBLISH_ADDRESS=127.0.0.1
fi
if [ -z "$(setting CLEANUP_EVERY)" ]; then
	export CLEANUP_EVERY=1m # there is no cron here
fi
if [ -z "$(setting PORTAL)" ]; then
	export PORTAL=accounts
	if [ -z "$(setting GATEWAY_LISTEN)" ]; then
		export GATEWAY_LISTEN=127.0.0.1:7778
		[ -n "$(setting GATEWAY_ADDRESS)" ] || export GATEWAY_ADDRESS=127.0.0.1:7778
	fi
fi

pretend=
if [ -n "$(setting CONTAINER_HOSTS)" ]; then
	say "Container hosts: those of CONTAINER_HOSTS, $(setting CONTAINER_HOSTS)."
elif [ -n "$(setting HOSTS_FILE)" ]; then
	say "Container hosts: those of HOSTS_FILE, $(setting HOSTS_FILE)."
elif trouble=$(engine_trouble) && [ -n "$trouble" ]; then
	pretend=2
	say "Container hosts: two pretend ones, since $trouble."
elif [ -n "$(setting WRP_IMAGE)" ]; then
	say "Container host: this machine's Docker engine, with the image of WRP_IMAGE, $(setting WRP_IMAGE)."
elif engine image inspect "$real" >/dev/null 2>&1; then
	say "Container host: this machine's Docker engine, with the real WRP ($real)."
elif say "Looking whether $real can be pulled, at most $patience seconds." && can_pull "$real" && engine pull "$real"; then
	say "Container host: this machine's Docker engine, with the real WRP ($real)."
else
	say "It cannot; building a stand-in for WRP instead."
	build_standin
	export WRP_IMAGE="$standin"
	say "Container host: this machine's Docker engine, with a stand-in for WRP that shows made-up pages."
fi

address=$(setting LISTEN)
case $address in
:*) address=127.0.0.1$address ;;
esac
say "Once it serves, get a session from another terminal with:"
say_curl "$address"
case $(setting PORTAL) in
accounts) tell_account "$(setting GATEWAY_ADDRESS "$(setting GATEWAY_LISTEN)")" & ;;
anyone) say "Or open http://$(setting GATEWAY_ADDRESS "$(setting GATEWAY_LISTEN)")/ in a browser." ;;
esac
exec bin/distributor ${pretend:+--pretend $pretend}
