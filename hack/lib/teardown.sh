# Takes a cluster down and leaves nothing of it. Sourced.

# processes_in CGROUP: the processes below it, in any hierarchy.
processes_in() {
    local hierarchy
    for hierarchy in $CGROUP_V1 /sys/fs/cgroup; do
        # Groups come and go while they are read.
        if [[ -d $hierarchy/$1 ]]; then find "$hierarchy/$1" -name cgroup.procs -exec cat {} + 2>/dev/null || true; fi
    done | sort -un
}

# What runs in a node's own cgroups was started by that node: containers, shims, its containerd.
end_processes_of() {
    local group _ pids
    for group in "$1" "$1-system"; do
        for _ in $(seq 50); do
            pids=$(processes_in "$group")
            [[ -n $pids ]] || break
            # shellcheck disable=SC2086
            kill -KILL $pids 2>/dev/null || true
            sleep 0.1
        done
    done
}

remove_cgroups_of() {
    local group hierarchy
    for group in "$1" "$1-system"; do
        for hierarchy in $CGROUP_V1 /sys/fs/cgroup /sys/fs/cgroup/unified; do
            if [[ -d $hierarchy/$group ]]; then find "$hierarchy/$group" -depth -type d -exec rmdir {} + 2>/dev/null || true; fi
        done
    done
}

# The shims outlive containerd; they are children of init in the node's cgroup for daemons, or carry its address.
take_down() {
    local i name nodes
    if [[ ! -d $STATE ]]; then
        echo "there is no cluster in $STATE"
        return 0
    fi
    nodes=$(find "$STATE" -maxdepth 1 -name 'node-*' -type d -printf '%f\n' | sed 's/node-//' | sort -n)
    for name in cluster-dns kube-scheduler kube-controller-manager; do stop_daemon "$name"; done
    for i in $nodes; do
        stop_daemon "kubelet-$i"
        stop_daemon "kube-proxy-$i"
        stop_daemon "pod-network-$i"
    done
    stop_daemon kube-apiserver 10
    stop_daemon etcd 10
    # The first node's rules are the host's; those of the others go with their namespaces.
    if [[ -e $STATE/bin ]]; then
        BIN=$(cat "$STATE/bin")
        "$BIN/kube-proxy" --cleanup >>"$STATE/logs/teardown.log" 2>&1 || true
        "$BIN/pod-network" --cleanup --kubeconfig "$STATE/pod-network.kubeconfig" >>"$STATE/logs/teardown.log" 2>&1 || true
    fi
    for i in $nodes; do
        name=$(node_name "$i")
        end_processes_of "$name"
        stop_daemon "containerd-$i"
        stop_daemon "namespace-$i" 1
        # Network namespaces of pods and the mounts on them.
        find "$STATE/node-$i/netns" -type f -exec umount -l {} + 2>/dev/null || true
        ip netns del "$name" 2>/dev/null || true
    done
    remove_pods_network_of_the_host
    remove_kubelets_rules_of_the_host
    sleep 0.2
    for i in $nodes; do remove_cgroups_of "$(node_name "$i")"; done
    ip link del "$BRIDGE" 2>/dev/null || true
    awk -v root="$STATE/" 'index($2, root) == 1 { print $2 }' /proc/mounts | sort -r | while read -r mount; do umount -l "$mount" || true; done
    restore_sysctls
    rm -rf "$STATE"
}

# The first node's pods are connected to a bridge of the host, and their namespaces lie with the host's own.
remove_pods_network_of_the_host() {
    ip link del cni0 2>/dev/null || true
    find /etc/cni/net.d -maxdepth 1 -name '90-kubernox.conflist' -delete 2>/dev/null || true
    local namespace
    for namespace in /run/netns/cni-*; do
        [[ -e $namespace ]] || continue
        # Only such as no process is left in: another runtime's pods live.
        if [[ -z $(ip netns pids "$(basename "$namespace")" 2>/dev/null) ]]; then
            ip netns del "$(basename "$namespace")" 2>/dev/null || true
        fi
    done
}

# A kubelet leaves its chains, as they protect whatever runs; the first node's are the host's.
remove_kubelets_rules_of_the_host() {
    local program
    for program in iptables ip6tables; do
        "$program" -w -D INPUT -j KUBE-FIREWALL 2>/dev/null || true
        "$program" -w -D OUTPUT -j KUBE-FIREWALL 2>/dev/null || true
        "$program" -w -F KUBE-FIREWALL 2>/dev/null || true
        "$program" -w -X KUBE-FIREWALL 2>/dev/null || true
        "$program" -w -t mangle -X KUBE-KUBELET-CANARY 2>/dev/null || true
    done
}

SYSCTLS=(vm.overcommit_memory kernel.panic kernel.panic_on_oops fs.inotify.max_user_instances net.ipv4.ip_forward)

save_sysctls() {
    [[ -e $STATE/sysctls ]] || sysctl "${SYSCTLS[@]}" >"$STATE/sysctls"
}

restore_sysctls() {
    [[ -e $STATE/sysctls ]] || return 0
    sed 's/ = /=/' "$STATE/sysctls" | xargs -r sysctl -qw || true
}
