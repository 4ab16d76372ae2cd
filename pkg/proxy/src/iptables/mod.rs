//! The iptables backend: `iptables-restore --noflush` with the chain names that operators know.
//!
//! Every service port has chains of its own (`KUBE-SVC-…`, `KUBE-SEP-…` and so on); the shared chains
//! (`KUBE-SERVICES`, `KUBE-NODEPORTS` …) hold one row per address. A partial sync rewrites the chains that changed and
//! inserts and deletes single rows of the shared chains; only when many rows change is a shared chain written whole.
//! Rows are inserted at the front, so that the jump to `KUBE-NODEPORTS` stays last. Rules of others are never named.
//! Counterpart upstream: `iptables/proxier.go`.

mod chains;
mod cleanup;
mod render;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

use crate::backend::{Backend, BackendError, CommandError, CommandRunner, SyncRequest, SyncStats};
use crate::local_traffic::LocalTraffic;
use crate::node_ports::NodePortAddresses;
use crate::types::{IpFamily, NamespacedName};

pub use cleanup::cleanup;

use chains::{CANARY_CHAIN, JUMPS, SHARED_CHAINS, SharedChain, Table};
use render::Rendered;

/// From this many endpoints on, rules of services carry no comments.
const LARGE_CLUSTER_ENDPOINTS: usize = 1000;

/// Deleting a row means a search through its chain, so beyond this many a chain is written whole.
const MAX_ROW_CHANGES: usize = 64;

/// What the rules depend on besides services.
#[derive(Clone, Debug)]
pub struct IpTablesSettings {
    /// Bit of the packet mark that asks for masquerading, 0 to 31.
    pub masquerade_bit: u8,
    /// Masquerade all traffic to cluster IPs.
    pub masquerade_all: bool,
    /// Accept node ports on IPv4 loopback addresses (needs `route_localnet`).
    pub localhost_node_ports: bool,
    /// Do not drop packets that conntrack calls invalid (`nf_conntrack_tcp_be_liberal` is set).
    pub conntrack_tcp_be_liberal: bool,
    /// How pod traffic is recognised.
    pub local_traffic: LocalTraffic,
    /// Addresses that accept node ports.
    pub node_port_addresses: NodePortAddresses,
    /// The node's address in this family.
    pub node_ip: Option<IpAddr>,
}

/// What one service has in the kernel.
#[derive(Debug, Default)]
struct Written {
    /// Chain to (hash of its rules, number of rules).
    chains: BTreeMap<String, (u64, usize)>,
    rows: BTreeSet<(SharedChain, String)>,
}

/// The backend for one family.
pub struct IpTables {
    family: IpFamily,
    settings: IpTablesSettings,
    commands: Arc<dyn CommandRunner>,
    random_fully: bool,
    large_cluster: bool,
    services: HashMap<NamespacedName, Written>,
    row_counts: HashMap<SharedChain, usize>,
    nat_rules: usize,
}

/// Restore input, one part per table, chain lines before rules.
#[derive(Default)]
struct Input {
    filter_chains: String,
    filter_rules: String,
    nat_chains: String,
    nat_rules: String,
}

impl Input {
    fn chain(&mut self, table: Table, name: &str) {
        let _ = writeln!(self.part(table).0, ":{name} - [0:0]");
    }

    fn rule(&mut self, table: Table, text: &str) {
        let _ = writeln!(self.part(table).1, "{text}");
    }

    fn part(&mut self, table: Table) -> (&mut String, &mut String) {
        match table {
            Table::Filter => (&mut self.filter_chains, &mut self.filter_rules),
            Table::Nat => (&mut self.nat_chains, &mut self.nat_rules),
        }
    }

    fn finish(self) -> String {
        let mut text = String::new();
        for (table, chains, rules) in [
            (Table::Filter, self.filter_chains, self.filter_rules),
            (Table::Nat, self.nat_chains, self.nat_rules),
        ] {
            if !chains.is_empty() || !rules.is_empty() {
                let _ = write!(text, "*{}\n{chains}{rules}COMMIT\n", table.name());
            }
        }
        text
    }
}

impl IpTables {
    /// A backend that has written nothing yet; its first sync must be full.
    ///
    /// # Errors
    /// When the iptables programs are not there.
    pub fn new(
        family: IpFamily,
        settings: IpTablesSettings,
        commands: Arc<dyn CommandRunner>,
    ) -> Result<Self, BackendError> {
        let answer = commands.run(program(family, ""), &["--version"], b"")?;
        let random_fully = version(&String::from_utf8_lossy(&answer)) >= [1, 6, 2];
        Ok(Self {
            family,
            settings,
            commands,
            random_fully,
            large_cluster: false,
            services: HashMap::new(),
            row_counts: HashMap::new(),
            nat_rules: 0,
        })
    }

    fn save(&self, table: Table) -> Result<String, BackendError> {
        let answer = self
            .commands
            .run(program(self.family, "-save"), &["-t", table.name()], b"")?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    fn restore(&self, input: &str) -> Result<(), BackendError> {
        restore(self.commands.as_ref(), self.family, input)
    }

    /// Adds the jumps from the kernel's own chains that are not there yet, in front of whatever is.
    fn ensure_jumps(saved: &[(Table, String); 2], input: &mut Input) {
        for jump in JUMPS {
            let saved = saved
                .iter()
                .find(|(table, _)| *table == jump.table)
                .map_or("", |(_, text)| text.as_str());
            if !jump.is_in(saved) {
                input.rule(jump.table, &format!("-I {} {}", jump.source, jump.rule()));
            }
        }
    }

    fn write_full(&mut self, request: &SyncRequest<'_>, input: &mut Input) -> Result<BTreeSet<String>, BackendError> {
        let saved = [
            (Table::Filter, self.save(Table::Filter)?),
            (Table::Nat, self.save(Table::Nat)?),
        ];
        self.large_cluster = request.total_endpoints > LARGE_CLUSTER_ENDPOINTS;
        self.services.clear();
        self.row_counts.clear();
        self.nat_rules = 0;
        for chain in SHARED_CHAINS {
            input.chain(chain.table(), chain.name());
        }
        chains::write_fixed(self, input);
        Self::ensure_jumps(&saved, input);
        Ok(chains::chain_names(&saved[1].1)
            .filter(|name| chains::is_service_chain(name))
            .map(str::to_owned)
            .collect())
    }

    /// Writes the service's chains that differ, and returns the rows to remove and to add.
    fn write_service(&mut self, rendered: Rendered, old: &Written, input: &mut Input) -> Written {
        let mut written = Written {
            chains: BTreeMap::new(),
            rows: rendered.rows,
        };
        for (name, rules) in rendered.chains {
            let mut hasher = DefaultHasher::new();
            rules.hash(&mut hasher);
            let entry = (hasher.finish(), rules.len());
            let known = old.chains.get(&name);
            if known.is_none_or(|(hash, _)| *hash != entry.0) {
                input.chain(Table::Nat, &name);
                for rule in &rules {
                    input.rule(Table::Nat, &format!("-A {name} {rule}"));
                }
            }
            self.nat_rules += entry.1;
            written.chains.insert(name, entry);
        }
        written
    }

    /// Brings the shared chains to the services' rows, by single rows or as a whole.
    fn write_rows(&mut self, changes: &BTreeMap<(SharedChain, String), i64>, full: bool, input: &mut Input) {
        for chain in SHARED_CHAINS {
            let of_chain = || {
                changes
                    .iter()
                    .filter(move |((each, _), count)| *each == chain && **count != 0)
            };
            let changed = of_chain().count();
            if changed == 0 && !full {
                continue;
            }
            let count = self.row_counts.entry(chain).or_default();
            *count = count.saturating_add_signed(of_chain().map(|(_, change)| *change as isize).sum());
            if full || changed > MAX_ROW_CHANGES {
                if !full {
                    input.chain(chain.table(), chain.name());
                }
                let mut rows: Vec<&str> = self
                    .services
                    .values()
                    .flat_map(|written| written.rows.iter())
                    .filter(|(each, _)| *each == chain)
                    .map(|(_, rule)| rule.as_str())
                    .collect();
                rows.sort_unstable();
                for row in rows {
                    input.rule(chain.table(), &format!("-A {} {row}", chain.name()));
                }
                for row in chains::last_rows(self, chain) {
                    input.rule(chain.table(), &format!("-A {} {row}", chain.name()));
                }
            } else {
                for ((_, row), change) in of_chain() {
                    let verb = if *change < 0 { "-D" } else { "-I" };
                    input.rule(chain.table(), &format!("{verb} {} {row}", chain.name()));
                }
            }
        }
    }

    fn stats(&self, operations: usize, text: &str) -> SyncStats {
        let (filter, nat) = text.split_once("*nat\n").unwrap_or(if text.starts_with("*nat") {
            ("", text)
        } else {
            (text, "")
        });
        let rules = |part: &str| {
            part.lines()
                .filter(|line| line.starts_with("-A ") || line.starts_with("-I "))
                .count()
        };
        let rows = |table| {
            self.row_counts
                .iter()
                .filter(|(chain, _)| chain.table() == table)
                .map(|(_, n)| n)
                .sum::<usize>()
        };
        SyncStats {
            operations,
            filter_rules_written: rules(filter),
            nat_rules_written: rules(nat),
            filter_rules_total: rows(Table::Filter) + chains::FIXED_FILTER_RULES,
            nat_rules_total: rows(Table::Nat) + self.nat_rules + chains::FIXED_NAT_RULES,
        }
    }

    fn ensure_canaries(&self) -> Result<(), BackendError> {
        for table in ["mangle", "nat", "filter"] {
            match self.commands.run(
                program(self.family, ""),
                &["-w", "5", "-t", table, "-N", CANARY_CHAIN],
                b"",
            ) {
                Err(CommandError::Failed { message, .. }) if message.contains("exists") => {}
                result => {
                    result?;
                }
            }
        }
        Ok(())
    }
}

impl Backend for IpTables {
    fn mode(&self) -> &'static str {
        "iptables"
    }

    fn sync(&mut self, request: &SyncRequest<'_>) -> Result<SyncStats, BackendError> {
        let mut input = Input::default();
        let mut stale = if request.full {
            self.write_full(request, &mut input)?
        } else {
            BTreeSet::new()
        };
        let mut changes: BTreeMap<(SharedChain, String), i64> = BTreeMap::new();
        for plan in request.changes {
            let old = self.services.remove(&plan.service).unwrap_or_default();
            self.nat_rules -= old.chains.values().map(|(_, rules)| rules).sum::<usize>();
            let rendered = render::render(self, plan);
            let written = self.write_service(rendered, &old, &mut input);
            // An added rule may repeat another service's; the sum tells how many copies the chain gains or loses.
            for row in old.rows.difference(&written.rows) {
                *changes.entry(row.clone()).or_default() -= 1;
            }
            for row in written.rows.difference(&old.rows) {
                *changes.entry(row.clone()).or_default() += 1;
            }
            stale.extend(old.chains.into_keys());
            for name in written.chains.keys() {
                stale.remove(name);
            }
            if !plan.ports.is_empty() {
                self.services.insert(plan.service.clone(), written);
            }
        }
        self.write_rows(&changes, request.full, &mut input);
        for name in &stale {
            input.chain(Table::Nat, name);
        }
        for name in &stale {
            input.rule(Table::Nat, &format!("-X {name}"));
        }
        let text = input.finish();
        let operations = text.lines().count();
        if operations > 0 {
            self.restore(&text)?;
        }
        if request.full {
            self.ensure_canaries()?;
        }
        Ok(self.stats(operations, &text))
    }

    fn intact(&mut self) -> Result<bool, BackendError> {
        for table in ["mangle", "nat", "filter"] {
            match self.commands.run(
                program(self.family, ""),
                &["-w", "5", "-t", table, "-S", CANARY_CHAIN],
                b"",
            ) {
                Ok(_) => {}
                Err(CommandError::Failed { message, .. })
                    if message.contains("No chain") || message.contains("does not exist") =>
                {
                    return Ok(false);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }
}

/// The program of a family: `iptables`, `ip6tables-save` and so on.
fn program(family: IpFamily, suffix: &str) -> &'static str {
    match (family, suffix) {
        (IpFamily::V4, "-save") => "iptables-save",
        (IpFamily::V4, "-restore") => "iptables-restore",
        (IpFamily::V4, _) => "iptables",
        (IpFamily::V6, "-save") => "ip6tables-save",
        (IpFamily::V6, "-restore") => "ip6tables-restore",
        (IpFamily::V6, _) => "ip6tables",
    }
}

fn restore(commands: &dyn CommandRunner, family: IpFamily, input: &str) -> Result<(), BackendError> {
    commands.run(
        program(family, "-restore"),
        &["-w", "5", "--noflush", "--counters"],
        input.as_bytes(),
    )?;
    Ok(())
}

/// Parses `iptables v1.8.9 (nf_tables)`.
fn version(text: &str) -> [u32; 3] {
    let mut version = [0; 3];
    if let Some(word) = text.split_whitespace().find_map(|word| word.strip_prefix('v')) {
        for (slot, part) in version.iter_mut().zip(word.split('.')) {
            *slot = part.parse().unwrap_or(0);
        }
    }
    version
}
