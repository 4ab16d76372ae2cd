//! Where the kinds that make pods keep what they make them of.

use apiserver::registry::AnyObject;
use k8s_api::{
    apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet},
    batch::v1::{CronJob, Job},
    core::v1::{PodSpec, PodTemplate, PodTemplateSpec, ReplicationController},
    meta::v1::ObjectMeta,
};

/// The resources that make pods.
pub(crate) const WORKLOADS: [(&str, &str); 8] = [
    ("", "replicationcontrollers"),
    ("", "podtemplates"),
    ("apps", "replicasets"),
    ("apps", "deployments"),
    ("apps", "statefulsets"),
    ("apps", "daemonsets"),
    ("batch", "jobs"),
    ("batch", "cronjobs"),
];

/// What a workload makes its pods of; `None` if it has no template, or is none.
pub(crate) fn template(object: &dyn AnyObject) -> Option<(&ObjectMeta, &PodSpec)> {
    let any = object.as_any();
    macro_rules! templates {
        ($($kind:ty, $object:ident => $template:expr;)*) => {
            $(if let Some($object) = any.downcast_ref::<$kind>() {
                let template: &PodTemplateSpec = $template;
                return Some((&template.metadata, &template.spec));
            })*
        };
    }
    templates! {
        Deployment, object => &object.spec.template;
        ReplicaSet, object => &object.spec.template;
        StatefulSet, object => &object.spec.template;
        DaemonSet, object => &object.spec.template;
        Job, object => &object.spec.template;
        CronJob, object => &object.spec.job_template.spec.template;
        PodTemplate, object => &object.template;
        ReplicationController, object => object.spec.template.as_ref()?;
    }
    None
}
