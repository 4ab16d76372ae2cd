#!/usr/bin/env bash
# Kills each component of a cluster again and again while Deployments, Jobs and a Service change, and prints a table: how
# long until the state was the desired one, whether anything happened to pods without need, and what was left behind.
set -euo pipefail

usage() {
    cat <<'EOF'
usage: test/e2e/kill.sh [options] [COMPONENT...]      (as root)

  --state DIR    where the cluster keeps everything (/var/lib/kubernox-local); one of two nodes is started, and taken down
                 at the end, when none is there
  --times N      how often each is killed (10)
  --bin DIR, --images FILE, --etcd, --proxy-mode MODE, --dns WHERE, --network MODE
                 what a cluster is started with, as hack/local-up-cluster.sh has them
  --help         this text

Without names: every process of the control plane and of the second node, its containerd among them.
EOF
}

REPOSITORY=$(realpath "$(dirname "$0")/../..")
STATE=/var/lib/kubernox-local TIMES=10 COMPONENTS=() START=(--nodes 2)
while (($#)); do
    case $1 in
        --state) STATE=$(realpath -m "${2:?--state wants a directory}"); shift ;;
        --times) TIMES=${2:?--times wants a number}; shift ;;
        --bin | --images | --proxy-mode | --dns | --network) START+=("$1" "${2:?$1 wants a value}"); shift ;;
        --etcd) START+=("$1") ;;
        -h | --help) usage; exit 0 ;;
        -*) echo "unknown option: $1 (see --help)" >&2; exit 2 ;;
        *) COMPONENTS+=("$1") ;;
    esac
    shift
done
[[ $TIMES =~ ^[1-9][0-9]*$ ]] || { echo "--times wants a number, not $TIMES (see --help)" >&2; exit 2; }

# shellcheck source=hack/lib/processes.sh
source "$REPOSITORY/hack/lib/processes.sh"
# shellcheck source=test/e2e/prelude.sh
source "$REPOSITORY/test/e2e/prelude.sh"
export KUBECONFIG=$STATE/admin.kubeconfig
NS=kill-$$ IMAGE=kubernox/busybox:1 OWN=''
k() { kubectl --namespace "$NS" "$@"; }

finish() {
    if [[ -n $OWN ]]; then
        "$REPOSITORY/hack/local-up-cluster.sh" --state "$STATE" --down >/dev/null
    else
        kubectl delete namespace "$NS" --wait=false >/dev/null 2>&1 || true
    fi
}

# workload NAME REPLICAS ROUND: whose pods are other ones when the round is another one.
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
      containers:
      - name: c
        image: $IMAGE
        command: [httpd, -f, -p, "8080"]
        env: [{name: ROUND, value: "$3"}]
        readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
        livenessProbe: {tcpSocket: {port: 8080}, periodSeconds: 2}
---
EOF
}

# service PORT
service() {
    cat <<EOF
apiVersion: v1
kind: Service
metadata: {name: churn}
spec: {selector: {app: churn}, ports: [{port: $1, targetPort: 8080}]}
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
    "$REPOSITORY/hack/local-up-cluster.sh" --state "$STATE" --bin "$(cat "$STATE/bin")" --images "$(cat "$STATE/images")" \
        >>"$STATE/logs/kill.log" 2>&1
}

# The containers of pods that nothing happened to, and since when they are ready.
steady() {
    local pods='{range .items[*]}{.metadata.name} {.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount}'
    k get pods -l app=steady -o "jsonpath=$pods {.status.conditions[?(@.type==\"Ready\")].lastTransitionTime}{\"\\n\"}{end}" | sort
}

# The desired state: the pods that are wanted, the job done, and the service led to them from both nodes, by its name.
settled() {
    local replicas=$1 job=$2 port=$3 i
    [[ $(k get deployment churn -o 'jsonpath={.status.availableReplicas} {.status.updatedReplicas} {.status.replicas}') == "$replicas $replicas $replicas" ]] || return 1
    # One more where a pod was made and the answer was lost with the server: Jobs promise at least as many.
    [[ $(k get job "$job" -o 'jsonpath={.status.conditions[?(@.type=="Complete")].status}') == True ]] || return 1
    for i in 1 2; do
        node "$i" timeout 1 bash -c ": </dev/tcp/$ADDRESS/$port" 2>/dev/null || return 1
        node "$i" timeout 2 busybox nslookup "churn.$NS.svc.cluster.local" 10.96.0.10 | grep -q "$ADDRESS" || return 1
    done
}

# connected NODE: how many network namespaces of pods have a network. One that has none was made by a containerd that was
# killed before it noted the name; whoever comes after cannot know of it.
connected() {
    { node "$1" bash -c 'for name in /run/netns/cni-*; do nsenter --net="$name" ip -o link show eth0; done' 2>/dev/null || true; } | wc -l
}

# What is on the nodes of pods that the API server does not know, and of ports that the service has no more; a line each.
leaks() {
    local port=$1 known i uid containers sandboxes count
    known=$(kubectl get pods -A -o 'jsonpath={range .items[*]}{.metadata.uid}{"\n"}{.metadata.annotations.kubernetes\.io/config\.mirror}{"\n"}{end}')
    for i in 1 2; do
        containers=$(containerd_of "$i" containers list -q)
        {
            ls "$STATE/node-$i/kubelet/pods"
            node "$i" awk '{ print $2 }' /proc/mounts | grep -oE 'kubelet/pods/[-0-9a-f]{36}' | cut -d/ -f3
            # Of this cluster only: another one's may lie in cgroups further down.
            find /sys/fs/cgroup -maxdepth 2 -path "*/kubernox-$i" -exec find {} -path '*/kubepods*' -name 'pod*' -type d ';' | sed 's/.*pod//'
            for id in $containers; do
                containerd_of "$i" containers info "$id" | sed -n 's/.*"io.kubernetes.pod.uid": "\([^"]*\)".*/\1/p'
            done
        } | sort -u | while read -r uid; do
            [[ -z $uid ]] || grep -qx "$uid" <<<"$known" || echo "node $i: pod $uid"
        done
        # A namespace of a pod's network and a shim for each sandbox, and a root for each container, and no more.
        sandboxes=$(containerd_of "$i" containers list | grep -c pause || true)
        count=$(connected "$i")
        ((count <= sandboxes)) || echo "node $i: $count network namespaces for $sandboxes sandboxes"
        count=$(sort -u /sys/fs/cgroup{,/*}/"kubernox-$i-system"/cgroup.procs | sed 's|.*|/proc/&/comm|' | xargs cat | grep -c containerd-shim || true)
        ((count <= sandboxes)) || echo "node $i: $count shims for $sandboxes sandboxes"
        node "$i" grep -oE 'v2.task/k8s.io/[0-9a-f]{64}/rootfs' /proc/mounts | cut -d/ -f3 | sort -u | while read -r id; do
            grep -q "$id" <<<"$containers" || echo "node $i: the root of container $id"
        done
        { node "$i" nft list ruleset; node "$i" iptables-save; } | grep -F "$ADDRESS" | grep -oE '(tcp \. |--dport )[0-9]+' | grep -oE '[0-9]+$' | sort -u | while read -r other; do
            [[ $other == "$port" ]] || echo "node $i: rules of port $other"
        done
    done
}

trap finish EXIT
trap 'exit 130' INT TERM
if [[ ! -d $STATE ]]; then
    OWN=yes
    "$REPOSITORY/hack/local-up-cluster.sh" --state "$STATE" "${START[@]}" >/dev/null
fi
if ((${#COMPONENTS[@]} == 0)); then
    for component in etcd kube-apiserver kube-controller-manager kube-scheduler cluster-dns kubelet-2 kube-proxy-2 pod-network-2 containerd-2; do
        if is_running "$component"; then COMPONENTS+=("$component"); fi
    done
fi
kubectl create namespace "$NS" >/dev/null
eventually 30 k get serviceaccount default >/dev/null
{ workload steady 4 0; workload churn 2 0; service 20000; } | k apply -f - >/dev/null
ADDRESS=$(k get service churn -o 'jsonpath={.spec.clusterIP}')
for name in steady churn; do k rollout status "deployment/$name" --timeout=120s >/dev/null; done
printf '%-26s %5s %12s %12s %8s  %s\n' component kills 'median (s)' 'longest (s)' touched 'left behind'
failed=0 round=0
for component in "${COMPONENTS[@]}"; do
    before=$(steady) seconds=()
    for _ in $(seq "$TIMES"); do
        is_running "$component" || { echo "$component does not run" >&2; exit 1; }
        round=$((round + 1)) replicas=$((2 + round % 3)) port=$((20000 + round))
        # The load is under way when the component goes: a new number of pods, every other time new pods.
        { workload churn "$replicas" $((round / 2)); service "$port"; echo ---; job "job-$round"; } | k apply -f - >/dev/null
        kill -KILL "$(pid_of "$component")"
        while is_running "$component"; do sleep 0.02; done
        begin=${EPOCHREALTIME/,/.}
        restart
        if ! eventually 120 settled "$replicas" "job-$round" "$port" >/dev/null; then
            echo "$component: not settled after 120 s" >&2
            k get deployments,pods,jobs,services -o wide >&2
            failed=1
        fi
        seconds+=("$(awk -v now="${EPOCHREALTIME/,/.}" -v then="$begin" 'BEGIN { printf "%.1f", now - then }')")
        k delete job "job-$round" --wait=false >/dev/null
    done
    touched=no
    [[ $(steady) == "$before" ]] || touched=yes failed=1
    left=''
    for _ in $(seq 20); do
        left=$(leaks "$port" 2>/dev/null)
        [[ -n $left ]] || break
        sleep 1
    done
    [[ -z $left ]] || failed=1
    sorted=$(printf '%s\n' "${seconds[@]}" | sort -n)
    printf '%-26s %5s %12s %12s %8s  %s\n' "$component" "$TIMES" "$(sed -n "$(((TIMES + 1) / 2))p" <<<"$sorted")" "$(tail -n 1 <<<"$sorted")" \
        "$touched" "$(paste -sd';' <<<"${left:-nothing}")"
    if [[ $touched == yes ]]; then diff <(echo "$before") <(steady) >&2 || true; fi
done
exit "$failed"
