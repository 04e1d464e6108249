#!/bin/bash
# SPDX-License-Identifier: MIT
# Every C file of the tree is as clang-format would write it. `clang-format -i FILE` mends one.
set -euo pipefail
cd "$(dirname "$0")/.."

list_files() {
    if [[ -e .git ]]; then
        git ls-files --cached --others --exclude-standard -- '*.c' '*.h'
    else
        find common cps client tests -name '*.[ch]'
    fi
}

mapfile -t files < <(list_files | while read -r file; do [[ -e $file ]] && echo "$file"; done)
clang-format --dry-run -Werror "${files[@]}"
echo "${#files[@]} files"
