//! An etcd of a test's own, in a directory of its own.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use super::server::free_port;

/// A running etcd; it is killed when it is dropped.
pub(crate) struct Etcd {
    process: Child,
    clients: u16,
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

impl Etcd {
    /// Starts one that keeps what it has below `directory`.
    pub(crate) fn start(directory: &Path) -> Self {
        let (clients, peers) = (free_port(), free_port());
        let process = Command::new("etcd")
            .arg("--data-dir")
            .arg(directory.join("etcd"))
            .args(["--listen-client-urls", &url(clients)])
            .args(["--advertise-client-urls", &url(clients)])
            .args(["--listen-peer-urls", &url(peers)])
            .args(["--initial-advertise-peer-urls", &url(peers)])
            .args(["--initial-cluster", &format!("default={}", url(peers))])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("etcd starts; it comes with Debian's etcd-server");
        Self { process, clients }
    }

    /// The flag that sends an API server there.
    pub(crate) fn flag(&self) -> String {
        format!("--etcd-servers={}", url(self.clients))
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
