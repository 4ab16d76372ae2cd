//! Every built-in resource: its key, rules and versions.

use std::{collections::BTreeMap, marker::PhantomData, sync::Arc, time::Duration};

use apimachinery::field::{Error as FieldError, ErrorList, Path};
use apiserver::{
    endpoints::Subresource,
    registry::{HubCodec, Store, Strategy, StrategyContext, Typed, VersionCodec},
};
use k8s_api::{Object, scheme};

use crate::install::{Installer, Resource};

/// The rules of kinds that have none of their own here yet: metadata must name the object.
#[derive(Debug)]
struct PlainStrategy<T>(PhantomData<fn() -> T>);

impl<T: Object> Strategy for PlainStrategy<T> {
    type Object = T;

    fn namespaced(&self) -> bool {
        T::NAMESPACED
    }

    fn validate(&self, _context: &StrategyContext<'_>, object: &T) -> ErrorList {
        let mut errors = ErrorList::default();
        if object.name().is_empty() {
            let metadata = Path::new("metadata");
            errors.push(FieldError::required(
                &metadata.child("name"),
                "name or generateName is required",
            ));
        }
        errors
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &T, _old: &T) -> ErrorList {
        self.validate(_context, new)
    }
}

fn plain<T: Object>(key: &'static str) -> Resource {
    let info = scheme::resource(T::GROUP, T::VERSION, T::PLURAL).expect("every object kind is a resource");
    let codec: Arc<dyn VersionCodec> = Arc::new(HubCodec::<T>::new(|_| {}));
    let strategy = Typed::erase(PlainStrategy::<T>(PhantomData));
    let mut resource = Resource::new(key, strategy.clone(), vec![(info, codec)]);
    resource.subresources = info
        .subresources
        .iter()
        .filter(|name| **name == "status")
        .map(|name| ((*name).to_owned(), Subresource::Update(strategy.clone())))
        .collect::<BTreeMap<_, _>>();
    resource
}

macro_rules! plain_resources {
    ($installer:ident, $($kind:ty => $key:literal,)*) => {
        $($installer.install(plain::<$kind>($key));)*
    };
}

/// Installs every built-in resource; returns the store of namespaces, which admission looks into.
pub(crate) fn install_all(installer: &mut Installer, event_ttl: Duration) -> Arc<Store> {
    use k8s_api::{
        admissionregistration::v1 as admission, apiextensions::v1 as apiextensions,
        apiregistration::v1 as apiregistration, apps::v1 as apps, batch::v1 as batch, certificates::v1 as certificates,
        coordination::v1 as coordination, core::v1 as core, discovery::v1 as discovery, flowcontrol::v1 as flowcontrol,
        networking::v1 as networking, node::v1 as node, policy::v1 as policy, rbac::v1 as rbac,
        resource::v1 as resource, scheduling::v1 as scheduling, storage::v1 as storage,
    };

    plain_resources! { installer,
        core::ConfigMap => "configmaps",
        core::Endpoints => "services/endpoints",
        core::LimitRange => "limitranges",
        core::Node => "minions",
        core::PersistentVolumeClaim => "persistentvolumeclaims",
        core::PersistentVolume => "persistentvolumes",
        core::Pod => "pods",
        core::PodTemplate => "podtemplates",
        core::ReplicationController => "controllers",
        core::ResourceQuota => "resourcequotas",
        core::Secret => "secrets",
        core::ServiceAccount => "serviceaccounts",
        core::Service => "services/specs",
        apiregistration::APIService => "apiregistration.k8s.io/apiservices",
        apps::ControllerRevision => "controllerrevisions",
        apps::DaemonSet => "daemonsets",
        apps::Deployment => "deployments",
        apps::ReplicaSet => "replicasets",
        apps::StatefulSet => "statefulsets",
        k8s_api::autoscaling::v2::HorizontalPodAutoscaler => "horizontalpodautoscalers",
        batch::CronJob => "cronjobs",
        batch::Job => "jobs",
        certificates::CertificateSigningRequest => "certificatesigningrequests",
        networking::IngressClass => "ingressclasses",
        networking::Ingress => "ingress",
        networking::IPAddress => "ipaddresses",
        networking::NetworkPolicy => "networkpolicies",
        networking::ServiceCIDR => "servicecidrs",
        policy::PodDisruptionBudget => "poddisruptionbudgets",
        rbac::ClusterRoleBinding => "clusterrolebindings",
        rbac::ClusterRole => "clusterroles",
        rbac::RoleBinding => "rolebindings",
        rbac::Role => "roles",
        storage::CSIDriver => "csidrivers",
        storage::CSINode => "csinodes",
        storage::CSIStorageCapacity => "csistoragecapacities",
        storage::StorageClass => "storageclasses",
        storage::VolumeAttachment => "volumeattachments",
        storage::VolumeAttributesClass => "volumeattributesclasses",
        admission::MutatingAdmissionPolicy => "mutatingadmissionpolicies",
        admission::MutatingAdmissionPolicyBinding => "mutatingadmissionpolicybindings",
        admission::MutatingWebhookConfiguration => "mutatingwebhookconfigurations",
        admission::ValidatingAdmissionPolicy => "validatingadmissionpolicies",
        admission::ValidatingAdmissionPolicyBinding => "validatingadmissionpolicybindings",
        admission::ValidatingWebhookConfiguration => "validatingwebhookconfigurations",
        apiextensions::CustomResourceDefinition => "apiextensions.k8s.io/customresourcedefinitions",
        scheduling::PriorityClass => "priorityclasses",
        coordination::Lease => "leases",
        node::RuntimeClass => "runtimeclasses",
        discovery::EndpointSlice => "endpointslices",
        resource::DeviceClass => "deviceclasses",
        resource::ResourceClaim => "resourceclaims",
        resource::ResourceClaimTemplate => "resourceclaimtemplates",
        resource::ResourceSlice => "resourceslices",
        flowcontrol::FlowSchema => "flowschemas",
        flowcontrol::PriorityLevelConfiguration => "prioritylevelconfigurations",
    }
    let mut events = plain::<core::Event>("events");
    events.ttl = (!event_ttl.is_zero()).then_some(event_ttl);
    installer.install(events);
    installer.install(plain::<core::Namespace>("namespaces"))
}
