use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use crate::rotate::due;
use crate::{Pair, Store, bootstrap};

fn pair(directory: &std::path::Path) -> (String, String, Store) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let params = rcgen::CertificateParams::new(vec!["node".to_owned()]).expect("parameters");
    let certificate = params.self_signed(&key).expect("a certificate");
    (
        certificate.pem(),
        key.serialize_pem(),
        Store::new(directory, "kubelet-client"),
    )
}

#[test]
fn the_present_pair_is_a_link_that_only_the_owner_reads() {
    let directory = tempfile::tempdir().expect("a directory");
    let (certificate, key, store) = pair(directory.path());
    assert_eq!(store.current(), None);
    let held = store.update(certificate.as_bytes(), key.as_bytes()).expect("written");
    assert_eq!(store.current(), Some(held));
    assert!(held.is_valid(SystemTime::now()));
    let path = store.current_path();
    let target = std::fs::read_link(&path).expect("a link");
    assert!(
        target
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("kubelet-client-2"))
    );
    let mode = std::fs::metadata(&path).expect("metadata").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(std::fs::read_to_string(&path).expect("content").contains("PRIVATE KEY"));
    store
        .update(certificate.as_bytes(), key.as_bytes())
        .expect("written again");
    assert!(store.update(b"nothing", b"").is_err());
    assert_eq!(store.current(), Some(held));
}

#[test]
fn renewal_is_due_late_in_life() {
    let begin = SystemTime::UNIX_EPOCH;
    let pair = Pair {
        not_before: begin,
        not_after: begin + Duration::from_secs(1000),
    };
    assert_eq!(due(&pair, 0.0), begin + Duration::from_secs(700));
    assert_eq!(due(&pair, 1.0), begin + Duration::from_secs(900));
}

#[test]
fn a_kubeconfig_is_usable_while_its_certificate_is() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("kubeconfig");
    let now = SystemTime::now();
    assert!(!bootstrap::is_usable(&path, now));
    let (certificate, key, store) = pair(directory.path());
    store.update(certificate.as_bytes(), key.as_bytes()).expect("written");
    let pem = store.current_path();
    let text = format!(
        "apiVersion: v1\nkind: Config\nclusters: [{{name: c, cluster: {{server: 'https://127.0.0.1:6443'}}}}]\n\
         users: [{{name: u, user: {{client-certificate: {0}, client-key: {0}}}}}]\n\
         contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\ncurrent-context: x\n",
        pem.display()
    );
    std::fs::write(&path, text).expect("written");
    assert!(bootstrap::is_usable(&path, now));
    assert!(!bootstrap::is_usable(&path, SystemTime::UNIX_EPOCH));
    std::fs::remove_file(&pem).expect("removed");
    assert!(!bootstrap::is_usable(&path, now));
}
