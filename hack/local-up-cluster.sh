#!/usr/bin/env bash
# Brings up a cluster on this machine, from nothing, and says how to use it. Running it again starts what does not run.
set -Eeuo pipefail

usage() {
    cat <<'EOF'
Brings up a Kubernetes cluster on this machine: control plane, nodes on real containers, services, DNS.

usage: hack/local-up-cluster.sh [options]        (as root)

  --nodes N              how many nodes; those after the first live in network namespaces of their own (1)
  --etcd                 store in etcd instead of the embedded store
  --proxy-mode MODE      nftables or iptables (nftables)
  --network MODE         how packets reach the pods of other nodes: routes or vxlan (routes)
  --dns WHERE            cluster DNS as a process of the host or as a pod: host or pod (host)
  --bin DIR              use the programs of this directory instead of building them
  --images FILE          use the images of this archive instead of building them
  --state DIR            where everything is kept (/var/lib/kubernox-local)
  --down                 take the cluster down and leave nothing behind
  --help                 this text

A cluster that is there keeps what it was started with: run again, options that are not given are those of the first time.
EOF
}

cd "$(dirname "$0")/.."
NODES='' ETCD='' PROXY_MODE='' NETWORK='' DNS='' BIN='' IMAGES='' STATE=/var/lib/kubernox-local DOWN=''
while (($#)); do
    case $1 in
        --nodes) NODES=${2:?--nodes wants a number}; shift ;;
        --nodes=*) NODES=${1#*=} ;;
        --etcd) ETCD=yes ;;
        --proxy-mode) PROXY_MODE=${2:?--proxy-mode wants nftables or iptables}; shift ;;
        --proxy-mode=*) PROXY_MODE=${1#*=} ;;
        --network) NETWORK=${2:?--network wants routes or vxlan}; shift ;;
        --network=*) NETWORK=${1#*=} ;;
        --dns) DNS=${2:?--dns wants host or pod}; shift ;;
        --dns=*) DNS=${1#*=} ;;
        --images) IMAGES=$(realpath "${2:?--images wants an archive}"); shift ;;
        --bin) BIN=$(realpath "${2:?--bin wants a directory}"); shift ;;
        --bin=*) BIN=$(realpath "${1#*=}") ;;
        --images=*) IMAGES=$(realpath "${1#*=}") ;;
        --state=*) STATE=$(realpath -m "${1#*=}") ;;
        --state) STATE=$(realpath -m "${2:?--state wants a directory}"); shift ;;
        --down) DOWN=1 ;;
        -h | --help) usage; exit 0 ;;
        *) echo "unknown option: $1 (see --help)" >&2; exit 2 ;;
    esac
    shift
done
# What the cluster was started with before; a line for each option.
earlier() { sed -n "s/^$1=//p" "$STATE/options" 2>/dev/null || true; }
EARLIER_STORE=$(earlier ETCD)
for option in NODES:1 ETCD:no PROXY_MODE:nftables NETWORK:routes DNS:host; do
    declare -n value=${option%%:*}
    value=${value:-$(earlier "${option%%:*}")}
    value=${value:-${option#*:}}
done
unset -n value
[[ $NODES =~ ^[1-9][0-9]?$ ]] || { echo "--nodes wants a number from 1 to 99, not $NODES" >&2; exit 2; }
[[ $PROXY_MODE == nftables || $PROXY_MODE == iptables ]] || { echo "--proxy-mode is nftables or iptables, not $PROXY_MODE" >&2; exit 2; }
[[ $NETWORK == routes || $NETWORK == vxlan ]] || { echo "--network is routes or vxlan, not $NETWORK" >&2; exit 2; }
[[ $DNS == host || $DNS == pod ]] || { echo "--dns is host or pod, not $DNS" >&2; exit 2; }
[[ ${EARLIER_STORE:-$ETCD} == "$ETCD" ]] || { echo "the cluster in $STATE stores elsewhere: take it down first (--down)" >&2; exit 2; }
((EUID == 0)) || { echo "this wants root: containers, namespaces and packet filters are real" >&2; exit 1; }

NAME=kubernox BRIDGE=knx0 POD_BRIDGE=knx-pods SUBNET=10.89.0 GATEWAY=10.89.0.1 PORT=6443
POD_CIDR=10.244.0.0/16 SERVICE_CIDR=10.96.0.0/16 API_SERVICE_IP=10.96.0.1 DNS_IP=10.96.0.10
PAUSE_IMAGE=registry.k8s.io/pause:3.10.2 DNS_IMAGE=kubernox/cluster-dns:1
SERVER=https://$GATEWAY:$PORT PKI=$STATE/pki

# step WHAT: what is being done, for whoever watches and for fail.
step() {
    STEP=$1
    printf '%6.1f s  %s\n' "$(bc_elapsed)" "$1"
}
bc_elapsed() { awk -v now="${EPOCHREALTIME/,/.}" -v then="$STARTED" 'BEGIN { print now - then }'; }

# fail WHAT [LOG]: says what failed, where its log is, and what to do.
fail() {
    local log=$STATE/logs/${2:-setup}.log
    trap - ERR
    {
        echo
        echo "failed while: $STEP"
        echo "  $1"
        if [[ -s $log ]]; then
            echo "  the end of $log:"
            tail -n 8 "$log" | sed 's/^/    /'
        fi
        echo "hint: run the command again to go on from here, or with --down to start from nothing"
    } >&2
    exit 1
}

for part in packages processes pki control-plane dns node teardown; do
    # shellcheck disable=SC1090
    source "hack/lib/$part.sh"
done
STARTED=${EPOCHREALTIME/,/.} STEP=starting
trap 'fail "command failed: $BASH_COMMAND"' ERR
trap 'fail interrupted' INT TERM

# Two of these at a time would be in each other's way, and all clusters of a machine share the bridge.
only_one() {
    exec 9>"/run/lock/$NAME-local-up"
    flock -n 9 || fail 'another local-up-cluster.sh is at work'
    local owner
    owner=$(cat "/run/$NAME-local" 2>/dev/null || true)
    if [[ -z $DOWN && -n $owner && $owner != "$STATE" && -d $owner ]]; then
        fail "there is a cluster in $owner, and a machine has room for one: take it down first (--state $owner --down)"
    fi
}
only_one

kubectl() { "$KUBECTL" --kubeconfig "$STATE/admin.kubeconfig" "$@"; }

if [[ -n $DOWN ]]; then
    step 'taking the cluster down'
    take_down
    exit 0
fi

PROGRAMS=(kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy cluster-dns pod-network)

build_programs() {
    local program crates=()
    for program in "${PROGRAMS[@]}" kubectl image-builder; do crates+=(--bin "$program"); done
    cargo build --release --workspace "${crates[@]}" || fail 'the programs do not build'
    BIN=$PWD/target/release
}

make_images() {
    [[ -z $IMAGES ]] || return 0
    IMAGES=$STATE/images-$DNS.tar
    [[ -e $IMAGES && $IMAGES -nt $BIN/image-builder ]] && return 0
    local names=("$PAUSE_IMAGE" kubernox/busybox:1)
    [[ $DNS == host ]] || names+=("$DNS_IMAGE")
    "$BIN/image-builder" --output "$IMAGES.new" "${names[@]}" >>"$STATE/logs/setup.log" 2>&1 || fail 'the images cannot be made'
    mv "$IMAGES.new" "$IMAGES"
}

all_ready() {
    local ready
    ready=$(kubectl get nodes -o 'jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}' | grep -c '^True$')
    ((ready >= NODES))
}

mkdir -p "$STATE"/{pids,logs}
echo "$STATE" >"/run/$NAME-local"
chmod 700 "$STATE"
printf '%s\n' "NODES=$NODES" "ETCD=$ETCD" "PROXY_MODE=$PROXY_MODE" "NETWORK=$NETWORK" "DNS=$DNS" >"$STATE/options"
step 'packages'
want_node
want openssl openssl
[[ -n $BIN ]] || want_build
[[ $ETCD == no ]] || want etcd etcd-server
install_wanted
if [[ -z $BIN ]]; then
    step 'programs'
    build_programs
fi
echo "$BIN" >"$STATE/bin"
KUBECTL=$(PATH=$BIN:$PATH type -P kubectl) || fail "there is no kubectl in $BIN nor on the path"
step 'images'
make_images
echo "$IMAGES" >"$STATE/images"
step 'certificates'
make_certificates
save_sysctls
sysctl -qw fs.inotify.max_user_instances=8192 || true
step 'network between nodes'
make_bridge
step 'control plane'
start_control_plane
grant_roles
step 'nodes'
for i in $(seq "$NODES"); do start_runtime "$i"; done
for i in $(seq "$NODES"); do start_node "$i"; done
"start_dns_$DNS"
step 'waiting until every node is ready'
wait_until 90 'ready nodes' kubelet-1 all_ready
step 'ready'

cat <<EOF

The cluster runs. Its kubeconfig is $STATE/admin.kubeconfig; try:

  export KUBECONFIG=$STATE/admin.kubeconfig$(type -P kubectl >/dev/null || printf ' PATH=$PATH:%s' "$BIN")
  kubectl get nodes -o wide
  kubectl create deployment web --image=kubernox/busybox:1 --replicas=3 -- httpd -f -p 8080
  kubectl expose deployment web --port=80 --target-port=8080
EOF
