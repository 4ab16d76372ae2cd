#!/usr/bin/env bash
# Installs what the tests need from Debian when it is missing, and runs them all. A part that is missing makes a test
# fail; nothing is skipped. Wants root: containers, network namespaces and packet filters are real.
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=hack/lib/packages.sh
source hack/lib/packages.sh
want_build
want_node
want etcd etcd-server
want openssl openssl
install_wanted

echo "== generated files are what the tables say"
cargo xtask codegen --check

if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --workspace "$@"
else
    cargo test --workspace "$@"
fi
