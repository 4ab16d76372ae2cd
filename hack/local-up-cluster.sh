#!/usr/bin/env bash
# Brings up a cluster on this machine, from nothing, and says how to use it. Running it again starts what does not run.
set -Eeuo pipefail
# Numbers are read and written, in words of no country.
export LC_ALL=C

usage() {
    cat <<'EOF'
Brings up a Kubernetes cluster on this machine: control plane, nodes on real containers, services, DNS.

usage: hack/local-up-cluster.sh [options]        (as root)

  --nodes N              how many nodes; those after the first live in network namespaces of their own (1)
  --etcd                 store in etcd instead of the embedded store
  --proxy-mode MODE      nftables or iptables (nftables)
  --network MODE         how packets reach the pods of other nodes: routes or vxlan (routes)
  --ip-families WHICH    pods and Services have addresses of IPv4 alone, or of IPv6 too: ipv4 or dual (ipv4)
  --dns WHERE            cluster DNS as a process of the host or as a pod: host or pod (host)
  --bin DIR              use the programs of this directory instead of building them
  --images FILE          use the images of this archive instead of building them
  --state DIR            where everything is kept (/var/lib/kubernox-local)
  --down                 take the cluster down and leave nothing behind
  --help                 this text

A cluster that is there keeps what it was started with: run again, options that are not given are those of the first time.
EOF
}

NODES='' ETCD='' PROXY_MODE='' NETWORK='' IP_FAMILIES='' DNS='' BIN='' IMAGES='' STATE=/var/lib/kubernox-local DOWN=''

wrong() {
    echo "$1 (see --help)" >&2
    exit 2
}

# The options with a value: where that goes, and what it is.
declare -A VALUES=([--nodes]='NODES a number from 1 to 99' [--proxy-mode]='PROXY_MODE nftables or iptables'
    [--network]='NETWORK routes or vxlan' [--ip-families]='IP_FAMILIES ipv4 or dual' [--dns]='DNS host or pod'
    [--bin]='BIN a directory' [--images]='IMAGES an archive' [--state]='STATE a directory')

# set_option OPTION VALUE
set_option() {
    local value=${VALUES[$1]-}
    [[ -n $value ]] || wrong "unknown option: $1"
    [[ -n $2 ]] || wrong "$1 wants ${value#* }"
    declare -g "${value%% *}=$2"
}

while (($#)); do
    case $1 in
        --etcd) ETCD=yes ;;
        --down) DOWN=1 ;;
        -h | --help) usage; exit 0 ;;
        --*=*) set_option "${1%%=*}" "${1#*=}" ;;
        --*) set_option "$1" "${2-}"; shift ;;
        *) wrong "unknown option: $1" ;;
    esac
    shift
done
STATE=$(realpath -m "$STATE")
# What the cluster was started with before; a line for each option.
earlier() { sed -n "s/^$1=//p" "$STATE/options" 2>/dev/null || true; }
EARLIER_STORE=$(earlier ETCD)
for option in NODES:1 ETCD:no PROXY_MODE:nftables NETWORK:routes IP_FAMILIES:ipv4 DNS:host; do
    declare -n value=${option%%:*}
    value=${value:-$(earlier "${option%%:*}")}
    value=${value:-${option#*:}}
done
unset -n value
[[ $NODES =~ ^[1-9][0-9]?$ ]] || wrong "--nodes wants a number from 1 to 99, not $NODES"
[[ $PROXY_MODE == nftables || $PROXY_MODE == iptables ]] || wrong "--proxy-mode is nftables or iptables, not $PROXY_MODE"
[[ $NETWORK == routes || $NETWORK == vxlan ]] || wrong "--network is routes or vxlan, not $NETWORK"
[[ $IP_FAMILIES == ipv4 || $IP_FAMILIES == dual ]] || wrong "--ip-families is ipv4 or dual, not $IP_FAMILIES"
[[ $DNS == host || $DNS == pod ]] || wrong "--dns is host or pod, not $DNS"
[[ -n $DOWN || ${EARLIER_STORE:-$ETCD} == "$ETCD" ]] || wrong "the cluster in $STATE stores elsewhere: take it down first (--down)"
# Paths of sockets are short, and the directory stands in the configuration of programs as it is.
[[ $STATE =~ ^/[-._/a-zA-Z0-9]{1,63}$ ]] || wrong "--state wants a directory whose path has at most 64 letters, digits, dots and dashes, not $STATE"
((EUID == 0)) || { echo "this wants root: containers, namespaces and packet filters are real" >&2; exit 1; }
# What is taken down is removed: a directory that holds anything else is not a cluster's.
if [[ -e $STATE ]] && ! grep -qs ^NODES= "$STATE/options" && [[ -n $(ls -A "$STATE") ]]; then
    wrong "--state wants a directory of its own, and $STATE holds something else"
fi
if [[ -n $IMAGES ]]; then
    [[ -f $IMAGES && -r $IMAGES ]] || wrong "--images wants an archive, and $IMAGES is none"
    IMAGES=$(realpath "$IMAGES")
fi
PROGRAMS=(kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy cluster-dns pod-network kubectl)
if [[ -n $BIN ]]; then
    missing=()
    for program in "${PROGRAMS[@]}"; do
        [[ -x $BIN/$program || ($program == kubectl && -n $(type -P kubectl)) ]] || missing+=("$program")
    done
    ((${#missing[@]} == 0)) || wrong "--bin wants the directory of the programs, and $BIN has no ${missing[*]}"
    BIN=$(realpath "$BIN")
fi
cd "$(dirname "$0")/.."

# shellcheck source=hack/lib/names.sh
source hack/lib/names.sh
# What a machine has for a way to the world is no way to its own cluster.
export NO_PROXY=${NO_PROXY:-${no_proxy-}},localhost,127.0.0.1,$(node_ranges),$POD_CIDRS,$SERVICE_CIDRS
export no_proxy=$NO_PROXY

# step WHAT: what is being done, for whoever watches and for fail.
step() {
    STEP=$1
    printf '%6.1f s  %s\n' "$(bc_elapsed)" "$1"
}
bc_elapsed() { awk -v now="${EPOCHREALTIME/,/.}" -v then="$STARTED" 'BEGIN { print now - then }'; }

# full_disk: says so when there is no room where the cluster keeps everything, which programs fail of in words of their own.
full_disk() {
    local free
    free=$(df --output=avail -m "$STATE" 2>/dev/null | tail -n 1 || true)
    ((${free:-1000} > 100)) || echo "  there are $((free)) MB left on the disk of $STATE, which may be why"
}

# fail WHAT [LOG]: says what failed, where its log is if that says more, and what to do.
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
        full_disk
        echo "hint: run the command again to go on from here, or with --down to start from nothing"
    } >&8
    exit 1
}
# Whatever is interrupted may write to nowhere.
exec 8>&2

for part in packages processes pki control-plane dns node teardown; do
    # shellcheck disable=SC1090
    source "hack/lib/$part.sh"
done
STARTED=${EPOCHREALTIME/,/.} STEP=starting
trap 'fail "command failed: $BASH_COMMAND"' ERR
trap 'fail interrupted' INT TERM

# Two of these at a time would be in each other's way, and all clusters of a machine share the bridge.
only_one() {
    mkdir -p /run/lock
    # The one before may have removed the file between its opening and its locking.
    until [[ $LOCK -ef /proc/self/fd/9 ]]; do
        exec 9>"$LOCK"
        flock -n 9 || fail 'another local-up-cluster.sh is at work'
    done
    local owner
    owner=$(cat "/run/$NAME-local" 2>/dev/null || true)
    if [[ -z $DOWN && -n $owner && $owner != "$STATE" && -d $owner ]]; then
        fail "there is a cluster in $owner, and a machine has room for one: take it down first (--state $owner --down)"
    fi
}
only_one

kubectl() { "$KUBECTL" --kubeconfig "$STATE/admin.kubeconfig" --cache-dir "$STATE/kubectl-cache" "$@"; }

if [[ -n $DOWN ]]; then
    step 'taking the cluster down'
    take_down
    rm -f "$LOCK"
    step 'down'
    exit 0
fi

build_programs() {
    local program crates=()
    for program in "${PROGRAMS[@]}" image-builder; do crates+=(--bin "$program"); done
    [[ -x target/release/kubectl ]] || echo "          (the first time this takes about 20 minutes on two cores)"
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

if [[ -z $BIN || -z $IMAGES ]]; then
    borrow_rust
    find_rust
    # Wherever else cargo is told to build.
    export CARGO_TARGET_DIR=$PWD/target
fi
if [[ ! -e $STATE/options && $(cat "/run/$NAME-local" 2>/dev/null || true) == "$STATE" ]]; then
    step 'what is left of a cluster whose directory is gone'
    take_down
fi
mkdir -p "$STATE" || fail "$STATE cannot be made"
chmod 700 "$STATE"
# First of all: what has it is a cluster's directory.
printf '%s\n' "NODES=$NODES" "ETCD=$ETCD" "PROXY_MODE=$PROXY_MODE" "NETWORK=$NETWORK" "IP_FAMILIES=$IP_FAMILIES" "DNS=$DNS" >"$STATE/options"
mkdir -p "$STATE"/{pids,logs}
: >"$STATE/logs/setup.log"
echo "$STATE" >"/run/$NAME-local"
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
note_directories
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

# hints: what else the environment lacks for kubectl to be found and to find the cluster.
hints() {
    type -P kubectl >/dev/null || printf ' PATH=$PATH:%s' "$BIN"
    [[ -z ${HTTPS_PROXY-}${https_proxy-}${HTTP_PROXY-}${http_proxy-} ]] || printf ' NO_PROXY=%s' "${NO_PROXY#,}"
}

cat <<EOF

The cluster runs. Its kubeconfig is $STATE/admin.kubeconfig; try:

  export KUBECONFIG=$STATE/admin.kubeconfig$(hints)
  kubectl create deployment web --image=kubernox/busybox:1 --replicas=3 -- sh -c 'hostname >index.html; trap exit TERM; httpd -f -p 8080 & wait'
  kubectl expose deployment web --port=80 --target-port=8080
  kubectl rollout status deployment web && kubectl exec deploy/web -- wget -qO- http://web
EOF
