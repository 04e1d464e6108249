#!/bin/bash
# SPDX-License-Identifier: MIT
# What lies in deploy/ for others to use holds together: units are hardened, alert rules and manifests can be read and
# name metrics that there are, scripts are clean, manual pages have examples. Needs a built cpsd (build/dev).
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
failed=0
bad() {
    printf 'check-deploy: %s\n' "$*" >&2
    failed=1
}

for unit in deploy/systemd/*.service; do
    level=$(systemd-analyze security --offline=true --no-pager "$unit" | sed -n 's/.*exposure level for .*: \([0-9.]*\) .*/\1/p')
    awk -v level="$level" 'BEGIN { exit !(level != "" && level < 2.0) }' || bad "$unit: exposure level $level, not under 2.0"
done

mapfile -t scripts < <(grep -rlE '^#!/bin/(ba)?sh' deploy; grep -rlE '^#!/bin/(ba)?sh' tests --include=*.sh)
# SC2154: what sourced files assign
shellcheck -S warning -e SC2154 "${scripts[@]}" deploy/completion/*.bash || bad "shellcheck found something"

for page in deploy/man/*.scd; do
    grep -qx '# EXAMPLES' "$page" || bad "$page has no EXAMPLES"
done

promtool check rules deploy/prometheus/*.yml || bad "promtool does not take the alert rules"
promtool test rules tests/deploy/alerts.test.yml || bad "the alert rules do not fire as they are to"
/usr/bin/python3 tests/deploy/manifests.py || failed=1
exit $failed
