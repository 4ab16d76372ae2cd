//! The payload of a record: what is taken, and what is refused.

use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::embedded::layer::Entry;
use crate::embedded::schema::Position;

fn entry(revision: u64, operation: u32) -> Entry {
    Entry {
        position: Position::new(revision, operation),
        create_revision: revision,
        previous: Position::NONE,
        expires: 0,
        key: Bytes::from("key"),
        value: Bytes::from("value"),
    }
}

fn encoded(entries: Vec<Entry>) -> Vec<u8> {
    let commit = Commit {
        compact_revision: 3,
        entries: entries.into_iter().map(Arc::new).collect(),
    };
    let mut bytes = Vec::new();
    commit.encode(&mut bytes).expect("it fits");
    bytes
}

#[test]
fn what_is_encoded_is_decoded() {
    let deletion = Entry {
        position: Position::new(9, 1),
        create_revision: 0,
        previous: Position::new(7, 0),
        expires: 0,
        key: Bytes::from("gone"),
        value: Bytes::new(),
    };
    let expiring = Entry {
        expires: 1_000,
        value: Bytes::new(),
        ..entry(9, 0)
    };
    for entries in [vec![], vec![entry(5, 0)], vec![entry(8, 3), expiring, deletion]] {
        let bytes = encoded(entries);
        assert_eq!(transcode(&bytes).expect("it is sound"), bytes);
        for length in (0..bytes.len()).filter(|length| *length != 8) {
            let decoded = transcode(&bytes[..length]);
            // What ends with a change is a payload of its own.
            if let Ok(again) = decoded {
                assert_eq!(again, bytes[..length]);
            }
        }
    }
}

#[test]
fn what_no_commit_writes_is_refused() {
    let nameless = Entry {
        key: Bytes::new(),
        ..entry(5, 0)
    };
    let early = Entry {
        create_revision: 6,
        ..entry(5, 0)
    };
    let circular = Entry {
        previous: Position::new(5, 0),
        ..entry(5, 0)
    };
    let filled = Entry {
        create_revision: 0,
        ..entry(5, 0)
    };
    let endless = Entry {
        position: Position(u128::MAX),
        ..entry(5, 0)
    };
    let cases = [
        (b"seven b".to_vec(), "is truncated"),
        (encoded(vec![entry(5, 0)])[..20].to_vec(), "is truncated"),
        (encoded(vec![entry(5, 0)])[..66].to_vec(), "is truncated"),
        (encoded(vec![nameless]), "makes no sense"),
        (encoded(vec![early]), "makes no sense"),
        (encoded(vec![filled]), "makes no sense"),
        (encoded(vec![circular]), "is out of order"),
        (encoded(vec![endless]), "is out of order"),
        (encoded(vec![entry(5, 1), entry(5, 0)]), "is out of order"),
        (encoded(vec![entry(5, 0), entry(5, 0)]), "is out of order"),
    ];
    for (number, (bytes, reason)) in cases.into_iter().enumerate() {
        match transcode(&bytes) {
            Err(Error::Corrupt(message)) => {
                assert_eq!(
                    message,
                    format!("a record of the write-ahead log {reason}"),
                    "case {number}"
                );
            }
            other => panic!("case {number}: {other:?}"),
        }
    }
}

#[test]
fn a_record_begins_where_a_sector_does_in_memory_too() {
    let mut buffer = RecordBuffer::default();
    let place = record::Place {
        identity: 1,
        generation: 2,
        sequence: 3,
    };
    for length in [0, 1, 463, 464, 465, 9_000, 100] {
        let commit = Commit {
            compact_revision: 3,
            entries: vec![Arc::new(Entry {
                value: vec![b'x'; length].into(),
                ..entry(5, 0)
            })],
        };
        commit.encode_record(place, &mut buffer).expect("it fits");
        let record = buffer.record();
        assert_eq!(record.as_ptr().align_offset(record::ALIGNMENT), 0);
        assert_eq!(record.len() % record::ALIGNMENT, 0);
        let (header, rest) = record.split_first_chunk().expect("a header");
        let header = record::Header::decode(header).expect("it is one");
        assert!(header.matches(&rest[..header.length]), "{length}");
        assert!(rest[header.length..].iter().all(|byte| *byte == 0));
        assert!(rest.len() - header.length < record::ALIGNMENT);
    }
}

#[test]
fn what_a_device_does_not_take_directly_goes_through_the_page_cache() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("wal");
    let mut file = LogFile::open(path.clone())
        .map_err(|error| error.to_string())
        .expect("a file");
    let state = FileState::default();
    let mut buffer = RecordBuffer::default();
    let place = record::Place {
        identity: 1,
        generation: 2,
        sequence: 3,
    };
    Commit::default().encode_record(place, &mut buffer).expect("it fits");
    let direct = file.is_direct();
    let mut write = |offset: u64, record: &[u8]| {
        file.write_durably(offset, record, &state)
            .map_err(file::WriteError::into_inner)
            .expect("it is written");
        let written = std::fs::read(&path).expect("a file");
        assert_eq!(
            &written[usize::try_from(offset).expect("small")..][..record.len()],
            record
        );
        file.is_direct()
    };
    assert_eq!(write(512, buffer.record()), direct);
    assert!(!write(1024, &buffer.record()[..100]), "no sector has 100 bytes");
    assert!(!write(1536, buffer.record()));
}
