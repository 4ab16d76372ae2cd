//! Admission of pods.
//!
//! One module a plugin. A plugin looks at pods only (and, where it says so, at their subresources); it
//! completes the pod, or refuses it in upstream's words. Other objects are read through
//! [`Lookup`](apiserver::admission::Lookup)s.
//!
//! Upstream: the folders of `plugin/pkg/admission` with the plugins' names.

mod always_pull_images;
mod anti_affinity;
mod default_toleration_seconds;
mod extended_resource_toleration;
mod image_policy;
mod node_selector;
mod priority;
pub mod references;
mod resize;
mod runtime_class;
mod service_account;
#[cfg(test)]
mod tests;
mod toleration_restriction;
mod tolerations;
mod topology_labels;

pub use always_pull_images::AlwaysPullImages;
pub use anti_affinity::LimitPodHardAntiAffinityTopology;
pub use default_toleration_seconds::DefaultTolerationSeconds;
pub use extended_resource_toleration::ExtendedResourceToleration;
pub use image_policy::{
    ImagePolicyConfiguration, ImagePolicyError, ImagePolicyWebhook, ImageReviewContainer, ImageReviewSpec,
    ImageReviewStatus, ImageReviewer,
};
pub use node_selector::{PodNodeSelector, PodNodeSelectorConfiguration};
pub use priority::Priority;
pub use resize::PodResizeValidator;
pub use runtime_class::RuntimeClassAdmission;
pub use service_account::ServiceAccountAdmission;
pub use toleration_restriction::{PodTolerationRestriction, TolerationConfiguration, TolerationConfigurationError};
pub use topology_labels::PodTopologyLabels;

use apimachinery::status::StatusError;
use apiserver::registry::{AnyObject, ObjectBox};
use k8s_api::core::v1::Pod;

fn not_a_pod() -> StatusError {
    StatusError::bad_request("Resource was marked with kind Pod but was unable to be converted")
}

/// The pod that is written, to be changed.
fn pod_mut(object: Option<&mut ObjectBox>) -> Result<&mut Pod, StatusError> {
    let object = object.ok_or_else(not_a_pod)?;
    object.as_mut().downcast_mut().ok_or_else(not_a_pod)
}

/// The pod that is written.
fn pod_ref(object: Option<&dyn AnyObject>) -> Result<&Pod, StatusError> {
    object.and_then(|object| object.downcast_ref()).ok_or_else(not_a_pod)
}

fn is_pods(group: &str, resource: &str) -> bool {
    group.is_empty() && resource == "pods"
}
