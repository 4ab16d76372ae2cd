//! Having a volume made for a claim.

use std::sync::Arc;
use std::time::Duration;

use client_go::cache::ObjectKey;
use client_go::events::{EventType, reference};
use k8s_api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_api::storage::v1::StorageClass;

use super::{Binder, BinderError, host_path};
use crate::claims::{
    BETA_PROVISIONER, BOUND_BY_CONTROLLER, IN_TREE_FINALIZER, PROVISIONED_BY, PROVISIONER, class_of_claim,
};
use crate::migration;

/// How often a volume is tried to be created, and with which pauses.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_secs(10);

type Claim = Arc<PersistentVolumeClaim>;

impl Binder {
    /// Has a volume made for a claim whose class says by whom.
    pub(super) fn provision(self: &Arc<Self>, claim: &Claim) -> Result<(), BinderError> {
        if !self.dynamic_provisioning {
            return Ok(());
        }
        let name = class_of_claim(claim);
        let Some(class) = self.classes.get("", name) else {
            let note = format!("storageclass.storage.k8s.io {name:?} not found");
            self.tell_failure(claim, note);
            return Ok(());
        };
        let provisioner = &class.provisioner;
        let external = migration::csi_driver(provisioner)
            .or_else(|| (!provisioner.starts_with("kubernetes.io/")).then_some(provisioner.as_str()));
        let operation = format!("provision-{}[{}]", ObjectKey::of(&**claim), claim.metadata.uid);
        let (this, claim) = (self.clone(), claim.clone());
        if let Some(external) = external {
            let external = external.to_owned();
            self.operations
                .run(operation, async move { this.ask_provisioner(&claim, &external).await });
        } else if provisioner == host_path::PROVISIONER {
            self.operations
                .run(operation, async move { this.make_host_path(&claim, &class).await });
        } else {
            let note = format!("no volume plugin matched name: {provisioner}");
            self.tell_failure(&claim, note);
        }
        Ok(())
    }

    fn tell_failure(&self, claim: &PersistentVolumeClaim, note: String) {
        self.recorder
            .event(claim, EventType::Warning, "ProvisioningFailed", note);
    }

    /// Names the provisioner on the claim, which is how it is told.
    async fn set_provisioner(&self, claim: &Claim, provisioner: &str) -> Result<Claim, client_go::Error> {
        let annotations = &claim.metadata.annotations;
        if annotations
            .get(PROVISIONER)
            .is_some_and(|present| present == provisioner)
        {
            return Ok(claim.clone());
        }
        let mut changed = (**claim).clone();
        for key in [BETA_PROVISIONER, PROVISIONER] {
            changed.metadata.annotations.insert(key, provisioner.to_owned());
        }
        if let Some(annotations) = migration::annotated(&changed.metadata.annotations, true) {
            changed.metadata.annotations = annotations;
        }
        self.write_claim(&changed).await
    }

    async fn ask_provisioner(&self, claim: &Claim, provisioner: &str) -> Result<(), ()> {
        let claim = match self.set_provisioner(claim, provisioner).await {
            Ok(claim) => claim,
            Err(error) => {
                self.tell_failure(claim, format!("Error saving claim: {error}"));
                return Err(());
            }
        };
        let note = format!(
            "Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the \
             system administrator. If volume creation is delayed, please verify that the provisioner is running and \
             correctly registered."
        );
        self.recorder
            .event(&*claim, EventType::Normal, "ExternalProvisioning", note);
        Ok(())
    }

    async fn make_host_path(&self, claim: &Claim, class: &StorageClass) -> Result<(), ()> {
        let provisioner = host_path::PROVISIONER;
        if claim.spec.data_source.is_some() {
            let note = format!(
                "plugin {provisioner:?} is not a CSI plugin. Only CSI plugin can provision a claim with a datasource"
            );
            self.tell_failure(claim, note);
            return Err(());
        }
        let Ok(claim) = self.set_provisioner(claim, provisioner).await else {
            return Err(());
        };
        let name = format!("pvc-{}", claim.metadata.uid);
        let api = self.client.cluster::<PersistentVolume>();
        // It was made before, and the claim was not told.
        match api.get_opt(&name).await {
            Ok(None) => {}
            Ok(Some(_)) => return Ok(()),
            Err(_) => return Err(()),
        }
        if !class.mount_options.is_empty() {
            let note = format!(
                "Mount options are not supported by the provisioner but StorageClass {:?} has mount options [{}]",
                class.metadata.name,
                class.mount_options.join(" ")
            );
            self.tell_failure(&claim, note);
            return Err(());
        }
        if !self.host_path_provisioning {
            let note =
                format!("Failed to create provisioner: provisioning in volume plugin {provisioner:?} is disabled");
            self.tell_failure(&claim, note);
            return Err(());
        }
        let volume = match host_path::provision(name, &claim, class).await {
            Ok(volume) => self.completed(volume, &claim),
            Err(error) => {
                let class = &class.metadata.name;
                self.tell_failure(
                    &claim,
                    format!("Failed to provision volume with StorageClass {class:?}: {error}"),
                );
                return Err(());
            }
        };
        self.create_provisioned(&claim, volume).await
    }

    /// A new volume with everything that binds it to its claim.
    fn completed(&self, mut volume: PersistentVolume, claim: &Claim) -> PersistentVolume {
        volume.spec.claim_ref = Some(Box::new(reference(&**claim)));
        class_of_claim(claim).clone_into(&mut volume.spec.storage_class_name);
        "Bound".clone_into(&mut volume.status.phase);
        let annotations = &mut volume.metadata.annotations;
        annotations.insert(BOUND_BY_CONTROLLER, "yes".to_owned());
        annotations.insert(PROVISIONED_BY, host_path::PROVISIONER.to_owned());
        if volume.spec.persistent_volume_reclaim_policy == "Delete" {
            controller_objects::finalizers::add(&mut volume.metadata, IN_TREE_FINALIZER);
        }
        volume
    }

    /// Creates a volume whose storage is there; if that cannot be done the storage goes again.
    async fn create_provisioned(&self, claim: &Claim, volume: PersistentVolume) -> Result<(), ()> {
        let api = self.client.cluster::<PersistentVolume>();
        let mut failure = None;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            match api.create(&volume).await {
                Err(error) if !error.is_already_exists() => failure = Some(error),
                _ => {
                    let name = &volume.metadata.name;
                    let note = format!(
                        "Successfully provisioned volume {name} using {}",
                        host_path::PROVISIONER
                    );
                    self.recorder
                        .event(&**claim, EventType::Normal, "ProvisioningSucceeded", note);
                    return Ok(());
                }
            }
        }
        let error = failure.expect("a loop of several attempts ends well or has failed");
        let key = ObjectKey::of(&**claim);
        let note = format!("Error creating provisioned PV object for claim {key}: {error}. Deleting the volume.");
        self.tell_failure(claim, note);
        if let Err(error) = host_path::delete(&volume).await {
            let note = format!("Error cleaning provisioned volume for claim {key}: {error}. Please delete manually.");
            self.recorder
                .event(&**claim, EventType::Warning, "ProvisioningCleanupFailed", note);
        }
        Ok(())
    }
}
