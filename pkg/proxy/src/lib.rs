//! Service proxying: change tracker and the nftables and iptables backends.
