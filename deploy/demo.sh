#!/bin/bash
# A message's PASSporT travels through a Call Placement Service that cannot read it, and a forged one is caught:
# deploy/demo.sh, on a fresh Debian 12, as root for the packages that are missing. Installs those, builds, and runs
# everything on free loopback ports in a temporary directory, which goes when it ends. Exit status 0 if both verdicts
# are as they should be.
set -euo pipefail
cd "$(dirname "$0")/.."
home=$PWD
unset "${!CPS_@}"

alice=12155551212 bob=12155551213 carol=12155551214
x5u=https://certs.example.com
work=$(mktemp -d /tmp/stir-cps-demo.XXXXXX)
cpsd=

clean_up() {
    if [[ -n $cpsd ]]; then
        kill "$cpsd" 2>/dev/null || true
        wait "$cpsd" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

step() {
    printf '\n== %s\n' "$*"
}

# Runs a step that has much to say, and shows it only if it fails.
quietly() {
    "$@" >"$work/log" 2>&1 </dev/null || {
        tail -n 30 "$work/log" >&2
        echo "demo: $1 failed" >&2
        exit 1
    }
}

show() {
    printf '$ %s\n' "$*"
    "$@"
}

step 'What is needed, and the build'
deploy/install-deps.sh build
quietly cmake --preset release
quietly cmake --build --preset release --target cpsd cpsctl
PATH=$home/build/release/client:$home/build/release/cps:$PATH
cpsd -V
cd "$work"

step 'Throwaway certificates: Alice may sign for her number, a carrier called 1234 for none but its own customers'
quietly cpsctl pki --out pki --name alice --tn $alice --server-name localhost
quietly cpsctl pki --out pki --name carrier --spc 1234
quietly cpsctl keygen --out receiver.jwk --public receiver.pub
ls pki/*.pem

step 'The Call Placement Service starts, with everything in its memory'
cpsd -o server.listen=127.0.0.1:0 -o server.admin=127.0.0.1:0 -o server.certificate=pki/tls.pem \
    -o server.private_key=pki/tls.key >cpsd.log 2>&1 &
cpsd=$!
for ((i = 0; i < 100; i++)); do
    ! grep -q 'ready:' cpsd.log || break
    kill -0 "$cpsd" 2>/dev/null || break
    sleep 0.1
done
grep -q 'ready:' cpsd.log || { cat cpsd.log >&2; echo 'demo: cpsd did not start' >&2; exit 1; }
CPS_URL=https://localhost:$(sed -n 's/.*listening on https:.*:\([0-9]*\)$/\1/p' cpsd.log)
admin=$(sed -n 's/.*admin on http:.*:\([0-9]*\)$/\1/p' cpsd.log)
export CPS_URL CPS_CA=pki/tls-root.pem CPS_TRUST=pki/root.pem CPS_X5U_DIR=pki/certs
show cpsctl health

# send NAME DEST TEXT [OPTION...]: the originating gateway's part, signed by NAME, in the name of Alice's number
send() {
    local name=$1 dest=$2 text=$3
    shift 3
    cpsctl send --key "pki/$name.key" --cert "pki/$name.pem" --x5u "$x5u/$name.pem" --to receiver.pub \
        --orig $alice --dest "$dest" --text "$text" "$@"
}

# receive DEST TEXT: the terminating gateway's part; prints the verdict
receive() {
    cpsctl receive --key receiver.jwk --orig $alice --dest "$1" --text "$2" || true
}

genuine_text='Your parcel is at the door.'
forged_text='Your account is locked, call now.'

step "A genuine message from $alice to $bob: \"$genuine_text\""
sent=$(send alice $bob "$genuine_text")
echo "the sender's gateway:   $sent"
genuine=$(receive $bob "$genuine_text")
echo "the receiver's gateway: $genuine"

step "A forged one to $carol: \"$forged_text\", signed by somebody whose certificate does not cover $alice"
forged_sent=$(send carrier $carol "$forged_text" --allow-spc)
echo "the forger's gateway:   $forged_sent"
forged=$(receive $carol "$forged_text")
echo "the receiver's gateway: $forged"

step 'What the CPS held'
octets=$(($(sed 's/.*stored, \([0-9]*\) octets.*/\1/' <<<"$sent") + $(sed 's/.*stored, \([0-9]*\) octets.*/\1/' <<<"$forged_sent")))
exec 3<>"/dev/tcp/127.0.0.1/$admin"
printf 'GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
held=$(sed -n 's/^cpsd_held \([0-9]*\).*/\1/p' <&3)
exec 3>&-
{ cpsctl retrieve --dest $bob; cpsctl retrieve --dest $carol; } >boxes
echo "$held envelopes; with the dummies beside them the two boxes show $(wc -l <boxes) that look alike. One of them:"
head -n 1 boxes | cut -c 1-100 | sed 's/$/.../'
# as they are, and what is behind their base64url, part by part
{ cat boxes; tr '. ' '\n\n' <boxes | tr -- '-_' '+/' | while read -r part; do
    while ((${#part} % 4)); do part+==; done
    base64 -d <<<"$part"
    echo
done; } >octets
found=0
for secret in $alice "$genuine_text" "$forged_text" msgi certs.example.com; do
    hits=$(grep -a -c -F -e "$secret" octets || true)
    echo "search for \"$secret\": $hits"
    found=$((found + hits))
done
grep -a -q -F '"epk"' octets # the search does see what is behind the base64url

printf '\n'
echo "genuine message: ${genuine%% *}"
echo "forged message:  ${forged%% *}"
echo "the CPS held $octets octets and could read none of them"
[[ ${genuine%% *} == passed && ${forged%% *} == not-authorized && $held == 2 && $found == 0 ]]
