# Nodes of a spec's own: those after the cluster's, with a containerd, a kubelet and a configuration as the spec wants them.
# Sourced by the specs that `source "$E2E/node.sh"`; wants what prelude.sh does.

BIN=$(cat "$STATE/bin") IMAGES=$(cat "$STATE/images")
# shellcheck disable=SC1091
source "$STATE/options"
for part in names processes pki node teardown; do
    # shellcheck disable=SC1090
    source "$E2E/../../hack/lib/$part.sh"
done

# fail WHAT [DAEMON]: what the functions of hack/lib end with.
fail() {
    printf '%s\n' "$1" >&2
    tail -n 5 "$STATE/logs/${2:-none}.log" >&2 2>/dev/null || true
    exit 1
}

# join I [KUBELET-FLAG...]: starts node I, whose kubelet's configuration is that of every node and what is read besides. Only
# pods that tolerate everything or name the node come to it, and a label with the spec's namespace finds it. With ROOM, all
# that is the node's lies on a file system of that size.
join() {
    local i=$1 root=$STATE/node-$1
    shift
    leave "$i"
    mkdir -p "$root"
    [[ -z ${ROOM-} ]] || mount -t tmpfs -o "size=$ROOM,mode=755" "e2e-node-$i" "$root"
    configuration "$i"
    if [[ $* != *--bootstrap-kubeconfig* ]]; then
        node_certificate "$i"
        kubeconfig "node-$i"
    fi
    start_runtime "$i"
    start_kubelet "$i" "$@"
}

# configuration I: what comes in is read after what every node's kubelet reads.
configuration() {
    local directory=$STATE/node-$1/kubelet.conf.d
    mkdir -p "$directory"
    { printf 'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n'; cat; } >"$directory/10-spec.conf"
}

# configure_again I: another configuration for a kubelet that runs.
configure_again() {
    configuration "$1"
    stop_daemon "kubelet-$1"
    start_kubelet "$1"
}

# free_mebibytes I: on the node's own file system.
free_mebibytes() { df --output=avail --block-size=1M "$STATE/node-$1" | tail -n 1 | tr -d ' '; }

# start_kubelet I [KUBELET-FLAG...]
start_kubelet() {
    start_node "$1" --config-dir "$STATE/node-$1/kubelet.conf.d" --node-labels "e2e=$NS" --register-with-taints "e2e=$NS:NoSchedule" "${@:2}"
}

# joined I: waits until the node is ready.
joined() {
    eventually 60 kubectl get node "$(node_name "$1")"
    kubectl wait node "$(node_name "$1")" --for=condition=Ready --timeout=60s
}

# leave I: the spec's pods and the node go, and all that the node has had on the machine.
leave() {
    local name root=$STATE/node-$1 file
    name=$(node_name "$1")
    [[ -d $root ]] || return 0
    kubectl delete deployments --all --cascade=foreground --timeout=60s
    kubectl delete pods --all --timeout=60s
    stop_node "$1"
    kubectl delete node "$name" --ignore-not-found
    forget_requests "system:node:$name"
    end_runtime "$1"
    remove_cgroups_of "$name"
    unmount_below "$root"
    if mountpoint -q "$root"; then umount "$root"; fi
    rm -rf "$root"
    for file in "$STATE/node-$1".*kubeconfig "$PKI/node-$1".*; do rm -f "$file"; done
}

# image I NAME MEGABYTES: an image of that size, which nothing can run, in the containerd of that node.
image() {
    local root=$DIR/image-$RANDOM
    mkdir "$root"
    head -c "$3M" /dev/urandom >"$root/data"
    tar -C "$root" -cf "$root/layer.tar" data
    printf '{"architecture": "%s", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": ["sha256:%s"]}}' \
        "$(dpkg --print-architecture)" "$(sha256sum "$root/layer.tar" | cut -d' ' -f1)" >"$root/config.json"
    printf '[{"Config": "config.json", "RepoTags": ["%s"], "Layers": ["layer.tar"]}]' "$2" >"$root/manifest.json"
    tar -C "$root" -cf "$root/image.tar" manifest.json config.json layer.tar
    containerd_of "$1" images import "$root/image.tar"
    rm -r "$root"
}

# pressure I TYPE: a condition of the node, and the keys of its taints but the one it was registered with.
pressure() {
    kubectl get node "$(node_name "$1")" -o "jsonpath={range .status.conditions[?(@.type=='$2')]}{.status} {.reason}: {.message}{end}{range .spec.taints[?(@.key!='e2e')]}; {.key}:{.effect}{end}"
}

# forget_requests USER: for certificates.
forget_requests() {
    kubectl get csr -o 'jsonpath={range .items[*]}{.metadata.name} {.spec.username}{"\n"}{end}' |
        awk -v user="$1" '$2 == user { print $1 }' | xargs -r kubectl delete csr
}

# serving_requests I: its requests for a serving certificate that nobody has decided about.
serving_requests() {
    kubectl get csr -o 'jsonpath={range .items[?(@.spec.signerName=="kubernetes.io/kubelet-serving")]}{.metadata.name} {.spec.username} {.status.conditions[*].type}{"\n"}{end}' |
        awk -v user="system:node:$(node_name "$1")" '$2 == user && NF == 2 { print $1 }'
}

# served_by I: the certificate that its kubelet serves with.
served_by() { openssl s_client -connect "$(node_ip "$1"):10250" </dev/null 2>/dev/null | openssl x509; }

# aged KEY SUBJECT USAGES SECONDS [NAMES]: a certificate of the cluster's authority for that key whose life of a day ends in so
# many seconds.
aged() {
    local root=$DIR/authority-$RANDOM
    mkdir "$root"
    touch "$root/index"
    cat >"$root/config" <<END
[ca]
default_ca = of_the_cluster
[of_the_cluster]
database = $root/index
new_certs_dir = $root
rand_serial = yes
policy = any
default_md = sha256
x509_extensions = extensions
[any]
organizationName = optional
commonName = supplied
[extensions]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = $3
${5:+subjectAltName = $5}
END
    openssl req -new -key "$1" -subj "$2" -out "$root/request" 2>/dev/null
    openssl ca -batch -notext -config "$root/config" -cert "$PKI/ca.crt" -keyfile "$PKI/ca.key" -in "$root/request" \
        -startdate "$(date -u -d "@$((EPOCHSECONDS + $4 - 86400))" +%Y%m%d%H%M%SZ)" \
        -enddate "$(date -u -d "@$((EPOCHSECONDS + $4))" +%Y%m%d%H%M%SZ)" -out "$root/certificate" 2>/dev/null
    cat "$root/certificate"
    rm -r "$root"
}
