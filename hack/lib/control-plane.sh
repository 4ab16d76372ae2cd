# The control plane, on the host. Sourced.

start_control_plane() {
    local store=(--data-dir "$STATE/apiserver")
    if [[ $ETCD == yes ]]; then
        ports etcd 127.0.0.1:23790 127.0.0.1:23800
        run_daemon etcd etcd --name local --data-dir "$STATE/etcd" \
            --listen-client-urls https://127.0.0.1:23790 --advertise-client-urls https://127.0.0.1:23790 \
            --listen-peer-urls http://127.0.0.1:23800 --initial-advertise-peer-urls http://127.0.0.1:23800 \
            --initial-cluster local=http://127.0.0.1:23800 --client-cert-auth --trusted-ca-file "$PKI/etcd-ca.crt" \
            --cert-file "$PKI/etcd.crt" --key-file "$PKI/etcd.key"
        store=(--etcd-servers https://127.0.0.1:23790 --etcd-cafile "$PKI/etcd-ca.crt"
            --etcd-certfile "$PKI/etcd-client.crt" --etcd-keyfile "$PKI/etcd-client.key")
    fi
    ports kube-apiserver "$GATEWAY:$PORT"
    run_daemon kube-apiserver "$BIN/kube-apiserver" "${store[@]}" \
        --bind-address "$GATEWAY" --advertise-address "$GATEWAY" --secure-port "$PORT" \
        --tls-cert-file "$PKI/apiserver.crt" --tls-private-key-file "$PKI/apiserver.key" --client-ca-file "$PKI/ca.crt" \
        --kubelet-client-certificate "$PKI/apiserver-kubelet-client.crt" --kubelet-client-key "$PKI/apiserver-kubelet-client.key" \
        --kubelet-certificate-authority "$PKI/ca.crt" --kubelet-preferred-address-types InternalIP,Hostname \
        --service-account-key-file "$PKI/service-account.pub" --service-account-signing-key-file "$PKI/service-account.key" \
        --service-account-issuer https://kubernetes.default.svc.cluster.local \
        --requestheader-client-ca-file "$PKI/front-proxy-ca.crt" --requestheader-allowed-names front-proxy-client \
        --requestheader-username-headers X-Remote-User --requestheader-group-headers X-Remote-Group \
        --requestheader-extra-headers-prefix X-Remote-Extra- \
        --proxy-client-cert-file "$PKI/front-proxy-client.crt" --proxy-client-key-file "$PKI/front-proxy-client.key" \
        --enable-bootstrap-token-auth=true --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction \
        --service-cluster-ip-range "$SERVICE_CIDRS" --allow-privileged=true
    wait_until 60 "a ready API server" kube-apiserver kubectl get --raw /readyz
    ports kube-controller-manager 127.0.0.1:10257
    run_daemon kube-controller-manager "$BIN/kube-controller-manager" --kubeconfig "$STATE/controller-manager.kubeconfig" \
        --authentication-kubeconfig "$STATE/controller-manager.kubeconfig" \
        --authorization-kubeconfig "$STATE/controller-manager.kubeconfig" --bind-address 127.0.0.1 \
        --tls-cert-file "$PKI/controller-manager.crt" --tls-private-key-file "$PKI/controller-manager.key" \
        --client-ca-file "$PKI/ca.crt" --root-ca-file "$PKI/ca.crt" \
        --service-account-private-key-file "$PKI/service-account.key" --use-service-account-credentials=true \
        --cluster-signing-cert-file "$PKI/ca.crt" --cluster-signing-key-file "$PKI/ca.key" \
        --allocate-node-cidrs=true --cluster-cidr "$POD_CIDRS" --service-cluster-ip-range "$SERVICE_CIDRS" --leader-elect=false \
        --kube-api-qps 100 --kube-api-burst 200
    ports kube-scheduler 127.0.0.1:10259
    run_daemon kube-scheduler "$BIN/kube-scheduler" --kubeconfig "$STATE/scheduler.kubeconfig" \
        --authentication-kubeconfig "$STATE/scheduler.kubeconfig" --authorization-kubeconfig "$STATE/scheduler.kubeconfig" \
        --tls-cert-file "$PKI/scheduler.crt" --tls-private-key-file "$PKI/scheduler.key" --client-ca-file "$PKI/ca.crt" \
        --bind-address 127.0.0.1 --leader-elect=false
}

# What the add-ons and the API server's own client may do, and nothing more.
grant_roles() {
    kubectl apply --server-side --force-conflicts --field-manager local-up-cluster -f - >>"$STATE/logs/setup.log" 2>&1 <<EOF
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: kubernox:kubelet-api}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:kubelet-api-admin"}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: kube-apiserver-kubelet-client}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: kubernox:cluster-dns}
rules:
- {apiGroups: [""], resources: [namespaces, services], verbs: [list, watch]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: kubernox:cluster-dns}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: kubernox:cluster-dns}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: system:cluster-dns}
- {kind: ServiceAccount, name: cluster-dns, namespace: kube-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: kubernox:pod-network}
rules:
- {apiGroups: [""], resources: [nodes], verbs: [list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: kubernox:pod-network}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: kubernox:pod-network}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: system:pod-network}]
EOF
}
