#!/bin/sh
# Makes the Debian packages wrp-distributor and wrp-hostguard, in dist/.
#
# Usage: deb.sh [distributor] [hostguard]     (without a name: both)
#
#   ARCH      amd64, arm64 or armhf; without it, this machine's
#   VERSION   of the packages; without it, that of the tag, or one by the commit's time
#   DIST      the folder that they come into
#
# The same commit makes the same bytes: their time is the commit's (or SOURCE_DATE_EPOCH).
set -eu
cd "$(dirname "$0")/.."
. scripts/common.sh
help "$@"

for name; do
	case $name in
	distributor | hostguard) ;;
	*) die "there is no package $name, want distributor or hostguard" ;;
	esac
done
command -v go >/dev/null || die "Go is missing: the programs are built here."
dist=${DIST:-dist}
arch=${ARCH:-$(go env GOARCH)}
case $arch in
amd64 | arm64 | armhf) ;;
arm) arch=armhf ;;
*) die "ARCH=$arch: want amd64, arm64 or armhf" ;;
esac

DEB_VERSION=${VERSION:-$(version)}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
DEB_ARCH=$arch
DEB_BUILD=$(mktemp -d)
trap 'rm -rf "$DEB_BUILD"' EXIT
trap 'exit 1' INT TERM
export SOURCE_DATE_EPOCH DEB_VERSION DEB_ARCH DEB_BUILD

# compile PROGRAM COMMAND [ARCH]: a command as the package has it.
compile() {
	goarch=${3:-$arch} goarm=
	[ "$goarch" != armhf ] || goarch=arm goarm=7
	CGO_ENABLED=0 GOOS=linux GOARCH=$goarch GOARM=$goarm \
		go build -trimpath -buildvcs=auto -tags packaged -ldflags=-s -o "$DEB_BUILD/$1" "./cmd/$2" || die "$1 cannot be built."
}

# changelog PACKAGE: Debian wants one; what changed says git.
changelog() {
	printf '%s (%s) unstable; urgency=medium\n\n  * As of this version of the repository.\n\n -- %s  %s\n' \
		"$1" "$DEB_VERSION" "$(sed -n 's/^maintainer: //p' "packaging/${1#wrp-}.yaml")" "$(date -u -R -d "@$SOURCE_DATE_EPOCH")" |
		gzip -9n >"$DEB_BUILD/changelog.gz"
}

pack() { # PACKAGE
	changelog "$1"
	mkdir -p "$dist"
	file=$1_${DEB_VERSION}_$arch.deb
	# Elsewhere first: half a package in there would be taken for one.
	quietly go tool -modfile=packaging/tools/go.mod nfpm package -p deb -f "packaging/${1#wrp-}.yaml" -t "$DEB_BUILD/$file" ||
		die "$dist/$file cannot be made."
	mv "$DEB_BUILD/$file" "$dist/$file"
	say "Made $dist/$file"
}

distributor() {
	compile wrp-distributor distributor
	compile wrp-cleanup cleanup
	# For "hosts add": a host need not be a machine of the server's kind.
	for kind in amd64 arm64 armhf; do compile "wrp-hostguard-$kind" hostguard "$kind"; done
	pack wrp-distributor
}

hostguard() {
	compile wrp-hostguard hostguard
	# As it stands there it is for whoever copies it to /etc, and says how.
	sed -e '1,/^\[Unit\]/ { /^#/d }' -e 's,/etc/wrp-egress.sh,/usr/lib/wrp-hostguard/wrp-egress.sh,' \
		docker/host/wrp-egress.service >"$DEB_BUILD/wrp-egress.service"
	pack wrp-hostguard
}

[ $# -gt 0 ] || set -- distributor hostguard
say "Compiling the programs, which takes some minutes the first time."
for name; do $name; done
