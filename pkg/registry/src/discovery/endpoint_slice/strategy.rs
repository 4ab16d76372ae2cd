//! The rules of endpoint slices.

use apimachinery::field::ErrorList;
use apis_workloads::discovery::endpoint_slice;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::discovery::v1::EndpointSlice;

/// The rules of endpoint slices.
#[derive(Clone, Copy, Debug)]
pub struct EndpointSliceStrategy;

impl Strategy for EndpointSliceStrategy {
    type Object = EndpointSlice;

    fn namespaced(&self) -> bool {
        true
    }

    fn prepare_for_create(&self, _context: &StrategyContext<'_>, slice: &mut EndpointSlice) {
        slice.metadata.generation = 1;
        endpoint_slice::drop_topology(slice, None);
    }

    fn validate(&self, context: &StrategyContext<'_>, slice: &EndpointSlice) -> ErrorList {
        endpoint_slice::validate(slice, context.gates)
    }

    fn warnings_on_create(&self, _context: &StrategyContext<'_>, slice: &EndpointSlice) -> Vec<String> {
        endpoint_slice::warnings_on_create(slice)
    }

    fn prepare_for_update(&self, _context: &StrategyContext<'_>, new: &mut EndpointSlice, old: &EndpointSlice) {
        let EndpointSlice {
            metadata,
            address_type,
            endpoints,
            ports,
        } = old;
        let same = new.address_type == *address_type
            && new.ports == *ports
            && new.metadata.labels == metadata.labels
            && new.endpoints == *endpoints;
        if !same {
            new.metadata.generation = metadata.generation + 1;
        }
        endpoint_slice::drop_topology(new, Some(old));
    }

    fn validate_update(&self, context: &StrategyContext<'_>, new: &EndpointSlice, old: &EndpointSlice) -> ErrorList {
        endpoint_slice::validate_update(new, old, context.gates)
    }

    fn warnings_on_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &EndpointSlice,
        _old: &EndpointSlice,
    ) -> Vec<String> {
        endpoint_slice::warnings_on_update(new)
    }
}
