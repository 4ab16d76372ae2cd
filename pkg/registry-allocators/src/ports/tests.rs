//! Bits, records, and what servers on one store hand out.

use std::{collections::BTreeSet, sync::Arc};

use apiserver_storage::{
    Precondition, Storage,
    embedded::{Embedded, EmbeddedOptions},
};
use component_base::flags::PortRange;

use super::{Bitmap, NodePorts, PortError, PortOperation, RangeAllocationMedia, record::Record};

const RANGE: PortRange = PortRange {
    first: 30_000,
    last: 32_767,
};

#[test]
fn bits_are_a_big_endian_number() {
    let mut bitmap = Bitmap::new(RANGE);
    assert_eq!(bitmap.to_bytes(), Vec::<u8>::new());
    for port in [30_000, 30_009, 32_767] {
        assert!(bitmap.insert(port), "{port} is free");
        assert!(!bitmap.insert(port), "{port} is taken");
    }
    assert!(!bitmap.insert(29_999), "not in the range");
    let bytes = bitmap.to_bytes();
    assert_eq!(bytes.len(), 346);
    assert_eq!((bytes[0], bytes[344], bytes[345]), (0x80, 0x02, 0x01));
    assert_eq!(Bitmap::from_bytes(RANGE, &bytes), bitmap);
    assert_eq!(bitmap.iter().collect::<Vec<_>>(), [30_000, 30_009, 32_767]);
    let long = [&[0xff_u8; 3][..], &bytes].concat();
    assert_eq!(
        Bitmap::from_bytes(RANGE, &long),
        bitmap,
        "bits behind the range are dropped"
    );
}

#[test]
fn the_lower_ports_are_handed_out_last() {
    let range = PortRange { first: 100, last: 131 };
    let mut bitmap = Bitmap::new(range);
    let ports: Vec<u16> = std::iter::from_fn(|| bitmap.insert_next(|below| 5 % below)).collect();
    assert_eq!(ports.len(), 32);
    assert_eq!(ports[0], 121);
    assert_eq!(
        ports[16..].iter().copied().collect::<BTreeSet<_>>(),
        (100..116).collect()
    );
}

#[test]
fn records_have_two_forms() {
    let record = Record {
        range: "30000-32767".to_owned(),
        data: vec![1, 2, 3],
    };
    for media in [RangeAllocationMedia::Json, RangeAllocationMedia::Protobuf] {
        assert_eq!(Record::decode(&record.encode(media)), Ok(record.clone()), "{media:?}");
    }
    assert!(Record::decode(b"{").is_err());
}

fn store() -> (tempfile::TempDir, Arc<dyn Storage>) {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Embedded::open(directory.path(), EmbeddedOptions::default()).expect("a store");
    (directory, Arc::new(store))
}

fn ports(store: &Arc<dyn Storage>, range: PortRange) -> NodePorts {
    NodePorts::new(range, store.clone(), "/registry", RangeAllocationMedia::Json)
}

#[tokio::test]
async fn two_servers_agree() {
    let (_directory, store) = store();
    let range = PortRange { first: 100, last: 103 };
    let (one, two) = (ports(&store, range), ports(&store, range));
    one.allocate(100).await.expect("free");
    assert!(matches!(two.allocate(100).await, Err(PortError::Allocated)));
    let next = BTreeSet::from([
        two.allocate_next().await.expect("free"),
        one.allocate_next().await.expect("free"),
        two.allocate_next().await.expect("free"),
    ]);
    assert_eq!(next, BTreeSet::from([101, 102, 103]));
    assert!(matches!(one.allocate_next().await, Err(PortError::Full)));
    two.release(&[102]).await.expect("given back");
    assert_eq!(one.allocate_next().await.expect("free again"), 102);
    let outside = one.allocate(99).await.expect_err("outside of the range");
    assert_eq!(
        outside.to_string(),
        "provided port is not in the valid range. The range of valid ports is 100-103"
    );
    let other = ports(&store, RANGE);
    assert!(matches!(other.allocate_next().await, Err(PortError::Mismatched)));
}

#[tokio::test]
async fn an_operation_ends_one_way_or_the_other() {
    let (_directory, store) = store();
    let ports = ports(&store, RANGE);
    ports.allocate(30_001).await.expect("free");
    let mut failed = PortOperation::new(false);
    failed.allocate(&ports, 30_002).await.expect("free");
    failed.release(30_001);
    failed.finish(&ports, false).await;
    assert!(ports.has(30_001).await.expect("readable"));
    assert!(!ports.has(30_002).await.expect("readable"));
    let mut done = PortOperation::new(false);
    done.allocate(&ports, 30_002).await.expect("free");
    done.release(30_001);
    done.finish(&ports, true).await;
    assert!(!ports.has(30_001).await.expect("readable"));
    assert!(ports.has(30_002).await.expect("readable"));
    let mut dry = PortOperation::new(true);
    assert!(matches!(dry.allocate(&ports, 30_002).await, Err(PortError::Allocated)));
    dry.allocate(&ports, 30_003).await.expect("free");
    let revision = store.current_revision().await.expect("readable");
    dry.finish(&ports, true).await;
    assert_eq!(
        store.current_revision().await.expect("readable"),
        revision,
        "a dry run writes nothing"
    );
}

#[tokio::test]
async fn an_unreadable_record_is_an_error() {
    let (_directory, store) = store();
    let key = "/registry/ranges/servicenodeports";
    store
        .put(key.into(), "{".into(), Precondition::Absent, None)
        .await
        .expect("written");
    assert!(matches!(
        ports(&store, RANGE).allocate_next().await,
        Err(PortError::Store(_))
    ));
}
