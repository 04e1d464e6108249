#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A night of Redis servers on the loopback interface: a cluster of three primaries with a replica each, then a primary
# with a replica and three Sentinels. Two cpsd publish without a pause while a primary is killed, a slot is moved, a
# replica is cut off and all of them restart one by one. With durability = replicas:1 every envelope that was
# acknowledged has to be found afterwards.
#
#   tests/fault/redis.sh [cluster|sentinel]    BUILD_DIR says where the programs are (build/dev)
#
# Prints what was done, then acknowledged, found, lost and the longest outage; fails if anything is lost. Takes two to
# four minutes. tests/integration/test_redis_cluster.py does the same for half a minute.
set -euo pipefail
cd "$(dirname "$0")/../.."
export BUILD_DIR=${BUILD_DIR:-$PWD/build/dev}
[[ -x $BUILD_DIR/cps/cpsd ]] || { cmake --preset dev >/dev/null && cmake --build --preset dev --target cpsd; }
exec /usr/bin/python3 tests/fault/redis_nights.py "$@"
