//! The write-ahead log, cut off and damaged in every place.

use redb::Database;

use super::*;

/// A store that was killed after its writes, and what its log holds.
struct Killed {
    directory: tempfile::TempDir,
    database: Database,
    /// The file with the records.
    file: PathBuf,
    bytes: Vec<u8>,
    /// Where each record begins, where its payload ends, and where its padding does.
    records: Vec<[usize; 3]>,
}

/// Values of different lengths: one that shares its sector with the header alone, one that fills it, larger ones.
const LENGTHS: [usize; 5] = [1, 409, 700, 0, 1300];

impl Killed {
    async fn after_writes() -> Self {
        let writing = memory();
        let store = open(writing.path());
        for (number, length) in LENGTHS.into_iter().enumerate() {
            put(&store, &format!("{number}"), &"x".repeat(length))
                .await
                .expect("a put");
        }
        let directory = memory();
        image(writing.path(), directory.path());
        store.close().await;
        Self::found(directory)
    }

    fn found(directory: tempfile::TempDir) -> Self {
        let source = Source {
            path: directory.path().join(DATABASE_FILE),
            cache_size: 1 << 20,
            state: FileState::default(),
        };
        let database = source.open().expect("the database opens");
        let file = directory.path().join(LOG_FILES[1]);
        let mut bytes = std::fs::read(&file).expect("the log can be read");
        let mut records = Vec::new();
        let mut at = 0;
        while bytes[at..].starts_with(b"knx-wal") {
            let length = bytes[at + 32..at + 36].try_into().expect("four bytes");
            let end = at + 40 + u32::from_le_bytes(length) as usize;
            records.push([at, end, end.next_multiple_of(512)]);
            at = end.next_multiple_of(512);
        }
        assert_eq!(records.len(), LENGTHS.len());
        // Of the blocks that are there for later records a few do.
        bytes.truncate(at + 2048);
        Self {
            directory,
            database,
            file,
            bytes,
            records,
        }
    }

    /// What a store finds with these bytes as its log: how many of the writes, one after the other from the first.
    fn survivors(&self, bytes: &[u8]) -> Result<usize> {
        std::fs::write(&self.file, bytes).expect("the log can be written");
        let base = Base::of(&self.database).expect("the database can be read");
        let recovered = Wal::open(self.directory.path(), &base, FileState::default())?;
        let snapshot = replay(base, recovered.frozen, recovered.active)?;
        let found = snapshot.range(&KeyRange::all(), RangeOptions::latest())?;
        for (number, item) in found.items.iter().enumerate() {
            assert_eq!(item.key, number.to_string());
            assert_eq!(
                (item.value.len(), item.mod_revision),
                (LENGTHS[number], number as u64 + 2)
            );
        }
        assert_eq!(snapshot.revision, found.items.len() as u64 + 1);
        Ok(found.items.len())
    }
}

#[tokio::test]
async fn a_log_cut_off_anywhere_has_what_is_whole_and_nothing_else() {
    let killed = Killed::after_writes().await;
    let end = killed.records[LENGTHS.len() - 1][2];
    for length in 0..=end {
        let whole = killed.records.iter().filter(|[_, end, _]| *end <= length).count();
        let found = killed
            .survivors(&killed.bytes[..length])
            .expect("a torn end is no damage");
        assert_eq!(found, whole, "cut off at {length}");
        // The same with blocks that were written before, here as zeros. What is torn off may have been zeros itself.
        let mut torn = killed.bytes.clone();
        torn[length..].fill(0);
        let unharmed = |[begin, end, _]: &&[usize; 3]| torn[*begin..*end] == killed.bytes[*begin..*end];
        let whole = killed.records.iter().take_while(unharmed).count();
        let found = killed.survivors(&torn).expect("a torn end is no damage");
        assert_eq!(found, whole, "torn off at {length}");
    }
}

#[tokio::test]
async fn a_flipped_bit_is_found_anywhere() {
    let killed = Killed::after_writes().await;
    let last = LENGTHS.len() - 1;
    for (number, [begin, end, padded]) in killed.records.iter().copied().enumerate() {
        for at in begin..padded {
            let mut damaged = killed.bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            let found = killed.survivors(&damaged);
            match found {
                Ok(found) if at >= end => assert_eq!(found, LENGTHS.len(), "padding means nothing"),
                Ok(found) if number == last => assert_eq!(found, last, "the last record may be torn"),
                Err(Error::Corrupt(message)) if number != last && at < end => {
                    assert!(message.contains("is missing or damaged"), "{message}");
                }
                found => panic!("byte {at} of record {number}: {found:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_lost_sector_in_the_middle_is_an_error() {
    let killed = Killed::after_writes().await;
    for [begin, _, padded] in &killed.records[..LENGTHS.len() - 1] {
        let mut damaged = killed.bytes.clone();
        damaged[*begin..*padded].fill(0);
        let error = killed.survivors(&damaged).expect_err("a record is missing");
        assert!(matches!(error, Error::Corrupt(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_log_is_read_as_often_as_one_likes() {
    let killed = Killed::after_writes().await;
    for _ in 0..3 {
        assert_eq!(killed.survivors(&killed.bytes).expect("it is whole"), LENGTHS.len());
        assert_eq!(
            std::fs::read(&killed.file).expect("a log"),
            killed.bytes,
            "reading changes nothing"
        );
    }
}

#[tokio::test]
async fn writes_go_on_where_a_torn_one_was() {
    let killed = Killed::after_writes().await;
    let [begin, end, _] = killed.records[LENGTHS.len() - 1];
    for length in [begin, begin + 20, begin + 600, end - 1] {
        killed
            .survivors(&killed.bytes[..length])
            .expect("a torn end is no damage");
        let copy = memory();
        image(killed.directory.path(), copy.path());
        let store = open(copy.path());
        assert_eq!(value(&store, "4").await, None);
        assert_eq!(
            put(&store, "5", "later").await.expect("a put"),
            LENGTHS.len() as u64 + 1
        );
        let again = memory();
        image(copy.path(), again.path());
        let store = open(again.path());
        assert_eq!(value(&store, "5").await.as_deref(), Some("later"));
        assert_eq!(value(&store, "3").await.as_deref(), Some(""));
    }
}

#[tokio::test]
async fn the_log_of_another_store_is_refused() {
    let (one, other) = (Killed::after_writes().await, Killed::after_writes().await);
    let error = one.survivors(&other.bytes).expect_err("it is another's");
    assert!(
        matches!(&error, Error::Corrupt(message) if message.ends_with("wal.1 belongs to another store")),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_database_older_than_its_log_is_refused() {
    let directory = memory();
    let options = EmbeddedOptions {
        checkpoint_size: 1,
        ..EmbeddedOptions::default()
    };
    let store = Embedded::open(directory.path(), options).expect("the store opens");
    let old = std::fs::read(directory.path().join(DATABASE_FILE)).expect("a database");
    // After three generations nothing of the first is left.
    while store.hub.snapshot().base.log_generation < 4 {
        put(&store, "a", "1").await.expect("a put");
    }
    put(&store, "a", "2").await.expect("a put");
    let copy = memory();
    image(directory.path(), copy.path());
    std::fs::write(copy.path().join(DATABASE_FILE), old).expect("an old database");
    let error = Embedded::open(copy.path(), EmbeddedOptions::default()).expect_err("writes are missing");
    assert!(
        matches!(&error, Error::Corrupt(message) if message.contains("is missing or damaged")),
        "{error:?}"
    );
}

#[tokio::test]
async fn damage_at_the_end_of_a_full_generation_is_an_error() {
    let directory = memory();
    let (state, failing) = faulty(FileOperation::Write, io::ErrorKind::Other);
    let options = EmbeddedOptions {
        checkpoint_size: 1,
        ..EmbeddedOptions::default()
    };
    let store = Embedded::open_with(directory.path(), options, state).expect("the store opens");
    // The first generation is full and cannot be brought into the database, the second follows.
    failing.store(true, Ordering::Release);
    put(&store, "a", "1").await.expect("a put");
    while store.hub.snapshot().frozen.is_none() {
        tokio::task::yield_now().await;
    }
    put(&store, "b", "2").await.expect("a put");
    let copy = memory();
    image(directory.path(), copy.path());
    let store = open(copy.path());
    assert_eq!(value(&store, "a").await.as_deref(), Some("1"));
    assert_eq!(value(&store, "b").await.as_deref(), Some("2"));
    drop(store);

    let copy = memory();
    image(directory.path(), copy.path());
    let file = copy.path().join(LOG_FILES[1]);
    let mut bytes = std::fs::read(&file).expect("a log");
    bytes[50] ^= 1;
    std::fs::write(&file, bytes).expect("a damaged log");
    let error = Embedded::open(copy.path(), EmbeddedOptions::default()).expect_err("a write is missing");
    assert!(
        matches!(&error, Error::Corrupt(message) if message.contains("record 1 of generation 2") && message.contains("record 0 of generation 2")),
        "{error:?}"
    );
}
