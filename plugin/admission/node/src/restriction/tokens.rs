//! Tokens of service accounts, as kubelets ask for them: bound to a pod of theirs, for audiences that the pod uses.

use apimachinery::status::StatusError;
use apiserver::admission::Operation;
use apiserver_auth::authorization::Attributes as Question;
use k8s_api::{
    authentication::v1::TokenRequest,
    core::v1::{Pod, Volume},
};

use super::{NodeRestriction, Write};

impl NodeRestriction {
    pub(super) async fn judge_token(&self, write: &Write<'_>) -> Result<(), StatusError> {
        let attributes = write.attributes;
        if attributes.operation != Operation::Create || attributes.subresource != "token" {
            return Ok(());
        }
        let request: &TokenRequest = write.object_as()?;
        let bound = request.spec.bound_object_ref.as_ref();
        let bound = bound.filter(|bound| bound.api_version == "v1" && bound.kind == "Pod" && !bound.name.is_empty());
        let Some(bound) = bound else {
            return Err(write.refuse("node requested token not bound to a pod"));
        };
        if bound.uid.is_empty() {
            return Err(write.refuse("node requested token with a pod binding without a uid"));
        }
        let pod = self.pod(write, &bound.name)?;
        if bound.uid != pod.metadata.uid {
            return Err(write.refuse(format!(
                "the UID in the bound object reference ({}) does not match the UID in record. The object might have been \
                 deleted and then recreated",
                bound.uid
            )));
        }
        if pod.spec.node_name != write.node {
            return Err(write.refuse("node requested token bound to a pod scheduled on a different node"));
        }
        if !self.audience_restriction {
            return Ok(());
        }
        self.judge_audience(write, &request.spec.audiences, &pod).await
    }

    /// The audience is one that the pod's volumes name, or one that the node may ask for in general.
    async fn judge_audience(&self, write: &Write<'_>, audiences: &[String], pod: &Pod) -> Result<(), StatusError> {
        let audience = match audiences {
            [] => "",
            [audience] => audience,
            _ => return Err(write.refuse("node may only request 0 or 1 audiences")),
        };
        match self.names_audience(pod, audience) {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) => {
                let reason = format!("error validating audience {audience:?}: {error}");
                return Err(write.refuse(reason));
            }
        }
        let attributes = write.attributes;
        let user = attributes.user();
        // An audience stands where a resource does; the account is the name.
        let question = Question {
            namespace: attributes.namespace,
            name: attributes.name,
            ..Question::resource(user, "request-serviceaccounts-token-audience", "", "v1", audience)
        };
        let answer = self.permissions.ask(&question).await;
        if answer.is_allowed() {
            return Ok(());
        }
        let (what, user) = (
            format!("audience {audience:?} not found in pod spec volume"),
            &user.name,
        );
        Err(write.refuse(match answer.error {
            Some(error) => format!("{what}, error authorizing {user} to request tokens for this audience: {error}"),
            None => format!("{what}, {user} is not authorized to request tokens for this audience"),
        }))
    }

    /// Whether a volume of the pod needs tokens for the audience.
    fn names_audience(&self, pod: &Pod, audience: &str) -> Result<bool, String> {
        let mut errors = Vec::new();
        for volume in &pod.spec.volumes {
            let mut sources = volume.projected.iter().flat_map(|projected| &projected.sources);
            let projected = sources.any(|source| {
                source
                    .service_account_token
                    .as_ref()
                    .is_some_and(|token| token.audience == audience)
            });
            if projected {
                return Ok(true);
            }
            match self
                .driver(pod, volume)
                .and_then(|driver| self.driver_names(driver, audience))
            {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(error) => errors.push(error),
            }
        }
        match errors.len() {
            0 => Ok(false),
            1 => Err(errors.remove(0)),
            _ => Err(format!("[{}]", errors.join(", "))),
        }
    }

    /// The CSI driver behind a volume.
    fn driver(&self, pod: &Pod, volume: &Volume) -> Result<Option<String>, String> {
        let claim = if volume
            .ephemeral
            .as_ref()
            .is_some_and(|source| source.volume_claim_template.is_some())
        {
            format!("{}-{}", pod.metadata.name, volume.name)
        } else if let Some(source) = &volume.persistent_volume_claim {
            source.claim_name.clone()
        } else {
            return Ok(volume.csi.as_ref().map(|source| source.driver.clone()));
        };
        let found = self.objects.claims.get(&pod.metadata.namespace, &claim);
        let found = found.ok_or_else(|| format!("persistentvolumeclaim {claim:?} not found"))?;
        let name = &found.spec.volume_name;
        let volume = self.objects.volumes.get("", name);
        let volume = volume.ok_or_else(|| format!("persistentvolume {name:?} not found"))?;
        Ok(volume.spec.csi.as_ref().map(|source| source.driver.clone()))
    }

    fn driver_names(&self, driver: Option<String>, audience: &str) -> Result<bool, String> {
        let Some(name) = driver.filter(|name| !name.is_empty()) else {
            return Ok(false);
        };
        let driver = self.objects.drivers.get("", &name);
        let driver = driver.ok_or_else(|| format!("csidriver.storage.k8s.io {name:?} not found"))?;
        Ok(driver
            .spec
            .token_requests
            .iter()
            .any(|request| request.audience == audience))
    }
}
