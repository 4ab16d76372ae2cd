//! Carries a workload out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::target::{Kind, Progress, Target};
use crate::workload::{Csi, Step, Volumes, Workload, Workloads};
use crate::{Failure, Measured, Usage};

const DRIVER: &str = "ebs.csi.aws.com";
const HOST_NAME: &str = "kubernetes.io/hostname";
/// How long it may take until one more pod has a node.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a workload is carried out with.
pub(crate) struct Stage {
    pub(crate) target: Target,
    pub(crate) progress: Arc<Progress>,
    /// The processor time so far.
    pub(crate) cpu: Box<dyn Fn() -> Usage>,
}

/// The prefix of a template's names.
fn prefix(template: &Value) -> &str {
    template["metadata"]["generateName"].as_str().unwrap_or_default()
}

/// An object of a template.
fn object(template: &Value, name: &str) -> Value {
    let mut object = template.clone();
    if let Some(metadata) = object["metadata"].as_object_mut()
        && metadata.remove("generateName").is_some()
    {
        metadata.insert("name".to_owned(), name.into());
    }
    object
}

fn pod(template: &Value, name: &str) -> Value {
    let mut pod = object(template, name);
    pod["spec"]["schedulerName"] = "default-scheduler".into();
    pod
}

fn csi_node(name: &str, csi: Csi) -> Value {
    let annotations = match csi {
        Csi::Driver => json!({}),
        Csi::Migrated => json!({"storage.alpha.kubernetes.io/migrated-plugins": "kubernetes.io/aws-ebs"}),
    };
    json!({"metadata": {"name": name, "annotations": annotations},
           "spec": {"drivers": [{"name": DRIVER, "nodeID": name, "topologyKeys": [], "allocatable": {"count": 39}}]}})
}

/// A volume and the claim that it is bound to.
fn volume(name: &str, namespace: &str, kind: Volumes) -> (Value, Value) {
    let source = match kind {
        Volumes::Aws => json!({"awsElasticBlockStore": {"volumeID": name}}),
        Volumes::Csi => json!({"csi": {"driver": DRIVER, "volumeHandle": name}}),
    };
    let mut volume = json!({"metadata": {"name": name}, "spec": {
        "accessModes": ["ReadOnlyMany"], "capacity": {"storage": "1Gi"}, "persistentVolumeReclaimPolicy": "Retain",
        "claimRef": {"kind": "PersistentVolumeClaim", "namespace": namespace, "name": name}}});
    if let (Some(spec), Some(source)) = (volume["spec"].as_object_mut(), source.as_object()) {
        spec.extend(source.clone());
    }
    let claim = json!({
        "metadata": {"name": name, "annotations": {"pv.kubernetes.io/bind-completed": "true"}},
        "spec": {"accessModes": ["ReadOnlyMany"], "resources": {"requests": {"storage": "1Gi"}}, "volumeName": name},
        "status": {"phase": "Bound"},
    });
    (volume, claim)
}

impl Stage {
    /// Carries out all steps; what goes on in the background ends with `stop`.
    pub(crate) async fn run(
        &self,
        workload: &Workload,
        all: &Workloads,
        stop: &CancellationToken,
    ) -> Result<Measured, Failure> {
        let mut measured = None;
        for (number, step) in workload.steps.iter().enumerate() {
            if let Some(figures) = self.step(number, step, workload, all, stop).await? {
                measured = Some(figures);
            }
        }
        measured.ok_or_else(|| Failure::Workloads(format!("{} measures nothing", workload.name)))
    }

    async fn step(
        &self,
        number: usize,
        step: &Step,
        workload: &Workload,
        all: &Workloads,
        stop: &CancellationToken,
    ) -> Result<Option<Measured>, Failure> {
        match step {
            Step::Nodes {
                count,
                template,
                spread,
                csi,
            } => {
                let template = all.template(&workload.name, template)?;
                let names = (0..*count).map(|i| format!("{}{number}-{i}", prefix(template)));
                let mut nodes = Vec::with_capacity(*count);
                let mut csi_nodes = Vec::new();
                for (i, name) in names.enumerate() {
                    let mut node = object(template, &name);
                    let name = node["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                    node["metadata"]["labels"][HOST_NAME] = name.clone().into();
                    for (key, values) in spread {
                        node["metadata"]["labels"][key] = values[i % values.len()].clone().into();
                    }
                    csi_nodes.extend(csi.map(|csi| csi_node(&name, csi)));
                    nodes.push(node);
                }
                self.target.create(Kind::CsiNode, "", csi_nodes).await?;
                self.target.create(Kind::Node, "", nodes).await?;
                Ok(None)
            }
            Step::Namespaces { count, prefix, labels } => {
                let namespace = |i| json!({"metadata": {"name": format!("{prefix}-{i}"), "labels": labels}});
                self.target
                    .create(Kind::Namespace, "", (0..*count).map(namespace).collect())
                    .await?;
                Ok(None)
            }
            Step::Pods { .. } => self.pods(number, step, workload, all).await,
            Step::Churn {
                templates,
                every_ms,
                again,
            } => {
                let templates: Result<Vec<Value>, Failure> = templates
                    .iter()
                    .map(|name| all.template(&workload.name, name).cloned())
                    .collect();
                let period = Duration::from_millis(*every_ms);
                tokio::spawn(churn(self.target.clone(), templates?, period, *again, stop.clone()));
                Ok(None)
            }
            Step::Deletions { namespace, per_second } => {
                let pods = workload.steps.iter().enumerate().find_map(|(number, step)| match step {
                    Step::Pods {
                        namespace: of,
                        template,
                        count,
                        ..
                    } if of == namespace => Some((number, template, *count)),
                    _ => None,
                });
                let Some((number, template, count)) = pods else {
                    return Ok(None);
                };
                let prefix = prefix(all.template(&workload.name, template)?).to_owned();
                let (target, namespace, stop) = (self.target.clone(), namespace.clone(), stop.clone());
                let mut ticks = tokio::time::interval(Duration::from_secs(1) / u32::try_from(*per_second).unwrap_or(1));
                tokio::spawn(async move {
                    for i in 0..count {
                        tokio::select! {
                            _ = ticks.tick() => {}
                            () = stop.cancelled() => return,
                        }
                        if let Err(error) = target
                            .delete(Kind::Pod, &namespace, &format!("{prefix}{number}-{i}"))
                            .await
                        {
                            eprintln!("deleting: {error}");
                        }
                    }
                });
                Ok(None)
            }
        }
    }

    async fn pods(
        &self,
        number: usize,
        step: &Step,
        workload: &Workload,
        all: &Workloads,
    ) -> Result<Option<Measured>, Failure> {
        let Step::Pods {
            count,
            template,
            namespace,
            namespaces,
            volumes,
            measured,
            stays,
        } = step
        else {
            return Ok(None);
        };
        let template = all.template(&workload.name, template)?;
        let group = format!("{}{number}", prefix(template));
        let places: Vec<String> = match namespaces {
            Some(namespaces) => (0..*namespaces).map(|i| format!("{namespace}-{i}")).collect(),
            None => vec![namespace.clone()],
        };
        let mut creations = Vec::new();
        let mut i = 0;
        for place in places {
            let mut pods = Vec::with_capacity(*count);
            let (mut pvs, mut claims) = (Vec::new(), Vec::new());
            for _ in 0..*count {
                let name = format!("{group}-{i}");
                i += 1;
                let mut pod = pod(template, &name);
                if let Some(kind) = volumes {
                    let (pv, claim) = volume(&name, &place, *kind);
                    pvs.push(pv);
                    claims.push(claim);
                    pod["spec"]["volumes"] = json!([{"name": "vol", "persistentVolumeClaim": {"claimName": name}}]);
                }
                pods.push(pod);
            }
            self.target.create(Kind::Volume, "", pvs).await?;
            self.target.create(Kind::Claim, &place, claims).await?;
            creations.push((place, pods));
        }
        let (began, used) = (Instant::now(), (self.cpu)());
        for (place, pods) in creations {
            self.target.create(Kind::Pod, &place, pods).await?;
        }
        if *stays {
            tokio::time::sleep(Duration::from_secs(2)).await;
            return Ok(None);
        }
        self.progress.until(&group, i, PATIENCE).await?;
        Ok(measured.then(|| Measured {
            pods: i,
            seconds: began.elapsed().as_secs_f64(),
            cpu: (self.cpu)() - used,
        }))
    }
}

/// Creates an object of each template again and again.
async fn churn(target: Target, templates: Vec<Value>, period: Duration, again: bool, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(period);
    let kind = |template: &Value| match prefix(template) {
        node if node.starts_with("node-") => Kind::Node,
        service if service.starts_with("service-") => Kind::Service,
        _ => Kind::Pod,
    };
    for i in 0_u64.. {
        for template in &templates {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.cancelled() => return,
            }
            let (kind, place) = (kind(template), "default");
            let name = |i: u64| format!("{}{i}", prefix(template));
            let last = i.checked_sub(1).filter(|_| again);
            let outcome = async {
                if let Some(last) = last {
                    target.delete(kind, place, &name(last)).await?;
                }
                let mut object = object(template, &name(i));
                if kind == Kind::Pod {
                    object["spec"]["schedulerName"] = "default-scheduler".into();
                }
                target.create(kind, place, vec![object]).await
            };
            if let Err(error) = outcome.await {
                eprintln!("churn: {error}");
            }
        }
    }
}
