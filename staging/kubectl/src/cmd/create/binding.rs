//! `kubectl create rolebinding` and `kubectl create clusterrolebinding`.

use async_trait::async_trait;
use component_base::flags::{FlagSet, StringArray};
use kubectl_objects::subjects;
use serde_json::{Value, json};

use cli_runtime::{Result, message};

use super::generated::{Generated, Generator, require_name};
use crate::frame::{Command, Context};
use crate::write::refused;

/// `rolebinding`.
pub(super) static ROLE_BINDING: Command = Command {
    name: "rolebinding",
    usage: "NAME --clusterrole=NAME|--role=NAME [--user=username] [--group=groupname] [--serviceaccount=namespace:serviceaccountname] [--dry-run=server|client|none]",
    short: "Create a role binding for a particular role or cluster role",
    long: "Create a role binding for a particular role or cluster role.",
    examples: "# The cluster role admin, for two users and a group
kubectl create rolebinding admin --clusterrole=admin --user=user1 --user=user2 --group=group1

# The role admin, for a service account
kubectl create rolebinding admin-binding --role=admin --serviceaccount=monitoring:sa-dev",
    options: Some(Generated::<RoleBinding>::options),
    ..Command::EMPTY
};

/// `clusterrolebinding`.
pub(super) static CLUSTER_ROLE_BINDING: Command = Command {
    name: "clusterrolebinding",
    usage: "NAME --clusterrole=NAME [--user=username] [--group=groupname] [--serviceaccount=namespace:serviceaccountname] [--dry-run=server|client|none]",
    short: "Create a cluster role binding for a particular cluster role",
    long: "Create a cluster role binding for a particular cluster role.",
    examples: "# The cluster role cluster-admin, for two users and a group
kubectl create clusterrolebinding cluster-admin --clusterrole=cluster-admin --user=user1 --user=user2 --group=group1",
    options: Some(Generated::<ClusterRoleBinding>::options),
    ..Command::EMPTY
};

/// Who gets the role.
#[derive(Default)]
struct Subjects {
    users: StringArray,
    groups: StringArray,
    service_accounts: StringArray,
}

impl Subjects {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>, role: &str) {
        flags.add(
            "user",
            &mut self.users,
            format!("Usernames to bind to the {role}. The flag can be repeated to add multiple users."),
        );
        flags.add(
            "group",
            &mut self.groups,
            format!("Groups to bind to the {role}. The flag can be repeated to add multiple groups."),
        );
        flags.add("serviceaccount", &mut self.service_accounts, format!("Service accounts to bind to the {role}, in the format <namespace>:<name>. The flag can be repeated to add multiple service accounts."));
    }

    fn all(&self) -> Result<Vec<Value>> {
        let users = self.users.iter().map(|name| subjects::user(name));
        let groups = self.groups.iter().map(|name| subjects::group(name));
        let mut all: Vec<Value> = users.chain(groups).collect();
        for account in &*self.service_accounts {
            match subjects::split_service_account(account).map_err(refused)? {
                ("", _) => return Err(message!("serviceaccount must be <namespace>:<name>")),
                (namespace, name) => all.push(subjects::service_account(namespace, name)),
            }
        }
        Ok(all)
    }

    fn binding(&self, kind: &str, name: &str, role_ref: &Value) -> Result<Value> {
        Ok(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
            "metadata": {"name": name},
            "roleRef": role_ref,
            "subjects": self.all()?,
        }))
    }
}

#[derive(Default)]
struct RoleBinding {
    cluster_role: String,
    role: String,
    subjects: Subjects,
}

#[async_trait(?Send)]
impl Generator for RoleBinding {
    const FAILURE: &'static str = "failed to create rolebinding: ";

    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add(
            "clusterrole",
            &mut self.cluster_role,
            "ClusterRole this RoleBinding should reference",
        );
        flags.add("role", &mut self.role, "Role this RoleBinding should reference");
        self.subjects.add_flags(flags, "role");
    }

    async fn generate(&self, _context: &Context, name: &str, _command: &[String]) -> Result<Value> {
        require_name(name)?;
        let role_ref = match (self.role.as_str(), self.cluster_role.as_str()) {
            (role, "") if !role.is_empty() => subjects::role_ref("Role", role),
            ("", role) if !role.is_empty() => subjects::role_ref("ClusterRole", role),
            _ => return Err(message!("exactly one of clusterrole or role must be specified")),
        };
        self.subjects.binding("RoleBinding", name, &role_ref)
    }
}

#[derive(Default)]
struct ClusterRoleBinding {
    cluster_role: String,
    subjects: Subjects,
}

#[async_trait(?Send)]
impl Generator for ClusterRoleBinding {
    const REQUIRED: &'static [&'static str] = &["clusterrole"];
    const FAILURE: &'static str = "failed to create clusterrolebinding: ";

    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add(
            "clusterrole",
            &mut self.cluster_role,
            "ClusterRole this ClusterRoleBinding should reference",
        );
        self.subjects.add_flags(flags, "clusterrole");
    }

    async fn generate(&self, _context: &Context, name: &str, _command: &[String]) -> Result<Value> {
        let role_ref = subjects::role_ref("ClusterRole", &self.cluster_role);
        self.subjects.binding("ClusterRoleBinding", name, &role_ref)
    }
}
