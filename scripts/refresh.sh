#!/bin/sh
# Newer images for the Compose stack: those of MySQL and Caddy are pulled, the one of
# distributor and cleanup is built anew, and what has changed is started again. Then the
# container hosts pull WRP. Sessions go on; who asks for one meanwhile waits, or is told
# to ask again in a moment. Every night: docker/wrp-refresh.timer.
#
# Usage: refresh.sh
#
# Ends with 1 if something could not be had, and says how to go back to what ran before.
set -eu
cd "$(dirname "$0")/.."
. scripts/common.sh
help "$@"
takes_nothing "$@"
# Go may have been installed where timers and cron do not look.
PATH=$PATH:/usr/local/go/bin
[ -e .env ] || die "There is no .env: nothing was started here yet (make up)."
. scripts/compose.sh

failed=

# image_of SERVICE: the image that its container was made of.
image_of() { docker inspect -f '{{.Image}}' "$(compose ps -q "$1")" 2>/dev/null || true; }

# is_pulled IMAGE: did it come from a registry, and not from a build on this machine?
is_pulled() { [ "$(docker image inspect -f '{{len .RepoDigests}}' "$1" 2>/dev/null || echo 1)" != 0 ]; }

# pull IMAGE
pull() {
	if is_pulled "$1"; then
		quietly docker pull "$1" || { failed=yes; say "The image $1 cannot be pulled; the one that is here stays."; }
	else
		say "The image $1 was made on this machine, and is not pulled."
	fi
}

# forget SERVICE OLD-IMAGE: of an image that was replaced nothing is left, unless it has a
# name, or another container.
forget() {
	if [ -z "$2" ] || [ "$(image_of "$1")" = "$2" ]; then
		return 0
	fi
	say "$1 has a newer image now."
	# By its id the last name of an image would be removed with it.
	[ "$(docker image inspect -f '{{len .RepoTags}}' "$2" 2>/dev/null)" != 0 ] || docker image rm "$2" >/dev/null 2>&1 || true
}

# say_back SERVICE OLD-IMAGE: how to go back to that.
say_back() {
	id=$(compose ps -q "$1")
	if [ -z "$2" ] || [ -z "$id" ] || [ "$(image_of "$1")" = "$2" ]; then
		return 0
	fi
	say "  docker tag $2 $(docker inspect -f '{{.Config.Image}}' "$id") && scripts/stack.sh create --no-build $1 && scripts/stack.sh start $1"
}

one_at_a_time
find_compose
runs distributor || die "The stack does not run, so that nothing was refreshed. make up starts it."
had_mysql=$(image_of mysql) had=$(image_of distributor)
! has_profile tls || had_caddy=$(image_of caddy)
pull "$(setting MYSQL_IMAGE mysql:8.4)"
! has_profile tls || pull "$(setting CADDY_IMAGE caddy:2)"
if scripts/stack.sh up; then
	forget mysql "$had_mysql"
	forget distributor "$had"
	! has_profile tls || forget caddy "$had_caddy"
else
	failed=yes
	say "The stack could not be started anew, see above. Images of before are kept; what was exchanged goes back by:"
	say_back mysql "$had_mysql"
	say_back distributor "$had"
	! has_profile tls || say_back caddy "$had_caddy"
	serves distributor || die "The distributor does not serve, so that the hosts did not pull WRP."
fi
compose exec -T distributor /distributor hosts pull || failed=yes
[ -z "$failed" ] || die "Not everything is new, see above."
say "All is as new as it can be had."
