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

# end_strays: what is left of a cluster whose directory is gone, and with it the list of its daemons: programs that were
# started with a path below it, and whatever lives in the mount namespaces of its nodes.
end_strays() {
    local process program own pids=()
    own=$(readlink /proc/self/ns/mnt)
    for process in /proc/[0-9]*; do
        program=$(tr '\0' '\n' 2>/dev/null <"$process/cmdline" | head -n 1 || true)
        if [[ " ${PROGRAMS[*]} etcd containerd " == *" ${program##*/} "* ]]; then
            if grep -qsF "$STATE/" "$process/cmdline"; then pids+=("${process#/proc/}"); fi
        elif [[ $(readlink "$process/ns/mnt" 2>/dev/null) != "$own" ]]; then
            if grep -qsF "$STATE/node-" "$process/mountinfo"; then pids+=("${process#/proc/}"); fi
        fi
    done
    ((${#pids[@]} == 0)) || kill -KILL "${pids[@]}" 2>/dev/null || true
}

# programs_for_cleanup: a directory that has them.
programs_for_cleanup() {
    local directory
    for directory in "$BIN" "$(cat "$STATE/bin" 2>/dev/null || true)" "$PWD/target/release"; do
        if [[ -x $directory/kube-proxy && -x $directory/pod-network ]]; then
            echo "$directory"
            return 0
        fi
    done
}

remove_state() {
    # It may be a file system of its own.
    find "$STATE" -mindepth 1 -delete
    rmdir "$STATE" 2>/dev/null || true
}

# stop_node I: what makes it a node of the cluster.
stop_node() {
    local program
    for program in kubelet kube-proxy pod-network; do stop_daemon "$program-$1"; done
}

# end_runtime I: what runs on it, and its namespaces.
end_runtime() {
    end_processes_of "$(node_name "$1")"
    stop_daemon "containerd-$1"
    stop_daemon "namespace-$1" 1
    ip netns del "$(node_name "$1")" 2>/dev/null || true
}

# unmount_below DIRECTORY: what is mounted below it, not what it is itself.
unmount_below() {
    local mount
    awk -v root="$1" 'index($2, root "/") == 1 { print $2 }' /proc/mounts | sort -r |
        while read -r mount; do umount -l "$mount" || true; done
}

# The shims outlive containerd; they are children of init in the node's cgroup for daemons, or carry its address.
take_down() {
    local i nodes owner
    owner=$(cat "/run/$NAME-local" 2>/dev/null || true)
    if [[ ! -e $STATE/options && $owner != "$STATE" ]]; then
        echo "there is no cluster in $STATE"
        return 0
    fi
    if [[ -n $owner && $owner != "$STATE" && -e $owner/options ]]; then
        # What runs bears the same names, and is another's.
        remove_state
        return 0
    fi
    if [[ ! -e $STATE/options ]]; then
        mkdir -p "$STATE"/{pids,logs}
        end_strays
    fi
    # Nodes are known by their directories, and where those are gone by their cgroups.
    nodes=$(find "$STATE" $CGROUP_V1 /sys/fs/cgroup -maxdepth 1 \( -name 'node-*' -o -name "$NAME-*" \) -type d -printf '%f\n' |
        sed -nE "s/^(node|$NAME)-([0-9]+)$/\2/p" | sort -un)
    for name in cluster-dns kube-scheduler kube-controller-manager; do stop_daemon "$name"; done
    for i in $nodes; do stop_node "$i"; done
    stop_daemon kube-apiserver 10
    stop_daemon etcd 10
    # The first node's rules are the host's; those of the others go with their namespaces.
    BIN=$(programs_for_cleanup)
    if [[ -n $BIN ]]; then
        "$BIN/kube-proxy" --cleanup >>"$STATE/logs/teardown.log" 2>&1 || true
        "$BIN/pod-network" --cleanup --kubeconfig "$STATE/pod-network.kubeconfig" >>"$STATE/logs/teardown.log" 2>&1 || true
    elif [[ -n $nodes ]]; then
        fail 'the programs that remove their packet filters, kube-proxy and pod-network, are not there any more: say with --bin where they are' no
    fi
    for i in $nodes; do end_runtime "$i"; done
    remove_pods_network_of_the_host
    remove_kubelets_rules_of_the_host
    sleep 0.2
    for i in $nodes; do remove_cgroups_of "$(node_name "$i")"; done
    ip link del "$BRIDGE" 2>/dev/null || true
    unmount_below "$STATE"
    restore_sysctls
    remove_directories
    remove_state
    rm -f "/run/$NAME-local"
}

# The first node's pods are connected to a bridge of the host, and their host ports are rules of the host.
remove_pods_network_of_the_host() {
    local link program
    if present "$POD_BRIDGE"; then
        for link in $(ip -o link show master "$POD_BRIDGE" | awk -F'[:@ ]+' '{ print $2 }'); do
            ip link del "$link" 2>/dev/null || true
        done
        ip link del "$POD_BRIDGE"
    fi
    find /etc/cni/net.d -maxdepth 1 -name '90-kubernox.conflist' -delete 2>/dev/null || true
    for program in iptables ip6tables; do remove_host_ports "$program"; done
}

# nat_rules PROGRAM EXPRESSION: the rules that match; none where the program is not even installed.
nat_rules() { "$1-save" -t nat 2>/dev/null | sed -nE "/$2/p" || true; }

# remove_host_ports PROGRAM: what the portmap plugin made for our network, and its own chains if no other network has any.
remove_host_ports() {
    local program=$1 rule chain
    # As rules are printed they are words of a shell.
    nat_rules "$program" '^-A CNI-HOSTPORT-DNAT .*name: \\"kubernox\\"' | while read -r rule; do
        chain=${rule##* }
        eval "$program -w -t nat -D ${rule#-A }" || true
        { "$program" -w -t nat -F "$chain" && "$program" -w -t nat -X "$chain"; } || true
    done
    [[ -z $(nat_rules "$program" '^-A CNI-HOSTPORT-DNAT ') ]] || return 0
    nat_rules "$program" '^-A (PREROUTING|OUTPUT|POSTROUTING) .*-j CNI-HOSTPORT-' | while read -r rule; do
        eval "$program -w -t nat -D ${rule#-A }" || true
    done
    for chain in CNI-HOSTPORT-DNAT CNI-HOSTPORT-SETMARK CNI-HOSTPORT-MASQ; do
        { "$program" -w -t nat -F "$chain" && "$program" -w -t nat -X "$chain"; } 2>/dev/null || true
    done
}

# A kubelet leaves its chains, as they protect whatever runs; the first node's are the host's.
remove_kubelets_rules_of_the_host() {
    local program table chain
    for program in iptables ip6tables; do
        "$program" -w -D INPUT -j KUBE-FIREWALL 2>/dev/null || true
        "$program" -w -D OUTPUT -j KUBE-FIREWALL 2>/dev/null || true
        "$program" -w -F KUBE-FIREWALL 2>/dev/null || true
        "$program" -w -X KUBE-FIREWALL 2>/dev/null || true
        for table in mangle nat filter; do
            for chain in KUBE-KUBELET-CANARY KUBE-IPTABLES-HINT; do "$program" -w -t "$table" -X "$chain" 2>/dev/null || true; done
        done
    done
}

# What kubelet, service proxy, pod network and this command set on the host; a kernel need not have all of it.
SYSCTLS=(vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops kernel.keys.root_maxkeys kernel.keys.root_maxbytes
    fs.inotify.max_user_instances net.ipv4.ip_forward net.ipv4.conf.all.route_localnet net.ipv6.conf.all.forwarding
    net.bridge.bridge-nf-call-iptables net.bridge.bridge-nf-call-ip6tables)

save_sysctls() {
    [[ -e $STATE/sysctls ]] && return 0
    sysctl -e "${SYSCTLS[@]}" >"$STATE/sysctls.new" 2>/dev/null || true
    mv "$STATE/sysctls.new" "$STATE/sysctls"
}

restore_sysctls() {
    [[ -e $STATE/sysctls ]] || return 0
    sed 's/ = /=/' "$STATE/sysctls" | xargs -r sysctl -qw || true
}

# What is made on the host for nodes: where their own directories are mounted, and what names network namespaces.
DIRECTORIES=(/var/lib/kubelet /var/log/pods /var/log/containers /var/lib/cni /run/containerd /run/netns /etc/cni/net.d)

# note_directories: those of them, and of the directories above, that are not there yet.
note_directories() {
    local directory
    [[ -e $STATE/directories ]] && return 0
    for directory in "${DIRECTORIES[@]}"; do
        while [[ ! -e $directory ]]; do
            echo "$directory"
            directory=$(dirname "$directory")
        done
    done | sort -u >"$STATE/directories.new"
    mv "$STATE/directories.new" "$STATE/directories"
}

# remove_directories: those that were noted, unless somebody else has put something there since.
remove_directories() {
    local directory
    [[ -e $STATE/directories ]] || return 0
    sort -r "$STATE/directories" | while read -r directory; do
        # The first name of a network namespace makes a mount of the directory.
        [[ $directory != /run/netns || -n $(ls -A /run/netns 2>/dev/null) ]] || umount /run/netns 2>/dev/null || true
        rmdir "$directory" 2>/dev/null || true
    done
}
