#!/bin/bash
# SPDX-License-Identifier: MIT
# Fuzzes one target with libFuzzer: tests/fuzz/run.sh fuzz_NAME SECONDS
#
# Starts from the corpus in tests/fuzz/corpus/NAME, which stays as it is. An input that makes the target fail is written
# to build/fuzz/found/. Needs the build of the preset "fuzz".
set -euo pipefail
cd "$(dirname "$0")/../.."

if (($# != 2)) || [[ ! $1 =~ ^fuzz_[a-z0-9_]+$ || ! $2 =~ ^[1-9][0-9]*$ ]]; then
    sed -n '3,/^set /s/^# \{0,1\}//p' "$0" | head -n -1 >&2
    exit 2
fi
program=build/fuzz/tests/$1
if [[ ! -x $program ]]; then
    echo "fuzz: there is no $program; build it with: cmake --preset fuzz && cmake --build --preset fuzz" >&2
    exit 2
fi
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
mkdir -p build/fuzz/found
"$program" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 \
    -artifact_prefix="build/fuzz/found/$1-" "$fresh" "tests/fuzz/corpus/${1#fuzz_}"
