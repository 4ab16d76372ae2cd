//! Records on a real disk, and the images of pods on the in-memory runtime.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cri_client::api::{Method, PodSandboxConfig};
use cri_client::testing::{FakeRuntime, Fault};
use cri_client::{Code, Error};
use k8s_api::Kind;
use k8s_api::core::v1::{ObjectReference, Secret};
use kubelet_types::clock::TokioClock;
use kubelet_types::testing::MemoryRecorder;

use super::{PullRecords, PullSecret, VerificationPolicy};
use crate::credentials::Keyring;
use crate::image::{ImageOptions, ImagePuller, ImageRequest};

const IMAGE: &str = "registry.example.com/team/app:1";
const REF: &str = "sha256:0000";

fn records(root: &Path, policy: &str) -> PullRecords {
    let policy = VerificationPolicy::new(policy, &["registry.example.com/team/*".to_owned()]);
    PullRecords::open(root, policy.expect("a policy")).expect("directories")
}

fn secret(name: &str, hash: &str) -> PullSecret {
    PullSecret {
        uid: format!("uid-{name}"),
        namespace: "ns".to_owned(),
        name: name.to_owned(),
        credential_hash: hash.to_owned(),
    }
}

async fn must_pull(records: &PullRecords, own: &[PullSecret]) -> bool {
    records.must_pull(IMAGE, REF, async || own.to_vec()).await
}

fn files(root: &Path, kind: &str) -> Vec<String> {
    let entries = fs::read_dir(root.join("image_manager").join(kind)).expect("a directory");
    entries
        .map(|entry| fs::read_to_string(entry.expect("an entry").path()).expect("a record"))
        .collect()
}

#[tokio::test]
async fn policies_say_which_images_are_asked_for() {
    // The policy; what of an image nobody is known to have pulled; of one that was pulled with a secret; of one pulled freely.
    for (policy, unknown, with_secret, free) in [
        ("NeverVerify", false, false, false),
        ("NeverVerifyPreloadedImages", false, true, false),
        ("NeverVerifyAllowlistedImages", false, false, false),
        ("AlwaysVerify", true, true, false),
    ] {
        let root = tempfile::tempdir().expect("a directory");
        let records = records(root.path(), policy);
        assert_eq!(must_pull(&records, &[]).await, unknown, "{policy}");
        let pull = records.begin(IMAGE).expect("an intent");
        pull.succeeded(REF, Some(&secret("a", "h1")));
        assert_eq!(must_pull(&records, &[]).await, with_secret, "{policy}");
        records.begin(IMAGE).expect("an intent").succeeded(REF, None);
        assert_eq!(must_pull(&records, &[]).await, free, "{policy}");
    }
    let refused = VerificationPolicy::new("Sometimes", &[]);
    assert_eq!(
        refused,
        Err("unknown image pull credential verification policy: Sometimes".to_owned())
    );
}

#[tokio::test]
async fn secrets_are_good_by_their_place_or_their_contents() {
    let root = tempfile::tempdir().expect("a directory");
    let records = records(root.path(), "NeverVerifyPreloadedImages");
    let pull = records.begin(IMAGE).expect("an intent");
    pull.succeeded(REF, Some(&secret("a", "h1")));
    for (own, expected) in [
        (vec![], true),
        (vec![secret("b", "h2")], true),
        (vec![secret("b", "")], true),
        (vec![secret("b", "h2"), secret("a", "h1")], false),
        // Another secret of the same contents is noted, and is good with others later.
        (vec![secret("b", "h1")], false),
        (vec![secret("b", "h3")], false),
        (vec![secret("c", "h3")], false),
    ] {
        assert_eq!(must_pull(&records, &own).await, expected, "{own:?}");
    }
    let other = records.must_pull("registry.example.com/other/app:1", REF, async || {
        vec![secret("a", "h1")]
    });
    assert!(other.await, "the same image under another name");
}

#[tokio::test]
async fn intents_outlast_the_kubelet() {
    let root = tempfile::tempdir().expect("a directory");
    let fake = FakeRuntime::new();
    let before = records(root.path(), "NeverVerifyPreloadedImages");
    drop(before.begin(IMAGE).expect("an intent"));
    before.begin("gone:1").expect("an intent").failed();
    assert_eq!(
        files(root.path(), "pulling"),
        [format!(
            "{{\"kind\":\"ImagePullIntent\",\"apiVersion\":\"kubelet.config.k8s.io/v1beta1\",\"image\":\"{IMAGE}\"}}\n"
        )]
    );
    assert!(
        must_pull(&before, &[]).await,
        "a pull was cut off, and what is there may be its"
    );
    let after = records(root.path(), "NeverVerifyPreloadedImages");
    assert!(must_pull(&after, &[]).await);
    after.adopt(&fake).await;
    assert_eq!(files(root.path(), "pulling").len(), 1, "it may still come");
    fake.add_image(IMAGE, 7);
    after.adopt(&fake).await;
    assert!(files(root.path(), "pulling").is_empty());
    let pulled = files(root.path(), "pulled");
    assert_eq!(pulled.len(), 1);
    assert!(!pulled[0].contains("credentialMapping"), "{}", pulled[0]);
}

#[tokio::test]
async fn records_are_upstreams_and_what_cannot_be_read_is_not_trusted() {
    let root = tempfile::tempdir().expect("a directory");
    let records = records(root.path(), "NeverVerifyPreloadedImages");
    let directory = root.path().join("image_manager/pulled");
    assert_eq!(
        fs::metadata(&directory).expect("it is there").permissions().mode() & 0o777,
        0o700
    );
    // The SHA-256 of the reference.
    let path = directory.join("sha256-b75488f8ecbd3f632e9900f5141a8876ea216e0c210f216efdb67b690d54c947");
    records.begin(IMAGE).expect("an intent").succeeded(REF, None);
    assert!(path.is_file(), "{path:?}");
    let record = |version: &str, more: &str| {
        format!(
            r#"{{"kind":"ImagePulledRecord","apiVersion":"kubelet.config.k8s.io/{version}","lastUpdatedTime":"2026-01-01T00:00:00Z","imageRef":"{REF}","credentialMapping":{{"registry.example.com/team/app":{{{more}}}}}}}"#
        )
    };
    let account = r#""kubernetesServiceAccounts":[{"uid":"u","namespace":"ns","name":"sa"}]"#;
    for (text, expected) in [
        (record("v1beta1", r#""nodePodsAccessible":true"#), false),
        (record("v1alpha1", r#""nodePodsAccessible":true"#), false),
        (record("v1", r#""nodePodsAccessible":true"#), true),
        (record("v1beta1", r#""nodePodsAccesible":true"#), true),
        (record("v1beta1", account), true),
        ("{".to_owned(), true),
    ] {
        fs::write(&path, &text).expect("written");
        assert_eq!(must_pull(&records, &[]).await, expected, "{text}");
    }
}

#[test]
fn records_go_with_their_images() {
    let root = tempfile::tempdir().expect("a directory");
    let records = records(root.path(), "NeverVerifyPreloadedImages");
    for reference in ["one", "two"] {
        records.begin(IMAGE).expect("an intent").succeeded(reference, None);
    }
    let now = SystemTime::now();
    let present = HashSet::from(["one"]);
    records.prune(&present, now - Duration::from_secs(60));
    assert_eq!(files(root.path(), "pulled").len(), 2, "they are younger than the look");
    records.prune(&present, now + Duration::from_secs(60));
    let left = files(root.path(), "pulled");
    assert!(left.len() == 1 && left[0].contains("\"imageRef\":\"one\""), "{left:?}");
}

/// A pod's pull secret with a user.
fn pull_secret(name: &str, user: &str) -> Arc<Secret> {
    use base64::Engine as _;
    let config = format!(r#"{{"auths":{{"registry.example.com":{{"username":"{user}","password":"p"}}}}}}"#);
    let config = base64::engine::general_purpose::STANDARD.encode(config);
    let text = format!(
        r#"{{"metadata":{{"name":"{name}","namespace":"ns","uid":"uid-{name}"}},"data":{{".dockerconfigjson":"{config}"}}}}"#
    );
    Arc::new(Secret::from_json(text.as_bytes()).expect("a secret"))
}

#[tokio::test(start_paused = true)]
async fn no_pod_gets_an_image_that_another_pulled() {
    let root = tempfile::tempdir().expect("a directory");
    let (fake, recorder) = (FakeRuntime::new(), Arc::new(MemoryRecorder::default()));
    fake.add_pullable_image(IMAGE, 7, Duration::ZERO);
    let mut puller = ImagePuller::new(
        Arc::new(fake.clone()),
        recorder.clone(),
        Arc::new(TokioClock::default()),
        ImageOptions::default(),
    );
    puller.set_records(Arc::new(records(root.path(), "NeverVerifyPreloadedImages")));
    let (reference, sandbox) = (ObjectReference::default(), PodSandboxConfig::default());
    let denied = || Fault::Error(Error::status(Code::Unknown, "pull access denied"));
    let ensure = async |uid: &str, policy: &str, secrets: &[Arc<Secret>]| {
        let request = ImageRequest {
            uid,
            image: IMAGE,
            policy,
            keyring: &Keyring::from_secrets(secrets),
            reference: &reference,
            sandbox: &sandbox,
            runtime_handler: "",
            looked_for: None,
        };
        let outcome = puller.ensure(&request).await;
        outcome.map(drop).map_err(|failure| failure.reason)
    };
    let own = [pull_secret("own", "u")];
    assert_eq!(ensure("u1", "IfNotPresent", &own).await, Ok(()), "pulled");
    assert_eq!(fake.count(Method::PullImage), 1);
    assert_eq!(ensure("u1", "IfNotPresent", &own).await, Ok(()), "present, and its own");
    assert_eq!(
        ensure("u2", "Never", &[pull_secret("copy", "u")]).await,
        Ok(()),
        "the same credential"
    );
    assert_eq!(fake.count(Method::PullImage), 1);

    fake.add_fault(Method::PullImage, denied(), 1);
    let stranger = ensure("u3", "IfNotPresent", &[pull_secret("other", "v")]).await;
    assert_eq!(stranger, Err("ErrImagePull".to_owned()));
    assert_eq!(fake.count(Method::PullImage), 2, "it had to show that it can pull it");
    assert_eq!(ensure("u4", "Never", &[]).await, Err("ErrImageNeverPull".to_owned()));
    assert_eq!(
        recorder.messages("ErrImageNeverPull"),
        [format!(
            "Container image {IMAGE:?} is not present with pull policy of Never"
        )]
    );
    assert_eq!(
        ensure("u5", "IfNotPresent", &[]).await,
        Ok(()),
        "anybody may pull it now"
    );
    assert_eq!(ensure("u6", "Never", &[]).await, Ok(()), "and then use it");
    assert!(files(root.path(), "pulling").is_empty());
}

#[test]
fn hashes_of_credentials_are_upstreams() {
    // SHA-256 of {"username":"u","password":"a\u003cb"}.
    let secret = {
        let mut secret = Secret::clone(&pull_secret("own", "u"));
        let config = br#"{"auths":{"registry.example.com":{"username":"u","password":"a<b"}}}"#;
        secret.data.insert(".dockerconfigjson", config.to_vec().into());
        Arc::new(secret)
    };
    let found = Keyring::from_secrets(&[secret]).lookup(IMAGE);
    let hash = found[0].secret.as_ref().map(|it| it.credential_hash.as_str());
    assert_eq!(
        hash,
        Some("c505c9abf520e59fe86910368c927429147b2a18ab8a8581a5bac239a48988f0")
    );
}
