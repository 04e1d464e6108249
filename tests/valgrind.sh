#!/bin/bash
# SPDX-License-Identifier: MIT
# cpsctl send and receive, and a cpsd that served 1,000 requests from each store, under valgrind: no error, no leak.
set -euo pipefail
cd "$(dirname "$0")/.."
BUILD_DIR=${BUILD_DIR:-$PWD/build/dev} exec /usr/bin/python3 tests/integration/under_valgrind.py "$@"
