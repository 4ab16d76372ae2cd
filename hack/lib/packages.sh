# Installs what is missing of Debian's packages. Sourced.

packages=()

# want PROGRAM-OR-FILE PACKAGE: notes the package unless the program or file is there.
want() {
    if [[ $1 == /* ]]; then [[ -e $1 ]] || packages+=("$2"); else command -v "$1" >/dev/null || packages+=("$2"); fi
}

# What a node runs on.
want_node() {
    want containerd containerd
    want runc runc
    want /usr/lib/cni/bridge containernetworking-plugins
    want nft nftables
    want iptables iptables
    want conntrack conntrack
    want ip iproute2
    want nsenter util-linux
    dpkg -s busybox-static >/dev/null 2>&1 || packages+=(busybox-static)
}

# What the project is built with.
want_build() {
    want cc gcc
    want protoc protobuf-compiler
    want /usr/include/google/protobuf/descriptor.proto libprotobuf-dev
    want /usr/lib/x86_64-linux-gnu/libc.a libc6-dev
}

# Installs what was noted, without letting the packages start services of their own.
install_wanted() {
    ((${#packages[@]})) || return 0
    echo "installing: ${packages[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    local policy=/usr/sbin/policy-rc.d placed=
    if [[ ! -e $policy ]]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        placed=1
    fi
    local status=0
    apt-get install -y -qq --no-install-recommends "${packages[@]}" || status=$?
    [[ -z $placed ]] || rm -f "$policy"
    return "$status"
}
