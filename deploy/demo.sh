#!/bin/bash
# SPDX-License-Identifier: MIT
# Demonstrates stir-cps: deploy/demo.sh, on Debian 12 or 13, as root if packages are missing.
#
# Short messages travel over SMPP through two sidecars. The first publishes a PASSporT for each at a Call Placement
# Service, which cannot read it. The second verifies the messages, and detects those that were forged, altered or
# replayed. The script installs missing packages, builds, and runs everything on free loopback ports in a temporary
# directory, which it removes. Exit status 0 if all four verdicts are right.
set -euo pipefail
cd "$(dirname "$0")/.."
home=$PWD
unset "${!CPS_@}"

alice=12155551212 bob=12155551213 carol=12155551214
x5u=https://certs.example.com
work=$(mktemp -d /tmp/stir-cps-demo.XXXXXX)
pids=()

# Stops the programs in reverse order of their start.
clean_up() {
    for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
        kill "${pids[i]}" 2>/dev/null || true
        wait "${pids[i]}" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

step() {
    printf '\n== %s\n' "$*"
}

die() {
    echo "demo: $*" >&2
    exit 1
}

# Runs a command, and shows its output only if it fails.
quietly() {
    "$@" >"$work/log" 2>&1 </dev/null || {
        tail -n 30 "$work/log" >&2
        die "$1 failed"
    }
}

show() {
    printf '$ %s\n' "$*"
    "$@"
}

# start NAME READY COMMAND...: starts it in the background, with its output in NAME.log; returns when that contains READY
start() {
    local name=$1 ready=$2 pid
    shift 2
    : >"$name.log"
    "$@" >>"$name.log" 2>&1 </dev/null &
    pid=$!
    pids+=("$pid")
    for ((i = 0; i < 100; i++)); do
        ! grep -q "$ready" "$name.log" || return 0
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    cat "$name.log" >&2
    die "$name did not start"
}

# port NAME WHAT: prints the port that NAME.log reports after WHAT
port() {
    sed -n "s/.*$2.*127\.0\.0\.1:\([0-9]*\)\$/\1/p" "$1.log"
}

step 'Packages and build'
deploy/install-deps.sh build
quietly cmake --preset release
quietly cmake --build --preset release --target cpsd cpsctl cps-smpp cps-esme cps-smsc
PATH=$home/build/release/client:$home/build/release/cps:$PATH
cpsd -V
cps-smpp -V
cd "$work"

step 'Throwaway certificates of two carriers; by the number table, Alice, Bob and Carol belong to 1000, and nobody to 1234'
quietly cpsctl pki --out pki --name home --spc 1000 --server-name localhost
quietly cpsctl pki --out pki --name carrier --spc 1234
echo '1215555,1000' >numbers.csv
echo '1215555,1234' >forged.csv
mkdir keys recipients tenants
quietly cpsctl keygen --out keys/default.jwk --public recipients/default.pub
ls pki/*.pem

step 'The Call Placement Service starts, with everything in memory; publishers must show a credential'
start cpsd 'ready:' cpsd -o server.listen=127.0.0.1:0 -o admin.listen=127.0.0.1:0 \
    -o server.certificate=pki/tls.pem -o server.private_key=pki/tls.key \
    -o trust.roots=pki/root.pem -o auth.audience=localhost -o auth.x5u_dir=pki/certs -o numbers.table=numbers.csv
CPS_URL=https://localhost:$(sed -n 's/.*listening on https:.*:\([0-9]*\)$/\1/p' cpsd.log)
admin=$(port cpsd 'admin on')
export CPS_URL CPS_CA=pki/tls-root.pem CPS_TRUST=pki/root.pem CPS_X5U_DIR=pki/certs
show cpsctl health

step 'Two sidecars between an ESME and an SMSC: ESME -> cps-smpp, which signs -> cps-smpp, which verifies -> SMSC'
cat >tenants/alice.conf <<END
[tenant]
key = pki/home.key
certificate = pki/home.pem
x5u = $x5u/home.pem
numbers = $alice
END
sidecar() {
    local name=$1 peer=$2
    shift 2
    start "$name" 'ready:' cps-smpp -o listen.address=127.0.0.1:0 -o admin.listen= -o "peer.address=127.0.0.1:$peer" \
        -o "cps.url=$CPS_URL" -o "cps.ca=$CPS_CA" -o cps.auth_certificate=pki/home.pem \
        -o cps.auth_private_key=pki/home.key -o "cps.auth_x5u=$x5u/home.pem" -o numbers.table=numbers.csv "$@"
    echo "$name: port $(port "$name" 'listening on'), peer at port $peer"
}
start smsc 'listening on' cps-smsc --show
echo "smsc: port $(port smsc 'listening on')"
sidecar verifying "$(port smsc 'listening on')" -o submit.action=verify -o trust.roots=pki/root.pem \
    -o trust.x5u_dir=pki/certs -o keys.dir=keys -o verify.wait_ms=1000 -o cps.holder=yes
sidecar signing "$(port verifying 'listening on')" -o submit.action=sign -o tenants.dir=tenants \
    -o keys.recipients_dir=recipients -o sign.timeout_ms=10000
signing=$(port signing 'listening on')
transit=$(port verifying 'listening on') # between the sidecars, where messages can be forged

# submit PORT SYSTEM_ID DEST TEXT: sends a message from Alice's number over SMPP, shows what the SMSC received, and sets
# verdict to its tag
submit() {
    local had
    had=$(wc -l <smsc.log)
    cps-esme --port "$1" --system-id "$2" --from +$alice --to "+$3" --text "$4" >esme.log 2>&1 || {
        cat esme.log ./*ing.log >&2
        die 'the message was not accepted'
    }
    message=$(tail -n +$((had + 1)) smsc.log | grep '^{"command":"submit_sm"')
    verdict=$(sed -n 's/.*"1501":"\([a-z-]*\)".*/\1/p' <<<"$message")
    echo "the SMSC received: $message"
}

genuine_text='Your parcel is at the door.'
signed_text='The next one comes on Monday.'
altered_text='Pay 5 EUR for it at example.com.'
forged_text='Your account is locked, call now.'

step "A genuine message from $alice to $bob: \"$genuine_text\""
submit "$signing" alice $bob "$genuine_text"
genuine=$verdict

step "A forged one to $carol: \"$forged_text\", signed by carrier 1234, which does not have $alice"
forge=(--key pki/carrier.key --cert pki/carrier.pem --x5u "$x5u/carrier.pem" --to recipients/default.pub
    --orig "$alice" --dest "$carol" --text "$forged_text")
unsigned=$(cpsctl send "${forge[@]}" --numbers numbers.csv 2>&1) && die 'cpsctl signed for a number of another carrier'
echo "with the number table: $unsigned"
forge+=(--numbers forged.csv)
refused=$(cpsctl send "${forge[@]}" 2>&1) && die 'an envelope was accepted without a credential'
echo "with a forged table, without a credential: $refused"
forged_sent=$(cpsctl send "${forge[@]}" --auth-cert pki/carrier.pem --auth-key pki/carrier.key)
echo "with the credential of carrier 1234: $forged_sent"
submit "$transit" forger $carol "$forged_text"
forged=$verdict

step "An altered one to $bob: \"$signed_text\" is signed, and in transit becomes \"$altered_text\""
cpsctl send --key pki/home.key --cert pki/home.pem --x5u "$x5u/home.pem" --numbers numbers.csv \
    --auth-cert pki/home.pem --auth-key pki/home.key --to recipients/default.pub \
    --orig "$alice" --dest "$bob" --text "$signed_text"
submit "$transit" transit $bob "$altered_text"
altered=$verdict

step "A replayed one to $bob: between the sidecars, somebody sends the genuine one again"
submit "$transit" transit $bob "$genuine_text"
replayed=$verdict

step 'Records of the verifying sidecar'
for ((i = 0; i < 50 && $(grep -c '^{' verifying.log || true) < 4; i++)); do
    sleep 0.1
done
sed -n '/^{/p' verifying.log

step 'Contents of the CPS'
exec 3<>"/dev/tcp/127.0.0.1/$admin"
printf 'GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
cat <&3 >metrics
exec 3>&-
held=$(sed -n 's/^cpsd_held \([0-9]*\).*/\1/p' metrics)
octets=$(sed -n 's/^cpsd_held_bytes \([0-9]*\).*/\1/p' metrics)
{ cpsctl retrieve --dest $bob; cpsctl retrieve --dest $carol; } >boxes
echo "$held envelopes; with dummies, the two boxes list $(wc -l <boxes) that look alike. One of them:"
head -n 1 boxes | cut -c 1-100 | sed 's/$/.../'
echo "listed for carrier 1000, the holder of the numbers: $({
    for box in $bob $carol; do
        cpsctl retrieve --dest $box --holder --auth-cert pki/home.pem --auth-key pki/home.key
    done
} | wc -l), without dummies"
# the envelopes, and the decoded base64url of each part
{ cat boxes; tr '. ' '\n\n' <boxes | tr -- '-_' '+/' | while read -r part; do
    while ((${#part} % 4)); do part+="="; done
    base64 -d <<<"$part"
    echo
done; } >octets
found=0
for secret in $alice "$genuine_text" "$signed_text" "$forged_text" msgi certs.example.com; do
    hits=$(grep -a -c -F -e "$secret" octets || true)
    echo "search for \"$secret\": $hits"
    found=$((found + hits))
done
grep -a -q -F '"epk"' octets # shows that the search covers the decoded parts

printf '\n'
echo "genuine message:  $genuine"
echo "forged sender:    $forged"
echo "altered text:     $altered"
echo "replayed message: $replayed"
echo "the CPS held $octets octets and could read none of them"
[[ $genuine == passed && $forged == not-authorized && $altered == msgi-mismatch && $replayed == replayed &&
    $held == 3 && $found == 0 ]]
