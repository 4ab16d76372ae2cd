//! Deletes everything in a namespace: pods first, then every other kind that the server serves.

use client_go::api::{DeleteOptions, DynamicObject, ListOptions, Propagation, WriteOptions};
use client_go::discovery::{ApiResource, RestMapper, discover};
use client_go::{Client, Error, GroupVersionResource};
use k8s_api::core::v1::{Namespace, Pod};
use k8s_api::meta::v1::PartialObjectMetadata;
use k8s_api::primitives::Time;

use super::conditions::Findings;

/// The finalizer in a namespace's spec that stands for its contents.
const FINALIZER: &str = "kubernetes";
/// How long finalizers of contents are given before anybody looks again, in seconds.
const FINALIZER_ESTIMATE: u64 = 15;

/// How far a deletion has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing is left to do.
    Done,
    /// Contents are on their way out.
    Remaining {
        /// How long they will take, by an estimate.
        seconds: u64,
    },
}

/// Why a deletion does not get on.
#[derive(Debug, thiserror::Error)]
pub(super) enum DeleteError {
    /// The server says no.
    #[error(transparent)]
    Api(#[from] Error),
    /// Another namespace took the name meanwhile.
    #[error("namespace uid has changed across retries")]
    UidChanged,
    /// Some contents could not be deleted.
    #[error("{0}")]
    Content(String),
}

/// What remains of one resource.
#[derive(Default)]
struct Remains {
    seconds: u64,
    count: usize,
    finalizers: Vec<String>,
}

/// What is written to a namespace on its way.
#[derive(Clone, Copy, Debug)]
enum Change {
    /// Its phase is `Terminating`.
    Terminate,
    /// Its contents hold it no longer.
    Finalize,
}

impl Change {
    async fn write(self, client: &Client, namespace: &Namespace) -> Result<Namespace, Error> {
        let api = client.cluster::<Namespace>();
        let mut changed = namespace.clone();
        match self {
            Self::Terminate => {
                if namespace.metadata.deletion_timestamp.is_none() || namespace.status.phase == "Terminating" {
                    return Ok(changed);
                }
                "Terminating".clone_into(&mut changed.status.phase);
                api.update_status(&changed).await
            }
            Self::Finalize => {
                changed.spec.finalizers.retain(|finalizer| finalizer != FINALIZER);
                changed.spec.finalizers.sort();
                api.replace(&changed, Some("finalize"), &WriteOptions::default()).await
            }
        }
    }
}

pub(super) struct Deleter {
    client: Client,
}

impl Deleter {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Deletes a namespace that is being deleted as far as it goes now.
    pub(super) async fn delete(&self, name: &str) -> Result<Progress, DeleteError> {
        let api = self.client.cluster::<Namespace>();
        let Some(namespace) = api.get_opt(name).await? else {
            return Ok(Progress::Done);
        };
        if namespace.metadata.deletion_timestamp.is_none() {
            return Ok(Progress::Done);
        }
        let Some(mut namespace) = self.change(namespace, Change::Terminate).await? else {
            return Ok(Progress::Done);
        };
        if namespace.metadata.deletion_timestamp.is_none() || namespace.spec.finalizers.is_empty() {
            return Ok(Progress::Done);
        }
        let seconds = self.delete_contents(&mut namespace).await?;
        if seconds > 0 {
            return Ok(Progress::Remaining { seconds });
        }
        self.change(namespace, Change::Finalize).await?;
        Ok(Progress::Done)
    }

    /// Changes a namespace, again on its newest state as long as there are conflicts. `None` if it is gone.
    async fn change(&self, mut namespace: Namespace, change: Change) -> Result<Option<Namespace>, DeleteError> {
        loop {
            match change.write(&self.client, &namespace).await {
                Ok(changed) => return Ok(Some(changed)),
                Err(error) if error.is_not_found() => return Ok(None),
                Err(error) if !error.is_conflict() => return Err(error.into()),
                Err(_) => {}
            }
            let name = &namespace.metadata.name;
            let Some(latest) = self.client.cluster::<Namespace>().get_opt(name).await? else {
                return Ok(None);
            };
            if latest.metadata.uid != namespace.metadata.uid {
                return Err(DeleteError::UidChanged);
            }
            namespace = latest;
        }
    }

    /// Deletes contents, tells on the status what is left, and estimates how many seconds it will take.
    async fn delete_contents(&self, namespace: &mut Namespace) -> Result<u64, DeleteError> {
        let mut findings = Findings::default();
        let mut errors = Vec::new();
        let resources = self.deletable(&mut findings, &mut errors).await;
        let (pods, others): (Vec<_>, Vec<_>) = resources.into_iter().partition(is_pods);
        let mut seconds = 0;
        for pods in &pods {
            match self.delete_resource(pods, namespace).await {
                Ok(remains) => note(&mut findings, &mut seconds, pods, remains),
                Err(error) => {
                    errors.push(format!(
                        "failed to delete pods for namespace: {}, err: {error}",
                        namespace.metadata.name
                    ));
                    findings.content.push(error.to_string());
                }
            }
        }
        // What pods may need stays until they are gone; of them alone the status then tells nothing but errors.
        if findings.remaining.is_empty() {
            for resource in &others {
                match self.delete_resource(resource, namespace).await {
                    Ok(remains) => note(&mut findings, &mut seconds, resource, remains),
                    Err(error) => {
                        errors.push(error.to_string());
                        findings.content.push(error.to_string());
                    }
                }
            }
        } else {
            findings.remaining.clear();
            findings.finalizers.clear();
        }
        if findings.write(namespace, Time::now())
            && let Err(error) = self.client.cluster::<Namespace>().update_status(namespace).await
        {
            let name = &namespace.metadata.name;
            tracing::error!(namespace = name, %error, "Couldn't update status condition for namespace");
        }
        if errors.is_empty() {
            Ok(seconds)
        } else {
            Err(DeleteError::Content(controller_objects::aggregate(&errors)))
        }
    }

    /// Every namespaced resource that can be deleted, once, in its group's preferred version. What cannot be discovered
    /// does not hold up the rest.
    async fn deletable(&self, findings: &mut Findings, errors: &mut Vec<String>) -> Vec<ApiResource> {
        let discovered = match discover(&self.client).await {
            Ok(discovered) => discovered,
            Err(error) => {
                findings.discovery = Some(error.to_string());
                errors.push(error.to_string());
                return Vec::new();
            }
        };
        if !discovered.failed.is_empty() {
            let failed: Vec<_> = discovered
                .failed
                .iter()
                .map(|(version, why)| format!("{version}: {why}"))
                .collect();
            let error = format!(
                "unable to retrieve the complete list of server APIs: {}",
                failed.join(", ")
            );
            findings.discovery = Some(format!(
                "Discovery failed for some groups, {} failing: {error}",
                failed.len()
            ));
            errors.push(error);
        }
        let mapper = RestMapper::new(discovered.groups);
        let preferred = mapper.preferred_resources().into_iter();
        preferred
            .filter(|resource| resource.namespaced && resource.has_verb("delete"))
            .cloned()
            .collect()
    }

    async fn delete_resource(&self, resource: &ApiResource, namespace: &Namespace) -> Result<Remains, Error> {
        let names = resource.group_version_resource();
        let name = &namespace.metadata.name;
        let lists = resource.has_verb("list");
        let mut seconds = 0;
        if is_pods(resource) {
            seconds = self.longest_grace_period(namespace).await?;
        }
        let api = self.client.resource::<PartialObjectMetadata>(names.clone(), Some(name));
        let present = if lists { list(&api).await? } else { None };
        if present.as_ref().is_some_and(Vec::is_empty) {
            return Ok(Remains::default());
        }
        // Nothing here is anybody's to keep, so no finalizer of the garbage collector is wanted.
        let options = DeleteOptions::default().propagation(Propagation::Background);
        if !resource.has_verb("deletecollection") || !delete_all(&api, &options).await? {
            for object in present.unwrap_or_default() {
                match self
                    .client
                    .resource::<DynamicObject>(names.clone(), Some(name))
                    .delete(&object.metadata.name, &options)
                    .await
                {
                    Err(error) if !error.is_not_found() && !is_unsupported(&error) => return Err(error),
                    _ => {}
                }
            }
        }
        let left = if lists {
            list(&api).await?.unwrap_or_default()
        } else {
            Vec::new()
        };
        if left.is_empty() {
            // An estimate without anything that can be counted still stands.
            return Ok(Remains {
                seconds: if lists { 0 } else { seconds },
                ..Remains::default()
            });
        }
        let finalizers: Vec<String> = left
            .iter()
            .flat_map(|object| object.metadata.finalizers.iter().cloned())
            .collect();
        if seconds == 0 {
            if finalizers.is_empty() {
                return Err(Error::Invalid(format!(
                    "unexpected items still remain in namespace: {name} for gvr: {names}"
                )));
            }
            seconds = FINALIZER_ESTIMATE;
        }
        Ok(Remains {
            seconds,
            count: left.len(),
            finalizers,
        })
    }

    /// How long the namespace's pods may still take to end: the longest of their grace periods, unless that has passed.
    async fn longest_grace_period(&self, namespace: &Namespace) -> Result<u64, Error> {
        let api = self.client.namespaced::<Pod>(namespace.metadata.name.clone());
        let pods = api.list(&ListOptions::default()).await?.items;
        let running = pods.iter().filter(|pod| !controller_objects::pods::is_terminal(pod));
        let longest = running
            .filter_map(|pod| pod.spec.termination_grace_period_seconds)
            .max();
        let longest = u64::try_from(longest.unwrap_or(0)).unwrap_or(0);
        let since = namespace
            .metadata
            .deletion_timestamp
            .map_or(0, |deleted| Time::now().since(deleted).as_secs());
        Ok(if since >= longest { 0 } else { longest })
    }
}

fn is_pods(resource: &ApiResource) -> bool {
    (resource.group.as_str(), resource.name.as_str()) == ("", "pods")
}

fn note(findings: &mut Findings, seconds: &mut u64, resource: &ApiResource, remains: Remains) {
    *seconds = (*seconds).max(remains.seconds);
    if remains.count > 0 {
        let names: GroupVersionResource = resource.group_version_resource();
        findings.remaining.insert(names, remains.count);
    }
    for finalizer in remains.finalizers {
        *findings.finalizers.entry(finalizer).or_default() += 1;
    }
}

/// Whether the server does not know the resource or the verb after all: it went since it was discovered.
fn is_unsupported(error: &Error) -> bool {
    error
        .status()
        .is_some_and(|status| status.is_not_found() || status.code() == 405)
}

/// Deletes a collection; false if the server cannot.
async fn delete_all(api: &client_go::Api<PartialObjectMetadata>, options: &DeleteOptions) -> Result<bool, Error> {
    match api.delete_collection(options, &ListOptions::default()).await {
        Ok(()) => Ok(true),
        Err(error) if is_unsupported(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Lists a collection; `None` if the server cannot.
async fn list(api: &client_go::Api<PartialObjectMetadata>) -> Result<Option<Vec<PartialObjectMetadata>>, Error> {
    match api.list(&ListOptions::default()).await {
        Ok(list) => Ok(Some(list.items)),
        Err(error) if is_unsupported(&error) => Ok(None),
        Err(error) => Err(error),
    }
}
