//! Pods for debugging: a container more in a pod, a changed copy of a pod, a pod on a node (upstream: `cmd/debug`).

mod profile;

use serde_json::{Map, Value, json};

pub use profile::{Keep, Profile};

use crate::json::{Object, list_at, object_at, text_at};
use crate::patching::built_in;
use crate::{Refusal, Result, refuse};

/// The members of a pod's spec that hold containers.
const LISTS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// What the container for debugging is to be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Debugger {
    /// Its name.
    pub name: String,
    /// Its image; empty where a container keeps its own.
    pub image: String,
    /// What it runs; empty for what the image says.
    pub words: Vec<String>,
    /// Whether `words` are arguments, not a command.
    pub arguments_only: bool,
    /// Its environment.
    pub environment: Vec<(String, String)>,
    /// `imagePullPolicy`; empty for the server's default.
    pub pull_policy: String,
    /// Whether it has an input.
    pub stdin: bool,
    /// Whether it has a terminal.
    pub tty: bool,
    /// Which privileges it gets.
    pub profile: Profile,
    /// A part of a container that is laid over it.
    pub custom: Option<Value>,
}

/// A list at a path of the object, made where there is none.
fn list_mut<'v>(object: &'v mut Value, path: &[&str]) -> &'v mut Vec<Value> {
    let (name, parents) = path.split_last().expect("a path has a last part");
    let list = object_at(object, parents)
        .entry(*name)
        .or_insert_with(|| Value::Array(Vec::new()));
    if !list.is_array() {
        *list = Value::Array(Vec::new());
    }
    list.as_array_mut().expect("it was made a list")
}

/// The container of a name, wherever it stands.
fn container_mut<'p>(pod: &'p mut Value, name: &str) -> Option<&'p mut Object> {
    let spec = pod.get_mut("spec")?.as_object_mut()?;
    let lists = spec.iter_mut().filter(|(member, _)| LISTS.contains(&member.as_str()));
    lists
        .filter_map(|(_, list)| list.as_array_mut())
        .flatten()
        .filter_map(Value::as_object_mut)
        .find(|container| container.get("name").and_then(Value::as_str) == Some(name))
}

/// Whether the pod has a container of this name.
#[must_use]
pub fn has_container(pod: &Value, name: &str) -> bool {
    LISTS
        .iter()
        .flat_map(|member| list_at(pod, &["spec", member]))
        .any(|container| text_at(container, &["name"]) == name)
}

fn set(container: &mut Object, name: &str, value: impl Into<Value>) {
    container.insert(name.to_owned(), value.into());
}

fn set_flag(container: &mut Object, name: &str, flag: bool) {
    if flag {
        set(container, name, true);
    } else {
        container.remove(name);
    }
}

impl Debugger {
    fn environment(&self) -> Value {
        let pair = |(name, value): &(String, String)| json!({"name": name, "value": value});
        self.environment.iter().map(pair).collect()
    }

    fn new_container(&self) -> Object {
        let mut container = Map::new();
        set(&mut container, "name", self.name.as_str());
        set(&mut container, "terminationMessagePolicy", "File");
        set(&mut container, "image", self.image.as_str());
        if !self.environment.is_empty() {
            set(&mut container, "env", self.environment());
        }
        if !self.pull_policy.is_empty() {
            set(&mut container, "imagePullPolicy", self.pull_policy.as_str());
        }
        set_flag(&mut container, "stdin", self.stdin);
        set_flag(&mut container, "tty", self.tty);
        if !self.words.is_empty() {
            let member = if self.arguments_only { "args" } else { "command" };
            set(&mut container, member, self.words.clone());
        }
        container
    }

    /// Lays the custom part over the container.
    fn customize(&self, pod: &mut Value) -> Result<()> {
        let Some(custom) = &self.custom else {
            return Ok(());
        };
        let pod_name = text_at(pod, &["metadata", "name"]).to_owned();
        let ty = built_in(&json!({"apiVersion": "v1", "kind": "Pod"}))
            .and_then(|pod| pod.field("spec")?.field("containers")?.element())
            .expect("pods have containers");
        let container = container_mut(pod, &self.name)
            .ok_or_else(|| refuse!("unable to find the {} container in the pod {pod_name}", self.name))?;
        let patched = apimachinery::strategic::apply_patch(container.clone().into(), custom.clone(), ty)
            .map_err(|error| refuse!("error creating three way patch to add debug container: {error}"))?;
        if let Value::Object(patched) = patched {
            *container = patched;
            set(container, "name", self.name.as_str());
        }
        Ok(())
    }

    /// The pod with an ephemeral container more, which sees the processes of the container `target` (empty for none).
    ///
    /// # Errors
    /// The custom part does not fit a container.
    pub fn in_pod(&self, pod: &Value, target: &str) -> Result<Value> {
        let mut changed = pod.clone();
        let mut container = self.new_container();
        if !target.is_empty() {
            set(&mut container, "targetContainerName", target);
        }
        list_mut(&mut changed, &["spec", "ephemeralContainers"]).push(container.into());
        self.profile.in_pod(&mut changed, &self.name);
        self.customize(&mut changed)?;
        Ok(changed)
    }

    /// A pod on a node, in whose namespaces it runs.
    ///
    /// # Errors
    /// The custom part does not fit a container.
    pub fn on_node(&self, node: &str, name: &str) -> Result<Value> {
        let mut pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "kubectl-debug"}},
            "spec": {
                "containers": [self.new_container()],
                "nodeName": node,
                "restartPolicy": "Never",
                "tolerations": [{"operator": "Exists"}],
            },
        });
        self.profile.on_node(&mut pod, &self.name);
        self.customize(&mut pod)?;
        Ok(pod)
    }

    /// A changed copy of a pod, and the name of the container for debugging, empty if only images were changed.
    ///
    /// # Errors
    /// There is no image for a new container; the custom part does not fit one.
    pub fn of_copy(
        &self,
        pod: &Value,
        copy: &Copy,
        name_of_new: impl FnOnce(&Value) -> Result<String>,
    ) -> Result<(Value, String)> {
        let mut copied = copy.of(pod);
        let mut debugger = self.clone();
        if !has_container(&copied, &self.name) {
            if self.image.is_empty() {
                if !copy.images.is_empty() {
                    return Ok((copied, String::new()));
                }
                return Err(refuse!("you must specify image when creating new container"));
            }
            if self.name.is_empty() {
                debugger.name = name_of_new(&copied)?;
            }
            let container = json!({"name": debugger.name, "terminationMessagePolicy": "File"});
            list_mut(&mut copied, &["spec", "containers"]).push(container);
        }
        debugger.change(&mut copied);
        debugger.profile.of_copy(&mut copied, &debugger.name, copy.keep);
        debugger.customize(&mut copied)?;
        Ok((copied, debugger.name))
    }

    /// Makes a container of a copy one for debugging.
    fn change(&self, pod: &mut Value) {
        let Some(container) = container_mut(pod, &self.name) else {
            return;
        };
        if !self.words.is_empty() {
            if self.arguments_only {
                set(container, "args", self.words.clone());
            } else {
                set(container, "command", self.words.clone());
                container.remove("args");
            }
        }
        if !self.environment.is_empty() {
            set(container, "env", self.environment());
        }
        if !self.image.is_empty() {
            set(container, "image", self.image.as_str());
        }
        if !self.pull_policy.is_empty() {
            set(container, "imagePullPolicy", self.pull_policy.as_str());
        }
        set_flag(container, "stdin", self.stdin);
        set_flag(container, "tty", self.tty);
    }
}

/// How a copy of a pod differs from it, besides the container for debugging.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Copy {
    /// Its name.
    pub name: String,
    /// Whether it runs on the same node.
    pub same_node: bool,
    /// Whether its containers see each other's processes; `None` for what the profile says.
    pub share_processes: Option<bool>,
    /// Images by the name of their container, `*` for all others.
    pub images: std::collections::BTreeMap<String, String>,
    /// What of the pod the copy keeps.
    pub keep: Keep,
}

impl Copy {
    fn of(&self, pod: &Value) -> Value {
        let mut metadata = Map::new();
        set(&mut metadata, "name", self.name.as_str());
        for member in ["namespace", "annotations", "labels"] {
            if let Some(value) = pod["metadata"].get(member) {
                set(&mut metadata, member, value.clone());
            }
        }
        let mut copied = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod["spec"].clone()});
        let spec = object_at(&mut copied, &["spec"]);
        spec.remove("ephemeralContainers");
        if let Some(share) = self.share_processes {
            set(spec, "shareProcessNamespace", share);
        }
        if !self.same_node {
            spec.remove("nodeName");
        }
        for container in list_mut(&mut copied, &["spec", "containers"]) {
            let name = text_at(container, &["name"]);
            let image = self.images.get(name).or_else(|| self.images.get("*"));
            if let Some(image) = image.filter(|image| !image.is_empty()) {
                container["image"] = image.as_str().into();
            }
        }
        copied
    }
}

/// Refuses a custom part that says what the command line says.
///
/// # Errors
/// It does.
pub fn check_custom(custom: &Value) -> Result<(), Refusal> {
    let given = |member: &&str| match &custom[*member] {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(elements) => !elements.is_empty(),
        _ => true,
    };
    if ["name", "command", "image", "lifecycle", "volumeDevices"]
        .iter()
        .any(given)
    {
        return Err(refuse!(
            "name, command, image, lifecycle and volume devices are not modifiable via custom profile"
        ));
    }
    Ok(())
}

/// Whether privileges that the container has will not help it, because the pod runs as somebody else than root.
#[must_use]
pub fn is_powerless(pod: &Value, name: &str) -> bool {
    let user = |value: &Value| value["securityContext"]["runAsUser"].as_i64();
    if user(&pod["spec"]).is_none_or(|user| user == 0) {
        return false;
    }
    let container = LISTS
        .iter()
        .flat_map(|member| list_at(pod, &["spec", member]))
        .find(|container| text_at(container, &["name"]) == name);
    let Some(container) = container.filter(|container| user(container) != Some(0)) else {
        return false;
    };
    let context = &container["securityContext"];
    context["privileged"] == true || !list_at(context, &["capabilities", "add"]).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod() -> Value {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "n", "labels": {"a": "b"}, "uid": "u"},
            "spec": {"nodeName": "node", "ephemeralContainers": [{"name": "e"}],
                "containers": [{"name": "c", "image": "i", "args": ["x"], "livenessProbe": {}}]}})
    }

    fn debugger(name: &str, profile: Profile) -> Debugger {
        Debugger {
            name: name.to_owned(),
            image: "busybox".to_owned(),
            profile,
            ..Debugger::default()
        }
    }

    #[test]
    fn a_pod_gets_an_ephemeral_container() {
        let mut debugger = debugger("d", Profile::General);
        debugger.words = vec!["sh".to_owned()];
        debugger.stdin = true;
        debugger.custom = Some(json!({"env": [{"name": "A", "value": "1"}]}));
        let changed = debugger.in_pod(&pod(), "c").expect("a pod");
        assert_eq!(
            changed["spec"]["ephemeralContainers"][1],
            json!({"name": "d", "image": "busybox", "command": ["sh"], "stdin": true, "targetContainerName": "c",
                "terminationMessagePolicy": "File", "env": [{"name": "A", "value": "1"}],
                "securityContext": {"capabilities": {"add": ["SYS_PTRACE"]}}})
        );
    }

    #[test]
    fn a_copy_differs_as_it_is_told() {
        let copy = Copy {
            name: "copy".to_owned(),
            images: [("*".to_owned(), "other".to_owned())].into(),
            ..Copy::default()
        };
        let named = |_: &Value| Ok("new".to_owned());
        let (copied, name) = debugger("", Profile::Baseline)
            .of_copy(&pod(), &copy, named)
            .expect("a copy");
        assert_eq!(name, "new");
        assert_eq!(
            copied,
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "copy", "namespace": "n"},
                "spec": {"shareProcessNamespace": true, "containers": [
                    {"name": "c", "image": "other", "args": ["x"]},
                    {"name": "new", "image": "busybox", "terminationMessagePolicy": "File"}]}})
        );
        let without_image = Debugger::default();
        let (_, name) = without_image.of_copy(&pod(), &copy, named).expect("only images change");
        assert_eq!(name, "");
        let plain = Copy {
            images: [].into(),
            ..copy
        };
        let refused = without_image.of_copy(&pod(), &plain, named);
        assert_eq!(
            refused,
            Err(refuse!("you must specify image when creating new container"))
        );
        let command = Debugger {
            name: "c".to_owned(),
            words: vec!["sh".to_owned()],
            ..Debugger::default()
        };
        let (copied, _) = command.of_copy(&pod(), &plain, named).expect("a copy");
        assert_eq!(copied["spec"]["containers"][0]["command"], json!(["sh"]));
        assert_eq!(copied["spec"]["containers"][0].get("args"), None);
    }

    #[test]
    fn some_privileges_are_of_no_use() {
        let mut pod = debugger("d", Profile::Sysadmin).in_pod(&pod(), "").expect("a pod");
        assert!(!is_powerless(&pod, "d"));
        pod["spec"]["securityContext"] = json!({"runAsUser": 5});
        assert!(is_powerless(&pod, "d"));
        assert!(!is_powerless(&pod, "c"));
        assert_eq!(
            check_custom(&json!({"image": "x"})),
            Err(refuse!(
                "name, command, image, lifecycle and volume devices are not modifiable via custom profile"
            ))
        );
        assert_eq!(check_custom(&json!({"env": []})), Ok(()));
    }
}
