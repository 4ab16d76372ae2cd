//! The frame of kube-controller-manager's controllers.
//!
//! A controller is one [`Descriptor`]: a name and a function that takes a [`ControllerContext`], adds its handlers to the
//! shared informers and returns a [`Controller`]. The manager calls all these functions, starts the informers, and runs
//! what came back until the process ends or stops leading. Between lie a work queue and [`ControllerContext::run`], which
//! calls `reconcile(key)`: it reads the caches, writes through the API, and may be repeated at any time.
//!
//! **Invariants.** A controller reaches state only through its client and the caches; objects of a cache are never
//! changed; a panic costs one reconcile of one key. *Deliberate absence*: any particular controller, and serving.
//! Counterpart upstream: `cmd/kube-controller-manager/app` (context, descriptors) and `pkg/controller` (what is shared).

pub mod clients;
mod clock;
pub mod config;
mod context;
mod descriptor;
mod retries;
mod run;
#[cfg(feature = "testing")]
pub mod testing;
pub mod text;
pub mod workload;

pub use clients::ClientBuilder;
pub use clock::Clock;
pub use config::KubeControllerManagerConfiguration;
pub use context::ControllerContext;
pub use descriptor::{BuildError, Built, Constructor, Controller, Descriptor, ready};
pub use retries::Retries;
pub use run::CacheSync;
