#!/usr/bin/env bash
# Kills each component of a running local cluster again and again while a Deployment and Jobs change, and prints a table:
# how long until the state was the desired one, whether a container was restarted without need, and what was left behind.
set -euo pipefail

usage() {
    cat <<'EOF'
usage: test/e2e/kill.sh [options] [COMPONENT...]      (as root, with a cluster of two nodes running)

  --state DIR    where the cluster keeps everything (/var/lib/kubernox-local)
  --times N      how often each is killed (10)
  --help         this text

Without names: kube-apiserver kube-controller-manager kube-scheduler cluster-dns kubelet-2 kube-proxy-2 pod-network-2 containerd-2
EOF
}

REPOSITORY=$(realpath "$(dirname "$0")/../..")
STATE=/var/lib/kubernox-local TIMES=10 COMPONENTS=()
while (($#)); do
    case $1 in
        --state) STATE=$(realpath "${2:?--state wants a directory}"); shift ;;
        --times) TIMES=${2:?--times wants a number}; shift ;;
        -h | --help) usage; exit 0 ;;
        -*) echo "unknown option: $1 (see --help)" >&2; exit 2 ;;
        *) COMPONENTS+=("$1") ;;
    esac
    shift
done
((${#COMPONENTS[@]})) || COMPONENTS=(kube-apiserver kube-controller-manager kube-scheduler cluster-dns kubelet-2 kube-proxy-2 pod-network-2 containerd-2)

# shellcheck source=hack/lib/processes.sh
source "$REPOSITORY/hack/lib/processes.sh"
# shellcheck source=test/e2e/prelude.sh
source "$REPOSITORY/test/e2e/prelude.sh"
export KUBECONFIG=$STATE/admin.kubeconfig
NS=kill-$$ IMAGE=kubernox/busybox:1
k() { kubectl --namespace "$NS" "$@"; }
trap 'kubectl delete namespace "$NS" --wait=false >/dev/null 2>&1 || true' EXIT

# workload NAME REPLICAS
workload() {
    cat <<EOF
apiVersion: apps/v1
kind: Deployment
metadata: {name: $1}
spec:
  replicas: $2
  selector: {matchLabels: {app: $1}}
  template:
    metadata: {labels: {app: $1}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: c, image: $IMAGE, command: [httpd, -f, -p, "8080"]}]
EOF
}

# job NAME
job() {
    cat <<EOF
apiVersion: batch/v1
kind: Job
metadata: {name: $1}
spec:
  completions: 2
  parallelism: 2
  template:
    spec: {restartPolicy: Never, containers: [{name: c, image: $IMAGE, command: ["true"]}]}
EOF
}

restart() {
    local options=(--nodes 2 --state "$STATE" --bin "$(cat "$STATE/bin")" --images "$(cat "$STATE/images")")
    [[ ! -d $STATE/etcd ]] || options+=(--etcd)
    "$REPOSITORY/hack/local-up-cluster.sh" "${options[@]}" >>"$STATE/logs/kill.log" 2>&1
}

# The containers of pods that nothing happened to.
steady() { k get pods -l app=steady -o 'jsonpath={range .items[*]}{.metadata.name} {.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount}{"\n"}{end}' | sort; }

# The desired state: as many pods as are wanted, the job done.
settled() {
    [[ $(k get deployment churn -o 'jsonpath={.status.availableReplicas} {.status.updatedReplicas} {.status.replicas}') == "$1 $1 $1" ]] &&
        [[ $(k get job "$2" -o 'jsonpath={.status.succeeded}') == 2 ]]
}

# What is on the nodes of pods that the API server does not know, one line each.
leaks() {
    local known i uid
    known=$(kubectl get pods -A -o 'jsonpath={range .items[*]}{.metadata.uid}{"\n"}{.metadata.annotations.kubernetes\.io/config\.mirror}{"\n"}{end}')
    for i in 1 2; do
        {
            ls "$STATE/node-$i/kubelet/pods"
            node "$i" awk '{ print $2 }' /proc/mounts | grep -oE 'kubelet/pods/[-0-9a-f]{36}' | cut -d/ -f3
            find /sys/fs/cgroup -path "*/kubernox-$i/kubepods*" -name 'pod*' -type d | sed 's/.*pod//'
            containerd_of "$i" containers list -q | while read -r id; do
                containerd_of "$i" containers info "$id" | sed -n 's/.*"io.kubernetes.pod.uid": "\([^"]*\)".*/\1/p'
            done
        } | sort -u | while read -r uid; do
            [[ -z $uid ]] || grep -qx "$uid" <<<"$known" || echo "node $i: pod $uid"
        done
        # A namespace of a pod's network for each sandbox, and no more.
        local sandboxes namespaces
        sandboxes=$(containerd_of "$i" containers list | grep -c pause || true)
        namespaces=$(node "$i" ls /run/netns | grep -c '^cni-' || true)
        ((namespaces <= sandboxes)) || echo "node $i: $namespaces network namespaces for $sandboxes sandboxes"
    done
}

kubectl create namespace "$NS" >/dev/null
eventually 30 k get serviceaccount default >/dev/null
{ workload steady 4; echo ---; workload churn 2; } | k apply -f - >/dev/null
k rollout status deployment/steady --timeout=120s >/dev/null
printf '%-26s %5s %12s %12s %10s  %s\n' component kills 'median (s)' 'longest (s)' restarted 'left behind'
failed=0 round=0
for component in "${COMPONENTS[@]}"; do
    before=$(steady) seconds=()
    for _ in $(seq "$TIMES"); do
        is_running "$component" || { echo "$component does not run" >&2; exit 1; }
        round=$((round + 1)) replicas=$((2 + round % 3))
        # The load is under way when the component goes.
        k scale deployment churn --replicas "$replicas" >/dev/null
        job "job-$round" | k create -f - >/dev/null
        kill -KILL "$(pid_of "$component")"
        while is_running "$component"; do sleep 0.02; done
        begin=${EPOCHREALTIME/,/.}
        restart
        if ! eventually 120 settled "$replicas" "job-$round" >/dev/null; then
            echo "$component: not settled after 120 s" >&2
            k get pods,jobs -o wide >&2
            failed=1
        fi
        seconds+=("$(awk -v now="${EPOCHREALTIME/,/.}" -v then="$begin" 'BEGIN { printf "%.1f", now - then }')")
        k delete job "job-$round" --wait=false >/dev/null
    done
    restarted=no
    [[ $(steady) == "$before" ]] || restarted=yes failed=1
    left=''
    for _ in $(seq 30); do
        left=$(leaks 2>/dev/null)
        [[ -n $left ]] || break
        sleep 1
    done
    [[ -z $left ]] || failed=1
    sorted=$(printf '%s\n' "${seconds[@]}" | sort -n)
    printf '%-26s %5s %12s %12s %10s  %s\n' "$component" "$TIMES" "$(sed -n "$(((TIMES + 1) / 2))p" <<<"$sorted")" "$(tail -n 1 <<<"$sorted")" \
        "$restarted" "$(paste -sd';' <<<"${left:-nothing}")"
done
exit "$failed"
