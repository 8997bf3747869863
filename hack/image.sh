#!/usr/bin/env bash
# Builds the container image cutover:VERSION with whichever builder is installed.
set -euo pipefail
cd "$(dirname "$0")/.."
version=${1:?"usage: hack/image.sh VERSION"}

for builder in docker podman buildah; do
  if command -v "$builder" >/dev/null; then
    exec "$builder" build --build-arg "VERSION=$version" --tag "cutover:$version" .
  fi
done
echo "no container builder found: install docker, podman or buildah" >&2
exit 1
