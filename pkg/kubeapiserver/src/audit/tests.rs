//! Flags in upstream's words, and records of bounded size.

use apiserver_audit::{Backend, Event, Level, User};
use k8s_api::primitives::MicroTime;
use parking_lot::Mutex;
use serde_json::value::RawValue;

use super::{AuditOptions, AuditTasks, truncate::Truncate};

#[tokio::test]
async fn wrong_flags() {
    let refused = |set: fn(&mut AuditOptions)| {
        let mut options = AuditOptions::default();
        options.log.path = "-".to_owned();
        set(&mut options);
        options.build(&AuditTasks::default()).unwrap_err().to_string()
    };
    assert_eq!(
        refused(|options| options.log.backend.mode = "later".to_owned()),
        r#"invalid audit log mode later, allowed modes are "batch,blocking,blocking-strict""#
    );
    assert_eq!(
        refused(|options| options.log.max_age = -1),
        "--audit-log-maxage -1 can't be a negative number"
    );
    assert_eq!(
        refused(|options| options.log.format = "xml".to_owned()),
        r#"invalid audit log format xml, allowed formats are "legacy,json""#
    );
    assert!(
        refused(|options| options.policy_file = "/nonexistent/policy.yaml".to_owned())
            .starts_with("loading audit policy file: ")
    );
    let mut unused = AuditOptions::default();
    unused.log.path = "-".to_owned();
    assert!(
        unused.build(&AuditTasks::default()).unwrap().is_none(),
        "without a policy nothing is recorded"
    );
}

#[derive(Default)]
struct Kept(Mutex<Vec<Event>>);

impl Backend for Kept {
    fn process(&self, events: &[Event]) -> bool {
        self.0.lock().extend_from_slice(events);
        true
    }
}

#[test]
fn large_records_lose_their_bodies_first() {
    let backend = Truncate {
        backend: Kept::default(),
        max_event: 1000,
    };
    let event = |uri: &str, body: usize| {
        let now = MicroTime::from_unix(0, 0);
        let mut event = Event::new(Level::Request, "id".to_owned(), "create", uri, User::default(), now);
        event.request_object = Some(RawValue::from_string(format!("\"{}\"", "x".repeat(body))).unwrap());
        event
    };
    assert!(backend.process(&[event("/small", 10), event("/body", 2000)]));
    assert!(!backend.process(&[event(&"/head".repeat(400), 0)]));
    let kept = backend.backend.0.lock();
    let seen: Vec<_> = kept
        .iter()
        .map(|event| {
            (
                event.request_uri.as_str(),
                event.request_object.is_some(),
                event.annotations.len(),
            )
        })
        .collect();
    assert_eq!(seen, [("/small", true, 0), ("/body", false, 1)]);
    assert_eq!(kept[1].annotations["audit.k8s.io/truncated"], "true");
}
