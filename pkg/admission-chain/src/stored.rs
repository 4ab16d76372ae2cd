//! What plugins write, and what follows from device classes, over the server's own stores.

use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc};

use admission_limits::QuotaAccess;
use admission_namespace::NamespaceMaker;
use apimachinery::status::StatusError;
use apiserver::{
    admission::{Derived, Lookup, StoreDirectory},
    registry::Local,
};
use async_trait::async_trait;
use k8s_api::{
    core::v1::{Namespace, Pod, ResourceQuota},
    meta::v1::ObjectMeta,
    resource::v1::{DeviceClass, ResourceClaim},
};
use quota::{ClaimOwner, DeviceClassNames};

/// The stores of kinds that plugins write.
#[derive(Debug)]
pub(crate) struct StoredKinds(pub(crate) Arc<StoreDirectory>);

/// Admission before the stores are installed cannot write.
fn not_ready() -> StatusError {
    StatusError::internal_error("not yet ready to handle request")
}

#[async_trait]
impl QuotaAccess for StoredKinds {
    async fn update_status(&self, quota: &ResourceQuota) -> Result<ResourceQuota, StatusError> {
        let store = self.0.store("", "resourcequotas");
        let strategy = self.0.status_strategy("", "resourcequotas");
        let (store, strategy) = store.zip(strategy).ok_or_else(not_ready)?;
        let local = Local::<ResourceQuota>::new(store);
        local.update_with(strategy.as_ref(), "status", quota).await
    }
}

#[async_trait]
impl NamespaceMaker for StoredKinds {
    async fn ensure(&self, name: &str) -> Result<(), StatusError> {
        let store = self.0.store("", "namespaces").ok_or_else(not_ready)?;
        let namespace = Namespace {
            metadata: ObjectMeta {
                name: name.to_owned(),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        Local::<Namespace>::new(store).ensure(&namespace).await.map(drop)
    }
}

/// Extended resources by device class.
type Names = Arc<BTreeMap<String, String>>;

/// Device classes, pods and claims, as quota asks for them.
#[derive(Debug)]
pub(crate) struct StoredDevices {
    classes: Derived<DeviceClass, Names>,
    pods: Arc<dyn Lookup<Pod>>,
    claims: Arc<dyn Lookup<ResourceClaim>>,
}

impl StoredDevices {
    pub(crate) fn new(directory: &Arc<StoreDirectory>) -> Self {
        Self {
            classes: Derived::new(directory.lookup()),
            pods: directory.passing_lookup(),
            claims: directory.passing_lookup(),
        }
    }

    fn names(&self) -> Names {
        self.classes.get(|classes| {
            let names = classes.iter().filter_map(|class| {
                let resource = class.spec.extended_resource_name.as_ref()?;
                Some((class.metadata.name.clone(), resource.clone()))
            });
            Arc::new(names.collect())
        })
    }
}

/// The UID of the pod that controls a claim.
fn controller(claim: &ResourceClaim) -> Option<(&str, &str)> {
    let owners = &claim.metadata.owner_references;
    let owner = owners.iter().find(|owner| owner.controller == Some(true))?;
    (owner.kind == "Pod" && owner.api_version == "v1").then_some((owner.name.as_str(), owner.uid.as_str()))
}

impl DeviceClassNames for StoredDevices {
    fn extended_resource(&self, class: &str) -> Option<String> {
        self.names().get(class).cloned()
    }

    fn has_class(&self, extended_resource: &str) -> bool {
        self.names().values().any(|resource| resource == extended_resource)
    }

    fn owner(&self, namespace: &str, claim: &ResourceClaim) -> Option<ClaimOwner> {
        let (name, uid) = controller(claim)?;
        let pod = self.pods.get(namespace, name).filter(|pod| pod.metadata.uid == uid)?;
        // Claims of the same pod that were there before make this one not the first.
        let created = claim.metadata.creation_timestamp;
        let mut is_first_claim = true;
        self.claims.visit(namespace, &mut |other| {
            let (at, name) = (other.metadata.creation_timestamp, &other.metadata.name);
            let same_pod = controller(other).is_some_and(|(_, owner)| owner == uid);
            let earlier = at < created || (at == created && *name < claim.metadata.name);
            if same_pod && *name != claim.metadata.name && earlier {
                is_first_claim = false;
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        Some(ClaimOwner { pod, is_first_claim })
    }
}
