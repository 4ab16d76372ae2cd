//! Defaults of containers.

use k8s_api::core::v1::{Container, HTTPGetAction, ObjectFieldSelector, Probe};

use super::{image::default_pull_policy, set_text};
use crate::resources::round_up_list;

/// Defaults of a container of any kind.
pub(super) fn set_container_defaults(container: &mut Container) {
    if container.image_pull_policy.is_empty() {
        default_pull_policy(&container.image).clone_into(&mut container.image_pull_policy);
    }
    set_text(&mut container.termination_message_path, "/dev/termination-log");
    set_text(&mut container.termination_message_policy, "File");
    for port in &mut container.ports {
        set_text(&mut port.protocol, "TCP");
    }
    for source in container
        .env
        .iter_mut()
        .filter_map(|variable| variable.value_from.as_deref_mut())
    {
        set_field_selector_defaults(source.field_ref.as_deref_mut());
        if let Some(file) = &mut source.file_key_ref {
            file.optional.get_or_insert(false);
        }
    }
    round_up_list(&mut container.resources.limits);
    round_up_list(&mut container.resources.requests);
    let probes = [
        &mut container.liveness_probe,
        &mut container.readiness_probe,
        &mut container.startup_probe,
    ];
    for probe in probes.into_iter().flatten() {
        set_probe_defaults(probe);
    }
    if let Some(lifecycle) = &mut container.lifecycle {
        for handler in [&mut lifecycle.post_start, &mut lifecycle.pre_stop]
            .into_iter()
            .flatten()
        {
            set_http_defaults(handler.http_get.as_deref_mut());
        }
    }
}

fn set_probe_defaults(probe: &mut Probe) {
    let numbers = [
        (&mut probe.timeout_seconds, 1),
        (&mut probe.period_seconds, 10),
        (&mut probe.success_threshold, 1),
        (&mut probe.failure_threshold, 3),
    ];
    for (number, default) in numbers {
        if *number == 0 {
            *number = default;
        }
    }
    set_http_defaults(probe.http_get.as_deref_mut());
    if let Some(grpc) = &mut probe.grpc {
        grpc.service.get_or_insert_default();
    }
}

fn set_http_defaults(action: Option<&mut HTTPGetAction>) {
    if let Some(action) = action {
        set_text(&mut action.path, "/");
        set_text(&mut action.scheme, "HTTP");
    }
}

/// The version of the pod's own API that a field's path belongs to.
pub(super) fn set_field_selector_defaults(selector: Option<&mut ObjectFieldSelector>) {
    if let Some(selector) = selector {
        set_text(&mut selector.api_version, "v1");
    }
}
