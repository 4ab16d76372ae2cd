#!/usr/bin/env bash
# Installs what the tests need from Debian when it is missing, and runs them all. A part that is missing makes a test
# fail; nothing is skipped. Wants root: containers, network namespaces and packet filters are real.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ ${1-} == -h || ${1-} == --help ]]; then
    cat <<'EOF'
Installs what the tests need from Debian, and runs every test: generated files, every crate, a cluster of two nodes.

usage: hack/test.sh [arguments of `cargo nextest run`, or of `cargo test` where nextest is not installed]        (as root)

With arguments (-p kubelet, the name of a test), only the tests of crates that they select are run, and no cluster is started.
EOF
    exit 0
fi

((EUID == 0)) || { echo "this wants root: containers, network namespaces and packet filters are real" >&2; exit 1; }
# shellcheck source=hack/lib/packages.sh
source hack/lib/packages.sh
find_rust
cargo fmt --version >/dev/null 2>&1 || { echo "generated files are compared with what rustfmt makes of them: rustup component add rustfmt" >&2; exit 1; }
want_build
want_node
want etcd etcd-server
want openssl openssl
want curl curl
install_wanted

echo "== generated files are what the tables say"
cargo xtask codegen --check

if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run "$@"
else
    cargo test "$@"
fi
# Whoever asks for some of the tests does not want a cluster.
(($# == 0)) || exit 0

echo "== a cluster of two nodes"
programs=(kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl cluster-dns pod-network image-builder e2e)
# Beside a test, libraries have the features that tests want: those of the tests above are used again.
cargo build --workspace --test=system "${programs[@]/#/--bin=}"
bin=${CARGO_TARGET_DIR:-target}/debug
"$bin/image-builder" --dev --output "$bin/e2e-images.tar" registry.k8s.io/pause:3.10.2 kubernox/busybox:1 kubernox/cluster-dns:1
"$bin/e2e" --bin "$bin" --images "$bin/e2e-images.tar"
echo "== the same in every other way that a cluster can be started, where it makes a difference"
"$bin/e2e" --bin "$bin" --images "$bin/e2e-images.tar" --etcd --proxy-mode iptables --network vxlan --ip-families dual --dns pod --core
