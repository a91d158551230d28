#!/bin/sh
# The Compose stack: MySQL, distributor, cleanup, and with the profile tls Caddy. With
# "docker compose" or "docker-compose", whichever is there.
#
# Usage:
#   stack.sh image             build the image of distributor and cleanup
#   stack.sh up [SERVICE...]   build and start
#   stack.sh logs [SERVICE...]
#   stack.sh cleanup [...]     what the command cleanup takes: 5, --dry-run, --all
#   stack.sh stop              stop all sessions, then the stack
#   stack.sh stop SERVICE...   stop these services only; sessions go on
#   stack.sh down | destroy    stop all sessions, remove the stack (and its database)
# Anything else is a command of Compose: stack.sh ps
set -eu
cd "$(dirname "$0")/.."
. scripts/common.sh
help "$@"
. scripts/compose.sh

user=65532 # in the containers

make_image() {
	if ! command -v go >/dev/null; then
		say "Go is missing here, so that the programs are built in ${GO_IMAGE:=golang:1.26}."
		docker build --build-arg "GO_IMAGE=$GO_IMAGE" -f docker/Dockerfile -t "$image" .
		return
	fi
	say "Compiling the programs, which takes some minutes the first time."
	image_context bin/context
	CGO_ENABLED=0 go build -trimpath -ldflags=-s -o bin/context/image/root/ ./cmd/distributor ./cmd/cleanup
	quietly docker build -t "$image" bin/context || die "The image $image cannot be built."
	say "Built the image $image."
}

# refuse_other_database: the stack looks into no database but its own, which would
# begin empty beside the one with the sessions.
refuse_other_database() {
	[ -n "$(setting SESSION_DATABASE_DSN)$(setting SESSION_DATABASE_DSN_FILE)" ] || return 0
	say "SESSION_DATABASE_DSN is set, but the stack has a database of its own, and would start with that one. Nothing was started. Either
  - take over what the other one has: dump it, take SESSION_DATABASE_DSN (and ..._DSN_FILE) out of .env, and then
      make restore FILE=that-dump.sql
      make up
    docs/migrate-from-php.md has it step by step, also for the PHP program's Compose stack and its folder docker/mysql/data; or
  - start with an empty one: take SESSION_DATABASE_DSN (and ..._DSN_FILE) out of .env, and then make up."
	die "To go on with the other database, run the distributor without Compose: bin/distributor"
}

prepare() {
	make_password
	mkdir -p ssh
	closed=$(find ssh ! -user $user \( -type d ! -perm -005 -o -type f ! -perm -004 \))
	[ -z "$closed" ] || die "The distributor, user $user in its container, cannot read $(echo $closed). Give it the folder: chown -R $user ssh"
	have_mysql_image
	if has_profile tls; then
		mkdir -p certs
		have_image CADDY_IMAGE caddy:2 wrp-test-caddy
	fi
	[ $file != docker/compose.local.yaml ] || have_wrp
}

# have_wrp has this machine's own engine fetch WRP, which takes minutes the first time:
# whoever asked before that would be refused.
have_wrp() {
	wrp=$(setting WRP_IMAGE alb42/amifoxserver:latest)
	docker image inspect "$wrp" >/dev/null 2>&1 || docker pull "$wrp" ||
		say "The image $wrp cannot be pulled. Clients get no sessions on this machine until it can, or WRP_IMAGE is another one."
}

# in_cleanup ARGS...: runs cleanup in the stack, with a progress bar on a terminal.
in_cleanup() {
	tty=-T
	[ ! -t 0 ] || [ ! -t 2 ] || tty=
	if runs cleanup; then
		compose exec $tty cleanup /cleanup "$@"
	else
		compose run --rm --no-deps $tty --entrypoint /cleanup cleanup "$@"
	fi
}

# stop_sessions: the distributor stops first, so that no client gets a new one. Those of
# a database without a pool are the PHP program's, to which it was given back, or from
# which it was not taken over yet: they are in its own database, too.
stop_sessions() {
	if ! runs mysql; then
		say "The stack does not run, so that no sessions can be stopped now."
		return 0
	fi
	compose stop distributor
	if ! pools=$(count pool) || ! sessions=$(count sessions); then
		say "MySQL does not say whether there are sessions."
		return 1
	fi
	[ "$pools" = 0 ] || [ "$sessions" = 0 ] || in_cleanup --all
}

# await_distributor waits until it serves. Compose itself waits for minutes for one that
# ends at once, and does not say why it does.
await_distributor() {
	id=$(compose ps -q distributor)
	tries=180
	until serves distributor; do
		tries=$((tries - 1))
		if [ "$(docker inspect -f '{{.RestartCount}}' "$id")" != 0 ] || [ $tries = 0 ]; then
			# In the container there is no .env, only what was in it.
			docker logs --tail 20 "$id" 2>&1 | awk '!/^\.env: no such file/ && !said[$0]++' >&2
			die "The distributor does not start, and says why above. Correct .env, then make up."
		fi
		sleep 1
	done
}

up() {
	prepare
	make_image
	if [ $# != 0 ]; then
		compose up -d --no-build --remove-orphans "$@"
		return
	fi
	compose up -d --no-build --remove-orphans mysql distributor || die "Not started. If a container is unhealthy, it is MySQL: \"scripts/stack.sh logs mysql\" says why. MYSQL_PASSWORD has to be the one that it was first started with."
	await_distributor
	compose up -d --no-build --remove-orphans
	! has_profile tls || await_caddy
	await_host
	say "The stack is up, with $file$(echo "$more" | sed 's, *-f , and ,g'). Get a session with:"
	say_curl "$(loopback "$(setting DISTRIBUTOR_BIND)"):$(setting DISTRIBUTOR_PORT 7777)"
	! has_profile tls || say "From other machines: https://$(setting CADDY_NAME):$(setting CADDY_HTTPS_PORT 443)/, http:// at $(setting CADDY_HTTP_PORT 80)."
}

# await_host waits until a client could get a session; if none can, the distributor says why.
await_host() {
	tries=30
	id=$(compose ps -q distributor)
	until status=$(docker exec "$id" /distributor status 2>&1); do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || { say "$status"; return 0; }
		sleep 1
	done
}

# stop [SERVICE...]
stop() {
	if [ $# = 0 ]; then
		stop_sessions || left=yes
	fi
	compose stop "$@"
}

down() {
	stop_sessions || left=yes
	compose down --remove-orphans
}

destroy() {
	# Without its database no container could be recognised as ours. A stack that
	# was stopped may have left some.
	forced="FORCE=1 make destroy removes the database all the same, and their containers stay."
	if [ -z "${FORCE:-}" ] && has_database; then
		(start_mysql) || die "So nobody knows whether there are sessions. Nothing more was done; $forced"
	fi
	stop_sessions || [ -n "${FORCE:-}" ] ||
		die "Not all sessions could be stopped. Nothing more was done; $forced"
	compose down --volumes --remove-orphans
}

# in_service exec|run ARGS...: both take a terminal for granted, and fail where there is none
# unless they are told so, once.
in_service() {
	said=
	for word; do
		case $word in -T | --no-TTY | --no-tty) said=yes ;; esac
	done
	if [ -z "$said" ] && { [ ! -t 0 ] || [ ! -t 1 ]; }; then
		shift
		set -- "$command" -T "$@"
	fi
	compose "$@"
}

# alone COMMAND [ARGS...]: of commands that concern the whole stack.
alone() {
	[ $# = 1 ] || die "$1 concerns the whole stack, and takes nothing behind it. Nothing was done."
}

usage="What? image, up, logs, cleanup, stop, down, destroy, or a command of Compose; scripts/stack.sh begins with what they do."
command=${1:-}
case $command in
"") die "$usage" ;;
image | down | destroy) alone "$@" ;;
esac
# Every other command needs what up has prepared.
[ -e .env ] || [ "$command" = up ] || [ "$command" = image ] || die "There is no .env: nothing was started here yet (make up)."
case $command in
image | up | stop | down | destroy) one_at_a_time ;;
esac
case $command in
image)
	make_image
	exit
	;;
up)
	make_env
	refuse_other_database
	;;
esac
find_compose
shift
left=
case $command in
up) up "$@" ;;
logs) compose logs -f --tail=100 "$@" ;;
cleanup)
	runs mysql || die "The stack does not run, so that there is nothing to clean up with. make up starts it."
	in_cleanup "$@"
	;;
stop) stop "$@" ;;
down) down ;;
destroy) destroy ;;
exec | run) in_service "$command" "$@" ;;
*) compose "$command" "$@" ;;
esac
[ -z "$left" ] || die "Not all sessions could be stopped; cleanup stops them when the stack runs again."
