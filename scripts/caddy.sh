# Read by compose.sh: the profiles of the stack, and Caddy, which is there with "tls".

# has_profile NAME
has_profile() {
	case ,$(setting COMPOSE_PROFILES | tr -d ' '), in
	*,"$1",*) return 0 ;;
	esac
	return 1
}

check_profiles() {
	for profile in $(setting COMPOSE_PROFILES | tr ', ' '  '); do
		case $profile in
		tls | local-host) ;;
		*) die "COMPOSE_PROFILES=$profile: there is no such profile, want tls or local-host." ;;
		esac
	done
}

# choose_caddy adds the files that Caddy needs, and what they want to know: $file and
# $more are those of the stack without it.
choose_caddy() {
	has_profile tls || return 0
	COMPOSE_PROFILES=tls
	CADDY_NAME=$(setting CADDY_NAME)
	[ -n "$CADDY_NAME" ] || die "The profile tls needs CADDY_NAME in .env, the name by which clients reach this machine, such as wrp.example."
	CADDY_FILES=$(sum_of docker/caddy certs)
	export COMPOSE_PROFILES CADDY_NAME CADDY_FILES
	trusted=$(setting TRUSTED_PROXIES 127.0.0.0/8,::1/128)
	[ "$trusted" != none ] || trusted=
	case $file in
	*local*) caddy_beside ;;
	*) caddy_in_front ;;
	esac
	export CADDY_TRUSTED="${trusted:+$trusted,}$CADDY_ADDRESS"
	listen=$(setting GATEWAY_LISTEN)
	[ -z "$listen" ] || caddy_with_gateway
}

# sum_of FOLDER...: another one when a file in them is.
sum_of() { find -L "$@" -type f -exec cksum {} + 2>/dev/null | LC_ALL=C sort | cksum; }

# caddy_beside: both in the machine's network.
caddy_beside() {
	more="$more -f docker/compose.local-tls.yaml"
	CADDY_ADDRESS=$(loopback "$(setting DISTRIBUTOR_BIND)")
	export CADDY_DISTRIBUTOR="$CADDY_ADDRESS:$(setting DISTRIBUTOR_PORT 7777)"
}

# caddy_in_front: the sixth address of their network, which Docker gives last.
caddy_in_front() {
	more="$more -f docker/compose.tls.yaml"
	subnet=$(setting CADDY_SUBNET 172.31.254.0/29)
	base=${subnet%/*}
	export CADDY_ADDRESS="${base%.*}.$((${base##*.} + 6))"
}

caddy_with_gateway() {
	export CADDY_FILE=gateway.Caddyfile CADDY_GATEWAY="distributor:${listen##*:}"
	case $file in
	*local*) CADDY_GATEWAY=$(loopback "${listen%:*}"):${listen##*:} ;;
	*) more="$more -f docker/compose.tls-gateway.yaml" ;;
	esac
}

# loopback ADDRESS: where on this machine something is that listens on ADDRESS.
loopback() {
	case $1 in
	"" | 0.0.0.0) echo 127.0.0.1 ;;
	*) echo "$1" ;;
	esac
}

# has_run CONTAINER: for a minute or more?
has_run() { docker ps --filter "id=$1" --filter status=running --format '{{.Status}}' | grep -qv second; }

# await_caddy waits until it serves. One that does not like its settings ends at once; one that
# has served for long may have written so much since that its log does not say so any more.
await_caddy() {
	id=$(compose ps -q caddy)
	tries=60
	until docker logs "$id" 2>&1 | grep -q 'serving initial configuration' || has_run "$id"; do
		tries=$((tries - 1))
		if [ "$(docker inspect -f '{{.RestartCount}}' "$id")" != 0 ] || [ $tries = 0 ]; then
			docker logs --tail 20 "$id" 2>&1 | grep -i error | tail -n 3 >&2
			die "Caddy does not start, and says why above. Correct CADDY_NAME, CADDY_TLS and certs/, then make up. The distributor runs."
		fi
		sleep 1
	done
}
