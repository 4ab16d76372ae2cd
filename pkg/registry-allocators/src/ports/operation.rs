//! The ports of one write: taken at once, given back when its end is known.

use super::{NodePorts, PortError};

/// The port that a dry run starts its guesses behind.
const DRY_RUN_BASE: u16 = 32_768;

/// The ports that one write takes and gives back. Leaking a port is better than handing it out twice: ports are taken
/// before the write and given back after it.
#[derive(Debug, Default)]
pub(crate) struct PortOperation {
    dry_run: bool,
    allocated: Vec<u16>,
    released: Vec<u16>,
}

impl PortOperation {
    /// An operation; nothing is taken in a dry run.
    pub(crate) fn new(dry_run: bool) -> Self {
        Self {
            dry_run,
            ..Self::default()
        }
    }

    /// Takes a certain port.
    pub(crate) async fn allocate(&mut self, ports: &NodePorts, port: u16) -> Result<(), PortError> {
        if !self.dry_run {
            ports.allocate(port).await?;
        } else if self.allocated.contains(&port) || ports.has(port).await? {
            return Err(PortError::Allocated);
        }
        self.allocated.push(port);
        Ok(())
    }

    /// Takes any port. In a dry run it is one that the operation has not yet, whoever else may have it.
    pub(crate) async fn allocate_next(&mut self, ports: &NodePorts) -> Result<u16, PortError> {
        let port = if self.dry_run {
            let highest = self.allocated.iter().copied().max().unwrap_or(DRY_RUN_BASE);
            highest.saturating_add(1)
        } else {
            ports.allocate_next().await?
        };
        self.allocated.push(port);
        Ok(port)
    }

    /// Gives a port back once the write has succeeded.
    pub(crate) fn release(&mut self, port: u16) {
        self.released.push(port);
    }

    /// Keeps what was taken and gives back what is to be given back; or the other way round.
    pub(crate) async fn finish(&self, ports: &NodePorts, succeeded: bool) {
        if self.dry_run {
            return;
        }
        let free = if succeeded { &self.released } else { &self.allocated };
        if let Err(error) = ports.release(free).await {
            tracing::warn!(ports = ?free, %error, "cannot give node ports back");
        }
    }
}
