#!/bin/bash
# SPDX-License-Identifier: MIT
# What libcps.so exports is what its headers declare, and nothing else: tests/check-exports.sh [LIBRARY]
# Also: the installed headers stand alone, in C and in C++, and a program that knows only them links and runs.
set -euo pipefail
cd "$(dirname "$0")/.."

library=${1:-${BUILD_DIR:-build/dev}/client/libcps.so}
if [[ ! -e $library ]]; then
    echo "$library is not there: build it first" >&2
    exit 1
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
status=0

nm -D --defined-only "$library" | awk '{ print $NF }' | sort >"$scratch/exported"
# declarations begin with CPS_API; the name stands before the first parenthesis
for header in client/cps.h client/cps_smpp.h; do
    tr '\n' ' ' <"$header" | grep -oE 'CPS_API [^(;]*\(' | grep -oE 'cps_[a-z0-9_]+\($' | tr -d '('
done | sort >"$scratch/declared"

while read -r name; do
    [[ $name =~ ^cps_ ]] || { echo "$library exports $name, which has another prefix"; status=1; }
done <"$scratch/exported"
while read -r name; do
    echo "$library exports $name, which no header declares"
    status=1
done < <(comm -23 "$scratch/exported" "$scratch/declared")
while read -r name; do
    echo "$name is declared, and $library does not export it"
    status=1
done < <(comm -13 "$scratch/exported" "$scratch/declared")

mkdir -p "$scratch/include/stir-cps"
cp client/cps.h client/cps_smpp.h "$scratch/include/stir-cps/"
for header in cps.h cps_smpp.h; do
    echo "#include <stir-cps/$header>" >"$scratch/alone.c"
    cp "$scratch/alone.c" "$scratch/alone.cc"
    for compiler in "cc -std=c11" "clang++ -std=c++11"; do
        source=$scratch/alone.c
        [[ $compiler != *++* ]] || source=$scratch/alone.cc
        # shellcheck disable=SC2086 # words are what it is made of
        $compiler -Wall -Wextra -Wpedantic -Wconversion -Werror -fsyntax-only -I"$scratch/include" "$source" || {
            echo "$header does not stand alone ($compiler)"
            status=1
        }
    done
done

cat >"$scratch/stranger.c" <<'C'
#include <stir-cps/cps_smpp.h>

int main(void)
{
    static const unsigned char unbind[16] = {[3] = 16, [7] = 6, [15] = 1};
    struct cps_options options = {.size = sizeof(options)};
    struct cps_smpp_options peer_options = {.size = sizeof(peer_options), .from = CPS_SMPP_FROM_ESME};
    struct cps_smpp_result got;
    struct cps *cps = 0;
    struct cps_smpp *peer = 0;
    int good = cps_new(&cps, &options, 0) == CPS_OK && cps_smpp_new(&peer, cps, &peer_options, 0) == CPS_OK &&
               cps_smpp_take(peer, unbind, sizeof(unbind), 0, 0, &got, 0) == CPS_OK && got.kind == CPS_SMPP_OTHER;
    if (good) {
        cps_smpp_result_clear(&got);
    }
    cps_smpp_free(peer);
    cps_free(cps);
    return good ? 0 : 1;
}
C
cp -P "${library%/*}"/libcps.so* "$scratch/"
if ! cc -std=c11 -Wall -Wextra -Wpedantic -Werror -I"$scratch/include" "$scratch/stranger.c" -o "$scratch/stranger" \
    -L"$scratch" -lcps || ! LD_LIBRARY_PATH=$scratch "$scratch/stranger"; then
    echo "a program that knows the headers only does not link or run"
    status=1
fi

echo "$(wc -l <"$scratch/exported") symbols"
exit $status
