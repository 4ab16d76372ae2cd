//! Records of bounded size (`--audit-*-truncate-*`; upstream: `plugin/pkg/audit/truncate`).

use apiserver_audit::{Backend, Event, add_annotation};

const TRUNCATED: &str = "audit.k8s.io/truncated";

/// Takes the bodies out of records that are too large, and leaves out what is too large without.
pub(super) struct Truncate<B> {
    pub(super) backend: B,
    /// Largest record in bytes.
    pub(super) max_event: usize,
}

impl<B: Backend> Backend for Truncate<B> {
    fn process(&self, events: &[Event]) -> bool {
        let mut kept = true;
        for event in events {
            if event.to_json().len() <= self.max_event {
                kept &= self.backend.process(std::slice::from_ref(event));
                continue;
            }
            let mut short = event.clone();
            short.request_object = None;
            short.response_object = None;
            add_annotation(&mut short.annotations, TRUNCATED, "true");
            if short.to_json().len() <= self.max_event {
                kept &= self.backend.process(&[short]);
            } else {
                tracing::error!(
                    "Error in audit plugin 'truncate' affecting 1 audit events: event is too large even after truncating"
                );
                kept = false;
            }
        }
        kept
    }
}
