#!/bin/bash
# SPDX-License-Identifier: MIT
# Counts the instructions of a publish, of sealing and of opening an envelope, and compares them with what is written in
# tests/bench/instructions.txt: tests/check-instructions.sh [--update]
#
# One that has grown by more than 10% fails; --update writes the counts of this machine instead, for a commit that says
# why. Counted twice: in our own code, which is the same on every machine with this compiler, and in all of it, which is
# compared where OpenSSL and the processor are those of the file. A count is the difference between a long and a short
# run, so that what is done once does not matter.
set -euo pipefail
cd "$(dirname "$0")/.."

update=false
case ${1:-} in
    --update) update=true ;;
    '') ;;
    *) sed -n '3,/^set /s/^# \{0,1\}//p' "$0" | head -n -1 >&2; exit 2 ;;
esac
build=${BUILD_DIR:-build/dev}
baseline=tests/bench/instructions.txt
program=$build/tests/bench_instructions
SHORT=20 LONG=120
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
[[ -x $program ]] || cmake --build "$build" --target bench_instructions >"$scratch/build.log" ||
    { cat "$scratch/build.log"; exit 1; }

# The sum of what each object's functions executed themselves; a call's line counts for the callee.
counts() { # FILE: own all
    awk '
        /^ob=/ { own = $0 ~ /bench_instructions$/; next }
        /^calls=/ { skip = 1; next }
        /^[0-9+*-]/ { if (skip) { skip = 0; next } total += $2; if (own) mine += $2 }
        END { printf "%.0f %.0f\n", mine, total }' "$1"
}

run() { # THING COUNT
    # Whole names, not references to the place that named an object first, which may be a caller's line.
    valgrind --tool=callgrind --compress-strings=no --compress-pos=no --callgrind-out-file="$scratch/$1.$2" "$program" "$1" "$2" \
        >"$scratch/$1.$2.log" 2>&1 || { cat "$scratch/$1.$2.log" >&2; exit 1; }
    counts "$scratch/$1.$2"
}

each() { # THING: own and all instructions of doing it once
    local a b
    run "$1" $SHORT >"$scratch/$1.short" &
    run "$1" $LONG >"$scratch/$1.long"
    wait $!
    read -ra a <"$scratch/$1.short"
    read -ra b <"$scratch/$1.long"
    echo "$1 $(((b[0] - a[0]) / (LONG - SHORT))) $(((b[1] - a[1]) / (LONG - SHORT)))"
}

environment="$("$build/tests/bench_instructions" 2>/dev/null || true)$(openssl version | cut -d' ' -f2), $(
    sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
for thing in publish row seal open; do
    each $thing
done >"$scratch/now"

if $update; then
    {
        echo "# Instructions of doing it once: in our own code, in all of it. Written by tests/check-instructions.sh --update."
        echo "# OpenSSL $environment"
        cat "$scratch/now"
    } >"$baseline"
    cat "$baseline"
    exit 0
fi
same=false
! grep -qxF "# OpenSSL $environment" "$baseline" || same=true
awk -v same=$same '
    function judge(what, before, now) {
        grown = before ? (now / before - 1) * 100 : 0
        bad += (grown > 10 || !before || !now)
        printf "%-20s %9d %9d %+7.1f%%%s\n", what, before, now, grown, (grown > 10 ? "  too much" : "")
    }
    $1 ~ /^#/ { next }
    FILENAME == ARGV[1] { own[$1] = $2; total[$1] = $3; next }
    {
        seen++
        judge($1 ", ours", own[$1], $2)
        if (same == "true") judge($1 ", all", total[$1], $3)
    }
    END { if (bad || seen != 4) exit 1 }' "$baseline" "$scratch/now" || {
    echo "check-instructions: something takes more than it did. If it has to, run tests/check-instructions.sh --update"
    echo "and commit tests/bench/instructions.txt with the change, saying why."
    exit 1
}
