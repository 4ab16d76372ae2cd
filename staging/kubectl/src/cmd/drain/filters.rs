//! Which pods of a node go, which stay, and which keep it from being drained (upstream: `drain/filters.go`).

use std::time::Duration;

use k8s_api::primitives::Time;
use serde_json::Value;

use cli_runtime::resource::text_at;

/// What becomes of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes.
    Delete,
    /// It goes, and the user is told why that matters.
    DeleteWarning(String),
    /// It stays, and nobody asks for it.
    Skip,
    /// It stays, and the user is told why.
    SkipWarning(String),
    /// Nothing of the node goes because of it.
    Refuse(String),
}

impl Verdict {
    /// Whether it goes.
    pub(super) fn deletes(&self) -> bool {
        matches!(self, Self::Delete | Self::DeleteWarning(_))
    }
}

/// What the user allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rules {
    /// Pods that nobody would replace may go.
    pub(super) force: bool,
    /// Pods of daemon sets may stay.
    pub(super) ignore_daemon_sets: bool,
    /// Local data may go.
    pub(super) delete_empty_dir_data: bool,
    /// Pods that have been terminating for so long are not waited for; zero for none.
    pub(super) skip_terminating: Duration,
}

/// The daemon set that would replace the pod at once, if there is any to ask for: of a pod that has ended there is none.
pub(super) fn daemon_set(pod: &Value) -> Option<&str> {
    let owner = controller(pod)?;
    let is_daemon_set =
        text_at(owner, &["apiVersion"]) == "apps/v1" && text_at(owner, &["kind"]) == "DaemonSet" && !has_ended(pod);
    is_daemon_set.then(|| text_at(owner, &["name"]))
}

fn controller(pod: &Value) -> Option<&Value> {
    let owners = pod["metadata"]["ownerReferences"].as_array()?;
    owners.iter().find(|owner| owner["controller"] == true)
}

fn has_ended(pod: &Value) -> bool {
    matches!(text_at(pod, &["status", "phase"]), "Succeeded" | "Failed")
}

/// Whether a pod has been terminating for too long to wait for it.
pub(super) fn is_stuck(pod: &Value, limit: Duration) -> bool {
    let deleted = text_at(pod, &["metadata", "deletionTimestamp"]);
    match deleted.parse::<Time>() {
        Ok(deleted) if !limit.is_zero() => Time::now().since(deleted).as_secs() > limit.as_secs(),
        _ => false,
    }
}

/// What becomes of a pod; `daemon_set` is what became of asking for the daemon set that [`daemon_set`] names: why there
/// is none, and whether that is because it does not exist.
pub(super) fn verdict(pod: &Value, rules: Rules, daemon_set: Option<Result<(), (String, bool)>>) -> Verdict {
    if is_stuck(pod, rules.skip_terminating) {
        return Verdict::Skip;
    }
    match daemon_set {
        None => {}
        // Its daemon set is gone: it goes like one that nobody would replace.
        Some(Err((_, true))) if rules.force => {}
        Some(Err((why, _))) => return Verdict::Refuse(why),
        Some(Ok(())) if rules.ignore_daemon_sets => {
            return Verdict::SkipWarning("ignoring DaemonSet-managed Pods".to_owned());
        }
        Some(Ok(())) => {
            return Verdict::Refuse("DaemonSet-managed Pods (use --ignore-daemonsets to ignore)".to_owned());
        }
    }
    if pod["metadata"]["annotations"]
        .get("kubernetes.io/config.mirror")
        .is_some()
    {
        return Verdict::Skip;
    }
    if has_ended(pod) {
        return Verdict::Delete;
    }
    let mut volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
    if volumes.any(|volume| volume.get("emptyDir").is_some()) && !rules.delete_empty_dir_data {
        return Verdict::Refuse("Pods with local storage (use --delete-emptydir-data to override)".to_owned());
    }
    match controller(pod) {
        // A warning about local storage is lost behind this, as ever.
        Some(_) => Verdict::Delete,
        None if rules.force => Verdict::DeleteWarning("deleting Pods that declare no controller".to_owned()),
        None => Verdict::Refuse("Pods that declare no controller (use --force to override)".to_owned()),
    }
}

/// The pods of each text, in the order in which the texts came up: `text: namespace/name, …`.
pub(super) fn by_text<'p>(pods: impl Iterator<Item = (&'p str, &'p Value)>) -> Vec<String> {
    let mut texts: Vec<(&str, Vec<String>)> = Vec::new();
    for (text, pod) in pods {
        let name = format!(
            "{}/{}",
            text_at(pod, &["metadata", "namespace"]),
            text_at(pod, &["metadata", "name"])
        );
        match texts.iter_mut().find(|(known, _)| *known == text) {
            Some((_, names)) => names.push(name),
            None => texts.push((text, vec![name])),
        }
    }
    texts
        .into_iter()
        .map(|(text, names)| format!("{text}: {}", names.join(", ")))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_pod_has_its_verdict() {
        let owned = |kind: &str| json!({"ownerReferences": [{"apiVersion": "apps/v1", "kind": kind, "name": "o", "controller": true}]});
        let none = Rules::default();
        let force = Rules { force: true, ..none };
        let refuse = |text: &str| Verdict::Refuse(text.to_owned());
        let gone = || Some(Err(("daemonsets.apps \"o\" not found".to_owned(), true)));
        let stuck = json!({"deletionTimestamp": "2024-01-01T00:00:00Z"});
        let skip = Rules {
            skip_terminating: Duration::from_secs(5),
            ..none
        };
        for (pod, rules, daemon_set, expected) in [
            (json!({"metadata": owned("ReplicaSet")}), none, None, Verdict::Delete),
            (
                json!({}),
                none,
                None,
                refuse("Pods that declare no controller (use --force to override)"),
            ),
            (
                json!({}),
                force,
                None,
                Verdict::DeleteWarning("deleting Pods that declare no controller".to_owned()),
            ),
            (json!({"status": {"phase": "Failed"}}), none, None, Verdict::Delete),
            (
                json!({"metadata": owned("DaemonSet")}),
                none,
                Some(Ok(())),
                refuse("DaemonSet-managed Pods (use --ignore-daemonsets to ignore)"),
            ),
            (
                json!({"metadata": owned("DaemonSet")}),
                Rules {
                    ignore_daemon_sets: true,
                    ..none
                },
                Some(Ok(())),
                Verdict::SkipWarning("ignoring DaemonSet-managed Pods".to_owned()),
            ),
            (
                json!({"metadata": owned("DaemonSet")}),
                none,
                gone(),
                refuse("daemonsets.apps \"o\" not found"),
            ),
            (json!({"metadata": owned("DaemonSet")}), force, gone(), Verdict::Delete),
            (
                json!({"metadata": {"annotations": {"kubernetes.io/config.mirror": "x"}}}),
                none,
                None,
                Verdict::Skip,
            ),
            (
                json!({"metadata": owned("ReplicaSet"), "spec": {"volumes": [{"name": "v", "emptyDir": {}}]}}),
                none,
                None,
                refuse("Pods with local storage (use --delete-emptydir-data to override)"),
            ),
            (
                json!({"metadata": owned("ReplicaSet"), "spec": {"volumes": [{"name": "v", "emptyDir": {}}]}}),
                Rules {
                    delete_empty_dir_data: true,
                    ..none
                },
                None,
                Verdict::Delete,
            ),
            (json!({"metadata": stuck}), skip, None, Verdict::Skip),
        ] {
            assert_eq!(verdict(&pod, rules, daemon_set), expected, "{pod} {rules:?}");
        }
    }

    #[test]
    fn pods_are_gathered_by_text() {
        let pod = |name: &str| json!({"metadata": {"namespace": "n", "name": name}});
        let (a, b, c) = (pod("a"), pod("b"), pod("c"));
        let texts = by_text([("x", &a), ("y", &b), ("x", &c)].into_iter());
        assert_eq!(texts, ["x: n/a, n/c", "y: n/b"]);
    }
}
