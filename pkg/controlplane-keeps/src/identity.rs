//! The lease by which this server is known to be alive, and the end of those of servers that are not.

use std::time::Duration;

use apimachinery::status::StatusError;
use apiserver::registry::Local;
use aws_lc_rs::digest::{SHA256, digest};
use jiff::{SignedDuration, Timestamp};
use k8s_api::{
    coordination::v1::{Lease, LeaseSpec},
    meta::v1::{DeleteOptions, ObjectMeta},
    primitives::MicroTime,
};

pub(crate) const NAMESPACE: &str = "kube-system";
/// How often the lease is renewed.
pub(crate) const RENEW_INTERVAL: Duration = Duration::from_secs(10);
/// How often the leases of dead servers are looked for.
pub(crate) const COLLECT_INTERVAL: Duration = Duration::from_secs(3600);
const DURATION_SECONDS: i32 = 3600;
const COMPONENT_LABEL: &str = "apiserver.kubernetes.io/identity";
const COMPONENT: &str = "kube-apiserver";
const PEER_ADDRESS: &str = "kubernetes.io/peer-advertise-address";

/// The name of the server on this host: no two servers of a cluster share one.
pub(crate) fn server_id(hostname: &str) -> String {
    // Host and component, each behind its length in two bytes.
    let mut text = Vec::new();
    for part in [hostname, COMPONENT] {
        text.extend_from_slice(&u16::try_from(part.len()).unwrap_or(u16::MAX).to_be_bytes());
        text.extend_from_slice(part.as_bytes());
    }
    let hash = digest(&SHA256, &text);
    format!("apiserver-{}", base32(&hash.as_ref()[..16]))
}

/// Lower-case base 32 without padding.
fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut text = String::new();
    let (mut buffer, mut bits) = (0_u32, 0);
    for byte in bytes {
        buffer = buffer << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(ALPHABET[(buffer >> bits & 31) as usize]));
        }
        buffer &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(char::from(ALPHABET[(buffer << (5 - bits) & 31) as usize]));
    }
    text
}

/// The lease of this server.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    leases: Local<Lease>,
    name: String,
    holder: String,
    hostname: String,
    /// `host:port` where other servers reach this one; empty if they do not.
    peer_address: String,
}

impl Identity {
    pub(crate) fn new(leases: Local<Lease>, hostname: &str, peer_address: String) -> Self {
        let name = server_id(hostname);
        Self {
            leases,
            holder: format!("{name}_{}", uuid::Uuid::new_v4()),
            name,
            hostname: hostname.to_owned(),
            peer_address,
        }
    }

    /// Removes what an earlier process left, and makes the lease anew.
    pub(crate) async fn begin(&self) -> Result<(), StatusError> {
        self.end().await;
        self.renew().await
    }

    /// Makes the lease, or renews it.
    pub(crate) async fn renew(&self) -> Result<(), StatusError> {
        let current = match self.leases.cached(NAMESPACE, &self.name)? {
            Some(current) => Some(current),
            None => self.leases.get(NAMESPACE, &self.name).await?,
        };
        let exists = current.is_some();
        let mut lease = current.unwrap_or_else(|| Lease {
            metadata: ObjectMeta {
                name: self.name.clone(),
                namespace: NAMESPACE.to_owned(),
                ..ObjectMeta::default()
            },
            spec: LeaseSpec {
                holder_identity: Some(self.holder.clone()),
                ..LeaseSpec::default()
            },
        });
        lease.spec.lease_duration_seconds = Some(DURATION_SECONDS);
        lease.spec.renew_time = Some(MicroTime::from(Timestamp::now()));
        let labels = &mut lease.metadata.labels;
        labels.insert(COMPONENT_LABEL, COMPONENT.to_owned());
        labels.insert("kubernetes.io/hostname", self.hostname.clone());
        if !self.peer_address.is_empty() {
            lease
                .metadata
                .annotations
                .insert(PEER_ADDRESS, self.peer_address.clone());
        }
        if exists {
            self.leases.update(&lease).await.map(drop)
        } else {
            self.leases.create(&lease).await.map(drop)
        }
    }

    /// Gives the lease up.
    pub(crate) async fn end(&self) {
        match self
            .leases
            .delete(NAMESPACE, &self.name, &DeleteOptions::default())
            .await
        {
            Err(error) if !error.is_not_found() => {
                tracing::error!(%error, lease = self.name, "cannot delete the lease")
            }
            _ => {}
        }
    }

    /// Deletes the leases of servers that have not renewed theirs.
    pub(crate) async fn collect(&self) -> Result<(), StatusError> {
        for lease in self.leases.list_cached(NAMESPACE)? {
            let is_servers = lease
                .metadata
                .labels
                .get(COMPONENT_LABEL)
                .is_some_and(|label| label == COMPONENT);
            if !is_servers || !is_expired(&lease, Timestamp::now()) {
                continue;
            }
            let name = &lease.metadata.name;
            let latest = self.leases.get(NAMESPACE, name).await?;
            if !latest.is_some_and(|lease| is_expired(&lease, Timestamp::now())) {
                continue;
            }
            tracing::info!(lease = %name, "deleting the lease of a server that is gone");
            match self.leases.delete(NAMESPACE, name, &DeleteOptions::default()).await {
                Err(status) if !status.is_not_found() => return Err(status),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whether a lease has run out. One without times is nobody's.
fn is_expired(lease: &Lease, now: Timestamp) -> bool {
    let (Some(renewed), Some(seconds)) = (lease.spec.renew_time, lease.spec.lease_duration_seconds) else {
        return true;
    };
    let end = Timestamp::from(k8s_api::primitives::Time::from(renewed))
        .saturating_add(SignedDuration::from_secs(seconds.into()));
    end.is_ok_and(|end| end < now)
}

#[cfg(test)]
mod tests {
    use super::{base32, server_id};

    #[test]
    fn base_32() {
        let cases: [(&[u8], &str); 4] = [(b"", ""), (b"f", "my"), (b"foob", "mzxw6yq"), (b"fooba", "mzxw6ytb")];
        for (bytes, text) in cases {
            assert_eq!(base32(bytes), text);
        }
    }

    #[test]
    fn names_follow_the_host() {
        let name = server_id("one");
        assert_eq!(name.len(), "apiserver-".len() + 26);
        assert_eq!(name, server_id("one"));
        assert_ne!(name, server_id("two"));
    }
}
