//! Leases for keys with a time to live.
//!
//! Granting a lease costs etcd a consensus round and a timer, and nearly all keys with a time to live (events) have the same one, so that one
//! lease serves many keys: it is granted for somewhat longer than asked for, and reused as long as it lasts at least the time asked for.
//! Counterpart of upstream's `lease_manager.go`, with its figures.

use std::time::Duration;

use etcd_client::Client;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::error::Failure;

/// How leases are shared between keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseOptions {
    /// A lease is reused for at most so many seconds, and for at most 5 % of the time to live. Default 60, as `--lease-reuse-duration-seconds`.
    pub reuse_seconds: u64,
    /// At most so many keys share a lease. Default 1000.
    pub max_objects: u64,
}

impl Default for LeaseOptions {
    fn default() -> Self {
        Self {
            reuse_seconds: 60,
            max_objects: 1000,
        }
    }
}

/// The lease that was granted last.
#[derive(Clone, Copy, Debug)]
struct Lease {
    id: i64,
    expires: Instant,
    objects: u64,
}

/// Hands out leases.
#[derive(Debug)]
pub(super) struct Leases {
    options: LeaseOptions,
    last: Mutex<Option<Lease>>,
}

impl Leases {
    pub(super) fn new(options: LeaseOptions) -> Self {
        Self {
            options,
            last: Mutex::new(None),
        }
    }

    /// A lease that lasts at least `ttl` seconds, and hardly longer.
    pub(super) async fn lease(&self, client: &Client, ttl: u64) -> Result<i64, Failure> {
        let now = Instant::now();
        let reuse = (ttl / 20).min(self.options.reuse_seconds);
        // The lock is held while granting on purpose: concurrent puts wait for the one lease instead of granting one each.
        let mut last = self.last.lock().await;
        if let Some(lease) = last.as_mut() {
            let lasts = lease.expires > now + Duration::from_secs(ttl);
            let hardly_longer = lease.expires < now + Duration::from_secs(ttl + reuse);
            lease.objects += 1;
            if lasts && hardly_longer && lease.objects <= self.options.max_objects {
                return Ok(lease.id);
            }
        }
        let granted = i64::try_from(ttl + reuse).unwrap_or(i64::MAX);
        let response = client.lease_client().grant(granted, None).await.map_err(Failure::of)?;
        let expires = now + Duration::from_secs(ttl + reuse);
        *last = Some(Lease {
            id: response.id(),
            expires,
            objects: 1,
        });
        Ok(response.id())
    }

    /// Gives up the last lease: etcd does not know it any more.
    pub(super) async fn forget(&self) {
        *self.last.lock().await = None;
    }
}
