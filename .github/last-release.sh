#!/bin/sh
# Runs a command in the last release instead of in what is checked out; if there has been none,
# nothing.
#
# Usage: last-release.sh COMMAND...
set -eu
tag=$(git tag --sort=-version:refname | grep -Ex 'v[0-9]+\.[0-9]+\.[0-9]+' | head -n 1)
[ -n "$tag" ] || { echo "There is no release yet."; exit 0; }
echo "In $tag:"
git checkout -q "$tag"
exec "$@"
