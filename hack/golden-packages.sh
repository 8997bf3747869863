#!/usr/bin/env bash
# Prints the packages whose tests know the flag -update; the others would refuse it.
set -euo pipefail
cd "$(dirname "$0")/.."
grep -rlE --include='*_test.go' 'flag\.Bool(Var)?\(.*"update"' . | xargs -r -n1 dirname | sort -u
