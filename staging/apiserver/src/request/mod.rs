//! What a request is about, before anything is decoded: who asks, and for what.

mod context;
mod info;
mod user;

pub use context::RequestContext;
pub use info::{RequestInfo, Scope};
pub use user::{UserInfo, names};
