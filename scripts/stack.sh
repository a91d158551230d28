#!/bin/sh
# The Compose stack: MySQL, distributor, cleanup. With "docker compose" or
# "docker-compose", whichever is there.
#
# Usage: stack.sh image | up | stop | logs | cleanup [MINUTES] | down | destroy
# or any command of Compose, such as: stack.sh ps
set -eu
cd "$(dirname "$0")/.."
. scripts/common.sh

user=65532 # in the containers
image=$(setting DISTRIBUTOR_IMAGE wrpdistributor)
project=$(setting COMPOSE_PROJECT_NAME wrp)

compose() {
	if docker compose version >/dev/null 2>&1; then
		set -- docker compose --env-file "$PWD/.env" -f "$file" $more -p "$project" "$@"
	elif command -v docker-compose >/dev/null; then
		set -- docker-compose --env-file "$PWD/.env" -f "$file" $more -p "$project" "$@"
	else
		die "Compose is missing (Debian: apt-get install docker-compose)."
	fi
	"$@"
}

# choose_file: the host "local" needs Docker's socket in the container, a gateway
# needs its ports outside of it.
choose_file() {
	file=docker/compose.yaml
	more=
	case ,$(setting CONTAINER_HOSTS local | tr -d ' '), in
	*,local,*)
		file=docker/compose.local.yaml
		[ -S /var/run/docker.sock ] || die 'CONTAINER_HOSTS has "local" in it, and there is no /var/run/docker.sock.'
		DOCKER_GID=$(stat -L -c %g /var/run/docker.sock)
		export DOCKER_GID
		return
		;;
	esac
	listen=$(setting GATEWAY_LISTEN)
	[ -n "$listen" ] || return 0
	export GATEWAY_PORT="${listen##*:}" GATEWAY_PUBLISH="${listen#:}:${listen##*:}"
	more="-f docker/compose.gateway.yaml"
	listen=$(setting GATEWAY_TLS_LISTEN)
	[ -n "$listen" ] || return 0
	export GATEWAY_TLS_PORT="${listen##*:}" GATEWAY_TLS_PUBLISH="${listen#:}:${listen##*:}"
	more="$more -f docker/compose.gateway-tls.yaml"
}

make_image() {
	if ! command -v go >/dev/null; then
		say "Go is missing here, so that the programs are built in ${GO_IMAGE:=golang:1.26}."
		docker build --build-arg "GO_IMAGE=$GO_IMAGE" -f docker/Dockerfile -t "$image" .
		return
	fi
	rm -rf bin/context
	mkdir -p bin/context/image/data bin/context/image/root/etc/ssl/certs
	CGO_ENABLED=0 go build -trimpath -ldflags=-s -o bin/context/image/root/ ./cmd/...
	# For a database reached over TLS.
	[ ! -f /etc/ssl/certs/ca-certificates.crt ] || cp /etc/ssl/certs/ca-certificates.crt bin/context/image/root/etc/ssl/certs/
	# The stage before the last needs a registry, and builders without BuildKit
	# never leave one out.
	sed -n '/^FROM scratch/,$ { s/ --from=build//; p; }' docker/Dockerfile >bin/context/Dockerfile
	quietly docker build -t "$image" bin/context || die "The image $image cannot be built."
	say "Built the image $image."
}

prepare() {
	make_env
	if [ -z "$(setting MYSQL_PASSWORD)" ]; then
		printf '\n# The database of the Compose stack.\nMYSQL_PASSWORD=%s\n' "$(random)" >>.env
		say "Added a random MYSQL_PASSWORD to .env."
	fi
	mkdir -p ssh
	closed=$(find ssh ! -user $user \( -type d ! -perm -005 -o -type f ! -perm -004 \))
	[ -z "$closed" ] || die "The distributor, user $user in its container, cannot read $(echo $closed). Give it the folder: chown -R $user ssh"
	mysql=$(setting MYSQL_IMAGE mysql:8.4)
	docker image inspect "$mysql" >/dev/null 2>&1 || docker pull "$mysql" ||
		die "The image $mysql cannot be pulled. Where no registry can be reached: make test-images, then MYSQL_IMAGE=wrp-test-mysql in .env."
}

runs() {
	for id in $(compose ps -q "$1" 2>/dev/null); do
		[ "$(docker inspect -f '{{.State.Running}}' "$id")" != true ] || return 0
	done
	return 1
}

# in_cleanup ARGS...: runs cleanup in the stack, with a progress bar on a terminal.
in_cleanup() {
	tty=-T
	[ ! -t 0 ] || [ ! -t 2 ] || tty=
	compose exec $tty cleanup /cleanup "$@"
}

# stop_sessions: the distributor stops first, so that no client gets a new one.
stop_sessions() {
	if ! runs cleanup; then
		say "The stack does not run, so that no sessions can be stopped now."
		return 0
	fi
	compose stop distributor
	in_cleanup --all
}

up() {
	prepare
	make_image
	compose up -d --no-build --remove-orphans
	say "The stack is up, with $file$(echo "$more" | sed 's, *-f , and ,g'). Get a session with:"
	say_curl "127.0.0.1:$(setting DISTRIBUTOR_PORT 7777)"
}

# Every other command needs what up has prepared.
[ -e .env ] || [ "${1:-}" = up ] || [ "${1:-}" = image ] || die "There is no .env: nothing was started here yet (make up)."
choose_file
case ${1:-} in
image) make_image ;;
up) up ;;
logs) compose logs -f --tail=100 ;;
cleanup) in_cleanup --timeout "${2:-10}" ;;
stop)
	stop_sessions || left=yes
	compose stop
	[ -z "${left:-}" ] || die "Not all sessions could be stopped; cleanup stops them when the stack runs again."
	;;
down)
	stop_sessions || left=yes
	compose down --remove-orphans
	[ -z "${left:-}" ] || die "Not all sessions could be stopped; cleanup stops them when the stack runs again."
	;;
destroy)
	# Without its database no container could be recognised as ours.
	stop_sessions || [ -n "${FORCE:-}" ] ||
		die "Not all sessions could be stopped. Nothing more was done; FORCE=1 make destroy removes the database all the same, and their containers stay."
	compose down --volumes --remove-orphans
	;;
"") die "What? image, up, stop, logs, cleanup, down, destroy, or a command of Compose." ;;
*) compose "$@" ;;
esac
