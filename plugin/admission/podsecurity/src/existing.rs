//! What a stricter level would say of the pods that a namespace has already.

use std::{
    collections::{BTreeMap, HashSet},
    ops::ControlFlow,
    sync::Arc,
    time::{Duration, Instant},
};

use apiserver::admission::Lookup;
use k8s_api::core::v1::Pod;

use crate::{Evaluator, config::Exemptions, level::LevelVersion};

/// Pods that are looked at at most.
const MOST_PODS: usize = 3000;
/// How long that may take.
const TIME: Duration = Duration::from_secs(1);

/// The pods with the same violations.
struct Group {
    first: String,
    count: usize,
}

/// Collects violations, with one pod's name for each kind.
struct Findings<'a> {
    evaluator: &'a Evaluator,
    mode: LevelVersion,
    groups: BTreeMap<String, Group>,
    checked: usize,
    deadline: Instant,
}

impl Findings<'_> {
    fn is_exhausted(&self) -> bool {
        self.checked >= MOST_PODS || Instant::now() >= self.deadline
    }

    fn look_at(&mut self, pod: &Pod) {
        self.checked += 1;
        let verdict = self.evaluator.evaluate(self.mode, &pod.metadata, &pod.spec);
        if verdict.is_allowed() {
            return;
        }
        let name = &pod.metadata.name;
        let group = self.groups.entry(verdict.reason()).or_insert_with(|| Group {
            first: name.clone(),
            count: 0,
        });
        group.count += 1;
        if *name < group.first {
            group.first.clone_from(name);
        }
    }
}

/// The warnings for a namespace whose enforced level becomes `mode`: of each set of replicas one pod is looked
/// at first, the others as far as time and number allow.
pub(crate) fn warnings(
    evaluator: &Evaluator,
    exemptions: &Exemptions,
    pods: &dyn Lookup<Pod>,
    namespace: &str,
    mode: LevelVersion,
) -> Vec<String> {
    let mut findings = Findings {
        evaluator,
        mode,
        groups: BTreeMap::new(),
        checked: 0,
        deadline: Instant::now() + TIME,
    };
    let mut total = 0;
    let mut controllers: HashSet<String> = HashSet::new();
    let mut replicas: Vec<Arc<Pod>> = Vec::new();
    pods.visit(namespace, &mut |pod| {
        if exemptions.runtime_class(pod.spec.runtime_class_name.as_deref()) {
            return ControlFlow::Continue(());
        }
        total += 1;
        let owners = &pod.metadata.owner_references;
        let controller = owners.iter().find(|owner| owner.controller == Some(true));
        if controller.is_some_and(|owner| !controllers.insert(owner.uid.clone())) {
            if replicas.len() < MOST_PODS {
                replicas.push(pod.clone());
            }
        } else if !findings.is_exhausted() {
            findings.look_at(pod);
        }
        ControlFlow::Continue(())
    });
    for pod in &replicas {
        if findings.is_exhausted() {
            break;
        }
        findings.look_at(pod);
    }
    let mut warnings = Vec::new();
    if findings.checked < total {
        let checked = findings.checked;
        warnings.push(format!(
            "new PodSecurity enforce level only checked against the first {checked} of {total} existing pods"
        ));
    }
    if !findings.groups.is_empty() {
        warnings.push(format!(
            r#"existing pods in namespace "{namespace}" violate the new PodSecurity enforce level "{mode}""#
        ));
    }
    let mut groups: Vec<String> = findings
        .groups
        .into_iter()
        .map(|(reason, Group { first, count })| match count {
            1 => format!("{first}: {reason}"),
            2 => format!("{first} (and 1 other pod): {reason}"),
            _ => format!("{first} (and {} other pods): {reason}", count - 1),
        })
        .collect();
    groups.sort_unstable();
    warnings.extend(groups);
    warnings
}
