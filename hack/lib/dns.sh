# Cluster DNS behind the Service that pods are told of. Sourced.

apply() {
    kubectl apply --server-side --force-conflicts --field-manager local-up-cluster -f - >>"$STATE/logs/setup.log" 2>&1
}

# dns_service SELECTOR
dns_service() {
    apply <<EOF
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system, labels: {k8s-app: kube-dns, kubernetes.io/name: CoreDNS}}
spec:
  clusterIP: $DNS_IP
  $1
  ports:
  - {name: dns, port: 53, protocol: UDP}
  - {name: dns-tcp, port: 53, protocol: TCP}
EOF
}

# As a process of the host.
start_dns_host() {
    ports cluster-dns "$GATEWAY:53" "udp:$GATEWAY:53" "$GATEWAY:8080" "$GATEWAY:8181" "$GATEWAY:9153"
    run_daemon cluster-dns "$BIN/cluster-dns" --kubeconfig "$STATE/cluster-dns.kubeconfig" --bind-address "$GATEWAY" \
        --health-bind-address "$GATEWAY:8080" --ready-bind-address "$GATEWAY:8181" --metrics-bind-address "$GATEWAY:9153"
    dns_service ''
    apply <<EOF
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kube-dns-host, namespace: kube-system, labels: {kubernetes.io/service-name: kube-dns}}
addressType: IPv4
endpoints: [{addresses: [$GATEWAY], conditions: {ready: true}}]
ports:
- {name: dns, port: 53, protocol: UDP}
- {name: dns-tcp, port: 53, protocol: TCP}
EOF
}

# As a Deployment, with a service account of its own.
start_dns_pod() {
    dns_service 'selector: {k8s-app: kube-dns}'
    apply <<EOF
apiVersion: v1
kind: ServiceAccount
metadata: {name: cluster-dns, namespace: kube-system}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cluster-dns, namespace: kube-system, labels: {k8s-app: kube-dns}}
spec:
  selector: {matchLabels: {k8s-app: kube-dns}}
  strategy: {rollingUpdate: {maxUnavailable: 0}}
  template:
    metadata: {labels: {k8s-app: kube-dns}}
    spec:
      serviceAccountName: cluster-dns
      dnsPolicy: Default
      priorityClassName: system-cluster-critical
      containers:
      - name: cluster-dns
        image: $DNS_IMAGE
        ports: [{name: dns, containerPort: 53, protocol: UDP}, {name: dns-tcp, containerPort: 53}, {name: metrics, containerPort: 9153}]
        readinessProbe: {httpGet: {path: /ready, port: 8181}, periodSeconds: 1}
        livenessProbe: {httpGet: {path: /health, port: 8080}}
        securityContext: {readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}}
EOF
}
