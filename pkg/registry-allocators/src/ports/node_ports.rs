//! The node ports of a cluster.

use std::sync::Arc;

use apiserver_storage::{Error as StorageError, Precondition, Revision, Storage};
use bytes::Bytes;
use component_base::flags::{FlagValue as _, PortRange};
use tokio::sync::Mutex;

use super::{Bitmap, RangeAllocationMedia, record::Record};

/// Why a port was not taken.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PortError {
    /// There is no free port.
    #[error("range is full")]
    Full,
    /// Somebody has it.
    #[error("provided port is already allocated")]
    Allocated,
    /// The range does not hold it.
    #[error("provided port is not in the valid range. The range of valid ports is {0}")]
    NotInRange(String),
    /// The store holds the ports of another range; repair makes them those of this one.
    #[error("the provided port range does not match the current port range")]
    Mismatched,
    /// The record could not be read or written.
    #[error("{0}")]
    Store(String),
}

impl From<StorageError> for PortError {
    fn from(error: StorageError) -> Self {
        Self::Store(error.to_string())
    }
}

/// The record as it was last seen.
#[derive(Clone, Debug)]
struct Seen {
    /// `None`: there is no record.
    revision: Option<Revision>,
    bitmap: Bitmap,
}

/// The node ports of a cluster. Every change is one conditional write of the record, so that servers on the same
/// store never hand out a port twice.
#[derive(Debug)]
pub struct NodePorts {
    range: PortRange,
    storage: Arc<dyn Storage>,
    key: Bytes,
    media: RangeAllocationMedia,
    seen: Mutex<Option<Seen>>,
}

impl NodePorts {
    /// The ports of `range`, recorded below `prefix` in the store.
    #[must_use]
    pub fn new(range: PortRange, storage: Arc<dyn Storage>, prefix: &str, media: RangeAllocationMedia) -> Self {
        Self {
            range,
            storage,
            key: format!("{prefix}/ranges/servicenodeports").into(),
            media,
            seen: Mutex::new(None),
        }
    }

    /// The range of ports.
    #[must_use]
    pub fn range(&self) -> PortRange {
        self.range
    }

    async fn read(&self) -> Result<(Option<Revision>, Option<Record>), PortError> {
        let item = self.storage.get(&self.key, None).await?.item;
        let revision = item.as_ref().map(|item| item.mod_revision);
        let record = item.map(|item| Record::decode(&item.value)).transpose();
        Ok((revision, record.map_err(PortError::Store)?))
    }

    async fn load(&self) -> Result<Seen, PortError> {
        let (revision, record) = self.read().await?;
        let bitmap = match record.filter(|record| !record.range.is_empty()) {
            None => Bitmap::new(self.range),
            Some(record) if record.range == self.range.to_text() => Bitmap::from_bytes(self.range, &record.data),
            Some(_) => return Err(PortError::Mismatched),
        };
        Ok(Seen { revision, bitmap })
    }

    async fn store(&self, bitmap: &Bitmap, over: Option<Revision>) -> Result<Revision, StorageError> {
        let record = Record {
            range: bitmap.range().to_text(),
            data: bitmap.to_bytes(),
        };
        let precondition = over.map_or(Precondition::Absent, Precondition::ModRevision);
        let value = record.encode(self.media);
        self.storage.put(self.key.clone(), value, precondition, None).await
    }

    /// Changes the record. A refusal by what was seen earlier is checked against the store.
    async fn change<R>(&self, change: impl Fn(&mut Bitmap) -> Result<R, PortError> + Send) -> Result<R, PortError> {
        let mut seen = self.seen.lock().await;
        let mut fresh = seen.is_none();
        let mut current = match seen.take() {
            Some(current) => current,
            None => self.load().await?,
        };
        loop {
            let mut bitmap = current.bitmap.clone();
            let result = match change(&mut bitmap) {
                Err(_) if !fresh => {
                    (current, fresh) = (self.load().await?, true);
                    continue;
                }
                result => result,
            };
            if result.is_err() || bitmap == current.bitmap {
                *seen = Some(current);
                return result;
            }
            match self.store(&bitmap, current.revision).await {
                Ok(revision) => {
                    *seen = Some(Seen {
                        revision: Some(revision),
                        bitmap,
                    });
                    return result;
                }
                Err(StorageError::Conflict(_)) => (current, fresh) = (self.load().await?, true),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes a certain port.
    ///
    /// # Errors
    /// It is taken or outside of the range, or the record cannot be written.
    pub async fn allocate(&self, port: u16) -> Result<(), PortError> {
        self.check_range(port)?;
        self.change(|bitmap| bitmap.insert(port).then_some(()).ok_or(PortError::Allocated))
            .await
    }

    /// [`PortError::NotInRange`] for ports that are not handed out.
    pub(crate) fn check_range(&self, port: u16) -> Result<(), PortError> {
        if self.range.contains(port) {
            Ok(())
        } else {
            Err(PortError::NotInRange(self.range.to_text()))
        }
    }

    /// Takes any free port.
    ///
    /// # Errors
    /// There is none, or the record cannot be written.
    pub async fn allocate_next(&self) -> Result<u16, PortError> {
        self.change(|bitmap| {
            bitmap
                .insert_next(|below| rand::random_range(0..below))
                .ok_or(PortError::Full)
        })
        .await
    }

    /// Gives ports back.
    ///
    /// # Errors
    /// The record cannot be written.
    pub async fn release(&self, ports: &[u16]) -> Result<(), PortError> {
        if ports.is_empty() {
            return Ok(());
        }
        self.change(|bitmap| {
            ports.iter().for_each(|port| bitmap.remove(*port));
            Ok(())
        })
        .await
    }

    /// Whether a port is taken, as of now.
    ///
    /// # Errors
    /// The record cannot be read.
    pub async fn has(&self, port: u16) -> Result<bool, PortError> {
        Ok(self.load().await?.bitmap.has(port))
    }

    /// What the store holds, of whatever range, with the revision of the record.
    pub(crate) async fn recorded(&self) -> Result<(Option<Revision>, Bitmap), PortError> {
        let (revision, record) = self.read().await?;
        let Some(record) = record.filter(|record| !record.range.is_empty()) else {
            return Ok((revision, Bitmap::new(self.range)));
        };
        let mut range = PortRange::default();
        range
            .set(&record.range, true)
            .map_err(|error| PortError::Store(format!("unable to rebuild allocator from snapshot: {error}")))?;
        Ok((revision, Bitmap::from_bytes(range, &record.data)))
    }

    /// Replaces the record that was read at `over`. Returns whether no other write came between.
    pub(crate) async fn replace(&self, bitmap: Bitmap, over: Option<Revision>) -> Result<bool, PortError> {
        let mut seen = self.seen.lock().await;
        match self.store(&bitmap, over).await {
            Ok(revision) => {
                let revision = Some(revision);
                *seen = Some(Seen { revision, bitmap });
                Ok(true)
            }
            Err(StorageError::Conflict(_)) => {
                *seen = None;
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}
