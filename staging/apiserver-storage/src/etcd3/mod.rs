//! The etcd3 store: any number of API servers on one etcd cluster, on the keys and with the semantics of upstream.
//!
//! Keys are passed through as they are, so that an upstream server's data is found where it lies: the registry composes
//! them from `--etcd-prefix` ([`normalize_prefix`]) and the resource's path. Counterpart of upstream's `storage/etcd3`.

mod compact;
mod connect;
mod error;
mod lease;
mod watch;

use std::fmt;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use etcd_client::{Client, Compare, CompareOp, DeleteOptions, GetOptions, PutOptions, Txn, TxnOp, TxnOpResponse};
use tokio::io::AsyncWriteExt;
use tokio_util::sync::CancellationToken;

use self::error::Failure;
use self::lease::Leases;
use crate::embedded::backup;
use crate::{
    Capabilities, CompactionRound, Conflict, CountResponse, Error, GetResponse, KeyRange, KeyValue, Operation,
    Precondition, RangeOptions, RangeResponse, Result, Revision, Status, Storage, Transaction, TransactionResponse,
    Watch,
};

pub use self::connect::{Etcd3Options, normalize_prefix};
pub use self::lease::LeaseOptions;

/// etcd answers a range in one message, however large.
const MAX_MESSAGE_SIZE: usize = i32::MAX as usize;
/// A range without a limit is read in pieces of so many keys, at one revision.
const RANGE_PAGE: usize = 10_000;
/// The pause before a failed read is repeated.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// A store on an etcd cluster.
pub struct Etcd3 {
    shared: Arc<Shared>,
    leases: Leases,
    health_key: String,
    options: Etcd3Options,
}

/// What watches share with the store.
pub(crate) struct Shared {
    client: Client,
    request_timeout: Duration,
    reliable_progress: AtomicBool,
    compact_revision: AtomicU64,
    closed: CancellationToken,
}

impl Shared {
    fn reliable_progress(&self) -> bool {
        self.reliable_progress.load(Ordering::Relaxed)
    }

    fn note_compacted(&self, revision: Revision) {
        self.compact_revision.fetch_max(revision, Ordering::Relaxed);
    }
}

impl Etcd3 {
    /// Runs one request against the deadline.
    async fn within<T>(&self, request: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let after = self.shared.request_timeout;
        tokio::select! {
            result = tokio::time::timeout(after, request) => {
                result.unwrap_or(Err(Failure::Other(Error::Timeout { after })))
            }
            () = self.shared.closed.cancelled() => Err(Failure::Other(Error::Closed)),
        }
    }

    /// Runs a read, again while a member is away, until the deadline.
    async fn retry<T, F>(&self, request: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, etcd_client::Error>>,
    {
        self.within(async {
            loop {
                match request().await.map_err(Failure::of) {
                    Err(failure) if failure.is_transient() => tokio::time::sleep(RETRY_PAUSE).await,
                    result => return result,
                }
            }
        })
        .await
    }

    /// Completes an error of a read at `revision`.
    async fn explain(&self, failure: Failure, revision: Option<Revision>) -> Error {
        let requested = revision.unwrap_or(0);
        match failure {
            Failure::Compacted => {
                let found = watch::find_compact_revision(&self.shared.client);
                let found = tokio::time::timeout(self.shared.request_timeout, found)
                    .await
                    .ok()
                    .flatten();
                if let Some(found) = found {
                    self.shared.note_compacted(found);
                }
                let compact_revision = found.unwrap_or_else(|| self.compact_revision().max(requested + 1));
                Error::Compacted {
                    requested,
                    compact_revision,
                }
            }
            Failure::FutureRevision => {
                let current = self.current_revision().await.unwrap_or(0);
                Error::FutureRevision { requested, current }
            }
            failure => failure.into_error(),
        }
    }

    async fn read(&self, key: &[u8], options: &GetOptions) -> Result<etcd_client::GetResponse, Failure> {
        self.retry(|| {
            let mut client = self
                .shared
                .client
                .kv_client()
                .max_decoding_message_size(MAX_MESSAGE_SIZE);
            let (key, options) = (key.to_vec(), options.clone());
            async move { client.get(key, Some(options)).await }
        })
        .await
    }

    async fn try_transaction(&self, transaction: &Transaction) -> Result<etcd_client::TxnResponse, Failure> {
        let mut compares = Vec::new();
        let mut then = Vec::with_capacity(transaction.operations.len());
        let mut otherwise = Vec::new();
        for operation in &transaction.operations {
            let key = &operation.key()[..];
            let expected = match operation.precondition() {
                Precondition::None => None,
                Precondition::Absent => Some(0),
                Precondition::ModRevision(revision) => Some(to_etcd(revision).map_err(Failure::Other)?),
            };
            if let Some(expected) = expected {
                compares.push(Compare::mod_revision(key, CompareOp::Equal, expected));
                otherwise.push(TxnOp::get(key, None));
            }
            then.push(match operation {
                Operation::Put { value, ttl, .. } => {
                    let lease = match ttl {
                        Some(ttl) => self.leases.lease(&self.shared.client, whole_seconds(*ttl)).await?,
                        None => 0,
                    };
                    TxnOp::put(key, &value[..], Some(PutOptions::new().with_lease(lease)))
                }
                Operation::Delete { .. } => TxnOp::delete(key, Some(DeleteOptions::new().with_prev_key())),
            });
        }
        let txn = Txn::new().when(compares).and_then(then).or_else(otherwise);
        let mut client = self
            .shared
            .client
            .kv_client()
            .max_decoding_message_size(MAX_MESSAGE_SIZE);
        client.txn(txn).await.map_err(Failure::of)
    }
}

#[async_trait]
impl Storage for Etcd3 {
    async fn get(&self, key: &[u8], revision: Option<Revision>) -> Result<GetResponse> {
        let options = GetOptions::new().with_revision(to_etcd(revision.unwrap_or(0))?);
        let mut response = match self.read(key, &options).await {
            Ok(response) => response,
            Err(failure) => return Err(self.explain(failure, revision).await),
        };
        let current = header_revision(response.header());
        let item = response.take_kvs().into_iter().next().map(into_key_value);
        Ok(GetResponse {
            item,
            revision: revision.unwrap_or(current),
        })
    }

    async fn range(&self, range: &KeyRange, options: RangeOptions) -> Result<RangeResponse> {
        if range.is_empty() {
            let revision = self.count(range, options.revision).await?.revision;
            return Ok(RangeResponse {
                items: Vec::new(),
                revision,
                more: false,
                remaining: 0,
            });
        }
        if options.limit == Some(0) {
            let CountResponse { count, revision } = self.count(range, options.revision).await?;
            return Ok(RangeResponse {
                items: Vec::new(),
                revision,
                more: count > 0,
                remaining: count,
            });
        }
        let mut start = Bytes::from(range_start(range));
        let mut revision = options.revision;
        let mut items: Vec<KeyValue> = Vec::new();
        loop {
            let wanted = options
                .limit
                .map_or(RANGE_PAGE, |limit| (limit - items.len()).min(RANGE_PAGE));
            let mut request = GetOptions::new()
                .with_range(range_end(range))
                .with_limit(i64::try_from(wanted).unwrap_or(i64::MAX))
                .with_revision(to_etcd(revision.unwrap_or(0))?);
            if options.keys_only {
                request = request.with_keys_only();
            }
            let mut response = match self.read(&start, &request).await {
                Ok(response) => response,
                Err(failure) => return Err(self.explain(failure, revision).await),
            };
            let read_at = *revision.get_or_insert(header_revision(response.header()));
            let kvs = response.take_kvs();
            let remaining = from_etcd(response.count()).saturating_sub(kvs.len() as u64);
            let (more, empty) = (response.more(), kvs.is_empty());
            items.extend(kvs.into_iter().map(into_key_value));
            if !more || empty || options.limit.is_some_and(|limit| items.len() >= limit) {
                return Ok(RangeResponse {
                    items,
                    revision: read_at,
                    more,
                    remaining,
                });
            }
            let last = items.last().map(|item| &item.key[..]).unwrap_or_default();
            start = [last, &[0]].concat().into();
        }
    }

    async fn count(&self, range: &KeyRange, revision: Option<Revision>) -> Result<CountResponse> {
        let options = GetOptions::new()
            .with_count_only()
            .with_revision(to_etcd(revision.unwrap_or(0))?);
        // etcd has no empty ranges: where the end is before the start it answers as for any other.
        let options = options.with_range(range_end(range));
        let response = match self.read(&range_start(range), &options).await {
            Ok(response) => response,
            Err(failure) => return Err(self.explain(failure, revision).await),
        };
        let current = header_revision(response.header());
        let count = if range.is_empty() {
            0
        } else {
            from_etcd(response.count())
        };
        Ok(CountResponse {
            count,
            revision: revision.unwrap_or(current),
        })
    }

    async fn transaction(&self, transaction: Transaction) -> Result<TransactionResponse> {
        transaction.validate()?;
        if transaction.operations.is_empty() {
            return Ok(TransactionResponse {
                revision: self.current_revision().await?,
                deleted: Vec::new(),
            });
        }
        let request = async {
            loop {
                match self.try_transaction(&transaction).await {
                    // The lease can expire between its grant and its use when the machine was suspended.
                    Err(Failure::LeaseNotFound) => self.leases.forget().await,
                    Err(Failure::NotDone(_)) => tokio::time::sleep(RETRY_PAUSE).await,
                    result => return result,
                }
            }
        };
        let response = self.within(request).await.map_err(Failure::into_error)?;
        let revision = header_revision(response.header());
        if !response.succeeded() {
            return Err(conflict(&transaction, response.op_responses(), revision));
        }
        let deleted = response.op_responses().into_iter().map(|response| match response {
            TxnOpResponse::Delete(response) => response.prev_kvs().first().map(key_value),
            _ => None,
        });
        Ok(TransactionResponse {
            revision,
            deleted: deleted.collect(),
        })
    }

    async fn watch(&self, range: KeyRange, from: Option<Revision>) -> Result<Watch> {
        if self.shared.closed.is_cancelled() {
            return Err(Error::Closed);
        }
        watch::watch(Arc::clone(&self.shared), range, from).await
    }

    async fn current_revision(&self) -> Result<Revision> {
        let options = GetOptions::new().with_count_only();
        let response = self
            .read(self.health_key.as_bytes(), &options)
            .await
            .map_err(Failure::into_error)?;
        Ok(header_revision(response.header()))
    }

    fn compact_revision(&self) -> Revision {
        self.shared.compact_revision.load(Ordering::Relaxed)
    }

    async fn compact(&self, revision: Revision) -> Result<()> {
        let mut client = self.shared.client.kv_client();
        let target = to_etcd(revision)?;
        let request = async { client.compact(target, None).await.map_err(Failure::of) };
        if let Err(failure) = self.within(request).await {
            return Err(self.explain(failure, Some(revision)).await);
        }
        self.shared.note_compacted(revision);
        Ok(())
    }

    async fn compaction_round(&self, last: CompactionRound) -> Result<CompactionRound> {
        compact::round(self, last).await
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            reliable_progress: self.shared.reliable_progress(),
            local: false,
        }
    }

    async fn status(&self) -> Result<Status> {
        let status = self.retry(|| {
            let mut client = self.shared.client.maintenance_client();
            async move { client.status().await }
        });
        let status = status.await.map_err(Failure::into_error)?;
        Ok(Status {
            backend: format!("etcd {}", status.version()),
            size: from_etcd(status.db_size()),
            size_in_use: Some(from_etcd(status.raft_used_db_size())),
            revision: header_revision(status.header()),
            compact_revision: self.compact_revision(),
        })
    }

    async fn health(&self) -> Result<()> {
        let options = GetOptions::new();
        self.read(self.health_key.as_bytes(), &options)
            .await
            .map(drop)
            .map_err(Failure::into_error)
    }

    async fn snapshot(&self, file: &Path) -> Result<Option<Revision>> {
        let partial = backup::partial_path(file);
        let failed = || format!("cannot write {}", partial.display());
        let written = async {
            let target = backup::private_file(&partial).map_err(Error::io(failed()))?;
            let mut target = tokio::fs::File::from_std(target);
            let mut client = self.shared.client.maintenance_client();
            let unavailable = |error| Failure::of(error).into_error();
            let mut stream = client.snapshot().await.map_err(unavailable)?;
            let mut remaining = None;
            while let Some(part) = stream.message().await.map_err(unavailable)? {
                target.write_all(part.blob()).await.map_err(Error::io(failed()))?;
                remaining = Some(part.remaining_bytes());
            }
            if remaining.is_none_or(|bytes| bytes > 0) {
                return Err(Error::Unavailable("etcd broke off the snapshot".to_owned()));
            }
            target.sync_all().await.map_err(Error::io(failed()))?;
            backup::install(&partial, file)
        };
        let written = written.await;
        if written.is_err() {
            // The error that counts is the first one.
            drop(tokio::fs::remove_file(&partial).await);
        }
        written.map(|()| None)
    }

    async fn close(&self) {
        self.shared.closed.cancel();
    }
}

impl Drop for Etcd3 {
    fn drop(&mut self) {
        self.shared.closed.cancel();
    }
}

impl fmt::Debug for Etcd3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Etcd3")
            .field("endpoints", &self.options.endpoints)
            .finish_non_exhaustive()
    }
}

/// The first precondition that the answers contradict.
fn conflict(transaction: &Transaction, answers: Vec<TxnOpResponse>, revision: Revision) -> Error {
    let guarded = transaction
        .operations
        .iter()
        .filter(|operation| operation.precondition() != Precondition::None);
    for (operation, answer) in guarded.zip(answers) {
        let TxnOpResponse::Get(mut response) = answer else {
            continue;
        };
        let current = response.take_kvs().into_iter().next().map(into_key_value);
        if !operation
            .precondition()
            .holds(current.as_ref().map(|item| item.mod_revision))
        {
            return Error::Conflict(Box::new(Conflict {
                key: operation.key().clone(),
                current,
                revision,
            }));
        }
    }
    Error::Corrupt("etcd refused a transaction whose preconditions hold".to_owned())
}

/// The key that stands for the start of a range: etcd has no empty key.
fn range_start(range: &KeyRange) -> Vec<u8> {
    if range.start.is_empty() {
        vec![0]
    } else {
        range.start.to_vec()
    }
}

/// The key that stands for the end of a range: a zero byte for no end.
fn range_end(range: &KeyRange) -> Vec<u8> {
    range.end.as_ref().map_or_else(|| vec![0], |end| end.to_vec())
}

/// Seconds, rounded up: a key may live longer, but never shorter.
fn whole_seconds(ttl: Duration) -> u64 {
    (ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0)).max(1)
}

fn key_value(kv: &etcd_client::KeyValue) -> KeyValue {
    KeyValue {
        key: Bytes::copy_from_slice(kv.key()),
        value: Bytes::copy_from_slice(kv.value()),
        create_revision: from_etcd(kv.create_revision()),
        mod_revision: from_etcd(kv.mod_revision()),
    }
}

fn into_key_value(kv: etcd_client::KeyValue) -> KeyValue {
    let (create_revision, mod_revision) = (from_etcd(kv.create_revision()), from_etcd(kv.mod_revision()));
    let (key, value) = kv.into_key_value();
    KeyValue {
        key: key.into(),
        value: value.into(),
        create_revision,
        mod_revision,
    }
}

fn header_revision(header: Option<&etcd_client::ResponseHeader>) -> Revision {
    from_etcd(header.map_or(0, etcd_client::ResponseHeader::revision))
}

/// etcd's revisions and counts are signed, but never negative.
fn from_etcd(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn to_etcd(revision: Revision) -> Result<i64> {
    i64::try_from(revision).map_err(|_| Error::FutureRevision {
        requested: revision,
        current: 0,
    })
}
