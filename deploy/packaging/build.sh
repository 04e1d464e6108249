#!/bin/bash
# Makes the .deb files: deploy/packaging/build.sh [DIRECTORY]; they come to lie in DIRECTORY (build/packages).
# Needs what deploy/install-deps.sh build installs, and scdoc.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=$(realpath -m "${1:-build/packages}")
mkdir -p "$out"
cmake -S . -B build/package -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/usr -DCPS_TESTS=OFF >/dev/null
cmake --build build/package -j "$(nproc)"
cpack --config build/package/CPackConfig.cmake -B "$out"
rm -rf "$out/_CPack_Packages"
ls -l "$out"/*.deb
