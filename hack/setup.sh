#!/usr/bin/env bash
# Installs what the build, the lab and the tests need from the system. Does nothing where it is all there.
set -euo pipefail

# command:package (Debian); gcc is for Gitea's SQLite, kubectl for the demo.
needed=(git:git gcc:gcc make:make kubectl:kubernetes-client)

missing=()
for entry in "${needed[@]}"; do
  command -v "${entry%%:*}" >/dev/null || missing+=("${entry##*:}")
done
if [[ ! -e /usr/include/stdlib.h ]]; then
  missing+=(libc6-dev)
fi

if (( ${#missing[@]} > 0 )); then
  if ! command -v apt-get >/dev/null; then
    echo "install these first: ${missing[*]}" >&2
    exit 1
  fi
  as_root=()
  (( EUID == 0 )) || as_root=(sudo)
  export DEBIAN_FRONTEND=noninteractive
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

if ! command -v go >/dev/null; then
  echo "install Go first, the version of go.mod or later" >&2
  exit 1
fi
