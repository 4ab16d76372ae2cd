#!/usr/bin/env bash
# Records which functions of the programs run in a cluster, and writes build/text-order (see xtask/src/text_order).
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ ${1-} == -h || ${1-} == --help ]]; then
    cat <<'EOF'
Records which functions of the programs run in a cluster of one node, at rest and at work, and writes build/text-order, by which
the programs are linked. Worth doing when much has changed: what is not in there is linked as it comes.

usage: hack/text-order.sh [directory of released programs] [archive of images]        (as root; target/release, images of its own)
EOF
    exit 0
fi

bin=$(realpath "${1:-target/release}")
images=(${2:+--images "$2"})
state=/var/lib/kubernox-text-order
work=$(mktemp -d)
trap 'hack/local-up-cluster.sh --state "$state" --down >/dev/null || true; rm -rf "$work"' EXIT
cargo build --quiet --package xtask
xtask=$(realpath "${CARGO_TARGET_DIR:-target}/debug/xtask")

# Every program is there, and those that stay are started under the eyes of the recorder.
mkdir "$work/bin"
for program in kubectl image-builder; do ln -s "$bin/$program" "$work/bin/$program"; done
for program in kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy cluster-dns pod-network; do
    printf '#!/bin/bash\nexec "%s" text-order record "${0%%/*}/../records" "%s" "$@"\n' "$xtask" "$bin/$program" >"$work/bin/$program"
    chmod +x "$work/bin/$program"
done

kubectl() { "$bin/kubectl" --kubeconfig "$state/admin.kubeconfig" "$@"; }

# at_rest: leases are renewed, statuses told, caches compared and collected.
at_rest() { sleep 120; }

# at_work: each kind of workload comes, changes and goes; a service is called, a container is looked into.
at_work() {
    kubectl apply --server-side -f - <<'EOF'
apiVersion: v1
kind: Namespace
metadata: {name: work}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: work}
data: {a: b}
---
apiVersion: v1
kind: Secret
metadata: {name: password, namespace: work}
stringData: {a: b}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: work}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: work}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: kubernox/busybox:1
        command: [sh, -c, "hostname >index.html; trap exit TERM; httpd -f -p 8080 & wait"]
        readinessProbe: {httpGet: {port: 8080}, periodSeconds: 2}
        livenessProbe: {exec: {command: ["true"]}, periodSeconds: 2}
        resources: {requests: {cpu: 10m, memory: 8Mi}}
        volumeMounts: [{name: settings, mountPath: /settings}, {name: password, mountPath: /password}, {name: scratch, mountPath: /scratch}]
      volumes: [{name: settings, configMap: {name: settings}}, {name: password, secret: {secretName: password}}, {name: scratch, emptyDir: {}}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: member, namespace: work}
spec:
  serviceName: web
  selector: {matchLabels: {app: member}}
  template:
    metadata: {labels: {app: member}}
    spec: {terminationGracePeriodSeconds: 1, containers: [{name: c, image: "kubernox/busybox:1", command: [sh, -c, "trap exit TERM; sleep 1000 & wait"]}]}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: work}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {terminationGracePeriodSeconds: 1, containers: [{name: c, image: "kubernox/busybox:1", command: [sh, -c, "trap exit TERM; sleep 1000 & wait"]}]}
---
apiVersion: batch/v1
kind: Job
metadata: {name: once, namespace: work}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: "kubernox/busybox:1", command: ["true"]}]}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: often, namespace: work}
spec: {schedule: "* * * * *", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: "kubernox/busybox:1", command: ["true"]}]}}}}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: work}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
EOF
    local workload
    for workload in deployment/web statefulset/member daemonset/agent; do
        kubectl --namespace work rollout status "$workload" --timeout 120s
    done
    kubectl --namespace work wait --for condition=complete job/once --timeout 60s
    kubectl --namespace work exec deploy/web -- wget -qO- http://web
    kubectl --namespace work logs deploy/web
    kubectl --namespace work get pods,services,endpointslices,events --output wide
    kubectl --namespace work describe pods >/dev/null
    kubectl --namespace work set env deployment/web colour=blue
    kubectl --namespace work rollout status deployment/web --timeout 120s
    kubectl --namespace work scale deployment/web --replicas 1
    kubectl --namespace work patch configmap settings --patch '{"data": {"a": "c"}}'
    # The minute turns for the schedule, and what was told is told again.
    sleep 65
    kubectl delete namespace work --timeout 120s
}

for name in rest work; do
    hack/local-up-cluster.sh --state "$state" --bin "$work/bin" "${images[@]}"
    "at_$name"
    hack/local-up-cluster.sh --state "$state" --bin "$bin" --down
    "$xtask" text-order merge "$work/records" "$name"
    rm -r "$work/records"
done
