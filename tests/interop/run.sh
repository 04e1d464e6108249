#!/bin/bash
# Envelopes, PASSporTs and keys exchanged with other implementations of JOSE: npm jose (installed here from its lock
# file) and Debian's python3-jwcrypto.
set -euo pipefail
cd "$(dirname "$0")"
[[ -n ${BUILD_DIR:-} ]] || export BUILD_DIR=$PWD/../../build/dev
if ! cmp -s package-lock.json node_modules/.installed; then
    npm ci --loglevel=error --ignore-scripts
    cp package-lock.json node_modules/.installed
fi
exec /usr/bin/python3 interop.py "$@"
