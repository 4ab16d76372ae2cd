//! What a request is about, before anything is decoded: who asks, and for what.

mod context;
mod info;

pub use apiserver_auth::user::{UserInfo, names};
pub use context::RequestContext;
pub use info::{RequestInfo, Scope};
