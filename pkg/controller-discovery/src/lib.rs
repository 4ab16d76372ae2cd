//! The controllers behind services: which pods stand behind each, as endpoints and as endpoint slices.
//!
//! [`slices`] shares out endpoints over slices with as few writes as can be; both controllers of slices use it. [`pods`] says
//! what of a pod is an endpoint, [`wake`] which services a pod's change is about, [`trigger`] since when it was to be told.

mod endpoints;
mod endpointslice;
mod mirroring;
mod pods;
mod slices;
mod tracker;
mod trigger;
mod wake;

#[cfg(test)]
mod tests;

use controller::Descriptor;

/// The controllers of this crate.
pub const DESCRIPTORS: &[Descriptor] = &[
    endpoints::ENDPOINTS,
    endpointslice::ENDPOINT_SLICE,
    mirroring::ENDPOINT_SLICE_MIRRORING,
];

/// After so many failures a service is left alone until something changes.
const MOST_RETRIES: u32 = 15;
