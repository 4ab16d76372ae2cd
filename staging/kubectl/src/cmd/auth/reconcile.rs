//! `kubectl auth reconcile` (upstream: `component-helpers/auth/rbac/reconciliation`).

use async_trait::async_trait;
use client_go::api::DynamicObject;
use client_go::discovery::ApiResource;
use component_base::flags::{FlagSet, Flags};
use serde_json::{Map, Value, json};

use cli_runtime::resource::{group_kind, text_at};
use cli_runtime::{CommandError, FilenameOptions, Info, PrintFlags, Result, message};

use super::rules::{Rule, uncovered};
use crate::flags::DryRun;
use crate::frame::{Arguments, Command, Context, Run};

/// The command.
pub(super) static RECONCILE: Command = Command {
    name: "reconcile",
    usage: "-f FILENAME",
    short: "Reconciles rules for RBAC role, role binding, cluster role, and cluster role binding objects",
    long: "Reconciles rules for RBAC role, role binding, cluster role, and cluster role binding objects.\n\n What is missing is created, with its namespace if need be. Roles that are there get the permissions that they lack, bindings the subjects; what they have beyond that is removed with --remove-extra-permissions and --remove-extra-subjects only.\n\n Unlike 'apply' this compares what rules mean and not how they are written.",
    examples: "# Reconcile the RBAC objects of a file\nkubectl auth reconcile -f my-rbac-rules.yaml",
    options: Some(|| Box::new(Reconcile::default())),
    ..Command::EMPTY
};

/// How often a role that others change at the same time is tried.
const ATTEMPTS: usize = 3;

struct Reconcile {
    print: PrintFlags,
    files: FilenameOptions,
    remove_extra_permissions: bool,
    remove_extra_subjects: bool,
    dry_run: DryRun,
}

impl Default for Reconcile {
    fn default() -> Self {
        Self {
            print: PrintFlags::new("reconciled"),
            files: FilenameOptions::new("identifying the resource to reconcile."),
            remove_extra_permissions: false,
            remove_extra_subjects: false,
            dry_run: DryRun::None,
        }
    }
}

impl Flags for Reconcile {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.print.add_flags(flags);
        self.files.add_flags(flags);
        flags.add(
            "remove-extra-permissions",
            &mut self.remove_extra_permissions,
            "If true, removes extra permissions added to roles",
        );
        flags.add(
            "remove-extra-subjects",
            &mut self.remove_extra_subjects,
            "If true, removes extra subjects added to rolebindings",
        );
        self.dry_run.add_flag(flags);
    }
}

/// What has to be done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    None,
    Create,
    Update,
    Recreate,
}

/// What an object is to become, and why.
#[derive(Clone, Debug)]
struct Outcome {
    object: Value,
    operation: Operation,
    protected: bool,
    missing: Vec<String>,
    extra: Vec<String>,
}

/// What the present object has in a map and what is wanted, together; the present values stay.
fn merged(existing: &Value, expected: &Value, member: &str) -> Map<String, Value> {
    let of = |object: &Value| object["metadata"][member].as_object().cloned().unwrap_or_default();
    let mut merged = of(expected);
    merged.extend(of(existing));
    merged
}

fn merge_metadata(object: &mut Value, expected: &Value) -> bool {
    let mut changed = false;
    for member in ["annotations", "labels"] {
        let merged = merged(object, expected, member);
        let before = object["metadata"][member].as_object().cloned().unwrap_or_default();
        if merged != before {
            object["metadata"][member] = Value::Object(merged);
            changed = true;
        }
    }
    changed
}

fn is_protected(object: &Value) -> bool {
    object["metadata"]["annotations"]["rbac.authorization.kubernetes.io/autoupdate"] == "false"
}

fn items(object: &Value, member: &str) -> Vec<Value> {
    object[member].as_array().cloned().unwrap_or_default()
}

fn reconciled_role(existing: &Value, expected: &Value, remove_extra: bool) -> Outcome {
    let mut object = existing.clone();
    let mut changed = merge_metadata(&mut object, expected);
    let rules = |object: &Value| -> Vec<Rule> { items(object, "rules").iter().map(Rule::from_value).collect() };
    let (have, want) = (rules(existing), rules(expected));
    let aggregated = |object: &Value| object["aggregationRule"].is_object();
    let extra = if aggregated(existing) && aggregated(expected) {
        Vec::new()
    } else {
        uncovered(&want, &have)
    };
    let missing = uncovered(&have, &want);
    if remove_extra && !(missing.is_empty() && extra.is_empty()) {
        object["rules"] = Value::Array(items(expected, "rules"));
        changed = true;
    } else if !missing.is_empty() {
        let mut all = items(existing, "rules");
        all.extend(missing.iter().map(Rule::to_value));
        object["rules"] = Value::Array(all);
        changed = true;
    }
    changed |= reconcile_aggregation(&mut object, existing, expected, remove_extra);
    Outcome {
        object,
        operation: if changed { Operation::Update } else { Operation::None },
        protected: is_protected(existing),
        missing: missing.iter().map(Rule::go_text).collect(),
        extra: extra.iter().map(Rule::go_text).collect(),
    }
}

fn reconcile_aggregation(object: &mut Value, existing: &Value, expected: &Value, remove_extra: bool) -> bool {
    let selectors = |role: &Value| items(&role["aggregationRule"], "clusterRoleSelectors");
    let (have, want) = (selectors(existing), selectors(expected));
    let missing: Vec<Value> = want
        .iter()
        .filter(|selector| !have.contains(selector))
        .cloned()
        .collect();
    let has_extra = have.iter().any(|selector| !want.contains(selector));
    if !expected["aggregationRule"].is_object() {
        // Nobody expects it to be put together of others.
        return object
            .as_object_mut()
            .is_some_and(|members| members.remove("aggregationRule").is_some());
    }
    if remove_extra && (has_extra || !missing.is_empty()) {
        object["aggregationRule"] = expected["aggregationRule"].clone();
        return true;
    }
    if missing.is_empty() {
        return false;
    }
    let all: Vec<Value> = have.into_iter().chain(missing).collect();
    object["aggregationRule"] = json!({"clusterRoleSelectors": all});
    true
}

fn subject_text(subject: &Value) -> String {
    format!(
        "{{Kind:{} APIGroup:{} Name:{} Namespace:{}}}",
        text_at(subject, &["kind"]),
        text_at(subject, &["apiGroup"]),
        text_at(subject, &["name"]),
        text_at(subject, &["namespace"])
    )
}

fn reconciled_binding(existing: &Value, expected: &Value, remove_extra: bool) -> Outcome {
    let (have, want) = (items(existing, "subjects"), items(expected, "subjects"));
    let lacking = |list: &[Value], other: &[Value]| -> Vec<Value> {
        list.iter()
            .filter(|subject| !other.contains(subject))
            .cloned()
            .collect()
    };
    let (missing, extra) = (lacking(&want, &have), lacking(&have, &want));
    let mut object = existing.clone();
    let mut operation = Operation::None;
    if existing["roleRef"] != expected["roleRef"] {
        // A binding keeps its role for life.
        object = expected.clone();
        operation = Operation::Recreate;
    }
    if merge_metadata(
        &mut object,
        if operation == Operation::Recreate {
            existing
        } else {
            expected
        },
    ) && operation == Operation::None
    {
        operation = Operation::Update;
    }
    let subjects = if remove_extra {
        want
    } else {
        have.iter().cloned().chain(missing.iter().cloned()).collect()
    };
    if subjects != have {
        object["subjects"] = Value::Array(subjects);
        if operation == Operation::None {
            operation = Operation::Update;
        }
    }
    Outcome {
        object,
        operation,
        protected: is_protected(existing),
        missing: missing.iter().map(subject_text).collect(),
        extra: extra.iter().map(subject_text).collect(),
    }
}

impl Reconcile {
    async fn reconcile(&self, context: &Context, mapping: &ApiResource, expected: &Value) -> Result<Outcome> {
        let (name, namespace) = (
            text_at(expected, &["metadata", "name"]),
            text_at(expected, &["metadata", "namespace"]),
        );
        let api = context.factory.dynamic(mapping, namespace)?;
        let is_role = mapping.kind.ends_with("Role");
        let outcome = match api.get(name).await {
            Ok(DynamicObject(existing)) if is_role => {
                reconciled_role(&existing, expected, self.remove_extra_permissions)
            }
            Ok(DynamicObject(existing)) => reconciled_binding(&existing, expected, self.remove_extra_subjects),
            Err(error) if error.is_not_found() => {
                let missing = if is_role {
                    items(expected, "rules")
                        .iter()
                        .map(|rule| Rule::from_value(rule).go_text())
                        .collect()
                } else {
                    items(expected, "subjects").iter().map(subject_text).collect()
                };
                Outcome {
                    object: expected.clone(),
                    operation: Operation::Create,
                    protected: false,
                    missing,
                    extra: Vec::new(),
                }
            }
            Err(error) => return Err(error.into()),
        };
        if outcome.protected || self.dry_run.is_client() {
            return Ok(outcome);
        }
        let options = client_go::api::WriteOptions::default();
        let object = DynamicObject(outcome.object.clone());
        let done = match outcome.operation {
            Operation::None => return Ok(outcome),
            Operation::Update => api.replace(&object, None, &options).await?,
            Operation::Create => {
                self.ensure_namespace(context, namespace).await?;
                api.create_with(&object, &options).await?
            }
            Operation::Recreate => {
                api.delete(name, &client_go::api::DeleteOptions::default()).await?;
                let mut fresh = outcome.object.clone();
                if let Some(metadata) = fresh["metadata"].as_object_mut() {
                    metadata.remove("uid");
                    metadata.remove("resourceVersion");
                }
                api.create_with(&DynamicObject(fresh), &options).await?
            }
        };
        Ok(Outcome {
            object: done.0,
            ..outcome
        })
    }

    async fn ensure_namespace(&self, context: &Context, namespace: &str) -> Result<()> {
        if namespace.is_empty() {
            return Ok(());
        }
        let mapping = context.factory.resource("namespaces").await?;
        let api = context.factory.dynamic(&mapping, "")?;
        let object = DynamicObject(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}));
        match api.create(&object).await {
            Err(error) if !(error.is_already_exists() || error.is_forbidden()) => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn report(&self, context: &Context, outcome: &Outcome, is_role: bool) -> Result<()> {
        let suffix = self.dry_run.suffix();
        let mut printer = self.print.clone().with_operation_suffix(suffix).to_printer()?;
        printer.print(&outcome.object, &mut &context.streams.out)?;
        let verb = match outcome.operation {
            Operation::None => return Ok(()),
            Operation::Create => "create",
            Operation::Update => "update",
            Operation::Recreate => "recreate",
        };
        let caveat = if outcome.protected {
            ", but object opted out (rbac.authorization.kubernetes.io/autoupdate: false)"
        } else {
            ""
        };
        let mut text = format!("\treconciliation required {verb}{caveat}\n");
        let what = if is_role { "rules" } else { "subjects" };
        let remove = if is_role {
            self.remove_extra_permissions
        } else {
            self.remove_extra_subjects
        };
        let mut list = |title: String, entries: &[String]| {
            if !entries.is_empty() {
                text.push_str(&format!("\t{title}:\n"));
                entries
                    .iter()
                    .for_each(|entry| text.push_str(&format!("\t\t{entry}\n")));
            }
        };
        list(format!("missing {what} added"), &outcome.missing);
        if remove {
            list(format!("extra {what} removed"), &outcome.extra);
        }
        Ok(context.streams.err.print(text)?)
    }

    async fn one(&self, context: &Context, info: &Info) -> Result<()> {
        let object = info.object();
        let (group, kind) = group_kind(object);
        let kinds = ["Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"];
        if group != "rbac.authorization.k8s.io" || !kinds.contains(&kind) {
            return Ok(());
        }
        let version = text_at(object, &["apiVersion"]);
        if version != "rbac.authorization.k8s.io/v1" {
            let version = version.rsplit('/').next().unwrap_or_default();
            return Err(message!(
                "only rbac.authorization.k8s.io/v1 is supported: not *{version}.{kind}"
            ));
        }
        let mapping = context.factory.mapping(version, kind).await?;
        let mut expected = object.clone();
        if !mapping.namespaced
            && let Some(metadata) = expected["metadata"].as_object_mut()
        {
            metadata.remove("namespace");
        }
        let mut attempt = 0;
        let outcome = loop {
            attempt += 1;
            match self.reconcile(context, &mapping, &expected).await {
                Err(error) if error.is_conflict() && attempt < ATTEMPTS => {}
                outcome => break outcome?,
            }
        };
        self.report(context, &outcome, kind.ends_with("Role"))
    }
}

#[async_trait(?Send)]
impl Run for Reconcile {
    async fn run(&mut self, context: &Context, arguments: &Arguments) -> Result<()> {
        self.files.require()?;
        if !arguments.is_empty() {
            return Err(message!("no arguments are allowed"));
        }
        if self.dry_run.is_server() {
            return Err(message!("--dry-run=server for command reconcile is not supported yet"));
        }
        let found = context
            .objects(&self.files)?
            .continue_on_error()
            .flatten()
            .local()
            .find()
            .await?;
        let mut errors = found.errors;
        for info in &found.infos {
            errors.extend(self.one(context, info).await.err());
        }
        CommandError::collect(errors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_get_what_they_lack() {
        let role = |rules: Value| json!({"metadata": {"name": "r"}, "rules": rules});
        let get = json!([{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]);
        let both = json!([{"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]}]);
        let outcome = reconciled_role(&role(get.clone()), &role(both.clone()), false);
        assert_eq!(outcome.operation, Operation::Update);
        assert_eq!(
            outcome.missing,
            ["{Verbs:[list] APIGroups:[] Resources:[pods] ResourceNames:[] NonResourceURLs:[]}"]
        );
        assert_eq!(
            reconciled_role(&role(both.clone()), &role(get.clone()), false).operation,
            Operation::None
        );
        let outcome = reconciled_role(&role(both), &role(get.clone()), true);
        assert_eq!((outcome.operation, &outcome.object["rules"]), (Operation::Update, &get));
    }

    #[test]
    fn a_binding_of_another_role_is_made_anew() {
        let binding = |role: &str| json!({"metadata": {"name": "b"}, "roleRef": {"name": role}, "subjects": []});
        assert_eq!(
            reconciled_binding(&binding("a"), &binding("b"), false).operation,
            Operation::Recreate
        );
        assert_eq!(
            reconciled_binding(&binding("a"), &binding("a"), false).operation,
            Operation::None
        );
    }
}
