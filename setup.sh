#!/bin/sh
# Prepares a Debian 12 machine to build, test and demonstrate Firsthop.
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
    dnsmasq-base
    exabgp
    frr
    iproute2
    iputils-arping
    iputils-ping
    isc-dhcp-client
    kea-dhcp4-server
    keepalived
    mininet
    nftables
    openvswitch-pki
    openvswitch-switch
    prometheus
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

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -y -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

command -v dpkg-query >/dev/null || {
    say "this is not Debian; see configure's messages for what is needed"
    exit 1
}

wanted=$(missing)
if test -n "$wanted"; then
    say "installing $wanted"
    # The package lists of a fresh machine may be absent or old.
    apt install --no-install-recommends $wanted || {
        apt update
        apt install --no-install-recommends $wanted
    }
else
    say "all packages are installed"
fi

build-aux/build-openvswitch
say "ready"
