//! What the kubelet can be told: `KubeletConfiguration` of `kubelet.config.k8s.io/v1beta1`, drop-in files over it, and flags
//! over both.
//!
//! - [`KubeletConfiguration`]: every field of the kind, with upstream's defaults;
//! - [`KubeletFlags`]: what can be said on the command line only;
//! - [`KubeletOptions`]: both, as one command line ([`parse_command_line`]);
//! - [`validate`]: everything that is wrong, in upstream's words.
//!
//! Invariant: a configuration that [`parse_command_line`] returns is complete and valid. Upstream counterpart:
//! `cmd/kubelet/app/options` and `pkg/kubelet/apis/config`.

mod configuration;
mod flags;
mod load;
mod nested;
mod node_labels;
mod validation;
mod values;

#[cfg(test)]
mod tests;

pub use configuration::KubeletConfiguration;
pub use flags::{KubeletFlags, KubeletOptions};
pub use load::{API_VERSION, KIND, LoadError, load, parse_command_line};
pub use nested::{
    CrashLoopBackOffConfig, KubeletAnonymousAuthentication, KubeletAuthentication, KubeletAuthorization,
    KubeletWebhookAuthentication, KubeletWebhookAuthorization, KubeletX509Authentication, MemoryReservation,
    MemorySwapConfiguration, ShutdownGracePeriodByPodPriority, Taint, TracingConfiguration, UserNamespaces,
};
pub use validation::{ValidationError, validate};
pub use values::{IpText, LangleMap, MemoryReservations, Taints, resource_list};
