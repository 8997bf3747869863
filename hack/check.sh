#!/usr/bin/env bash
# Everything that a change must pass, stage by stage, with the time that each took.
set -euo pipefail
cd "$(dirname "$0")/.."

report=()
stage() {
  local name=$1 start=$SECONDS
  shift
  printf '\n==> %s\n' "$name"
  if ! "$@"; then
    printf '\n%s failed after %d s\n' "$name" $((SECONDS - start)) >&2
    exit 1
  fi
  report+=("$(printf '%5d s  %s' $((SECONDS - start)) "$name")")
}

formatted() {
  local files
  files=$(gofmt -l .)
  if [[ -n $files ]]; then
    printf 'not formatted, run make fmt:\n%s\n' "$files" >&2
    return 1
  fi
}

# state is what git sees of the working tree: a person may run this with changes that are not committed.
state() {
  git status --porcelain --untracked-files=all
  git diff
}

generated() {
  local before after
  before=$(state)
  go generate ./... || return 1
  after=$(state)
  if [[ $before != "$after" ]]; then
    echo "generated files were out of date; commit what go generate ./... changed:" >&2
    diff <(echo "$before") <(echo "$after") >&2 || true
    return 1
  fi
}

# image does what the Dockerfile's build does, in a directory that holds what .dockerignore admits and nothing else: CI has
# no container engine.
image() (
  dir=$(mktemp -d) || return 1
  trap 'rm -rf "$dir"' EXIT
  target=$(sed -n 's/^RUN make \([a-z]*\) .*/\1/p' Dockerfile)
  sed -n 's/^!//p' .dockerignore | xargs cp -r -t "$dir" || return 1
  make --no-print-directory -C "$dir" "${target:?the Dockerfile runs no make}" VERSION=check || return 1
  programs=$(cd "$dir/bin" && echo *)
  if [[ $programs != "cutover secret-sync" ]]; then
    echo "the image would hold $programs: want cutover and secret-sync" >&2
    return 1
  fi
)

stage "formatted"                  formatted
stage "go.mod is tidy"             go mod tidy -diff
stage "generated files up to date" generated
stage "build"                      make --no-print-directory build
stage "image"                      image
stage "lint"                       make --no-print-directory lint
stage "test"                       make --no-print-directory test
stage "simulate"                   make --no-print-directory simulate N=2000
stage "demo"                       make --no-print-directory demo ARGS=--exit

printf '\nall good\n'
printf '%s\n' "${report[@]}"
