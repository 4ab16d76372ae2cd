//! What a request's audit event is to hold besides its head (upstream: `k8s.io/apiserver/pkg/audit/context.go`).
//!
//! Handlers note objects and statuses where they have them; what the event's level does not ask for costs a comparison.

use apiserver_audit::Level;
use k8s_api::meta::v1::{ObjectMeta, Status};
use parking_lot::Mutex;

/// Identity of the object in a request's body, for requests whose path does not name it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectIdentity {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Identifier.
    pub uid: String,
    /// Revision.
    pub resource_version: String,
}

/// What was noted.
#[derive(Clone, Debug, Default)]
pub struct Noted {
    /// The object in the request.
    pub object: Option<ObjectIdentity>,
    /// The request's object, JSON.
    pub request: Option<Vec<u8>>,
    /// The answer's object, JSON.
    pub response: Option<Vec<u8>>,
    /// The Status in the answer.
    pub status: Option<Status>,
}

/// Takes notes for one request.
#[derive(Debug, Default)]
pub struct Notes {
    level: Level,
    noted: Mutex<Noted>,
}

impl Notes {
    /// Of a request that is recorded at this level.
    #[must_use]
    pub fn new(level: Level) -> Self {
        Self {
            level,
            noted: Mutex::default(),
        }
    }

    /// The level at which the request is recorded.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// Notes the object that came with a request.
    pub fn request(&self, metadata: &ObjectMeta, encode: impl FnOnce() -> Vec<u8>) {
        if self.level < Level::Metadata {
            return;
        }
        let request = (self.level >= Level::Request).then(encode);
        let mut noted = self.noted.lock();
        noted.object = Some(ObjectIdentity {
            namespace: metadata.namespace.clone(),
            name: metadata.name.clone(),
            uid: metadata.uid.clone(),
            resource_version: metadata.resource_version.clone(),
        });
        noted.request = request;
    }

    /// Notes a request's body that is no object: a patch, or the options of a deletion.
    pub fn request_body(&self, encode: impl FnOnce() -> Vec<u8>) {
        if self.level >= Level::Request {
            self.noted.lock().request = Some(encode());
        }
    }

    /// Notes the object that is answered with.
    pub fn response(&self, encode: impl FnOnce() -> Vec<u8>) {
        if self.level >= Level::RequestResponse {
            self.noted.lock().response = Some(encode());
        }
    }

    /// Notes the Status that is answered with.
    pub fn status(&self, status: &Status) {
        if self.level >= Level::Metadata {
            self.noted.lock().status = Some(status.clone());
        }
    }

    /// Takes what was noted.
    #[must_use]
    pub fn take(&self) -> Noted {
        std::mem::take(&mut self.noted.lock())
    }
}
