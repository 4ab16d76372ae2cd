//! The autoscaling group: how many replicas there are, and who decides.

pub mod horizontal_pod_autoscaler;
pub mod scale;
