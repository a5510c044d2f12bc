#!/bin/sh
# Prepares a Debian 12 or 13 machine to build, test and demonstrate Firsthop.
#
#   ./setup.sh
#
# Installs Debian packages (as root; skipped when all are there) and builds
# libopenvswitch once into a cache, see build-aux/build-openvswitch.  Running
# it again changes nothing.
set -eu

cd "$(dirname "$0")"

# One a line, sorted within their group.
packages="
    autoconf
    automake
    binutils
    gcc
    libc6-dev
    libcurl4-openssl-dev
    libevent-dev
    libjansson-dev
    libmnl-dev
    libssl-dev
    make
    openvswitch-source
    pkgconf
    python3
    uthash-dev

    clang
    curl
    git
    libcmocka-dev
    procps
    python3-jsonschema
    python3-pytest
    python3-scapy
    util-linux

    bird2
    chromium
    chromium-driver
    dhcpcd-base
    dnsmasq-base
    exabgp
    frr
    iproute2
    iputils-arping
    iputils-ping
    ipxe-qemu
    isc-dhcp-client
    kea-dhcp4-server
    keepalived
    liblwip-dev
    mininet
    nftables
    openvswitch-pki
    openvswitch-switch
    prometheus
    qemu-system-x86
    systemd
    tcpdump
    traceroute
    udhcpc
"

say() {
    echo "setup: $*" >&2
}

missing() {
    for package in $packages; do
        status=$(dpkg-query -W -f '${db:Status-Status}' "$package" \
            2>/dev/null) || status=
        test "$status" = installed || printf '%s ' "$package"
    done
}

as_root() {
    if test "$(id -u)" = 0; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        say "must be root to install packages"
        return 1
    fi
}

# apt ARGUMENT...: apt-get, of which is told what it does, every few seconds;
# all that it says if it fails.
apt() {
    log=$(mktemp)
    # sudo closes what is not stdin, stdout or stderr.
    { as_root env DEBIAN_FRONTEND=noninteractive sh -c '
        log=$1
        shift
        exec apt-get -q -y -o DPkg::Lock::Timeout=300 \
            -o APT::Status-Fd=3 "$@" 3>&1 >"$log" 2>&1
    ' sh "$log" "$@" </dev/null && echo done:; } | report_progress || {
        cat "$log" >&2
        rm -f "$log"
        return 1
    }
    rm -f "$log"
}

# From lines like "pmstatus:bird2:42.5:Unpacking bird2".  False unless there
# was a last line, "done:".
report_progress() {
    last=0
    kind=
    while IFS=: read -r kind _ percent what; do
        now=$(date +%s)
        case $kind in
        dlstatus | pmstatus)
            if test $((now - last)) -ge 5; then
                say "  ${percent%%.*} %, $what, $((now - started)) s"
                last=$now
            fi
            ;;
        done) return 0 ;;
        esac
    done
    return 1
}

started=$(date +%s)

command -v dpkg-query >/dev/null || {
    say "this is not Debian; see configure's messages for what is needed"
    exit 1
}

wanted=$(missing)
if test -n "$wanted"; then
    say "installing $(echo $wanted | wc -w) packages: $wanted"
    # The package lists of a fresh machine may be absent or old.
    apt install --no-install-recommends $wanted || {
        apt update
        apt install --no-install-recommends $wanted
    }
else
    say "all packages are installed"
fi

build-aux/build-openvswitch
say "ready after $(($(date +%s) - started)) s"
