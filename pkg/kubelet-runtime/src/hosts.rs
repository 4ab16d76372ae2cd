//! The `/etc/hosts` of pods.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use k8s_api::core::v1::{HostAlias, Pod};

const HEADER: &str = "# Kubernetes-managed hosts file.\n";
const HOST_NETWORK_HEADER: &str = "# Kubernetes-managed hosts file (host network).\n";

/// The contents of the hosts file of a pod with these addresses; `node` is the node's own file.
#[must_use]
pub fn contents(pod: &Pod, ips: &[String], hostname: &str, domain: &str, node: &str) -> String {
    let mut text = String::new();
    if pod.spec.host_network {
        text.push_str(HOST_NETWORK_HEADER);
        text.push_str(node);
    } else {
        text.push_str(HEADER);
        text.push_str("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
        text.push_str(
            "fe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n",
        );
        for ip in ips {
            let line = if domain.is_empty() {
                format!("{ip}\t{hostname}\n")
            } else {
                format!("{ip}\t{hostname}.{domain}\t{hostname}\n")
            };
            text.push_str(&line);
        }
    }
    append_aliases(&mut text, &pod.spec.host_aliases);
    text
}

fn append_aliases(text: &mut String, aliases: &[HostAlias]) {
    if aliases.is_empty() {
        return;
    }
    text.push_str("\n# Entries added by HostAliases.\n");
    for alias in aliases {
        writeln!(text, "{}\t{}", alias.ip, alias.hostnames.join("\t")).expect("writing to a string cannot fail");
    }
}

/// Writes the hosts file of a pod.
///
/// # Errors
/// If the node's file cannot be read or the pod's not be written.
pub fn write(path: &Path, pod: &Pod, ips: &[String], hostname: &str, domain: &str) -> io::Result<()> {
    let node = if pod.spec.host_network {
        fs::read_to_string("/etc/hosts")?
    } else {
        String::new()
    };
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, contents(pod, ips, hostname, domain, &node))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))
}
