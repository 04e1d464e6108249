#!/bin/bash
# SPDX-License-Identifier: MIT
# npm smpp as the ESME and as the SMSC with the sidecar between them: all passes as it is, what was signed is judged
# passed, in both directions.
set -euo pipefail
cd "$(dirname "$0")"
[[ -n ${BUILD_DIR:-} ]] || export BUILD_DIR=$PWD/../../build/dev
./npm-packages
exec timeout -k 5 600 /usr/bin/python3 node-smpp.py "$@"
