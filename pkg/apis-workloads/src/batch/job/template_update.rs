//! What may change in the pod template of a job: nothing, unless the job is suspended and idle.

use apimachinery::field::Error;
use apis_pod::{go_view, meta::IMMUTABLE};
use k8s_api::{
    batch::v1::JobSpec,
    core::v1::{Affinity, Container, PodSpec, PodTemplateSpec},
};

use super::Mutable;
use crate::common::SPEC;

pub(super) fn validate(new: &JobSpec, old: &JobSpec, mutable: Mutable) -> Option<Error> {
    let template = &new.template;
    if *template == old.template {
        return None;
    }
    let mut expected = old.template.clone();
    if mutable.scheduling {
        allow_scheduling_changes(&mut expected, template);
    }
    if old.suspend == Some(true) && mutable.resources {
        let mut pod = expected.spec;
        allow_resource_changes(&mut pod.containers, &template.spec.containers);
        allow_resource_changes(&mut pod.init_containers, &template.spec.init_containers);
        return (pod != template.spec).then(|| show_pod_change(&template.spec));
    }
    (expected != *template).then(|| {
        let path = SPEC.child("template");
        Error::invalid(&path, go_view::pod_template(template), IMMUTABLE)
    })
}

fn show_pod_change(spec: &PodSpec) -> Error {
    let shown = go_view::member_of(spec.clone(), "", "PodSpec");
    Error::invalid(&SPEC.child("template.spec"), shown, IMMUTABLE)
}

fn allow_scheduling_changes(expected: &mut PodTemplateSpec, new: &PodTemplateSpec) {
    let node_affinity = |spec: &PodSpec| spec.affinity.as_ref().and_then(|own| own.node_affinity.clone());
    match (&mut expected.spec.affinity, &new.spec.affinity) {
        (Some(affinity), Some(_)) => affinity.node_affinity = node_affinity(&new.spec),
        (None, Some(_)) => {
            expected.spec.affinity = Some(Box::new(Affinity {
                node_affinity: node_affinity(&new.spec),
                ..Affinity::default()
            }));
        }
        (own @ Some(_), None) => {
            // Nothing of the rest may be lost along with it.
            if let Some(affinity) = own {
                affinity.node_affinity = None;
            }
            if own.as_deref() == Some(&Affinity::default()) {
                *own = None;
            }
        }
        (None, None) => {}
    }
    expected.spec.node_selector.clone_from(&new.spec.node_selector);
    expected.spec.tolerations.clone_from(&new.spec.tolerations);
    expected.spec.scheduling_gates.clone_from(&new.spec.scheduling_gates);
    expected.metadata.annotations.clone_from(&new.metadata.annotations);
    expected.metadata.labels.clone_from(&new.metadata.labels);
}

fn allow_resource_changes(expected: &mut [Container], new: &[Container]) {
    if expected.len() != new.len() {
        return;
    }
    for (expected, new) in expected.iter_mut().zip(new) {
        if expected.name == new.name {
            expected.resources.clone_from(&new.resources);
        }
    }
}
