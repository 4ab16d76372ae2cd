//! Claims as errors show them: members by upstream's internal names, in their order.

use apimachinery::field::BadValue;
use k8s_api::{
    Map,
    primitives::Quantity,
    resource::v1::{
        AllocationResult, CapacityRequirements, DeviceAttribute, DeviceRequest, DeviceSelector, DeviceToleration,
        OpaqueDeviceConfiguration, ResourceClaimSpec, ResourceClaimTemplateSpec,
    },
};

use crate::{common, go};

pub(super) fn claim_spec(spec: &ResourceClaimSpec) -> String {
    let constraints = go::structs(&spec.devices.constraints, |constraint| {
        go::Struct::new()
            .raw("Requests", &go::list(&constraint.requests))
            .field("MatchAttribute", &constraint.match_attribute)
            .field("DistinctAttribute", &constraint.distinct_attribute)
            .end()
    });
    let config = go::structs(&spec.devices.config, |config| {
        go::Struct::new()
            .raw("Requests", &go::list(&config.requests))
            .raw("Opaque", &opaque(config.opaque.as_deref()))
            .end()
    });
    let devices = go::Struct::new()
        .raw("Requests", &go::structs(&spec.devices.requests, request))
        .raw("Constraints", &constraints)
        .raw("Config", &config);
    go::Struct::new().raw("Devices", &devices.end()).end()
}

pub(super) fn template_spec(spec: &ResourceClaimTemplateSpec) -> BadValue {
    common::metadata_struct(&spec.metadata)
        .raw("Spec", &claim_spec(&spec.spec))
        .bad_value()
}

fn opaque(opaque: Option<&OpaqueDeviceConfiguration>) -> String {
    go::pointer(opaque, |opaque| {
        let parameters = opaque
            .parameters
            .as_ref()
            .map_or("null", |parameters| parameters.as_str());
        go::Struct::new()
            .field("Driver", &opaque.driver)
            .raw("Parameters", parameters)
            .end()
    })
}

fn selectors(selectors: &[DeviceSelector]) -> String {
    go::structs(selectors, |selector| {
        let cel = go::pointer(selector.cel.as_deref(), |cel| {
            go::Struct::new().field("Expression", &cel.expression).end()
        });
        go::Struct::new().raw("CEL", &cel).end()
    })
}

fn tolerations(tolerations: &[DeviceToleration]) -> String {
    go::structs(tolerations, |toleration| {
        go::Struct::new()
            .field("Key", &toleration.key)
            .field("Operator", &toleration.operator)
            .field("Value", &toleration.value)
            .field("Effect", &toleration.effect)
            .field("TolerationSeconds", &toleration.toleration_seconds)
            .end()
    })
}

fn quantities(quantities: &Map<Quantity>) -> String {
    if quantities.is_empty() {
        return "null".into();
    }
    let members = quantities.iter();
    let members: Vec<_> = members
        .map(|(name, quantity)| format!("{}:{}", go::json(name), go::json(&quantity.to_string())))
        .collect();
    format!("{{{}}}", members.join(","))
}

fn capacity(capacity: Option<&CapacityRequirements>) -> String {
    go::pointer(capacity, |capacity| {
        go::Struct::new().raw("Requests", &quantities(&capacity.requests)).end()
    })
}

fn request(request: &DeviceRequest) -> String {
    let exactly = go::pointer(request.exactly.as_deref(), |exactly| {
        go::Struct::new()
            .field("DeviceClassName", &exactly.device_class_name)
            .raw("Selectors", &selectors(&exactly.selectors))
            .field("AllocationMode", &exactly.allocation_mode)
            .field("Count", &exactly.count)
            .field("AdminAccess", &exactly.admin_access)
            .raw("Tolerations", &tolerations(&exactly.tolerations))
            .raw("Capacity", &capacity(exactly.capacity.as_deref()))
            .end()
    });
    let alternatives = go::structs(&request.first_available, |alternative| {
        go::Struct::new()
            .field("Name", &alternative.name)
            .field("DeviceClassName", &alternative.device_class_name)
            .raw("Selectors", &selectors(&alternative.selectors))
            .field("AllocationMode", &alternative.allocation_mode)
            .field("Count", &alternative.count)
            .raw("Tolerations", &tolerations(&alternative.tolerations))
            .raw("Capacity", &capacity(alternative.capacity.as_deref()))
            .end()
    });
    go::Struct::new()
        .field("Name", &request.name)
        .raw("Exactly", &exactly)
        .raw("FirstAvailable", &alternatives)
        .end()
}

pub(super) fn allocation(allocation: &AllocationResult) -> BadValue {
    let results = go::structs(&allocation.devices.results, |result| {
        go::Struct::new()
            .field("Request", &result.request)
            .field("Driver", &result.driver)
            .field("Pool", &result.pool)
            .field("Device", &result.device)
            .field("AdminAccess", &result.admin_access)
            .raw("Tolerations", &tolerations(&result.tolerations))
            .raw("BindingConditions", &go::list(&result.binding_conditions))
            .raw(
                "BindingFailureConditions",
                &go::list(&result.binding_failure_conditions),
            )
            .field("ShareID", &result.share_id)
            .raw("ConsumedCapacity", &quantities(&result.consumed_capacity))
            .end()
    });
    let config = go::structs(&allocation.devices.config, |config| {
        go::Struct::new()
            .field("Source", &config.source)
            .raw("Requests", &go::list(&config.requests))
            .raw("Opaque", &opaque(config.opaque.as_deref()))
            .end()
    });
    let devices = go::Struct::new().raw("Results", &results).raw("Config", &config);
    go::Struct::new()
        .raw("Devices", &devices.end())
        .raw(
            "NodeSelector",
            &go::pointer(allocation.node_selector.as_deref(), common::node_selector_json),
        )
        .field("AllocationTimestamp", &allocation.allocation_timestamp)
        .bad_value()
}

pub(super) fn attribute(attribute: &DeviceAttribute) -> BadValue {
    go::Struct::new()
        .field("IntValue", &attribute.int)
        .field("BoolValue", &attribute.bool)
        .field("StringValue", &attribute.string)
        .field("VersionValue", &attribute.version)
        .raw("IntValues", &go::list(&attribute.ints))
        .raw("BoolValues", &go::list(&attribute.bools))
        .raw("StringValues", &go::list(&attribute.strings))
        .raw("VersionValues", &go::list(&attribute.versions))
        .bad_value()
}
