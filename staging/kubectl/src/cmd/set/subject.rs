//! `kubectl set subject`.

use std::collections::BTreeSet;

use async_trait::async_trait;
use component_base::flags::{FlagSet, Flags, StringArray};
use kubectl_objects::json::as_object;
use kubectl_objects::{refuse, subjects};
use serde_json::Value;

use cli_runtime::resource::text_at;
use cli_runtime::{FilenameOptions, Info, Result, message};

use super::targets::{Parts, Targets};
use crate::frame::{Arguments, Command, Completion, Context, Run};
use crate::write::refused;

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "subject",
    usage: "(-f FILENAME | TYPE NAME) [--user=username] [--group=groupname] [--serviceaccount=namespace:serviceaccountname] [--dry-run=server|client|none]",
    short: "Update the user, group, or service account in a role binding or cluster role binding",
    long: "Update the user, group, or service account in a role binding or cluster role binding.",
    examples: "# Another account of a cluster role binding
kubectl set subject clusterrolebinding admin --serviceaccount=namespace:serviceaccount1

# More users and a group of a role binding
kubectl set subject rolebinding admin --user=user1 --user=user2 --group=group1

# What a manifest would become
kubectl create rolebinding admin --role=admin --user=admin -o yaml --dry-run=client | kubectl set subject --local -f - --user=foo -o yaml",
    options: Some(|| Box::new(SubjectOptions::default())),
    completion: Completion::ResourceTypeAndName,
    ..Command::EMPTY
};

struct SubjectOptions {
    targets: Targets,
    users: StringArray,
    groups: StringArray,
    service_accounts: StringArray,
}

impl Default for SubjectOptions {
    fn default() -> Self {
        Self {
            targets: Targets::new(
                "subjects updated",
                FilenameOptions::new("the resource to update the subjects"),
            ),
            users: StringArray::default(),
            groups: StringArray::default(),
            service_accounts: StringArray::default(),
        }
    }
}

impl Flags for SubjectOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        let parts = Parts {
            record: false,
            ..Parts::ALL
        };
        self.targets.add_flags(flags, "set subject", &parts);
        flags.add("user", &mut self.users, "Usernames to bind to the role");
        flags.add("group", &mut self.groups, "Groups to bind to the role");
        flags.add(
            "serviceaccount",
            &mut self.service_accounts,
            "Service accounts to bind to the role",
        );
    }
}

#[async_trait(?Send)]
impl Run for SubjectOptions {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        let targets = &self.targets;
        targets.writing.check()?;
        targets.check_words(arguments)?;
        let infos = targets.find(context, arguments).await?;
        self.check(&infos)?;
        let (namespace, _) = context.factory.namespace()?;
        let wanted = self.subjects(&namespace)?;
        let failure = "failed to patch subjects to rolebinding: ";
        targets
            .change(context, &infos, failure, |object, _| {
                if !matches!(text_at(object, &["kind"]), "RoleBinding" | "ClusterRoleBinding") {
                    return Err(refuse!(
                        "setting subjects is only supported for RoleBinding/ClusterRoleBinding"
                    ));
                }
                Ok(add(object, &wanted))
            })
            .await
    }
}

impl SubjectOptions {
    fn check(&self, infos: &[Info]) -> Result<()> {
        self.targets.check_local()?;
        self.targets.check_all()?;
        if self.users.is_empty() && self.groups.is_empty() && self.service_accounts.is_empty() {
            return Err(message!(
                "you must specify at least one value of user, group or serviceaccount"
            ));
        }
        for account in &*self.service_accounts {
            let (namespace, _) = subjects::split_service_account(account).map_err(refused)?;
            let for_cluster = |info: &Info| text_at(info.object(), &["kind"]) == "ClusterRoleBinding";
            if namespace.is_empty() && infos.iter().any(for_cluster) {
                return Err(message!(
                    "serviceaccount must be <namespace>:<name>, namespace must be specified"
                ));
            }
        }
        Ok(())
    }

    fn subjects(&self, namespace: &str) -> Result<Vec<Value>> {
        let sorted = |names: &StringArray| names.iter().cloned().collect::<BTreeSet<String>>();
        let mut all = Vec::new();
        all.extend(sorted(&self.users).iter().map(|name| subjects::user(name)));
        all.extend(sorted(&self.groups).iter().map(|name| subjects::group(name)));
        for account in sorted(&self.service_accounts) {
            let (own, name) = subjects::split_service_account(&account).map_err(refused)?;
            let namespace = if own.is_empty() { namespace } else { own };
            all.push(subjects::service_account(namespace, name));
        }
        Ok(all)
    }
}

/// Adds the subjects that the binding does not have; says whether there were any.
fn add(binding: &mut Value, wanted: &[Value]) -> bool {
    let subjects = as_object(binding).entry("subjects").or_insert(Value::Null);
    if !subjects.is_array() {
        *subjects = Value::Array(Vec::new());
    }
    let Value::Array(subjects) = subjects else {
        return false;
    };
    let before = subjects.len();
    let new: Vec<Value> = wanted
        .iter()
        .filter(|subject| !subjects.contains(subject))
        .cloned()
        .collect();
    subjects.extend(new);
    subjects.len() > before
}
