#!/bin/bash
# SPDX-License-Identifier: MIT
# Debian's Kannel as the ESME and npm smpp as the SMSC, straight and with the sidecar between: short, special, long and
# binary messages and receipts.
set -euo pipefail
cd "$(dirname "$0")"
[[ -n ${BUILD_DIR:-} ]] || export BUILD_DIR=$PWD/../../build/dev
./npm-packages
exec timeout -k 5 600 /usr/bin/python3 kannel.py "$@"
