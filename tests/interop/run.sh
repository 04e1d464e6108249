#!/bin/bash
# SPDX-License-Identifier: MIT
# Envelopes, PASSporTs and keys exchanged with other implementations of JOSE: npm jose (installed here from its lock
# file) and Debian's python3-jwcrypto.
set -euo pipefail
cd "$(dirname "$0")"
[[ -n ${BUILD_DIR:-} ]] || export BUILD_DIR=$PWD/../../build/dev
./npm-packages
exec /usr/bin/python3 interop.py "$@"
