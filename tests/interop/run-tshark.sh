#!/bin/bash
# SPDX-License-Identifier: MIT
# What goes into the sidecar and what comes out of it, octet for octet and as Debian's tshark decodes it. Captures on
# the loopback interface: as root, or with the capability for it.
set -euo pipefail
cd "$(dirname "$0")"
[[ -n ${BUILD_DIR:-} ]] || export BUILD_DIR=$PWD/../../build/dev
./npm-packages
exec timeout -k 5 600 /usr/bin/python3 tshark.py "$@"
