//! Removes all rules of ours (`--cleanup`, or when the node changes to another mode).

use std::fmt::Write as _;

use super::chains::{CANARY_CHAIN, JUMPS, OWN_CHAINS, Table, chain_names, is_service_chain};
use super::{program, restore};
use crate::backend::{BackendError, CommandError, CommandRunner};
use crate::types::IpFamily;

/// Removes everything of ours in one family; rules of others stay. Nothing to remove is no error.
///
/// # Errors
/// When an iptables program fails.
pub fn cleanup(commands: &dyn CommandRunner, family: IpFamily) -> Result<(), BackendError> {
    let mut input = String::new();
    for table in [Table::Filter, Table::Nat] {
        let saved = commands.run(program(family, "-save"), &["-t", table.name()], b"")?;
        let saved = String::from_utf8_lossy(&saved);
        let (mut flushes, mut removals) = (String::new(), String::new());
        for jump in JUMPS.iter().filter(|jump| jump.ours && jump.table == table) {
            for line in jump.find_in(&saved) {
                let _ = writeln!(flushes, "{}", line.replacen("-A ", "-D ", 1));
            }
        }
        for name in chain_names(&saved) {
            let own = OWN_CHAINS
                .iter()
                .any(|(own_table, own)| *own_table == table && *own == name);
            if own || (table == Table::Nat && is_service_chain(name)) {
                flushes.insert_str(0, &format!(":{name} - [0:0]\n"));
                let _ = writeln!(removals, "-X {name}");
            }
        }
        if !flushes.is_empty() {
            let _ = write!(input, "*{}\n{flushes}{removals}COMMIT\n", table.name());
        }
    }
    if !input.is_empty() {
        restore(commands, family, &input)?;
    }
    match commands.run(
        program(family, ""),
        &["-w", "5", "-t", "mangle", "-X", CANARY_CHAIN],
        b"",
    ) {
        Err(CommandError::Failed { message, .. })
            if message.contains("No chain") || message.contains("does not exist") =>
        {
            Ok(())
        }
        result => result.map(drop).map_err(BackendError::from),
    }
}
