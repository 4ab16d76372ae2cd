//! The profiles: which privileges a container for debugging gets, and what of a pod its copy keeps.

use serde_json::{Value, json};

use super::{container_mut, list_mut};
use crate::json::object_at;
use crate::{Result, refuse};

/// Which privileges a container for debugging gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Those of long ago.
    Legacy,
    /// A set for each kind of debugging.
    #[default]
    General,
    /// None that the baseline standard of pod security refuses.
    Baseline,
    /// None that the restricted standard refuses.
    Restricted,
    /// Those for the network.
    Netadmin,
    /// All.
    Sysadmin,
}

/// What of a pod its copy keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct Keep {
    /// Its labels.
    pub labels: bool,
    /// Its annotations.
    pub annotations: bool,
    /// The liveness probes of its containers.
    pub liveness: bool,
    /// Their readiness probes.
    pub readiness: bool,
    /// Their startup probes.
    pub startup: bool,
    /// Its init containers.
    pub init_containers: bool,
}

impl Default for Keep {
    fn default() -> Self {
        Self {
            labels: false,
            annotations: false,
            liveness: false,
            readiness: false,
            startup: false,
            init_containers: true,
        }
    }
}

impl Profile {
    /// The profile of a name.
    ///
    /// # Errors
    /// There is none.
    pub fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "legacy" => Self::Legacy,
            "general" => Self::General,
            "baseline" => Self::Baseline,
            "restricted" => Self::Restricted,
            "netadmin" => Self::Netadmin,
            "sysadmin" => Self::Sysadmin,
            other => return Err(refuse!("unknown profile: {other}")),
        })
    }

    /// What a container gets wherever it is.
    fn anywhere(self, pod: &mut Value, name: &str) {
        let Some(container) = container_mut(pod, name) else {
            return;
        };
        if matches!(self, Self::Baseline | Self::Restricted) {
            container.remove("securityContext");
        }
        if self == Self::Restricted {
            let context = json!({
                "runAsNonRoot": true,
                "capabilities": {"drop": ["ALL"]},
                "allowPrivilegeEscalation": false,
                "seccompProfile": {"type": "RuntimeDefault"},
            });
            container.insert("securityContext".to_owned(), context);
        }
        let mut value = Value::Object(std::mem::take(container));
        match self {
            Self::Netadmin => {
                let added = list_mut(&mut value, &["securityContext", "capabilities", "add"]);
                added.extend(["NET_ADMIN", "NET_RAW"].map(Value::from));
            }
            Self::Sysadmin => {
                object_at(&mut value, &["securityContext"]).insert("privileged".to_owned(), true.into());
            }
            _ => {}
        }
        if let Value::Object(members) = value {
            *container = members;
        }
    }

    /// For an ephemeral container.
    pub(super) fn in_pod(self, pod: &mut Value, name: &str) {
        self.anywhere(pod, name);
        if self == Self::General {
            allow_tracing(pod, name);
        }
    }

    /// For the container of a pod on a node.
    pub(super) fn on_node(self, pod: &mut Value, name: &str) {
        self.anywhere(pod, name);
        let (mounts, shares) = match self {
            Self::Legacy | Self::General | Self::Sysadmin => (true, true),
            Self::Netadmin => (false, true),
            Self::Baseline | Self::Restricted => (false, false),
        };
        if mounts {
            let volume = json!({"name": "host-root", "hostPath": {"path": "/"}});
            list_mut(pod, &["spec", "volumes"]).push(volume);
            if let Some(container) = container_mut(pod, name) {
                let mounts = container.entry("volumeMounts").or_insert_with(|| json!([]));
                if let Some(mounts) = mounts.as_array_mut() {
                    mounts.push(json!({"mountPath": "/host", "name": "host-root"}));
                }
            }
        }
        if shares {
            let spec = object_at(pod, &["spec"]);
            for member in ["hostNetwork", "hostPID", "hostIPC"] {
                spec.insert(member.to_owned(), true.into());
            }
        }
    }

    /// For the copy of a pod.
    pub(super) fn of_copy(self, pod: &mut Value, name: &str, keep: Keep) {
        if self == Self::Legacy {
            object_at(pod, &["metadata"]).remove("labels");
            return;
        }
        self.anywhere(pod, name);
        keep.take_out(pod);
        if self == Self::General {
            allow_tracing(pod, name);
        }
        object_at(pod, &["spec"])
            .entry("shareProcessNamespace")
            .or_insert(Value::Bool(true));
    }
}

fn allow_tracing(pod: &mut Value, name: &str) {
    if let Some(container) = container_mut(pod, name) {
        let mut value = Value::Object(std::mem::take(container));
        list_mut(&mut value, &["securityContext", "capabilities", "add"]).push("SYS_PTRACE".into());
        if let Value::Object(members) = value {
            *container = members;
        }
    }
}

impl Keep {
    /// Takes out what is not kept.
    fn take_out(self, pod: &mut Value) {
        let metadata = object_at(pod, &["metadata"]);
        for (kept, member) in [(self.labels, "labels"), (self.annotations, "annotations")] {
            if !kept {
                metadata.remove(member);
            }
        }
        for container in list_mut(pod, &["spec", "containers"]) {
            for (kept, member) in [
                (self.liveness, "livenessProbe"),
                (self.readiness, "readinessProbe"),
                (self.startup, "startupProbe"),
            ] {
                if !kept && let Some(container) = container.as_object_mut() {
                    container.remove(member);
                }
            }
        }
        if !self.init_containers {
            object_at(pod, &["spec"]).remove("initContainers");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_shared_as_far_as_the_profile_goes() {
        for (profile, context, shares, mounts) in [
            (Profile::Legacy, Value::Null, true, true),
            (Profile::General, Value::Null, true, true),
            (Profile::Baseline, Value::Null, false, false),
            (
                Profile::Restricted,
                json!({"runAsNonRoot": true, "capabilities": {"drop": ["ALL"]}, "allowPrivilegeEscalation": false,
                    "seccompProfile": {"type": "RuntimeDefault"}}),
                false,
                false,
            ),
            (
                Profile::Netadmin,
                json!({"capabilities": {"add": ["NET_ADMIN", "NET_RAW"]}}),
                true,
                false,
            ),
            (Profile::Sysadmin, json!({"privileged": true}), true, true),
        ] {
            let mut pod = json!({"spec": {"containers": [{"name": "d"}]}});
            profile.on_node(&mut pod, "d");
            let container = &pod["spec"]["containers"][0];
            assert_eq!(container["securityContext"], context, "{profile:?}");
            assert_eq!(pod["spec"]["hostPID"] == true, shares, "{profile:?}");
            assert_eq!(container["volumeMounts"].is_array(), mounts, "{profile:?}");
        }
        assert_eq!(Profile::parse("x"), Err(refuse!("unknown profile: x")));
    }
}
