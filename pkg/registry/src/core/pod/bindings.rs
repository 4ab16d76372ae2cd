//! `pods/binding`, and the same under its old path `bindings`.
//!
//! Upstream counterpart: `BindingREST` of `pkg/registry/core/pod/storage`.

use std::sync::Arc;

use apimachinery::status::{GroupResource, StatusError};
use apis_pod::pod::validation::validate_binding;
use apiserver::{
    endpoints::{Call, Created, Creater},
    registry::{
        Existing, HubCodec, ObjectBox, Preconditions, Store, Unjudged, Unruled, UpdateFlags, UpdateSource,
        ValidateObject, VersionCodec,
    },
};
use async_trait::async_trait;
use component_base::feature_gates::FeatureGates;
use k8s_api::{
    core::v1::{Binding, Pod},
    meta::v1::Status,
};

use super::bind;

const OWN_KIND: &str = "the codec makes objects of its kind";

/// Assigns pods to nodes.
#[derive(Debug)]
pub struct Bindings {
    pods: Arc<Store>,
    gates: Arc<FeatureGates>,
}

impl Bindings {
    /// Bindings of the pods in this store.
    #[must_use]
    pub fn new(pods: Arc<Store>, gates: Arc<FeatureGates>) -> Arc<Self> {
        Arc::new(Self { pods, gates })
    }
}

/// An error without a reason, as upstream answers with one that is not a Status.
fn plain(message: String) -> StatusError {
    Status {
        status: "Failure".to_owned(),
        message,
        code: 500,
        ..Status::default()
    }
    .into()
}

#[async_trait]
impl Creater for Bindings {
    fn codec(&self) -> Arc<dyn VersionCodec> {
        Arc::new(HubCodec::<Binding>::new(|_| {}))
    }

    fn keeps_uid(&self) -> bool {
        true
    }

    async fn create(
        &self,
        call: &Call<'_>,
        name: &str,
        object: ObjectBox,
        validation: &dyn ValidateObject,
        dry_run: bool,
    ) -> Result<Created, StatusError> {
        let binding: &Binding = object.downcast_ref().expect(OWN_KIND);
        // The old path has no name; the object's counts.
        let by_name = !call.context.info.subresource.is_empty();
        if by_name && name != binding.metadata.name {
            return Err(StatusError::bad_request(
                "name in URL does not match name in Binding object",
            ));
        }
        let errors = validate_binding(binding);
        if !errors.is_empty() {
            return Err(plain(errors.to_string()));
        }
        validation.validate(binding).await?;
        let assignment = Assignment {
            binding,
            gates: &self.gates,
            now: call.context.received,
        };
        let flags = UpdateFlags {
            dry_run,
            force_allow_create: false,
        };
        self.pods
            .update_with(
                &*Unruled::<Pod>::erased(),
                call.context,
                &call.context.info.namespace,
                &binding.metadata.name,
                &assignment,
                &Unjudged,
                &Unjudged,
                flags,
            )
            .await?;
        Ok(Created::Success)
    }
}

struct Assignment<'a> {
    binding: &'a Binding,
    gates: &'a FeatureGates,
    now: jiff::Timestamp,
}

#[async_trait]
impl UpdateSource for Assignment<'_> {
    fn preconditions(&self) -> Preconditions {
        let given = |text: &String| (!text.is_empty()).then(|| text.clone());
        Preconditions {
            uid: given(&self.binding.metadata.uid),
            resource_version: given(&self.binding.metadata.resource_version),
        }
    }

    async fn updated(&self, existing: Option<&Existing>) -> Result<ObjectBox, StatusError> {
        let name = &self.binding.metadata.name;
        let existing = existing.ok_or_else(|| StatusError::not_found(GroupResource::new("", "pods"), name))?;
        let mut object = existing.object.clone_boxed();
        let pod: &mut Pod = object.downcast_mut().expect("the store of pods holds pods only");
        bind(pod, self.binding, self.gates, self.now)
            .map_err(|error| StatusError::conflict(GroupResource::new("", "pods/binding"), name, error))?;
        Ok(object)
    }
}
