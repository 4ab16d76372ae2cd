//! The horizontal pod autoscaler: as many pods as their metrics ask for (upstream: `pkg/controller/podautoscaler`).
//!
//! Every period each autoscaler is looked at: [`metrics`] fetches what the metrics APIs say, [`replicas`] turns usage and
//! target into a number of pods, [`sources`] does so for each metric of an autoscaler, [`limits`] holds the number back by
//! the recommendations and changes before it, and [`autoscaler`] writes the scale and tells in conditions and events what
//! came of it. Without a metrics API nothing is scaled, and the conditions say why.

mod autoscaler;
mod conditions;
mod limits;
mod metrics;
mod observe;
mod replicas;
mod sources;
#[cfg(test)]
mod tests;

use controller::Descriptor;

/// The controllers of this crate.
pub const DESCRIPTORS: &[Descriptor] = &[Descriptor::new("horizontal-pod-autoscaler-controller", |context| {
    Box::pin(autoscaler::build(context))
})
.aliases(&["horizontalpodautoscaling"])];
