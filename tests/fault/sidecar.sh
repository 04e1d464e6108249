#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A night of sidecars on the loopback interface: three ESMEs, with windows of 1, 10 and 50, send through a sidecar that
# signs and one that verifies to an SMSC; cpsd keeps its PASSporTs in Redis. Meanwhile the sidecars are killed, stopped
# and held (SIGKILL, SIGTERM, SIGSTOP and SIGCONT), cpsd is held and killed, the SMSC and the ESMEs drop their
# connections, and the SMSC throttles. Every message gets an id of its own, every part of it too. A forger sends other
# texts and copies of texts that were delivered, from the same number, to both sidecars.
#
#   tests/fault/sidecar.sh [COUNT]    BUILD_DIR says where the programs are (build/dev)
#
# Sends COUNT messages of one part and COUNT of three (10,000). Prints a table of what was sent, lost, and judged, and
# why; exits 1 if a message was lost after it was acknowledged, if a genuine one got a verdict that accuses, or if a
# forged one passed. Takes three to six minutes, the smallest size one.
set -euo pipefail
cd "$(dirname "$0")/../.."
export BUILD_DIR=${BUILD_DIR:-$PWD/build/dev}
[[ -x $BUILD_DIR/client/cps-smpp && -x $BUILD_DIR/cps/cpsd && -x $BUILD_DIR/client/cpsctl ]] || {
    cmake --preset dev >/dev/null && cmake --build --preset dev --target cpsd cpsctl cps-smpp
}
exec /usr/bin/python3 tests/fault/sidecar_night.py "$@"
