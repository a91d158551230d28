# Read by the other scripts, whose working folder is the root of the repository.

say() { echo "$*" >&2; }
die() { say "$*"; exit 1; }

# help "$@": says what stands at the beginning of the script, if that is all that was asked for.
help() {
	case "$#$*" in
	1-h | 1--help) ;;
	*) return 0 ;;
	esac
	sed -n -e 1d -e '/^#/!q' -e 's/^# \{0,1\}//p' "scripts/${0##*/}"
	exit
}

# takes_nothing "$@"
takes_nothing() { [ $# = 0 ] || die "${0##*/} takes nothing behind it. Nothing was done."; }

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

# version: that of the tag, or one that grows with each commit and is before every tag's.
version() {
	tag=$(git describe --tags --exact-match --match 'v[0-9]*' 2>/dev/null || true)
	[ -z "$tag" ] || { echo "${tag#v}"; return; }
	TZ=UTC git log -1 --abbrev=12 --date=format-local:%Y%m%d%H%M%S --format=0.0~%cd.%h 2>/dev/null ||
		die "There is no commit here to take a version from: set VERSION=1.2.3 and SOURCE_DATE_EPOCH, the time of the files."
}

# image_context FOLDER: what an image is made of but its programs, which are to come into
# FOLDER/image/root (of a release, one folder for each architecture). The stage before the last
# needs a registry, and builders without BuildKit never leave one out.
image_context() {
	rm -rf "$1"
	mkdir -p "$1/image/data" "$1/image/root/etc/ssl/certs"
	# For a database reached over TLS.
	[ ! -f /etc/ssl/certs/ca-certificates.crt ] || cp /etc/ssl/certs/ca-certificates.crt "$1/image/root/etc/ssl/certs/"
	sed -n '/^FROM scratch/,$ { s/ --from=build//; p; }' docker/Dockerfile >"$1/Dockerfile"
}
