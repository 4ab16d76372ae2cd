//! Servers that know how many they are (`--endpoint-reconciler-type=master-count`).

/// The addresses with this server's among them; of too many those behind it go, round and round.
pub(super) fn with_own(mut addresses: Vec<String>, own: &str, count: usize) -> Vec<String> {
    let fits = addresses.iter().any(|ip| ip == own) && addresses.len() <= count;
    if fits {
        return addresses;
    }
    addresses.push(own.to_owned());
    addresses.sort_unstable();
    addresses.dedup();
    while addresses.len() > count.max(1) {
        let position = addresses.iter().position(|ip| ip == own).unwrap_or_default();
        addresses.remove((position + 1) % addresses.len());
    }
    addresses
}
