//! The range of service addresses that the flags name, as the ServiceCIDR `kubernetes`.

use apimachinery::status::StatusError;
use apiserver::registry::{Local, ResourceStrategy};
use ipnet::IpNet;
use k8s_api::{
    meta::v1::{Condition, ObjectMeta},
    networking::v1::{ServiceCIDR, ServiceCIDRSpec},
    primitives::Time,
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

const NAME: &str = "kubernetes";
/// Owner of the status.
const FIELD_MANAGER: &str = "kubernetes-service-cidr-controller";

/// Makes the ServiceCIDR and says that it is ready.
pub(crate) struct DefaultServiceCidr {
    objects: Local<ServiceCIDR>,
    statuses: Local<ServiceCIDR>,
    status: Arc<dyn ResourceStrategy>,
    cidrs: Vec<String>,
    warned: AtomicBool,
}

impl DefaultServiceCidr {
    /// The ServiceCIDR of one or two ranges; the first names the family of Services that do not say.
    pub(crate) fn new(objects: Local<ServiceCIDR>, status: Arc<dyn ResourceStrategy>, ranges: &[IpNet]) -> Self {
        Self {
            statuses: objects.clone().managed_by(FIELD_MANAGER),
            objects,
            status,
            cidrs: ranges.iter().map(|range| range.trunc().to_string()).collect(),
            warned: AtomicBool::new(false),
        }
    }

    /// Makes it if it is missing, adds a second range, says that it is ready.
    pub(crate) async fn sync(&self) -> Result<(), StatusError> {
        let current = match self.objects.cached("", NAME)? {
            Some(current) => Some(current),
            None => self.objects.get("", NAME).await?,
        };
        let Some(mut current) = current else {
            let object = ServiceCIDR {
                metadata: ObjectMeta {
                    name: NAME.to_owned(),
                    ..ObjectMeta::default()
                },
                spec: ServiceCIDRSpec {
                    cidrs: self.cidrs.clone(),
                },
                ..ServiceCIDR::default()
            };
            tracing::info!(cidrs = ?self.cidrs, "creating the default ServiceCIDR");
            let created = self.objects.create(&object).await;
            return match created {
                Ok(created) => self.sync_status(created).await,
                Err(status) if status.is_already_exists() => Ok(()),
                Err(status) => Err(status),
            };
        };
        let becomes_dual = self.cidrs.len() == 2 && current.spec.cidrs[..] == self.cidrs[..1];
        if becomes_dual {
            current.spec.cidrs.clone_from(&self.cidrs);
            tracing::info!(cidrs = ?self.cidrs, "the default ServiceCIDR gets a second range");
            if let Err(error) = self.objects.update(&current).await {
                tracing::error!(%error, "the default ServiceCIDR can not be updated to dual stack");
            }
            return Ok(());
        }
        self.sync_status(current).await
    }

    async fn sync_status(&self, mut object: ServiceCIDR) -> Result<(), StatusError> {
        if object.metadata.deletion_timestamp.is_some() {
            return Ok(());
        }
        if object.spec.cidrs != self.cidrs {
            self.warn_once(&object, "does not match the flags");
            return Ok(());
        }
        let conditions = &mut object.status.conditions;
        match conditions.iter().find(|condition| condition.type_ == "Ready") {
            Some(ready) if ready.status == "True" => return Ok(()),
            Some(ready) if ready.status == "False" => {
                self.warn_once(&object, "is said not to be ready");
                return Ok(());
            }
            _ => conditions.retain(|condition| condition.type_ != "Ready"),
        }
        conditions.push(Condition {
            type_: "Ready".to_owned(),
            status: "True".to_owned(),
            message: "Kubernetes default Service CIDR is ready".to_owned(),
            last_transition_time: Some(Time::from(jiff::Timestamp::now())),
            ..Condition::default()
        });
        let updated = self.statuses.update_with(self.status.as_ref(), "status", &object).await;
        match updated {
            Err(status) if !status.is_conflict() => Err(status),
            _ => Ok(()),
        }
    }

    fn warn_once(&self, object: &ServiceCIDR, what: &str) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(stored = ?object.spec.cidrs, flags = ?self.cidrs, "the default ServiceCIDR {what}");
        }
    }
}
