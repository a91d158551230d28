# Read by the other scripts, whose working folder is the root of the repository.

say() { echo "$*" >&2; }
die() { say "$*"; exit 1; }

# quietly COMMAND...: what it prints is shown only if it fails.
quietly() {
	log=$(mktemp)
	"$@" >"$log" 2>&1 || { cat "$log" >&2; rm -f "$log"; return 1; }
	rm -f "$log"
}

# setting NAME [DEFAULT]: a variable's value, from the environment or from .env,
# judged as the commands do.
setting() {
	value=
	if eval "[ -n \"\${$1+set}\" ]"; then
		eval "value=\$$1"
	elif [ -f .env ]; then
		value=$(sed -n "s/^[[:space:]]*\(export[[:space:]][[:space:]]*\)\{0,1\}$1[[:space:]]*=[[:space:]]*//p" .env | tail -n 1 |
			sed -e 's/\r$//' -e "s/^'\([^']*\)'.*/\1/;t" -e 's/^"\([^"]*\)".*/\1/;t' -e 's/[[:space:]][[:space:]]*#.*//' -e 's/[[:space:]]*$//')
	fi
	echo "${value:-${2:-}}"
}

random() { od -An -v -N20 -tx1 /dev/urandom | tr -d ' \n'; }

# make_env sees that there is a .env.
make_env() {
	[ ! -e .env ] || return 0
	(umask 077 && sed "s/^AUTH_TOKEN=\$/AUTH_TOKEN=$(random)/" .env.dist >.env.new)
	mv .env.new .env
	say "Made .env from .env.dist, with a random AUTH_TOKEN."
}

# say_curl ADDRESS: a line to try the service with.
say_curl() {
	token=$(setting AUTH_TOKEN)
	file=$(setting AUTH_TOKEN_FILE)
	[ -n "$token" ] || [ -z "$file" ] || token="\$(cat $file)"
	say "  curl -i -X PUT -H \"Bearer: $token\" -A 'my-retro-computer/1' http://$1/"
}
