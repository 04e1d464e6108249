#!/bin/bash
# SPDX-License-Identifier: MIT
# A client generated from cps/openapi.yaml with npm openapi-typescript (installed here from its lock file) compiles, and
# publishes at a running server.
set -euo pipefail
cd "$(dirname "$0")"
[[ -n ${BUILD_DIR:-} ]] || export BUILD_DIR=$PWD/../../build/dev
./npm-packages
exec /usr/bin/python3 openapi.py "$@"
