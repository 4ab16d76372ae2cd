//! Keeping the number of updaters small: the oldest of each version are thrown together.

use super::entry::Managed;
use super::{ManagedFieldsError, ManagerKey, Operation};

/// More updaters than this are merged into one for each version.
pub(super) const MAX_UPDATE_MANAGERS: usize = 10;

/// The name of that one.
const ANCIENT_CHANGES: &str = "ancient-changes";

/// Merges the oldest updaters of each version until at most `limit` are left, where possible.
pub(super) fn cap_update_managers(managed: &mut Managed, limit: usize) -> Result<(), ManagedFieldsError> {
    let is_updater = |key: &ManagerKey| key.operation == Operation::Update;
    let mut count = managed.entries.iter().filter(|e| is_updater(&e.key)).count();
    if count <= limit {
        return Ok(());
    }
    let mut oldest_first: Vec<_> = managed
        .entries
        .iter()
        .filter(|e| is_updater(&e.key))
        .map(|e| {
            (
                e.time.map_or(0, jiff::Timestamp::as_second),
                e.key.identifier(),
                e.key.clone(),
            )
        })
        .collect();
    oldest_first.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    // For each version the updater that the next one is merged into.
    let mut receivers: Vec<ManagerKey> = Vec::new();
    for (_, _, key) in oldest_first {
        if count <= limit {
            break;
        }
        let Some(receiver) = receivers.iter_mut().find(|r| r.api_version == key.api_version) else {
            receivers.push(key);
            continue;
        };
        let bucket = ManagerKey {
            manager: ANCIENT_CHANGES.to_owned(),
            operation: Operation::Update,
            api_version: key.api_version.clone(),
            subresource: String::new(),
        };
        if *receiver != key {
            merge_into(managed, receiver, &key, bucket.clone())?;
            *receiver = bucket;
            count = managed.entries.iter().filter(|e| is_updater(&e.key)).count();
        }
    }
    Ok(())
}

/// Unites two updaters, and what is already there, under the name of `bucket` with the latest time.
fn merge_into(
    managed: &mut Managed,
    older: &ManagerKey,
    younger: &ManagerKey,
    bucket: ManagerKey,
) -> Result<(), ManagedFieldsError> {
    let Some(index) = managed.find(older) else {
        return Ok(());
    };
    let mut united = managed.entries.remove(index);
    let mut set = united.set()?.clone();
    let mut time = united.time;
    for key in [younger, &bucket] {
        let Some(index) = managed.find(key) else { continue };
        let mut other = managed.entries.remove(index);
        set = set.union(other.set()?);
        time = time.max(other.time);
    }
    united.set_key(bucket);
    united.set_fields(set);
    united.set_time(time);
    managed.entries.push(united);
    Ok(())
}
