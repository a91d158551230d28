#!/bin/sh
# Makes a release, in dist/: an archive and the Debian packages for each architecture, what
# the commands are made of (SBOM, as CycloneDX), and the sums of all of it.
#
# Usage: release.sh
#
#   DIST      the folder that they come into
#   RELEASE   for which architectures, of amd64, arm64 and armv7; without it, for all
#
# The same commit and the same version of Go make the same bytes, wherever the folder is: what
# there is of time is the commit's. "go version -m bin/distributor" says which Go it was;
# "GOTOOLCHAIN=go1.26.8 make release" takes that one.
set -eu
umask 022
cd "$(dirname "$0")/.."
. scripts/common.sh
help "$@"
takes_nothing "$@"

here=$PWD
dist=${DIST:-dist}
commands="distributor cleanup hostguard"
documents="LICENSE README.md CHANGELOG.md SECURITY.md INTEGRATION.md CONTRIBUTING.md .env.dist docs docker/host"

architectures=${RELEASE:-amd64 arm64 armv7}
for architecture in $architectures; do
	case $architecture in
	amd64 | arm64 | armv7) ;;
	*) die "RELEASE=$architectures: want some of amd64, arm64 and armv7" ;;
	esac
done
command -v go >/dev/null || die "Go is missing: the programs are built here."
git rev-parse -q --verify HEAD >/dev/null || die "A release is made of a commit, and there is none here: git clone the repository."
changes=$(git status --porcelain)
[ -z "$changes" ] || die "A release is made of a commit, and these changes are in none: git commit or git stash them.
$changes"
VERSION=$(version)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
name=wrp-distributor-$VERSION
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
mkdir "$work/out"
# Programs know their commit only where .git is a folder, which it is not in a worktree of git.
git clone -q . "$work/source" || die "The repository cannot be cloned, out of which a release is built."
export VERSION SOURCE_DATE_EPOCH
export GOAMD64=v1 GOARM64=v8.0 GOARM=7 GOFLAGS=
cd "$work/source"
go build -trimpath -modfile=packaging/tools/go.mod -o "$work/" github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod ||
	die "cyclonedx-gomod cannot be built, which lists what a release is made of."

# compile FOLDER ARCHITECTURE PACKAGES...: the commands, for Linux.
compile() {
	folder=$1 goarch=$2
	shift 2
	[ "$goarch" != armv7 ] || goarch=arm
	CGO_ENABLED=0 GOOS=linux GOARCH=$goarch go build -trimpath -buildvcs=true -ldflags=-s -o "$folder/" "$@" || die "The programs for $goarch cannot be built."
}

# boms ARCHITECTURE FOLDER: what each command there is made of. The tool notes sums of itself, which
# differ by the machine that it was built on, and would have a random number and the hour in each.
boms() {
	for command in $commands; do
		quietly "$work/cyclonedx-gomod" bin -json -std -noserial -notimestamp -output "$work/bom" "$2/$command" ||
			die "What $command is made of cannot be listed."
		sed '/"tools":/,/"component":/ { /"hashes": \[/,/\]/d; }' "$work/bom" >"$work/out/$name-linux-$1-$command.cdx.json"
	done
}

# archive ARCHITECTURE: documents stand in it as in the repository, and commands in bin/, so
# that what the documents say to type is right.
archive() {
	top=$work/$1/$name
	mkdir -p "$top"
	# shellcheck disable=SC2086 # a list of files
	git archive HEAD $documents ':!*.go' | tar -x -C "$top"
	# shellcheck disable=SC2046 # a list of packages
	compile "$top/bin" "$1" $(printf './cmd/%s ' $commands)
	boms "$1" "$top/bin"
	tar -C "$work/$1" --sort=name --format=gnu --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
		--mtime="@$SOURCE_DATE_EPOCH" -cf - "$name" | gzip -9n >"$work/out/$name-linux-$1.tar.gz"
}

# packages ARCHITECTURE: as "make deb" makes them.
packages() {
	debian=$1
	[ "$debian" != armv7 ] || debian=armhf
	ARCH=$debian DIST=$work/out scripts/deb.sh
}

for architecture in $architectures; do
	say "Building for $architecture."
	archive "$architecture"
	packages "$architecture"
done
(cd "$work/out" && LC_ALL=C && export LC_ALL && sha256sum -- * >SHA256SUMS)
cd "$here"
mkdir -p "$dist"
cp "$work"/out/* "$dist/"
say "Made the release $VERSION in $dist/; its sums are in SHA256SUMS."
