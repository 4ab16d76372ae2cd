# Nodes: each in a mount namespace of its own, those after the first in network and host-name namespaces too. Sourced.

CGROUP_V1=$(awk '$3 == "cgroup" { print $2 }' /proc/mounts)

# cgroup_root NAME: a cgroup of that name in every hierarchy.
cgroup_root() {
    local hierarchy
    for hierarchy in $CGROUP_V1; do
        mkdir -p "$hierarchy/$1"
        if [[ -e $hierarchy/cpuset.cpus ]]; then
            cat "$hierarchy/cpuset.cpus" >"$hierarchy/$1/cpuset.cpus"
            cat "$hierarchy/cpuset.mems" >"$hierarchy/$1/cpuset.mems"
        fi
    done
    if [[ $(stat -fc %T /sys/fs/cgroup) == cgroup2fs ]]; then
        mkdir -p "/sys/fs/cgroup/$1"
        sed 's/\([a-z]\+\)/+\1/g' /sys/fs/cgroup/cgroup.controllers >/sys/fs/cgroup/cgroup.subtree_control
    fi
}

# present LINK
present() { ip link show dev "$1" >/dev/null 2>&1; }

# The cluster's addresses must not be those of another network of the machine.
ranges_are_free() {
    local range device
    for range in $(tr , ' ' <<<"$(node_ranges),$POD_CIDRS,$SERVICE_CIDRS"); do
        device=$(ip -o route show root "$range" | awk -v ours=" $BRIDGE $POD_BRIDGE knx.vxlan " '
            { for (i = 1; i < NF; i++) if ($i == "dev" && !index(ours, " " $(i + 1) " ")) found = $(i + 1) }
            END { print found }')
        [[ -z $device ]] || fail "the cluster wants $range, and the machine has that network already, at $device" no
    done
}

# The bridge between nodes, whose address is the first node's and the control plane's. As everything here it may be there in
# part, if an earlier start was interrupted.
make_bridge() {
    ranges_are_free
    present "$BRIDGE" || ip link add "$BRIDGE" type bridge
    ip addr replace "$GATEWAY/24" dev "$BRIDGE"
    # Nobody else has these: there is no need to wait until nobody objects.
    [[ $IP_FAMILIES != dual ]] || ip addr replace "$(node_ip6 1)/64" dev "$BRIDGE" nodad
    ip link set "$BRIDGE" up
}

# make_network I: the network namespace of a node after the first.
make_network() {
    local i=$1 name
    name=$(node_name "$i")
    ((i > 1)) || return 0
    # A name without a namespace is what an interrupted start leaves.
    ip netns exec "$name" true 2>/dev/null || { ip netns del "$name" 2>/dev/null || true; ip netns add "$name"; }
    present "$BRIDGE-$i" || ip link add "$BRIDGE-$i" type veth peer name eth0 netns "$name"
    ip link set "$BRIDGE-$i" master "$BRIDGE" up
    ip -n "$name" link set lo up
    ip -n "$name" addr replace "$(node_ip "$i")/24" dev eth0
    ip -n "$name" link set eth0 up
    ip -n "$name" route replace default via "$GATEWAY"
    if [[ $IP_FAMILIES == dual ]]; then
        ip -n "$name" addr replace "$(node_ip6 "$i")/64" dev eth0 nodad
        ip -n "$name" route replace default via "$(node_ip6 1)"
    fi
    ip netns exec "$name" sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
}

# make_namespace I: what holds the node's namespaces open; the node's own directories lie where programs expect them.
make_namespace() {
    local i=$1 name root
    name=$(node_name "$i")
    root=$STATE/node-$i
    if is_running "namespace-$i"; then
        wait_until 10 "the namespaces of $name" "namespace-$i" test -e "$root/ready"
        return 0
    fi
    mkdir -p "$root"/{kubelet,pod-logs,container-logs,cni-state,containerd-run,containerd,cgroup,manifests,cni-conf,netns}
    {
        echo 'set -eu'
        echo 'mount --make-rprivate /'
        bind() { printf 'mkdir -p %s\nmount --bind %s %s\n' "$2" "$root/$1" "$2"; }
        bind kubelet /var/lib/kubelet
        bind pod-logs /var/log/pods
        bind container-logs /var/log/containers
        bind cni-state /var/lib/cni
        bind containerd-run /run/containerd
        bind netns /run/netns
        if ((i > 1)); then
            bind cni-conf /etc/cni/net.d
            printf 'hostname %s\n' "$name"
            # /sys shows the devices of a network namespace; the cgroups are put back into it.
            printf 'mount --rbind /sys/fs/cgroup %s\nmount -t sysfs sysfs /sys\nmount --rbind %s /sys/fs/cgroup\n' "$root/cgroup" "$root/cgroup"
        fi
        echo 'mount --make-rshared /'
        printf 'touch %s/ready\nexec sleep infinity\n' "$root"
    } >"$root/namespace.sh"
    rm -f "$root/ready"
    if ((i > 1)); then
        run_daemon "namespace-$i" nsenter "--net=/run/netns/$name" unshare --mount --uts bash "$root/namespace.sh"
    else
        run_daemon "namespace-$i" unshare --mount bash "$root/namespace.sh"
    fi
    wait_until 10 "the namespaces of $name" "namespace-$i" test -e "$root/ready"
}

# inside I COMMAND...: runs a command in the node's namespaces.
inside() {
    local i=$1
    shift
    if ((i > 1)); then
        nsenter --target "$(pid_of "namespace-$i")" --mount --net --uts -- "$@"
    else
        nsenter --target "$(pid_of "namespace-$i")" --mount -- "$@"
    fi
}

# run_inside NAME I COMMAND...: a daemon in the node's namespaces and in its cgroup for daemons.
run_inside() {
    local name=$1 i=$2 target namespaces=(--mount)
    shift 2
    target=$(pid_of "namespace-$i")
    ((i == 1)) || namespaces+=(--net --uts)
    # shellcheck disable=SC2016
    run_daemon "$name" bash -c '
        group=$1; hierarchies=$2; shift 2
        for hierarchy in $hierarchies; do echo $$ >"$hierarchy/$group/cgroup.procs"; done
        exec "$@"' daemon "$(node_name "$i")-system" "$CGROUP_V1" nsenter --target "$target" "${namespaces[@]}" -- "$@"
}

write_containerd_configuration() {
    cat >"$STATE/node-$1/containerd.toml" <<EOF
version = 2
root = "$STATE/node-$1/containerd"
state = "/run/containerd/state"
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "$STATE/node-$1/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$PAUSE_IMAGE"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
EOF
}

write_kubelet_configuration() {
    local i=$1 ip name
    ip=$(node_ip "$i")
    name=$(node_name "$i")
    # The disk is shared with everything else on the machine, and what is not the cluster's cannot be reclaimed by it: only
    # what a pod needs to start must be free, be the disk as large as it may.
    cat >"$STATE/node-$i/kubelet.yaml" <<EOF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
cgroupDriver: cgroupfs
cgroupRoot: /$name
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
address: $ip
healthzBindAddress: 127.0.0.1
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $PKI/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $PKI/node-$i.crt
tlsPrivateKeyFile: $PKI/node-$i.key
clusterDomain: cluster.local
clusterDNS: [$DNS_IP]
staticPodPath: $STATE/node-$i/manifests
failSwapOn: false
serializeImagePulls: false
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {memory.available: 100Mi, nodefs.available: 100Mi, nodefs.inodesFree: 1%, imagefs.available: 100Mi}
EOF
}

write_proxy_configuration() {
    local i=$1
    # The limits of conntrack belong to the whole machine; a cluster for development leaves them alone.
    cat >"$STATE/node-$i/kube-proxy.yaml" <<EOF
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $STATE/kube-proxy.kubeconfig}
mode: $PROXY_MODE
hostnameOverride: $(node_name "$i")
clusterCIDR: $POD_CIDRS
bindAddress: $(node_ip "$i")
healthzBindAddress: $(node_ip "$i"):10256
metricsBindAddress: 127.0.0.1:10249
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
EOF
}

start_runtime() {
    local i=$1 name socket=$STATE/node-$1/containerd-run/containerd.sock
    name=$(node_name "$i")
    cgroup_root "$name"
    cgroup_root "$name-system"
    make_network "$i"
    make_namespace "$i"
    write_containerd_configuration "$i"
    run_inside "containerd-$i" "$i" containerd --config "$STATE/node-$i/containerd.toml"
    wait_until 30 "containerd of $name" "containerd-$i" ctr --address "$socket" version
    if [[ ! $STATE/node-$i/images.done -nt $IMAGES ]]; then
        ctr --address "$socket" --namespace k8s.io images import "$IMAGES" >>"$STATE/logs/images-$i.log" 2>&1 ||
            fail "the images cannot be imported" "images-$i"
        touch "$STATE/node-$i/images.done"
    fi
}

# start_node I [KUBELET-FLAG...]
start_node() {
    local i=$1
    shift
    write_kubelet_configuration "$i"
    write_proxy_configuration "$i"
    if ((i == 1)); then
        ports kubelet-1 "$GATEWAY:10250" 127.0.0.1:10248
        ports kube-proxy-1 "$GATEWAY:10256" 127.0.0.1:10249
    fi
    run_inside "kubelet-$i" "$i" "$BIN/kubelet" --config "$STATE/node-$i/kubelet.yaml" --kubeconfig "$STATE/node-$i.kubeconfig" \
        --hostname-override "$(node_name "$i")" --node-ip "$(node_ips "$i")" --cert-dir "$STATE/node-$i/pki" "$@"
    run_inside "pod-network-$i" "$i" "$BIN/pod-network" --kubeconfig "$STATE/pod-network.kubeconfig" \
        --hostname-override "$(node_name "$i")" --mode "$NETWORK" --bridge "$POD_BRIDGE"
    run_inside "kube-proxy-$i" "$i" "$BIN/kube-proxy" --config "$STATE/node-$i/kube-proxy.yaml"
}
