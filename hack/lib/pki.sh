# Certificates: one authority a purpose, one certificate an identity, all keys ECDSA P-256 and 0600. Sourced; wants STATE, PKI.
# What is there by its name is whole: everything is made beside its place and moved there last.

# authority NAME COMMON-NAME
authority() {
    [[ -e $PKI/$1.crt ]] && return 0
    openssl ecparam -name prime256v1 -genkey -noout -out "$PKI/$1.key"
    openssl req -x509 -new -key "$PKI/$1.key" -sha256 -days 3650 -subj "/CN=$2" -out "$PKI/$1.crt.new" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,digitalSignature,keyCertSign,cRLSign
    mv "$PKI/$1.crt.new" "$PKI/$1.crt"
}

# certificate NAME AUTHORITY USAGE COMMON-NAME [ORGANIZATION] [ALTERNATIVE-NAMES]
certificate() {
    local name=$1 authority=$2 usage=$3 subject=/CN=$4 names=${6:-}
    [[ -e $PKI/$name.crt ]] && return 0
    [[ -z ${5:-} ]] || subject=/O=$5$subject
    openssl ecparam -name prime256v1 -genkey -noout -out "$PKI/$name.key"
    {
        echo basicConstraints=critical,CA:FALSE
        echo keyUsage=critical,digitalSignature
        echo "extendedKeyUsage=$usage"
        [[ -z $names ]] || echo "subjectAltName=$names"
    } >"$PKI/$name.ext"
    openssl req -new -key "$PKI/$name.key" -subj "$subject" |
        openssl x509 -req -sha256 -days 365 -CA "$PKI/$authority.crt" -CAkey "$PKI/$authority.key" -set_serial "0x$(openssl rand -hex 16)" \
            -extfile "$PKI/$name.ext" -out "$PKI/$name.crt.new" 2>/dev/null
    rm "$PKI/$name.ext"
    mv "$PKI/$name.crt.new" "$PKI/$name.crt"
}

# node_certificate I: a node's, as client and as server.
node_certificate() {
    certificate "node-$1" ca serverAuth,clientAuth "system:node:$(node_name "$1")" system:nodes \
        "IP:$(node_ip "$1"),IP:127.0.0.1,DNS:$(node_name "$1"),DNS:localhost"
}

# kubeconfig NAME: a file for the identity of that certificate.
kubeconfig() {
    local file=$STATE/$1.kubeconfig
    [[ -e $file ]] && return 0
    (
        umask 077
        cat >"$file.new" <<EOF
apiVersion: v1
kind: Config
clusters:
- name: kubernox
  cluster:
    server: $SERVER
    certificate-authority-data: $(base64 -w0 "$PKI/ca.crt")
users:
- name: $1
  user:
    client-certificate-data: $(base64 -w0 "$PKI/$1.crt")
    client-key-data: $(base64 -w0 "$PKI/$1.key")
contexts:
- name: $1@kubernox
  context: {cluster: kubernox, user: $1}
current-context: $1@kubernox
EOF
    )
    mv "$file.new" "$file"
}

make_certificates() {
    local both=serverAuth,clientAuth i names
    umask 077
    mkdir -p "$PKI"
    authority ca kubernox-ca
    authority front-proxy-ca kubernox-front-proxy-ca
    names=IP:$GATEWAY,IP:127.0.0.1,IP:$API_SERVICE_IP,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc
    certificate apiserver ca serverAuth kube-apiserver "" "$names,DNS:kubernetes.default.svc.cluster.local"
    certificate apiserver-kubelet-client ca clientAuth kube-apiserver-kubelet-client
    certificate front-proxy-client front-proxy-ca clientAuth front-proxy-client
    certificate admin ca clientAuth kubernetes-admin system:masters
    certificate controller-manager ca "$both" system:kube-controller-manager "" IP:127.0.0.1,DNS:localhost
    certificate scheduler ca "$both" system:kube-scheduler "" IP:127.0.0.1,DNS:localhost
    certificate kube-proxy ca clientAuth system:kube-proxy
    certificate cluster-dns ca clientAuth system:cluster-dns
    certificate pod-network ca clientAuth system:pod-network
    for i in $(seq "$NODES"); do node_certificate "$i"; done
    if [[ ! -e $PKI/service-account.pub ]]; then
        openssl ecparam -name prime256v1 -genkey -noout -out "$PKI/service-account.key"
        openssl ec -in "$PKI/service-account.key" -pubout -out "$PKI/service-account.pub.new" 2>/dev/null
        mv "$PKI/service-account.pub.new" "$PKI/service-account.pub"
    fi
    if [[ $ETCD == yes ]]; then
        authority etcd-ca kubernox-etcd-ca
        certificate etcd etcd-ca "$both" etcd "" IP:127.0.0.1,DNS:localhost
        certificate etcd-client etcd-ca clientAuth kube-apiserver
    fi
    for i in admin controller-manager scheduler kube-proxy cluster-dns pod-network $(seq -f node-%.0f "$NODES"); do
        kubeconfig "$i"
    done
    umask 022
}
