//! What only etcd has: TLS, restarts, shared leases, the key that servers agree by.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use apiserver_storage::etcd3::{Etcd3, Etcd3Options};
use apiserver_storage::{CompactionRound, Error, KeyRange, Precondition, Storage, WatchResponse};
use bytes::Bytes;
use futures::StreamExt;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::backend::{Backend, Etcd3Backend, EtcdServer};

async fn put(store: &Etcd3, key: &str, ttl: Option<Duration>) -> u64 {
    let key = Bytes::from(key.to_owned());
    store
        .put(key, Bytes::from("x"), Precondition::None, ttl)
        .await
        .expect("a put succeeds")
}

/// The files of a small authority: `ca.crt`, and a certificate for 127.0.0.1 that serves and authenticates.
fn make_certificates(directory: &Path) -> [PathBuf; 3] {
    let ca_key = KeyPair::generate().expect("a key");
    let mut ca = CertificateParams::new(Vec::new()).expect("parameters");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_certificate = ca.self_signed(&ca_key).expect("a certificate");
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).expect("parameters");
    let certificate = params.signed_by(&key, &issuer).expect("a certificate");
    let files = ["ca.crt", "tls.crt", "tls.key"].map(|name| directory.join(name));
    for (file, content) in files
        .iter()
        .zip([ca_certificate.pem(), certificate.pem(), key.serialize_pem()])
    {
        std::fs::write(file, content).expect("a file");
    }
    files
}

#[tokio::test]
async fn mutual_tls_is_spoken() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let [ca, certificate, key] = make_certificates(directory.path());
    let server = EtcdServer::start_with_tls(&ca, &certificate, &key);
    let mut options = Etcd3Options::new([server.endpoint.clone()]);
    options.ca_file = Some(ca.clone());
    options.cert_file = Some(certificate);
    options.key_file = Some(key);
    let store = Etcd3::connect(options.clone()).await.expect("the options are sound");
    store.health().await.expect("etcd trusts us, and we trust it");
    assert_eq!(put(&store, "/registry/a", None).await, 2);

    options.cert_file = None;
    options.key_file = None;
    options.request_timeout = Duration::from_secs(2);
    let stranger = Etcd3::connect(options).await.expect("the options are sound");
    let error = stranger.health().await.expect_err("etcd wants a certificate");
    assert!(
        matches!(error, Error::Timeout { .. } | Error::Unavailable(_)),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_absent_server_is_a_timeout() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = port.local_addr().expect("an address");
    drop(port);
    let mut options = Etcd3Options::new([format!("http://{address}")]);
    options.request_timeout = Duration::from_millis(300);
    let store = Etcd3::connect(options).await.expect("connecting does not wait");
    for result in [
        store.current_revision().await.map(drop),
        store.watch(KeyRange::all(), None).await.map(drop),
    ] {
        let error = result.expect_err("nobody is there");
        assert!(error.is_ambiguous(), "{error:?}");
    }
}

#[tokio::test]
async fn a_watch_goes_on_when_etcd_restarts() {
    let mut backend = Etcd3Backend::start().await;
    let store = backend.etcd3();
    let mut watch = store.watch(KeyRange::all(), Some(2)).await.expect("a watch");
    let mut revision = 1;
    for round in 0..3 {
        if round > 0 {
            backend.restart();
            store.health().await.expect("etcd is back");
        }
        revision += 1;
        assert_eq!(put(&store, "/registry/a", None).await, revision);
        loop {
            match watch.next().await.expect("the watch goes on").expect("it has no error") {
                WatchResponse::Events(batch) => {
                    assert_eq!((batch.revision, batch.events.len()), (revision, 1));
                    break;
                }
                WatchResponse::Progress { .. } => {}
            }
        }
    }
    backend.stop().await;
}

#[tokio::test]
async fn keys_with_similar_times_share_a_lease() {
    let backend = Etcd3Backend::start().await;
    let store = backend.etcd3();
    for number in 0..5 {
        put(
            &store,
            &format!("/registry/events/{number}"),
            Some(Duration::from_secs(3600)),
        )
        .await;
    }
    put(&store, "/registry/events/other", Some(Duration::from_secs(60))).await;
    let mut client = etcd_client::Client::connect([backend.endpoint()], None)
        .await
        .expect("a client");
    let options = etcd_client::GetOptions::new().with_prefix();
    let found = client.get("/registry/events/", Some(options)).await.expect("a range");
    let leases: Vec<i64> = found.kvs().iter().map(etcd_client::KeyValue::lease).collect();
    assert_eq!(leases.iter().collect::<HashSet<_>>().len(), 2);
    assert!(leases[..5].iter().all(|lease| *lease == leases[0]));
    let lease = client
        .lease_time_to_live(leases[0], None)
        .await
        .expect("the lease is there");
    assert_eq!(lease.granted_ttl(), 3660, "a minute more than asked for, to be shared");
    backend.stop().await;
}

#[tokio::test]
async fn compaction_is_written_down_for_other_servers() {
    let backend = Etcd3Backend::start().await;
    let store = backend.etcd3();
    let first = store
        .compaction_round(CompactionRound::default())
        .await
        .expect("a round");
    put(&store, "/registry/a", None).await;
    store.compaction_round(first).await.expect("a round");
    let mut client = etcd_client::Client::connect([backend.endpoint()], None)
        .await
        .expect("a client");
    let found = client.get("compact_rev_key", None).await.expect("a get");
    let kv = found.kvs().first().expect("the key exists");
    assert_eq!(
        (kv.value_str().expect("text"), kv.version()),
        (&*first.revision.to_string(), 2)
    );
    backend.stop().await;
}
