# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Debian roots for tests, to be sourced: a Debian that is made once (debootstrap, into build/debian/) and copied for each
# test. As root.

# debian_root SUITE DIRECTORY: makes a minimal Debian of that suite (bookworm, trixie) in DIRECTORY, which does not exist
# yet. apt-get in there gets its packages as this machine does; nothing that is installed is started. Returns 1 after it
# said why it failed.
debian_root() {
    local suite=$1 root=$2 keep mirror log
    keep=$(dirname "${BASH_SOURCE[0]}")/../../build/debian
    mkdir -p "$keep"
    keep=$(realpath "$keep")/$suite.tar
    log=${keep%.tar}.log
    # shellcheck disable=SC2016 # apt-get's own variables
    mirror=$(apt-get indextargets --format '$(SITE) $(COMPONENT)' 'Identifier: Packages' |
        awk '$2 == "main" && $1 !~ /security/ { print $1; exit }')
    [[ -n $mirror ]] || { echo "apt-get indextargets knows no mirror of Debian: run apt-get update" >&2; return 1; }
    (
        flock 8 # several tests may want it at the same time
        if [[ ! -e $keep ]]; then
            rm -rf "${keep:?}.new" "${keep%.tar}"
            debootstrap --variant=minbase "$suite" "${keep%.tar}" "$mirror" >"$log" 2>&1 ||
                { tail -n 20 "$log" >&2; echo "debootstrap of $suite failed" >&2; exit 1; }
            tar --xattrs -C "${keep%.tar}" -cf "$keep.new" . && rm -rf --one-file-system "${keep%.tar}" &&
                mv "$keep.new" "$keep" || exit 1
        fi
    ) 8>"$keep.lock" || return 1
    mkdir "$root" && tar --xattrs -C "$root" -xpf "$keep" || return 1
    # where this machine gets its packages, by which way, and which authorities it trusts to be there
    apt-config dump Acquire | grep -v -e '::$' -e '"";$' -e IndexTargets >"$root/etc/apt/apt.conf.d/99host" || true
    mkdir -p "$root/usr/local/share/ca-certificates"
    find /usr/local/share/ca-certificates -name '*.crt' -exec cp -t "$root/usr/local/share/ca-certificates" {} +
    cp -L /etc/resolv.conf "$root/etc/resolv.conf"
    # the installer of Debian makes this file, debootstrap does not
    printf '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n' >"$root/etc/hosts"
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 0755 "$root/usr/sbin/policy-rc.d"
}

# in_debian_root DIRECTORY COMMAND...: runs a command in there, with a plain environment.
in_debian_root() {
    local root=$1
    shift
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"
}

# Runs in namespaces of its own: gives the root the file systems of a running system, makes it the root of the mount
# namespace, so that a test can make another one in there, and runs a command.
debian_mount_and_run() {
    cd "$1" && shift || exit 1
    mount --bind . . && cd "$PWD" || exit 1
    mount -t proc proc proc && mount --rbind /sys sys && mount --rbind /dev dev &&
        mount -t tmpfs -o mode=1777 tmpfs dev/shm && mount -t tmpfs -o mode=755 tmpfs run || exit 1
    pivot_root . mnt && umount -l /mnt && cd / || exit 1
    # without what is in this machine's environment
    exec env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive "$@"
}
export -f debian_mount_and_run

# in_running_debian DIRECTORY COMMAND...: like in_debian_root(), with /proc, /sys, /dev and /run in there, this machine's
# network, and no input. Nothing is mounted any longer, and nothing runs that the command started, when the command has
# ended or debian_process, which has the number of a process meanwhile, is killed.
in_running_debian() {
    local status=0
    unshare --mount --pid --fork --kill-child=KILL bash -c 'debian_mount_and_run "$@"' - "$@" </dev/null &
    debian_process=$!
    wait "$debian_process" || status=$? # unlike a command in the foreground, it lets traps run at once
    debian_process=
    return "$status"
}

# debian_packages DIRECTORY: makes the project's packages as deploy/packaging/build.sh does, without their debug symbols,
# in DIRECTORY. They are built once for each state of the sources, in build/debian/packages. Returns 1 after it said what
# failed.
debian_packages() {
    local keep state
    keep=$(realpath -m "$(dirname "${BASH_SOURCE[0]}")/../../build/debian/packages")
    mkdir -p "$keep" "$1"
    (
        flock 8
        cd "$keep/../../.." || exit 1
        state=$(git ls-files -z --cached --others --exclude-standard -- ':!tests' | xargs -0 sha256sum 2>/dev/null | sha256sum)
        if [[ ! -e $keep/state || $(<"$keep/state") != "$state" ]]; then
            rm -rf "${keep:?}"/*
            DEB_BUILD_OPTIONS="nocheck noautodbgsym" deploy/packaging/build.sh "$keep" >"$keep/../packages.log" 2>&1 ||
                { tail -n 40 "$keep/../packages.log" >&2; echo "the packages do not build" >&2; exit 1; }
            echo "$state" >"$keep/state"
        fi
        find "$keep" -type f ! -name state -exec cp -t "$1" {} +
    ) 8>"$keep.lock"
}

# Runs in new namespaces, as the first process of a booted root: makes the file systems that systemd expects, and becomes
# systemd.
debian_init() {
    cd "$1" || exit 1
    mount --make-rprivate / && mount --bind . . && cd "$PWD" || exit 1
    mount -t proc proc proc && mount -t sysfs -o ro sysfs sys && mount -t cgroup2 cgroup2 sys/fs/cgroup || exit 1
    mount -t tmpfs -o mode=755 tmpfs run && mount -t tmpfs -o mode=1777 tmpfs tmp &&
        mount -t tmpfs -o mode=755 tmpfs dev || exit 1
    mkdir dev/pts dev/shm && mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts || exit 1
    for node in null zero full random urandom tty; do
        touch "dev/$node" && mount --bind "/dev/$node" "dev/$node" || exit 1
    done
    ln -s pts/ptmx dev/ptmx && ln -s /proc/self/fd dev/fd && ln -s fd/0 dev/stdin && ln -s fd/1 dev/stdout &&
        ln -s fd/2 dev/stderr || exit 1
    hostname debian
    ip link set lo up
    pivot_root . mnt && umount -l /mnt && cd / || exit 1
    exec env -i container=other TERM=dumb /lib/systemd/systemd
}
export -f debian_init

# debian_boot DIRECTORY LOG: starts systemd, which must be installed there, as the first process of that root, in a
# control group of its own, without any network but loopback. Sets debian_boot_process and debian_boot_group to what
# debian_halt() ends, and debian_boot_pid to systemd's. Returns 1 if systemd does not come up.
debian_boot() {
    local i groups state=
    groups=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
    [[ -n $groups ]] || { echo "no cgroup2 file system is mounted, which systemd needs" >&2; return 1; }
    debian_boot_group=$groups/stir-cps-$$
    mkdir "$debian_boot_group" || return 1
    # shellcheck disable=SC2016 # the inner shell's
    setpriv --pdeathsig KILL bash -c 'echo $$ >"$1/cgroup.procs" && exec unshare --mount --pid --fork --uts --net \
        --cgroup --ipc --kill-child=KILL bash -c "debian_init \"\$1\"" - "$2"' - "$debian_boot_group" "$1" \
        >"$2" 2>&1 </dev/null &
    debian_boot_process=$!
    for ((i = 0; i < 300; i++)); do
        read -r debian_boot_pid _ <"/proc/$debian_boot_process/task/$debian_boot_process/children" || true
        state=$([[ -z $debian_boot_pid ]] || in_booted_debian systemctl is-system-running 2>/dev/null) || true
        [[ $state != running && $state != degraded ]] || return 0
        kill -0 "$debian_boot_process" 2>/dev/null || break
        sleep 0.1
    done
    tail -n 20 "$2" >&2
    echo "systemd does not come up: ${state:-no answer}" >&2
    return 1
}

# Runs a command in the booted root, as root, in /root.
in_booted_debian() {
    nsenter --target "$debian_boot_pid" --mount --pid --uts --net --cgroup --ipc --root --wd -- \
        env -i -C /root HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}

# Ends all that runs in there.
debian_halt() {
    local i
    kill -KILL "$debian_boot_process" 2>/dev/null || true # its child dies with it, and with that all of the namespace
    wait "$debian_boot_process" 2>/dev/null || true
    for ((i = 0; i < 100; i++)); do # its last processes may still be ending
        find "$debian_boot_group" -depth -type d -exec rmdir {} + 2>/dev/null && break
        sleep 0.1
    done
}
