#!/bin/bash
# SPDX-License-Identifier: MIT
# Finds idioms that a reader has to decode, in the strings and comments of C, the comments and strings of Python, the
# comments of scripts and configuration, and in documents: tests/language.sh [FILE|FOLDER ...]
# Prints file:line, the words, and what to write instead; exit status 1 if there are any. Without arguments it reads the
# whole tree. The words and the allowed uses are in tests/tools/language.txt and tests/tools/language-allow.txt.
# tests/language.sh --count prints the number of findings for each folder, and exits with status 0.
# tests/language.sh --self-test plants each idiom and each allowed use in every kind of text.
set -euo pipefail
cd "$(dirname "$0")/.."
exec env PYTHONDONTWRITEBYTECODE=1 python3 tests/tools/language.py "$@"
