#!/bin/bash
# SPDX-License-Identifier: MIT
# The Lua scripts of the Redis store: tests/check-lua.sh [--self-test]
# Each file compiles (luac5.1 -p), so does each whole script as it is embedded, and a whole script uses only the globals
# that Redis offers and sets none, which Redis would refuse. Prints the number of files; exit status 1 after an error.
# --self-test plants one error of each kind and expects each to be found; it is part of a run without arguments, too.
set -euo pipefail
cd "$(dirname "$0")/.."

box=$PWD/cps/store/redis/box
globals=' redis struct KEYS ARGV math string table tonumber type ipairs pairs unpack '
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# check DIRECTORY: prints what is wrong with the .lua files there; status 1 if something is.
check() {
    local dir=$1 whole=$scratch/whole file op global status=0
    for file in "$dir"/*.lua; do
        luac5.1 -p "$file" || status=1
    done
    rm -rf "$whole"
    cmake -D LUA_DIR="$dir" -D LAYOUT="$box/layout.h" -D OUT="$scratch/texts.c" -D OUT_DIR="$whole" \
        -P "$box/embed_lua.cmake" || return 1
    for file in "$whole"/*.lua; do
        luac5.1 -p "$file" || status=1
        while read -r op global; do
            if [[ $op = SETGLOBAL || $globals != *" $global "* ]]; then
                echo "${file##*/}: $op of $global: Redis scripts may only use the globals$globals"
                status=1
            fi
        done < <(luac5.1 -p -l "$file" | awk '/GLOBAL/ { print $3, $NF }' | sort -u)
    done
    return $status
}

# plant NAME LINE: an error in a copy of the scripts has to be found.
plant() {
    rm -rf "$scratch/copy"
    cp -r "$box/lua" "$scratch/copy"
    echo "$2" >>"$scratch/copy/$1"
    if check "$scratch/copy" >/dev/null 2>&1; then
        echo "self-test: not found in $1: $2"
        exit 1
    fi
}

self_test() {
    plant part_claim.lua 'if now then'
    plant part_claim.lua 'planted = 1'
    plant part_claim.lua 'local planted = os.time()'
    plant part_claim.lua 'local planted = sub(key, BOX_PLANTED + 1)'
    plant part_claim.lua '-- include: part_planted.lua'
}

[[ ${1:-} = --self-test ]] || check "$box/lua"
self_test
files=("$box"/lua/*.lua)
echo "${#files[@]} files"
