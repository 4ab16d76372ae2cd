//! What leads into pods.

mod container;
mod log;
mod log_options;
mod proxy;
mod stream;

pub use log::PodLog;
pub use proxy::PodProxy;
pub(crate) use proxy::is_global_unicast;
pub use stream::{PodStream, StreamKind, Streams};
pub(crate) use stream::{into_response, told};
