#!/usr/bin/env bash
# Runs every fuzz target of the program, one after the other: go test takes one target at a time.
set -euo pipefail
cd "$(dirname "$0")/.."
fuzztime=${1:?"usage: hack/fuzz.sh FUZZTIME, such as 60s"}

# go test -list prints the names that match, then one line for the package that has them.
targets=$(go test -list '^Fuzz' ./... | awk '
  /^Fuzz/ {names[++n] = $1}
  /^ok/   {for (i = 1; i <= n; i++) print $2, names[i]; n = 0}')
if [[ -z $targets ]]; then
  echo "no fuzz target found" >&2
  exit 1
fi
while read -r package name; do
  echo "==> $package $name"
  # Making an input smaller that reaches new code may take 20 runs, not the minute that is the default: it would
  # take most of the time.
  go test -run '^$' -fuzz "^$name\$" -fuzztime "$fuzztime" -fuzzminimizetime 20x "$package" </dev/null
done <<<"$targets"
