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
    want sysctl procps
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

# find_rust: a cargo that is new enough for the workspace, by that name on the path.
find_rust() {
    local wanted found
    PATH=$PATH:$HOME/.cargo/bin
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    found=$(cargo --version 2>/dev/null | cut -d' ' -f2 || true)
    [[ $(printf '%s\n' "$wanted" "${found:-0}" | sort -V | head -n 1) != "$wanted" ]] || return 0
    echo "this is built with Rust $wanted or newer, and $(id -un) has ${found:-none}: install it (https://rustup.rs), then run the command again" >&2
    exit 1
}

# borrow_rust: of whoever has called sudo, where root has none. It runs as them, so that what it builds stays theirs.
borrow_rust() {
    local home directory=/run/$NAME-cargo
    type -P cargo >/dev/null || [[ -x $HOME/.cargo/bin/cargo || -z ${SUDO_USER-} ]] && return 0
    home=$(getent passwd "$SUDO_USER" | cut -d: -f6)
    [[ -x $home/.cargo/bin/cargo ]] || return 0
    mkdir -p "$directory"
    printf '#!/bin/sh\nexec runuser -u %q -- env HOME=%q PATH=%q:"$PATH" cargo "$@"\n' "$SUDO_USER" "$home" "$home/.cargo/bin" >"$directory/cargo"
    chmod 755 "$directory/cargo"
    PATH=$PATH:$directory
    trap 'rm -rf "/run/$NAME-cargo"' EXIT
}

# Installs what was noted, without letting the packages start services of their own.
install_wanted() {
    ((${#packages[@]})) || return 0
    if ! type -P apt-get >/dev/null; then
        echo "this machine lacks ${packages[*]} (names of Debian 12), and has no apt-get: install them by its own means" >&2
        exit 1
    fi
    echo "installing: ${packages[*]}"
    export DEBIAN_FRONTEND=noninteractive
    # Without lists of today those of yesterday may do.
    apt-get update -qq || true
    local policy=/usr/sbin/policy-rc.d placed=
    if [[ ! -e $policy ]]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        placed=1
    fi
    local status=0
    apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null || status=$?
    [[ -z $placed ]] || rm -f "$policy"
    ((status == 0)) && return 0
    echo "these packages cannot be installed: ${packages[*]}; what apt-get says of it stands above" >&2
    exit "$status"
}
