#!/bin/sh
# Loads, removes or shows the table that keeps WRP containers from what is near
# their host; see wrp-egress.nft beside this file.
#
# Usage: wrp-egress.sh load | unload | show
#
#   EGRESS=lan    containers may reach private networks too, for those who browse
#                 their own; never the host, other containers or link-local
#   BRIDGE=NAME   the bridge of the containers; wrp0, unless they are on a network of
#                 your own (CONTAINER_NETWORK)
#   RESOLV_CONF   where the host's resolvers stand
set -eu
usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; }
case ${1:-} in
-h | --help)
	usage
	exit
	;;
esac

table="inet wrp_egress" # as in the file with the rules
die() { echo "wrp-egress: $*" >&2; exit 1; }

# resolv_conf: the file that Docker takes resolvers from, too.
resolv_conf() {
	if [ -z "${RESOLV_CONF:-}" ]; then
		RESOLV_CONF=/etc/resolv.conf
		# systemd-resolved listens on loopback, where containers cannot ask it.
		if grep -q '^nameserver 127\.0\.0\.53' $RESOLV_CONF 2>/dev/null && [ -r /run/systemd/resolve/resolv.conf ]; then
			RESOLV_CONF=/run/systemd/resolve/resolv.conf
		fi
	fi
	[ -r "$RESOLV_CONF" ] || die "$RESOLV_CONF cannot be read, so that containers could look up no names"
	echo "$RESOLV_CONF"
}

# resolvers: addresses, one a line, without zones.
resolvers() {
	conf=$(resolv_conf) || return 1
	sed -n 's/^[[:space:]]*nameserver[[:space:]]\{1,\}\([0-9a-fA-F:.]*\).*/\1/p' "$conf"
}

# rules prints everything that is loaded, so that it is loaded at one stroke.
rules() {
	case ${EGRESS:-} in
	lan) lan='/set lan[46] {/,/}/ { /elements = /d }' ;; # nft 1.1.3 crashes at a set that is flushed in the same file
	"" | internet) lan= ;;
	*) die "EGRESS=$EGRESS: want lan or internet" ;;
	esac
	sed -e "s/\"wrp0\"/\"${BRIDGE:-wrp0}\"/" -e "$lan" "$(dirname "$0")/wrp-egress.nft"
}

# names prints what is loaded behind the rules: where containers may look up names.
names() {
	addresses=$(resolvers) || return 1
	for address in $addresses; do
		case $address in
		127.* | ::1) ;; # Docker asks those from the host itself
		*:*) echo "add element $table resolvers6 { $address }" ;;
		*) echo "add element $table resolvers4 { $address }" ;;
		esac
	done
}

command -v nft >/dev/null || die "nft is missing (Debian: apt-get install nftables)"
case ${1:-} in
load)
	text=$(rules)
	known=$(names) || {
		! nft list table $table >/dev/null 2>&1 || die "the table stays as it is"
		echo "$text" | nft -f - # no names are better than no table
		die "the table is loaded without resolvers"
	}
	printf '%s\n' "$text" "$known" | nft -f -
	;;
unload) nft delete table $table 2>/dev/null || true ;;
show) nft list table $table ;;
*) usage >&2; exit 2 ;;
esac
