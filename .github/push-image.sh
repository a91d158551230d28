#!/bin/sh
# Pushes the image of the release in dist/ to this repository's registry on GitHub.
#
# Usage: push-image.sh TAG...
#
#   GH_TOKEN   of the workflow, which may write packages
set -eu
cd "$(dirname "$0")/.."
name=ghcr.io/$(echo "$GITHUB_REPOSITORY" | tr '[:upper:]' '[:lower:]')
images=
for tag; do images="$images $name:$tag"; done
echo "$GH_TOKEN" | docker login ghcr.io -u "$GITHUB_ACTOR" --password-stdin
docker buildx create --use # the one that is there builds for one architecture only
SOURCE_URL=$GITHUB_SERVER_URL/$GITHUB_REPOSITORY make release-image PUSH="${images# }"
