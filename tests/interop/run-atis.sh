#!/bin/bash
# SPDX-License-Identifier: MIT
# An independent client of ATIS-1000096 and ATIS-1000105 servers (npm jose, Node's http2 and https), through HAProxy in
# front of two cpsds and a Redis, and directly to cpsd: both shapes of the path, publish and retrieve, wrong tokens,
# 100 requests at once.
set -euo pipefail
cd "$(dirname "$0")"
[[ -n ${BUILD_DIR:-} ]] || export BUILD_DIR=$PWD/../../build/dev
./npm-packages
exec timeout -k 5 600 /usr/bin/python3 atis.py "$@"
