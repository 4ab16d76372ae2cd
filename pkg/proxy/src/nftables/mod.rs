//! The nftables backend: one table `kube-proxy` per family, verdict maps for addresses and ports, one chain per
//! service port, sets for session affinity.
//!
//! A sync is one transaction of `nft -f -`. What was written is remembered by service (chain hashes, set timeouts,
//! elements), so a transaction holds only what differs. Chains out of use are emptied in the transaction and deleted
//! a second later, because kernels before 6.x count references of the same transaction. A full sync lists what is
//! there (names only), empties the maps and writes everything anew; when even that is refused, the table is dropped
//! and made again. Counterpart upstream: `nftables/proxier.go`, whose object names these are.

mod elements;
mod names;
mod render;
mod setup;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::backend::{Backend, BackendError, CommandError, CommandRunner, SyncRequest, SyncStats};
use crate::local_traffic::LocalTraffic;
use crate::node_ports::NodePortAddresses;
use crate::plan::ServicePlan;
use crate::types::{IpFamily, NamespacedName};

use elements::{Container, Elements};
use render::Rendered;

/// The name of our table.
pub const TABLE: &str = "kube-proxy";

/// How long a chain out of use is kept, empty.
const STALE_CHAIN_AGE: Duration = Duration::from_secs(1);

/// What the rules depend on besides services.
#[derive(Clone, Debug)]
pub struct NfTablesSettings {
    /// Bit of the packet mark that asks for masquerading, 0 to 31.
    pub masquerade_bit: u8,
    /// Masquerade all traffic to cluster IPs.
    pub masquerade_all: bool,
    /// How pod traffic is recognised.
    pub local_traffic: LocalTraffic,
    /// Addresses that accept node ports.
    pub node_port_addresses: NodePortAddresses,
    /// The node's address in this family: source ranges that contain it also admit the load balancer addresses.
    pub node_ip: Option<IpAddr>,
}

/// What one service has in the kernel.
#[derive(Debug, Default)]
struct Written {
    chains: BTreeMap<String, u64>,
    affinity_sets: BTreeMap<String, u32>,
    elements: Vec<(Container, Box<str>)>,
}

/// The backend for one family.
pub struct NfTables {
    family: IpFamily,
    settings: NfTablesSettings,
    commands: Arc<dyn CommandRunner>,
    services: HashMap<NamespacedName, Written>,
    elements: Elements,
    stale_chains: BTreeMap<String, Instant>,
    base_chains_replaced: bool,
}

/// Input for nft, in the order in which its parts have to be applied.
#[derive(Default)]
struct Transaction {
    base: String,
    chains: String,
    sets: String,
    rules: String,
    elements: String,
    removals: String,
}

impl NfTables {
    /// A backend that has written nothing yet; its first sync must be full.
    #[must_use]
    pub fn new(family: IpFamily, settings: NfTablesSettings, commands: Arc<dyn CommandRunner>) -> Self {
        Self {
            family,
            settings,
            commands,
            services: HashMap::new(),
            elements: Elements::default(),
            stale_chains: BTreeMap::new(),
            base_chains_replaced: false,
        }
    }

    /// Fails unless the `nft` program is there and new enough (1.0.1, which reads one table without the others).
    ///
    /// # Errors
    /// [`BackendError::Unsupported`] for an old program, otherwise why it could not be run.
    pub fn check_supported(commands: &dyn CommandRunner) -> Result<(), BackendError> {
        let answer = commands.run("nft", &["--version"], b"")?;
        let text = String::from_utf8_lossy(&answer);
        let version: Vec<u32> = text
            .split_whitespace()
            .find_map(|word| word.strip_prefix('v'))
            .map(|version| version.split('.').map_while(|part| part.parse().ok()).collect())
            .unwrap_or_default();
        if version.len() < 2 || version.as_slice() < [1, 0, 1].as_slice() {
            let text = text.trim();
            return Err(BackendError::Unsupported(format!(
                "nft version must be v1.0.1 or later (got {text})"
            )));
        }
        Ok(())
    }

    /// Removes everything of ours, in both families.
    ///
    /// # Errors
    /// When nft refuses for another reason than that there is nothing to remove.
    pub fn cleanup(commands: &dyn CommandRunner) -> Result<(), BackendError> {
        // Adding first makes the deletion succeed whether or not the table is there.
        let mut input = String::new();
        for family in ["ip", "ip6"] {
            let _ = writeln!(input, "add table {family} {TABLE}\ndelete table {family} {TABLE}");
        }
        commands.run("nft", &["-f", "-"], input.as_bytes())?;
        Ok(())
    }

    /// `ip` or `ip6`: the table's family and the prefix of address matches.
    fn ip(&self) -> &'static str {
        match self.family {
            IpFamily::V4 => "ip",
            IpFamily::V6 => "ip6",
        }
    }

    fn run(&self, input: &str) -> Result<(), BackendError> {
        self.commands.run("nft", &["-f", "-"], input.as_bytes())?;
        Ok(())
    }

    fn list(&self, arguments: &[&str], kind: &str) -> Result<Vec<Value>, BackendError> {
        let bad = |reason: String| BackendError::Answer { program: "nft", reason };
        let answer = self.commands.run("nft", arguments, b"")?;
        if answer.is_empty() {
            return Ok(Vec::new());
        }
        let mut answer: Value = serde_json::from_slice(&answer).map_err(|error| bad(error.to_string()))?;
        let Value::Array(objects) = answer["nftables"].take() else {
            return Err(bad("no list of objects".to_owned()));
        };
        Ok(objects
            .into_iter()
            .filter_map(|mut object| object.get_mut(kind).map(Value::take))
            .filter(|object| object["table"] == TABLE)
            .collect())
    }

    /// Names of the per-service chains in the kernel.
    fn existing_chains(&self) -> Result<Vec<String>, BackendError> {
        let chains = self.list(&["--json", "list", "chains", self.ip()], "chain")?;
        Ok(chains
            .iter()
            .filter_map(|chain| chain["name"].as_str())
            .filter(|name| name.contains('/'))
            .map(str::to_owned)
            .collect())
    }

    /// Affinity sets in the kernel, with their timeouts.
    fn existing_affinity_sets(&self) -> Result<BTreeMap<String, u32>, BackendError> {
        let sets = self.list(&["--json", "--terse", "list", "sets", self.ip()], "set")?;
        Ok(sets
            .iter()
            .filter_map(|set| {
                let name = set["name"].as_str().filter(|name| name.starts_with(names::AFFINITY))?;
                let timeout = set["timeout"]
                    .as_u64()
                    .and_then(|seconds| u32::try_from(seconds).ok())
                    .unwrap_or(0);
                Some((name.to_owned(), timeout))
            })
            .collect())
    }

    /// Writes one service's chains, sets and elements into the transaction as far as they differ from `old`.
    fn write_service(&mut self, tx: &mut Transaction, plan: &ServicePlan, old: Written, now: Instant) {
        let (ip, rendered) = (self.ip(), render::render(self, plan));
        let mut written = Written::default();
        let Rendered {
            chains,
            affinity_sets,
            elements,
        } = rendered;
        for (name, timeout) in &affinity_sets {
            let known = old.affinity_sets.get(name);
            if known.is_some_and(|known| known != timeout) {
                let _ = writeln!(tx.sets, "delete set {ip} {TABLE} {name}");
            }
            if known != Some(timeout) {
                let _ = writeln!(
                    tx.sets,
                    "add set {ip} {TABLE} {name} {{ type {ip_type} ; flags dynamic,timeout ; timeout {timeout}s ; }}",
                    ip_type = setup::address_type(self.family),
                );
            }
        }
        for (name, rules) in chains {
            let mut hasher = DefaultHasher::new();
            rules.hash(&mut hasher);
            // A set that is replaced must have lost its references, so its chains are rewritten as well.
            affinity_sets.values().next().hash(&mut hasher);
            let hash = hasher.finish();
            if old.chains.get(&name) != Some(&hash) {
                self.stale_chains.remove(&name);
                let _ = writeln!(
                    tx.chains,
                    "add chain {ip} {TABLE} {name}\nflush chain {ip} {TABLE} {name}"
                );
                for rule in rules {
                    let _ = writeln!(tx.rules, "add rule {ip} {TABLE} {name} {rule}");
                }
            }
            written.chains.insert(name, hash);
        }
        for name in old.chains.keys().filter(|name| !written.chains.contains_key(*name)) {
            let _ = writeln!(tx.chains, "flush chain {ip} {TABLE} {name}");
            self.stale_chains.insert(name.clone(), now);
        }
        for name in old
            .affinity_sets
            .keys()
            .filter(|name| !affinity_sets.contains_key(*name))
        {
            let _ = writeln!(tx.removals, "delete set {ip} {TABLE} {name}");
        }
        written.affinity_sets = affinity_sets;
        written.elements = self.elements.replace(&plan.service, &old.elements, elements);
        if !plan.ports.is_empty() {
            self.services.insert(plan.service.clone(), written);
        }
    }

    fn apply(&mut self, request: &SyncRequest<'_>, rebuild: bool) -> Result<SyncStats, BackendError> {
        let (ip, now) = (self.ip(), Instant::now());
        let mut tx = Transaction::default();
        let (mut kernel_chains, mut kernel_sets) = (Vec::new(), BTreeMap::new());
        if request.full {
            self.services.clear();
            self.elements = Elements::default();
            self.stale_chains.clear();
            if rebuild {
                let _ = writeln!(tx.base, "add table {ip} {TABLE}\ndelete table {ip} {TABLE}");
            } else {
                kernel_chains = self.existing_chains()?;
                kernel_sets = self.existing_affinity_sets()?;
            }
            let replace_base_chains = !self.base_chains_replaced;
            setup::write_base(self, request.service_cidrs, replace_base_chains, &mut tx.base);
            // Emptied first, so that sets with another timeout can be replaced.
            for name in &kernel_chains {
                let _ = writeln!(tx.base, "flush chain {ip} {TABLE} {name}");
            }
        }
        for plan in request.changes {
            let mut old = self.services.remove(&plan.service).unwrap_or_default();
            if request.full {
                for port in &plan.ports {
                    for name in names::affinity_sets(port) {
                        if let Some(timeout) = kernel_sets.remove(&name) {
                            old.affinity_sets.insert(name, timeout);
                        }
                    }
                }
            }
            self.write_service(&mut tx, plan, old, now);
        }
        self.elements.write(ip, &mut tx.elements);
        if request.full {
            for name in kernel_sets.keys() {
                let _ = writeln!(tx.removals, "delete set {ip} {TABLE} {name}");
            }
            let used: std::collections::HashSet<&str> = self
                .services
                .values()
                .flat_map(|written| written.chains.keys())
                .map(String::as_str)
                .collect();
            kernel_chains.retain(|name| !used.contains(name.as_str()));
            self.stale_chains
                .extend(kernel_chains.into_iter().map(|name| (name, now)));
        }
        let input = [tx.base, tx.chains, tx.sets, tx.rules, tx.elements, tx.removals].concat();
        let operations = input.lines().count();
        if operations > 0 {
            self.run(&input)?;
        }
        if request.full {
            self.base_chains_replaced = true;
        }
        Ok(SyncStats {
            operations,
            ..SyncStats::default()
        })
    }
}

impl Backend for NfTables {
    fn mode(&self) -> &'static str {
        "nftables"
    }

    fn sync(&mut self, request: &SyncRequest<'_>) -> Result<SyncStats, BackendError> {
        match self.apply(request, false) {
            Err(BackendError::Command(error @ CommandError::Failed { .. })) if request.full => {
                tracing::error!(%error, family = %self.family, "full nftables sync refused; making the table anew");
                self.apply(request, true)
            }
            result => result,
        }
    }

    fn housekeeping_due(&self) -> Option<Instant> {
        self.stale_chains.values().min().map(|since| *since + STALE_CHAIN_AGE)
    }

    fn housekeeping(&mut self, now: Instant) -> Result<(), BackendError> {
        let ip = self.ip();
        let mut input = String::new();
        self.stale_chains.retain(|name, since| {
            let old = now.saturating_duration_since(*since) >= STALE_CHAIN_AGE;
            if old {
                let _ = writeln!(input, "delete chain {ip} {TABLE} {name}");
            }
            !old
        });
        if input.is_empty() { Ok(()) } else { self.run(&input) }
    }

    fn intact(&mut self) -> Result<bool, BackendError> {
        match self
            .commands
            .run("nft", &["list", "chain", self.ip(), TABLE, setup::REJECT_CHAIN], b"")
        {
            Ok(_) => Ok(true),
            Err(CommandError::Failed { message, .. }) if message.contains("No such file or directory") => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
