# What the parts of a cluster are called, and where they are reached. Sourced; wants STATE and IP_FAMILIES.

NAME=kubernox BRIDGE=knx0 POD_BRIDGE=knx-pods SUBNET=10.89.0 SUBNET6=fd00:89: GATEWAY=10.89.0.1 PORT=6443
API_SERVICE_IP=10.96.0.1 DNS_IP=10.96.0.10
PAUSE_IMAGE=registry.k8s.io/pause:3.10.2 DNS_IMAGE=kubernox/cluster-dns:1
SERVER=https://$GATEWAY:$PORT PKI=$STATE/pki LOCK=/run/lock/$NAME-local-up
# With a comma between them, as every program takes them.
POD_CIDRS=10.244.0.0/16 SERVICE_CIDRS=10.96.0.0/16
if [[ $IP_FAMILIES == dual ]]; then
    POD_CIDRS+=,fd00:244::/56 SERVICE_CIDRS+=,fd00:96::/112
fi

node_name() { echo "$NAME-$1"; }
node_ip() { echo "$SUBNET.$1"; }
node_ip6() { echo "$SUBNET6:$(printf %x "$1")"; }

# node_ips I: all addresses of a node.
node_ips() { if [[ $IP_FAMILIES == dual ]]; then echo "$(node_ip "$1"),$(node_ip6 "$1")"; else node_ip "$1"; fi; }

# node_ranges: the networks that these are of.
node_ranges() { if [[ $IP_FAMILIES == dual ]]; then echo "$SUBNET.0/24,$SUBNET6:/64"; else echo "$SUBNET.0/24"; fi; }
