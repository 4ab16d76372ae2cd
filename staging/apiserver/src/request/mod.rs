//! What a request is about, before anything is decoded: who asks, and for what.

mod audited;
mod context;
mod info;

pub use apiserver_auth::user::{UserInfo, names};
pub use audited::{Noted, Notes, ObjectIdentity};
pub use context::RequestContext;
pub use info::{RequestInfo, Scope};
