//! Periodic compaction of an etcd cluster that several API servers share.
//!
//! The servers agree by the key `compact_rev_key`, on which upstream's agree too: its version is a logical clock, its value the
//! revision compacted to. Whoever advances the clock compacts to the revision it saw a round before; the others learn the time and wait
//! for their next round. So a revision is kept for at least one interval, and for less than two when a server has died.

use etcd_client::{Compare, CompareOp, Txn, TxnOp, TxnOpResponse};

use super::error::Failure;
use super::{Etcd3, header_revision};
use crate::{CompactionRound, Error, Result, Storage};

const COMPACT_REV_KEY: &str = "compact_rev_key";

pub(super) async fn round(store: &Etcd3, last: CompactionRound) -> Result<CompactionRound> {
    let txn = Txn::new()
        .when([Compare::version(COMPACT_REV_KEY, CompareOp::Equal, last.logical_time)])
        .and_then([TxnOp::put(COMPACT_REV_KEY, last.revision.to_string(), None)])
        .or_else([TxnOp::get(COMPACT_REV_KEY, None)]);
    let mut client = store.shared.client.kv_client();
    let request = async { client.txn(txn).await.map_err(Failure::of) };
    let response = store.within(request).await.map_err(Failure::into_error)?;
    let revision = header_revision(response.header());

    if !response.succeeded() {
        let Some(TxnOpResponse::Get(response)) = response.op_responses().into_iter().next() else {
            return Err(Error::Corrupt(format!("etcd did not answer what {COMPACT_REV_KEY} is")));
        };
        let (logical_time, compacted) = response.kvs().first().map_or((0, None), |kv| {
            let compacted = kv
                .value_str()
                .ok()
                .and_then(|value| value.parse().ok())
                .filter(|revision| *revision != 0);
            (kv.version(), compacted)
        });
        if let Some(compacted) = compacted {
            store.shared.note_compacted(compacted);
        }
        return Ok(CompactionRound {
            logical_time,
            revision,
            compacted,
        });
    }
    let logical_time = last.logical_time + 1;
    if last.revision == 0 {
        return Ok(CompactionRound {
            logical_time,
            revision,
            compacted: None,
        });
    }
    match store.compact(last.revision).await {
        Ok(()) => {}
        // Somebody has compacted further by hand; that serves as well.
        Err(Error::Compacted { .. }) => {}
        Err(error) => return Err(error),
    }
    Ok(CompactionRound {
        logical_time,
        revision,
        compacted: Some(last.revision),
    })
}
