#!/bin/bash
# SPDX-License-Identifier: MIT
# clang-tidy over every C file that is built: tests/check-tidy.sh [FILE...]
# What it looks for is in .clang-tidy. The static analyzer, which takes five times as long as all the rest, is for what
# is installed: tests are run with sanitizers. Takes the compile commands of BUILD_DIR (build/dev).
set -euo pipefail
cd "$(dirname "$0")/.."

build=${BUILD_DIR:-build/dev}
if [[ ! -e $build/compile_commands.json ]]; then
    cmake --preset dev >/dev/null
    build=build/dev
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# a file that is built into a static and a shared library is looked at once
jq 'unique_by(.file)' "$build/compile_commands.json" >"$scratch/compile_commands.json"

if (($#)); then
    files=("$@")
else
    mapfile -t files < <(jq -r '.[].file' "$scratch/compile_commands.json")
fi
export scratch
status=0
printf '%s\0' "${files[@]}" | nice xargs -0 -n 1 -P "$(nproc)" bash -c '
    less=
    [[ /$0 != */tests/* ]] || less=-clang-analyzer-*
    if ! said=$(clang-tidy --quiet -p "$scratch" --checks="$less" "$0" 2>&1); then
        grep -v -E "^[0-9]+ warnings? (and [0-9]+ errors? )?generated|^Suppressed |^Use -header-filter" <<<"$said"
        grep " error: " <<<"$said" >>"$scratch/errors"
        exit 1
    fi' || status=1
if ((status)); then
    printf '\nin short:\n'
    sort -u "$scratch/errors"
fi
echo "${#files[@]} files"
exit $status
