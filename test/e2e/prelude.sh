# Functions for the specs' steps. Sourced; wants what the harness sets: NS, STATE, KUBECONFIG, DIR, NODE1, NODE2.

# eventually SECONDS COMMAND...: until it succeeds.
eventually() {
    local deadline=$((SECONDS + $1)) output
    shift
    until output=$("$@" 2>&1); do
        if ((SECONDS >= deadline)); then
            printf '%s\n' "$output" >&2
            return 1
        fi
        sleep 0.25
    done
    printf '%s\n' "$output"
}

# node I COMMAND...: in the namespaces of that node.
node() {
    local namespaces=(--mount)
    (($1 == 1)) || namespaces+=(--net --uts)
    nsenter --target "$(cut -d' ' -f1 "$STATE/pids/namespace-$1")" "${namespaces[@]}" -- "${@:2}"
}

# containerd_of I ARGUMENTS...: ctr of that node.
containerd_of() { ctr --address "$STATE/node-$1/containerd-run/containerd.sock" --namespace k8s.io "${@:2}"; }

# field KIND NAME JSONPATH
field() { kubectl get "$1" "$2" -o "jsonpath=$3"; }

# sh_in POD SCRIPT [CONTAINER]
sh_in() { kubectl exec "$1" ${3:+-c "$3"} -- sh -c "$2"; }

# ready PODS...: waits for them.
ready() { kubectl wait pod --for=condition=Ready --timeout=90s "$@"; }

# client COMMAND: runs the command in a pod that ends with it, and prints what it has written.
client() {
    kubectl run "client-$RANDOM$RANDOM" --quiet --rm --stdin --image="$IMAGE" --restart=Never --pod-running-timeout=90s -- sh -c "$1"
}

# deployment NAME REPLICAS [COMMAND...]: one whose pods end within a second; without a command they serve HTTP on 8080.
deployment() {
    local name=$1 replicas=$2
    shift 2
    (($#)) || set -- httpd -f -p 8080
    kubectl apply -f - <<EOF
apiVersion: apps/v1
kind: Deployment
metadata: {name: $name, labels: {app: $name}}
spec:
  replicas: $replicas
  selector: {matchLabels: {app: $name}}
  template:
    metadata: {labels: {app: $name}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: c, image: $IMAGE, command: [$(printf '"%s", ' "$@")]}]
EOF
}
