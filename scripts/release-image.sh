#!/bin/sh
# Makes the image of a release out of its archives in dist/: the same programs, but not the
# guard, which is for container hosts.
#
# Usage: release-image.sh                     of this machine's architecture, into its Docker
#        release-image.sh NAME:TAG...         of all architectures, into a registry
#
#   DIST         the folder with the release, as "make release" made it
#   SOURCE_URL   where the repository is, as the images have it in a label
set -eu
umask 022
cd "$(dirname "$0")/.."
. scripts/common.sh
help "$@"
for name; do
	case $name in -*) die "There is no option $name: want names for a registry, or nothing." ;; esac
done

dist=${DIST:-dist}
most=25000000 # bytes of an image, compressed

[ -f "$dist/SHA256SUMS" ] || die "There is no release in $dist/: make release"
[ -f /etc/ssl/certs/ca-certificates.crt ] || die "There are no certificates here to go into the image: apt-get install ca-certificates"
VERSION=$(version)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

# programs ARCHITECTURE: takes them out of the release, if it is the one of this commit.
programs() {
	root=$work/image/${1%v7}
	archive=wrp-distributor-$VERSION-linux-$1.tar.gz
	(cd "$dist" && grep " $archive\$" SHA256SUMS | sha256sum -c --quiet -) >&2 || die "$dist/ has not the release $VERSION for $1: make release"
	mkdir -p "$root"
	cp -r "$work/image/root/." "$root"
	tar -xz -C "$root" --strip-components=2 -f "$dist/$archive" "wrp-distributor-$VERSION/bin/distributor" "wrp-distributor-$VERSION/bin/cleanup"
}

# mine prints how a release calls this machine's architecture.
mine() {
	case $(docker version -f '{{.Server.Arch}}') in
	amd64) echo amd64 ;;
	arm64) echo arm64 ;;
	arm) echo armv7 ;;
	*) die "Docker runs on another architecture than amd64, arm64 or armv7 here, or not at all." ;;
	esac
}

# is_small IMAGE: what somebody who pulls it has to wait for.
is_small() {
	docker save -o "$work/image.tar" "$1"
	bytes=$(gzip -c "$work/image.tar" | wc -c)
	rm "$work/image.tar"
	[ "$bytes" -le $most ] || die "The image $1 has $bytes bytes compressed, and may have $most."
	say "Built the image $1, $bytes bytes compressed."
}

build_here() {
	architecture=$(mine)
	programs "$architecture"
	image=wrpdistributor:$(echo "$VERSION" | tr '~' '-')
	quietly docker build --build-arg TARGETARCH="${architecture%v7}" -t "$image" "$work" || die "The image $image cannot be built."
	is_small "$image"
}

# publish NAME:TAG...: nothing is run in what is built, so that any machine builds for all.
publish() {
	for architecture in amd64 arm64 armv7; do programs "$architecture"; done
	for name; do
		set -- "$@" -t "$name"
		shift
	done
	SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) docker buildx build --platform linux/amd64,linux/arm64,linux/arm/v7 --provenance=false \
		--label org.opencontainers.image.version="$VERSION" --label org.opencontainers.image.source="${SOURCE_URL:-}" \
		--output type=image,push=true,rewrite-timestamp=true "$@" "$work" || die "The images cannot be built, or not be pushed."
}

image_context "$work"
# BuildKit says by TARGETARCH which architecture it builds for.
sed -i -e 's, /image/root/, /image/$TARGETARCH/,' -e 's,^FROM scratch,&\nARG TARGETARCH,' "$work/Dockerfile"
if [ $# = 0 ]; then build_here; else publish "$@"; fi
