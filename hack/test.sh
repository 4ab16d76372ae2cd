#!/usr/bin/env bash
# Installs what the tests need from Debian when it is missing, and runs them all. A part that is missing makes a test
# fail; nothing is skipped. Wants root: containers, network namespaces and packet filters are real.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=()
want() { # PROGRAM-OR-FILE PACKAGE
    if [[ $1 == /* ]]; then [[ -e $1 ]] || packages+=("$2"); else command -v "$1" >/dev/null || packages+=("$2"); fi
}
want cc gcc
want protoc protobuf-compiler
want /usr/include/google/protobuf/descriptor.proto libprotobuf-dev
want etcd etcd-server
want containerd containerd
want runc runc
want /usr/lib/cni/bridge containernetworking-plugins
want nft nftables
want iptables iptables
want conntrack conntrack
want ip iproute2
want /usr/lib/x86_64-linux-gnu/libc.a libc6-dev
dpkg -s busybox-static >/dev/null 2>&1 || packages+=(busybox-static)
if ((${#packages[@]})); then
    echo "installing: ${packages[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # The packages would start services of their own; the tests start what they need.
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d.kubernox && chmod 755 /usr/sbin/policy-rc.d.kubernox
    [[ -e /usr/sbin/policy-rc.d ]] || { mv /usr/sbin/policy-rc.d.kubernox /usr/sbin/policy-rc.d; placed=1; }
    apt-get install -y -qq --no-install-recommends "${packages[@]}"
    [[ -z ${placed:-} ]] || rm -f /usr/sbin/policy-rc.d
    rm -f /usr/sbin/policy-rc.d.kubernox
fi

echo "== generated files are what the tables say"
cargo xtask codegen --check

if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --workspace "$@"
else
    cargo test --workspace "$@"
fi
