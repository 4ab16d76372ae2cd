//! What command-line clients of the API share (upstream: `k8s.io/cli-runtime`).
//!
//! [`ConfigFlags`] say which server and as whom, [`Factory`] makes of them one client and one mapper a process,
//! [`resource::Builder`] turns arguments, files and selectors into objects, [`printers`] write them, and [`CommandError`]
//! words what went wrong. **Invariant:** nothing here knows a command, and nothing writes to standard output but through
//! [`IoStreams`].

mod config_flags;
pub mod discovery;
mod error;
mod factory;
pub mod gotext;
mod plugin_policy;
pub mod printers;
pub mod resource;
mod streams;

pub use config_flags::ConfigFlags;
pub use error::{CommandError, Result, io_words};
pub use factory::Factory;
pub use plugin_policy::PluginPolicy;
pub use printers::{PrintFlags, ResourcePrinter};
pub use resource::{Builder, FilenameOptions, Info, RestMapping};
pub use streams::{Input, IoStreams, Output};
