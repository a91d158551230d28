# Read by the scripts for the stack, after common.sh: Compose, with the files that the
# settings ask for.
. scripts/caddy.sh

image=$(setting DISTRIBUTOR_IMAGE wrpdistributor)
project=$(setting COMPOSE_PROJECT_NAME wrp)

compose() {
	# shellcheck disable=SC2086 # two words, and a list of options
	$compose --env-file "$PWD/.env" -f "$file" $more -p "$project" "$@"
}

# one_at_a_time waits for whoever else changes this stack, or has started its MySQL only to ask
# it something, and keeps others waiting until this script and those that it calls have ended.
one_at_a_time() {
	[ -z "${WRP_STACK_TAKEN:-}" ] || return 0
	command -v flock >/dev/null || return 0
	exec 9<.
	flock -n 9 || { say "Waiting for another make up, image, stop, down, destroy, refresh, backup or restore here to end."; flock -w 3600 9 || die "It has not ended for an hour. Nothing was done."; }
	export WRP_STACK_TAKEN=yes
}

# find_compose: "docker compose" or "docker-compose", whichever is there.
find_compose() {
	docker version >/dev/null 2>&1 || die "No Docker engine answers; \"docker version\" says why."
	compose="docker compose"
	docker compose version >/dev/null 2>&1 || compose=docker-compose
	command -v "${compose%% *}" >/dev/null || die "Compose is missing (Debian: apt-get install docker-compose)."
	check_profiles
	choose_file
	choose_caddy
}

# choose_file: the host "local" needs Docker's socket in the container, a gateway
# and TLS need their ports outside of it.
choose_file() {
	file=docker/compose.yaml
	more=
	hosts=$(setting CONTAINER_HOSTS local)
	in=CONTAINER_HOSTS
	if [ -n "$(setting HOSTS_FILE)" ]; then
		in=$(setting HOSTS_FILE)
		case $in in
		/ssh/*) hosts=$(awk '$1 !~ /^#/ { printf "%s,", $1 }' "ssh/${in#/ssh/}") || die "HOSTS_FILE=$in is ssh/${in#/ssh/} here, and cannot be read." ;;
		*) die "HOSTS_FILE=$in is no file in the container: put it into the folder ssh, and set HOSTS_FILE=/ssh/NAME." ;;
		esac
	fi
	case ,$(echo "$hosts" | tr -d ' '), in
	*,local,*)
		file=docker/compose.local.yaml
		[ -S /var/run/docker.sock ] || die "$in has \"local\" in it, and there is no /var/run/docker.sock."
		DOCKER_GID=$(stat -L -c %g /var/run/docker.sock)
		export DOCKER_GID
		return
		;;
	esac
	listen=$(setting TLS_LISTEN)
	if [ -n "$listen" ]; then
		export TLS_PORT="${listen##*:}" TLS_PUBLISH="$(published "$listen")"
		more="-f docker/compose.api-tls.yaml"
	fi
	! has_profile local-host || die "The profile local-host is for the host \"local\", which is not in $in: put it there, or take local-host out of COMPOSE_PROFILES."
	listen=$(setting GATEWAY_LISTEN)
	[ -n "$listen" ] || return 0
	export GATEWAY_PORT="${listen##*:}" GATEWAY_PUBLISH="$(published "$listen")"
	more="$more -f docker/compose.gateway.yaml"
	listen=$(setting GATEWAY_TLS_LISTEN)
	[ -n "$listen" ] || return 0
	export GATEWAY_TLS_PORT="${listen##*:}" GATEWAY_TLS_PUBLISH="$(published "$listen")"
	more="$more -f docker/compose.gateway-tls.yaml"
}

# published LISTEN: as Compose takes it. The stack's networks know IPv4 only, and what comes by
# IPv6 would all seem to come from one client: Docker itself.
published() {
	case $1 in
	:*) echo "0.0.0.0$1$1" ;;
	*) echo "$1:${1##*:}" ;;
	esac
}

# make_password: MySQL keeps the one that it was first started with. A .env that others
# could read was made by hand.
make_password() {
	[ -z "$(setting MYSQL_PASSWORD)" ] || return 0
	if [ -n "$(find .env -perm /077)" ]; then
		chmod 600 .env || die ".env can be read by others, and is to have a password; who owns it can say: chmod 600 .env"
		say "Others could read .env; now its owner alone can, since it has passwords."
	fi
	printf '\n# The database of the Compose stack.\nMYSQL_PASSWORD=%s\n' "$(random)" >>.env
	say "Added a random MYSQL_PASSWORD to .env."
}

# have_image VARIABLE DEFAULT NAME: of those that tests use, NAME is for where there is no
# registry.
have_image() {
	wanted=$(setting "$1" "$2")
	docker image inspect "$wanted" >/dev/null 2>&1 || docker pull "$wanted" ||
		die "The image $wanted cannot be pulled. Where no registry can be reached: make test-images, then $1=$3 in .env."
}

have_mysql_image() { have_image MYSQL_IMAGE mysql:8.4 wrp-test-mysql; }

# runs SERVICE
runs() {
	for id in $(compose ps -q "$1" 2>/dev/null); do
		[ "$(docker inspect -f '{{.State.Running}}' "$id")" != true ] || return 0
	done
	return 1
}

# serves SERVICE: does it run, and answer who looks whether it does?
serves() { [ "$(docker inspect -f '{{.State.Health.Status}}' "$(compose ps -q "$1")" 2>/dev/null)" = healthy ]; }

# has_database: did the stack run here before?
has_database() { docker volume inspect "${project}_mysql" >/dev/null 2>&1; }

# start_mysql starts MySQL alone, unless it runs, and waits until it serves.
start_mysql() {
	started=
	if ! runs mysql; then
		started=yes
		have_mysql_image
		quietly compose up -d --no-build mysql || die "MySQL cannot be started."
	fi
	tries=180
	until serves mysql; do
		tries=$((tries - 1))
		# It may be at work on its files, in which it is not disturbed.
		[ $tries -gt 0 ] || { started=; die "MySQL does not serve; scripts/stack.sh logs mysql says why."; }
		sleep 1
	done
}

# leave_mysql stops MySQL again if start_mysql has started it, and nobody needs it by now.
leave_mysql() {
	if [ -z "${started:-}" ] || runs distributor || runs cleanup; then
		return 0
	fi
	quietly compose stop mysql
}

# in_mysql COMMAND: runs a shell command in MySQL's container. It knows $client,
# $dump, their $options, and $MYSQL_DATABASE.
in_mysql() {
	compose exec -T mysql sh -c '
		export MYSQL_PWD="$MYSQL_PASSWORD"
		options="-h 127.0.0.1 -u $MYSQL_USER --default-character-set=utf8mb4"
		client=mysql dump=mysqldump
		! command -v mariadb >/dev/null || client=mariadb
		! command -v mariadb-dump >/dev/null || dump=mariadb-dump
		'"$1"
}

# count TABLE: how many rows it has; none if there is no such table. It fails where nobody knows.
count() {
	in_mysql 'table=$($client $options -N "$MYSQL_DATABASE" -e "SHOW TABLES LIKE '\'"$1"\''") || exit 1
		[ -n "$table" ] || { echo 0; exit; }
		$client $options -N "$MYSQL_DATABASE" -e "SELECT COUNT(*) FROM '"$1"'"'
}
