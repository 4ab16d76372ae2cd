//! The database file: how it is opened, created, and taken over from an older format.

use std::path::PathBuf;

use aws_lc_rs::rand;
use redb::{Builder, Database, ReadableDatabase, ReadableTable};

use super::file::{FileState, StoreFile};
use super::schema::{
    EXPIRY, FIRST_REVISION, FORMAT, FORMAT_WITHOUT_LOG, INDEX, LOG, META, META_BASE_REVISION, META_FORMAT,
    META_LOG_GENERATION, META_LOG_IDENTITY, META_LOG_SEQUENCE, database_error,
};
use crate::{Error, Result};

/// Where the database lies, and how it is opened.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) cache_size: usize,
    pub(super) state: FileState,
}

impl Source {
    /// Opens the database, creating it if it is not there, and converting it if it is of the former format.
    pub(super) fn open(&self) -> Result<Database> {
        let file = StoreFile::open(&self.path, self.state.clone())
            .map_err(Error::io(format!("cannot open {}", self.path.display())))?;
        let database = Builder::new()
            .set_cache_size(self.cache_size)
            .create_with_backend(file)
            .map_err(database_error)?;
        let (format, identity) = stored_format(&database).map_err(database_error)?;
        match format {
            Some(FORMAT) if identity.is_some() => {}
            None | Some(FORMAT | FORMAT_WITHOUT_LOG) => {
                initialize(&database, new_identity()?).map_err(database_error)?;
            }
            Some(other) => {
                let path = self.path.display();
                return Err(Error::Corrupt(format!(
                    "{path} has format {other}, this version reads format {FORMAT}"
                )));
            }
        }
        Ok(database)
    }
}

/// The format number of a database, `None` for one that was just created, and the identity of its log.
fn stored_format(database: &Database) -> Result<(Option<u64>, Option<u64>), redb::Error> {
    match database.begin_read()?.open_table(META) {
        Ok(meta) => {
            let number = |name| Ok::<_, redb::Error>(meta.get(name)?.map(|value| value.value()));
            Ok((number(META_FORMAT)?, number(META_LOG_IDENTITY)?))
        }
        Err(redb::TableError::TableDoesNotExist(_)) => Ok((None, None)),
        Err(error) => Err(error.into()),
    }
}

/// Makes what is missing for a store that begins to write: tables, format, a write-ahead log of its own.
fn initialize(database: &Database, identity: u64) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    transaction.open_table(LOG)?;
    transaction.open_table(INDEX)?;
    transaction.open_table(EXPIRY)?;
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert(META_FORMAT, FORMAT)?;
        if meta.get(META_BASE_REVISION)?.is_none() {
            meta.insert(META_BASE_REVISION, FIRST_REVISION)?;
        }
        meta.insert(META_LOG_IDENTITY, identity)?;
        meta.insert(META_LOG_GENERATION, 1)?;
        meta.insert(META_LOG_SEQUENCE, 0)?;
    }
    transaction.commit()?;
    Ok(())
}

/// A number that no other store's log has, nor what clients may write.
fn new_identity() -> Result<u64> {
    let mut bytes = [0; 8];
    rand::fill(&mut bytes).map_err(|_| Error::Unavailable("the system has no random numbers".to_owned()))?;
    Ok(u64::from_le_bytes(bytes))
}
