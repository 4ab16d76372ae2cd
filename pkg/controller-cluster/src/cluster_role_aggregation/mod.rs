//! Gives cluster roles with an aggregation rule the rules of the roles that it selects
//! (upstream: `pkg/controller/clusterroleaggregation`).

use std::sync::Arc;

use apimachinery::selectors::Selector;
use client_go::api::WriteOptions;
use client_go::cache::{Event, Lister, ObjectKey};
use client_go::workqueue::Outcome;
use client_go::{Client, Error};
use controller::{Built, CacheSync, Controller, ControllerContext, Retries};
use k8s_api::Kind as _;
use k8s_api::rbac::v1::{ClusterRole, PolicyRule};
use serde_json::{Value, json};

const FIELD_MANAGER: &str = "clusterrole-aggregation-controller";
const AGGREGATES: &str = "aggregates";

struct Aggregation {
    client: Client,
    roles: Lister<ClusterRole>,
}

/// Builds `clusterrole-aggregation-controller`.
///
/// # Errors
/// There is no client for it.
pub async fn build(context: ControllerContext) -> Built {
    let client = context.client("clusterrole-aggregation-controller").await?;
    let roles = context.informers.informer::<ClusterRole>();
    roles.add_index(AGGREGATES, |role| {
        role.aggregation_rule.iter().map(|_| String::new()).collect()
    });
    let queue = context.queue::<ObjectKey>("ClusterRoleAggregator");
    let (keys, lister) = (queue.clone(), roles.lister());
    // Roles that aggregate are few, and any role may belong to any of them.
    roles.add_handler(move |_: Event<ClusterRole>| {
        for role in lister.by_index(AGGREGATES, "") {
            keys.add(ObjectKey::of(&*role));
        }
    });
    let caches = CacheSync::new().and(&roles);
    let this = Arc::new(Aggregation {
        client,
        roles: roles.lister(),
    });
    Ok(Some(Controller::new(move |stop| async move {
        let reconcile = move |key: ObjectKey| {
            let this = this.clone();
            async move { this.reconcile(&key).await }
        };
        context
            .run(caches, queue, 5, Retries::new("Sync failed"), stop, reconcile)
            .await;
    })))
}

impl Aggregation {
    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome, Error> {
        let Some(role) = self.roles.get_key(key) else {
            return Ok(Outcome::Done);
        };
        let Some(rule) = &role.aggregation_rule else {
            return Ok(Outcome::Done);
        };
        let mut rules: Vec<PolicyRule> = Vec::new();
        for selector in &rule.cluster_role_selectors {
            let selector = Selector::from_api(Some(selector)).map_err(|error| Error::Invalid(error.to_string()))?;
            let selected = self.roles.select("", &selector);
            for other in selected
                .iter()
                .filter(|other| other.metadata.name != role.metadata.name)
            {
                for rule in &other.rules {
                    if !rules.contains(rule) {
                        rules.push(rule.clone());
                    }
                }
            }
        }
        if rules == role.rules {
            return Ok(Outcome::Done);
        }
        let rules: Vec<Value> = rules.iter().map(rule_json).collect();
        let fields = json!({
            "apiVersion": ClusterRole::API_VERSION, "kind": ClusterRole::KIND,
            "metadata": {"name": role.metadata.name}, "rules": rules,
        });
        let options = WriteOptions {
            force: true,
            ..WriteOptions::manager(FIELD_MANAGER)
        };
        let api = self.client.cluster::<ClusterRole>();
        api.apply(&role.metadata.name, fields, &options)
            .await
            .map(|_| Outcome::Done)
    }
}

fn rule_json(rule: &PolicyRule) -> Value {
    let mut value = json!({"verbs": rule.verbs});
    for (name, list) in [
        ("apiGroups", &rule.api_groups),
        ("resources", &rule.resources),
        ("resourceNames", &rule.resource_names),
        ("nonResourceURLs", &rule.non_resource_urls),
    ] {
        if !list.is_empty() {
            value[name] = json!(list);
        }
    }
    value
}

#[cfg(test)]
mod tests;
