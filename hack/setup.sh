#!/usr/bin/env bash
# Installs what the build, the lab and the tests need from the system. Does nothing where it is all there.
set -euo pipefail

# command:package (Debian); gcc is for Gitea's SQLite, kubectl for the demo, the rest are servers of the lab.
needed=(git:git gcc:gcc make:make kubectl:kubernetes-client
  haproxy:haproxy prometheus:prometheus prometheus-alertmanager:prometheus-alertmanager)
PATH=$PATH:/usr/sbin # haproxy is there

missing=()
for entry in "${needed[@]}"; do
  command -v "${entry%%:*}" >/dev/null || missing+=("${entry##*:}")
done
if [[ ! -e /usr/include/stdlib.h ]]; then
  missing+=(libc6-dev)
fi
# Without a moto of its own, the machine needs what the lab installs one with.
if ! command -v moto_server >/dev/null && ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
  missing+=(python3-venv)
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
  # The lab starts its servers itself. Debian would start them as services, too: not now, says this file, which Debian
  # asks (invoke-rc.d(8)), and not at the next boot.
  policy=/usr/sbin/policy-rc.d
  if [[ ! -e $policy ]]; then
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
  fi
  "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"
  for package in "${missing[@]}"; do
    if [[ -d /run/systemd/system && -e /lib/systemd/system/$package.service ]]; then
      "${as_root[@]}" systemctl disable --quiet "$package.service"
    fi
  done
fi

if ! command -v go >/dev/null; then
  echo "install Go first, the version of go.mod or later" >&2
  exit 1
fi
