//! Which containers' logs are meant.

use component_base::GoDuration;
use k8s_api::primitives::quote;
use serde_json::Value;

use cli_runtime::resource::{group_kind, text_at};
use cli_runtime::{CommandError, Result, message};

use crate::frame::Context;
use crate::pods::{containers, select};

/// The log of one container.
pub(super) struct Source {
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) container: String,
}

impl Source {
    /// What stands before each line with `--prefix`.
    pub(super) fn prefix(&self) -> String {
        format!("[pod/{}/{}] ", self.pod, self.container)
    }
}

/// What the command line says about the containers.
pub(super) struct Wanted<'w> {
    pub(super) selector: &'w str,
    pub(super) container: &'w str,
    pub(super) all_containers: bool,
    pub(super) all_pods: bool,
    pub(super) timeout: GoDuration,
}

impl Wanted<'_> {
    pub(super) async fn find(&self, context: &Context, target: &str) -> Result<Vec<Source>> {
        let (namespace, _) = context.factory.namespace()?;
        let mut sources = Vec::new();
        if target.is_empty() {
            let found = context
                .builder()
                .namespace(&namespace)
                .default_namespace()
                .resource_types(&["pods"])
                .label_selector(self.selector)
                .flatten()
                .find()
                .await?;
            let infos = found.into_infos()?;
            if infos.is_empty() {
                let said = format!("No resources found in {namespace} namespace.\n");
                context.streams.err.print(said)?;
            }
            for info in &infos {
                self.of_pod(context, info.object(), &mut sources)?;
            }
            return Ok(sources);
        }
        let object = match select::object(context, &namespace, target).await {
            Err(error) if error.is_not_found() => {
                let text = error
                    .status()
                    .map_or_else(|| error.to_string(), |status| status.to_string());
                return Err(CommandError::message(format!(
                    "error from server (NotFound): {text} in namespace {}",
                    quote(&namespace)
                )));
            }
            other => other?,
        };
        let (_, kind) = group_kind(&object);
        if kind == "Pod" {
            self.of_pod(context, &object, &mut sources)?;
            return Ok(sources);
        }
        let (namespace, selector) =
            select::selector(&object).map_err(|error| message!("cannot get the logs from {kind}: {error}"))?;
        let pods = select::pods(context, &namespace, &selector, self.timeout, select::Prefer::Restarted).await?;
        if pods.len() > 1 && self.all_pods {
            for pod in &pods {
                self.of_pod(context, pod, &mut sources)?;
            }
            return Ok(sources);
        }
        if pods.len() > 1 {
            let name = text_at(&pods[0], &["metadata", "name"]);
            let said = format!("Found {} pods, using pod/{name}\n", pods.len());
            context.streams.err.print(said)?;
        }
        self.of_pod(context, &pods[0], &mut sources)?;
        Ok(sources)
    }

    fn of_pod(&self, context: &Context, pod: &Value, sources: &mut Vec<Source>) -> Result<()> {
        let name = text_at(pod, &["metadata", "name"]);
        let mut add = |container: &str| {
            sources.push(Source {
                namespace: text_at(pod, &["metadata", "namespace"]).to_owned(),
                pod: name.to_owned(),
                container: container.to_owned(),
            });
        };
        if self.all_containers {
            for member in ["initContainers", "containers", "ephemeralContainers"] {
                for container in containers::containers(pod, member) {
                    add(text_at(container, &["name"]));
                }
            }
            return Ok(());
        }
        let annotated = containers::annotated(pod);
        let mut container = self.container;
        if container.is_empty() && !annotated.is_empty() {
            if containers::find(pod, annotated).is_some() {
                container = annotated;
            } else {
                let said = format!("Default container name {} not found in pod {name}\n", quote(annotated));
                context.streams.err.print(said)?;
            }
        }
        if container.is_empty() {
            container = text_at(containers::first(pod, self.all_pods, &context.streams)?, &["name"]);
        }
        if containers::find(pod, container).is_none() {
            return Err(message!(
                "container {container} is not valid for pod {name} out of: {}",
                containers::names(pod)
            ));
        }
        add(container);
        Ok(())
    }
}
