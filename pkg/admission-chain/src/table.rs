//! The chain: every plugin, in the order in which they run.

use std::sync::Arc;

use admission_certificates::{
    CertificateApproval, CertificateSigning, CertificateSubjectRestriction, ClusterTrustBundleAttest,
};
use admission_limits::{
    EventRateLimit, EventRateLimitConfiguration, LimitRanger, ResourceQuota, ResourceQuotaConfiguration,
};
use admission_namespace::{NamespaceAutoProvision, NamespaceExists, NamespaceLifecycle};
use admission_node::{NodeDeclaredFeatureValidator, NodeObjects, NodeRestriction, TaintNodesByCondition};
use admission_objects::{
    AlwaysAdmit, AlwaysDeny, BuiltinKinds, DefaultIngressClass, DefaultStorageClass, DenyServiceExternalIPs,
    JobValidation, NotServed, OwnerReferencesPermissionEnforcement, PersistentVolumeClaimResize, PodGroupProtection,
    PodGroupWorkloadExists, StorageObjectInUseProtection,
};
use admission_pod::{
    AlwaysPullImages, DefaultTolerationSeconds, ExtendedResourceToleration, ImagePolicyConfiguration,
    ImagePolicyWebhook, LimitPodHardAntiAffinityTopology, PodNodeSelector, PodNodeSelectorConfiguration,
    PodResizeValidator, PodTolerationRestriction, PodTopologyLabels, Priority, RuntimeClassAdmission,
    ServiceAccountAdmission, TolerationConfiguration,
};
use admission_podsecurity::{PodSecurity, PodSecurityConfiguration, PodSecurityMetrics};
use admission_webhook::{
    MutatingAdmissionWebhook, ValidatingAdmissionWebhook, WebhookAdmissionConfiguration, WebhookParts,
};
use apiserver::admission::{Lookup, Plugin};
use k8s_api::Object;
use quota::Registry;

use crate::{
    AdmissionOptions, Environment,
    image_review::RemoteImageReviews,
    stored::{StoredDevices, StoredKinds},
};

/// What the constructors below take.
pub(crate) struct Parts {
    environment: Environment,
    not_ready_seconds: i64,
    unreachable_seconds: i64,
    stored: Arc<StoredKinds>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Parts").finish_non_exhaustive()
    }
}

impl Parts {
    pub(crate) fn new(options: &AdmissionOptions, environment: &Environment) -> Self {
        Self {
            stored: Arc::new(StoredKinds(environment.directory.clone())),
            environment: environment.clone(),
            not_ready_seconds: options.not_ready_seconds,
            unreachable_seconds: options.unreachable_seconds,
        }
    }

    /// Few objects that are looked at again and again.
    fn lookup<T: Object>(&self) -> Arc<dyn Lookup<T>> {
        self.environment.directory.lookup()
    }

    /// Many objects that are looked at once.
    fn passing<T: Object>(&self) -> Arc<dyn Lookup<T>> {
        self.environment.directory.passing_lookup()
    }

    /// What the two plugins of webhooks are made of.
    fn webhooks(&self, configuration: Option<&[u8]>) -> Result<WebhookParts, String> {
        Ok(WebhookParts {
            configuration: configured(configuration, WebhookAdmissionConfiguration::from_slice)?,
            directory: self.environment.directory.clone(),
            namespaces: self.lookup(),
            services: self.environment.services.clone(),
            metrics: self.environment.metrics.webhooks().clone(),
        })
    }
}

/// A plugin, or `None` for one that has its place here and is made elsewhere; the message says why it cannot be made.
type Made = Result<Option<Arc<dyn Plugin>>, String>;

/// A place in the chain.
#[derive(Clone, Copy)]
pub struct Entry {
    /// The plugin's name.
    pub name: &'static str,
    /// Whether it is on unless somebody switches it off.
    pub on: bool,
    /// Makes it from its configuration.
    pub(crate) make: fn(&Parts, Option<&[u8]>) -> Made,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Entry")
            .field("name", &self.name)
            .field("on", &self.on)
            .finish_non_exhaustive()
    }
}

const fn on(name: &'static str, make: fn(&Parts, Option<&[u8]>) -> Made) -> Entry {
    Entry { name, on: true, make }
}

const fn off(name: &'static str, make: fn(&Parts, Option<&[u8]>) -> Made) -> Entry {
    Entry { name, on: false, make }
}

#[allow(
    clippy::unnecessary_wraps,
    reason = "every constructor of the table has the same type, and some can fail"
)]
fn made(plugin: impl Plugin) -> Made {
    Ok(Some(Arc::new(plugin)))
}

/// The place of a plugin that comes with policies: its name is known, it judges nothing.
#[allow(clippy::unnecessary_wraps, reason = "see `made`")]
fn place(_: &Parts, _: Option<&[u8]>) -> Made {
    Ok(None)
}

/// A configuration, or what holds without one.
fn configured<C: Default, E: std::fmt::Display>(
    bytes: Option<&[u8]>,
    read: fn(&[u8]) -> Result<C, E>,
) -> Result<C, String> {
    bytes.map_or_else(
        || Ok(C::default()),
        |bytes| read(bytes).map_err(|error| error.to_string()),
    )
}

/// Every plugin of kube-apiserver, in the order in which they run.
pub const PLUGINS: &[Entry] = &[
    off("AlwaysAdmit", |_, _| made(AlwaysAdmit)),
    off("NamespaceAutoProvision", |parts, _| {
        made(NamespaceAutoProvision::new(parts.lookup(), parts.stored.clone()))
    }),
    on("NamespaceLifecycle", |parts, _| {
        made(NamespaceLifecycle::new(parts.lookup()))
    }),
    off("NamespaceExists", |parts, _| made(NamespaceExists::new(parts.lookup()))),
    off("LimitPodHardAntiAffinityTopology", |_, _| {
        made(LimitPodHardAntiAffinityTopology)
    }),
    on("LimitRanger", |parts, _| {
        made(LimitRanger::new(&parts.environment.gates, parts.lookup()))
    }),
    on("ServiceAccount", |parts, _| {
        made(ServiceAccountAdmission::new(parts.lookup()))
    }),
    off("NodeRestriction", |parts, _| {
        let objects = NodeObjects {
            nodes: parts.lookup(),
            pods: parts.passing(),
            claims: parts.passing(),
            volumes: parts.passing(),
            drivers: parts.lookup(),
        };
        let environment = &parts.environment;
        made(NodeRestriction::new(
            &environment.gates,
            objects,
            environment.permissions.clone(),
        ))
    }),
    on("TaintNodesByCondition", |_, _| made(TaintNodesByCondition)),
    off("AlwaysPullImages", |_, _| made(AlwaysPullImages)),
    off("ImagePolicyWebhook", |_, bytes| {
        let configuration = ImagePolicyConfiguration::from_slice(bytes).map_err(|error| error.to_string())?;
        let reviewer = Arc::new(RemoteImageReviews::new(&configuration)?);
        made(ImagePolicyWebhook::new(&configuration, reviewer))
    }),
    on("PodSecurity", |parts, bytes| {
        let configuration = configured(bytes, PodSecurityConfiguration::from_slice)?;
        let emulated = parts.environment.emulated;
        let metrics = PodSecurityMetrics::new(&parts.environment.registry, emulated);
        let plugin = PodSecurity::new(configuration, emulated, parts.lookup(), parts.passing(), metrics);
        made(plugin.map_err(|error| error.to_string())?)
    }),
    off("PodNodeSelector", |parts, bytes| {
        let configuration = configured(bytes, PodNodeSelectorConfiguration::from_slice)?;
        made(PodNodeSelector::new(configuration, parts.lookup()))
    }),
    on("Priority", |parts, _| made(Priority::new(parts.lookup()))),
    on("DefaultTolerationSeconds", |parts, _| {
        made(DefaultTolerationSeconds::new(
            parts.not_ready_seconds,
            parts.unreachable_seconds,
        ))
    }),
    off("PodTolerationRestriction", |parts, bytes| {
        let configuration = configured(bytes, TolerationConfiguration::from_slice)?;
        let gates = parts.environment.gates.clone();
        made(PodTolerationRestriction::new(configuration, gates, parts.lookup()))
    }),
    off("EventRateLimit", |_, bytes| {
        let configuration = configured(bytes, EventRateLimitConfiguration::from_slice)?;
        made(EventRateLimit::new(&configuration).map_err(|error| error.to_string())?)
    }),
    off("ExtendedResourceToleration", |_, _| made(ExtendedResourceToleration)),
    on("DefaultStorageClass", |parts, _| {
        made(DefaultStorageClass::new(parts.lookup()))
    }),
    on("StorageObjectInUseProtection", |parts, _| {
        made(StorageObjectInUseProtection::new(&parts.environment.gates))
    }),
    on("PodGroupProtection", |parts, _| {
        made(PodGroupProtection::new(&parts.environment.gates))
    }),
    off("OwnerReferencesPermissionEnforcement", |parts, _| {
        made(OwnerReferencesPermissionEnforcement::new(
            parts.environment.permissions.clone(),
            Arc::new(BuiltinKinds),
        ))
    }),
    on("PersistentVolumeClaimResize", |parts, _| {
        made(PersistentVolumeClaimResize::new(parts.lookup()))
    }),
    on("RuntimeClass", |parts, _| {
        made(RuntimeClassAdmission::new(parts.lookup()))
    }),
    on("CertificateApproval", |parts, _| {
        made(CertificateApproval(parts.environment.permissions.clone()))
    }),
    on("CertificateSigning", |parts, _| {
        made(CertificateSigning(parts.environment.permissions.clone()))
    }),
    on("ClusterTrustBundleAttest", |parts, _| {
        let environment = &parts.environment;
        made(ClusterTrustBundleAttest::new(
            &environment.gates,
            environment.permissions.clone(),
        ))
    }),
    on("CertificateSubjectRestriction", |_, _| {
        made(CertificateSubjectRestriction)
    }),
    on("DefaultIngressClass", |parts, _| {
        made(DefaultIngressClass::new(parts.lookup()))
    }),
    off("DenyServiceExternalIPs", |_, _| made(DenyServiceExternalIPs)),
    on("PodTopologyLabels", |parts, _| {
        made(PodTopologyLabels::new(&parts.environment.gates, parts.lookup()))
    }),
    on("PodGroupWorkloadExists", |parts, _| {
        made(PodGroupWorkloadExists::new(
            &parts.environment.gates,
            Arc::new(NotServed),
        ))
    }),
    on("NodeDeclaredFeatureValidator", |parts, _| {
        made(NodeDeclaredFeatureValidator::new(
            &parts.environment.gates,
            parts.lookup(),
        ))
    }),
    on("JobValidation", |parts, _| {
        made(JobValidation::new(&parts.environment.gates, Arc::new(NotServed)))
    }),
    on("PodResizeValidator", |parts, _| {
        made(PodResizeValidator::new(&parts.environment.gates, parts.lookup()))
    }),
    on("MutatingAdmissionPolicy", place),
    on("MutatingAdmissionWebhook", |parts, bytes| {
        made(MutatingAdmissionWebhook::new(&parts.webhooks(bytes)?))
    }),
    on("ValidatingAdmissionPolicy", place),
    on("ValidatingAdmissionWebhook", |parts, bytes| {
        made(ValidatingAdmissionWebhook::new(&parts.webhooks(bytes)?))
    }),
    on("ResourceQuota", |parts, bytes| {
        let configuration = configured(bytes, ResourceQuotaConfiguration::from_slice)?;
        let devices = StoredDevices::new(&parts.environment.directory);
        let registry = Registry::new(&parts.environment.gates, Arc::new(devices));
        made(ResourceQuota::new(
            configuration,
            registry,
            parts.lookup(),
            parts.stored.clone(),
        ))
    }),
    off("AlwaysDeny", |_, _| made(AlwaysDeny)),
];
