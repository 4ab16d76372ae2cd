//! The two schemas that a cluster cannot do without, and how a schema is printed in an error.

use apimachinery::field::BadValue;
use k8s_api::flowcontrol::v1::{
    FlowDistinguisherMethod, FlowSchemaSpec, GroupSubject, NonResourcePolicyRule, PolicyRulesWithSubjects,
    PriorityLevelConfigurationReference, ResourcePolicyRule, Subject,
};

use crate::go;

/// The spec that the schema of this name must have, if it is one of the two.
pub(super) fn spec(name: &str) -> Option<FlowSchemaSpec> {
    let (precedence, method, groups): (_, _, &[&str]) = match name {
        "exempt" => (1, None, &["system:masters"]),
        "catch-all" => (
            10_000,
            Some("ByUser"),
            &["system:unauthenticated", "system:authenticated"],
        ),
        _ => return None,
    };
    let every = || vec!["*".to_owned()];
    let subject = |group: &&str| Subject {
        kind: "Group".into(),
        group: Some(Box::new(GroupSubject { name: (*group).into() })),
        ..Subject::default()
    };
    Some(FlowSchemaSpec {
        priority_level_configuration: PriorityLevelConfigurationReference { name: name.into() },
        matching_precedence: precedence,
        distinguisher_method: method.map(|type_| Box::new(FlowDistinguisherMethod { type_: type_.into() })),
        rules: vec![PolicyRulesWithSubjects {
            subjects: groups.iter().map(subject).collect(),
            resource_rules: vec![ResourcePolicyRule {
                verbs: every(),
                api_groups: every(),
                resources: every(),
                namespaces: every(),
                cluster_scope: true,
            }],
            non_resource_rules: vec![NonResourcePolicyRule {
                verbs: every(),
                non_resource_urls: every(),
            }],
        }],
    })
}

pub(super) fn show_method(method: &FlowDistinguisherMethod) -> String {
    go::Struct::new().field("Type", &method.type_).end()
}

pub(super) fn show(spec: &FlowSchemaSpec) -> BadValue {
    let level = go::Struct::new().field("Name", &spec.priority_level_configuration.name);
    go::Struct::new()
        .raw("PriorityLevelConfiguration", &level.end())
        .field("MatchingPrecedence", &spec.matching_precedence)
        .raw(
            "DistinguisherMethod",
            &go::pointer(spec.distinguisher_method.as_deref(), show_method),
        )
        .raw("Rules", &go::structs(&spec.rules, show_rules))
        .bad_value()
}

fn show_rules(rules: &PolicyRulesWithSubjects) -> String {
    go::Struct::new()
        .raw("Subjects", &go::structs(&rules.subjects, show_subject))
        .raw("ResourceRules", &go::structs(&rules.resource_rules, show_resource_rule))
        .raw(
            "NonResourceRules",
            &go::structs(&rules.non_resource_rules, show_url_rule),
        )
        .end()
}

fn show_subject(subject: &Subject) -> String {
    let named = |name: &String| go::Struct::new().field("Name", name).end();
    let account = go::pointer(subject.service_account.as_deref(), |account| {
        go::Struct::new()
            .field("Namespace", &account.namespace)
            .field("Name", &account.name)
            .end()
    });
    go::Struct::new()
        .field("Kind", &subject.kind)
        .raw("User", &go::pointer(subject.user.as_deref(), |user| named(&user.name)))
        .raw(
            "Group",
            &go::pointer(subject.group.as_deref(), |group| named(&group.name)),
        )
        .raw("ServiceAccount", &account)
        .end()
}

fn show_resource_rule(rule: &ResourcePolicyRule) -> String {
    go::Struct::new()
        .raw("Verbs", &go::list(&rule.verbs))
        .raw("APIGroups", &go::list(&rule.api_groups))
        .raw("Resources", &go::list(&rule.resources))
        .field("ClusterScope", &rule.cluster_scope)
        .raw("Namespaces", &go::list(&rule.namespaces))
        .end()
}

fn show_url_rule(rule: &NonResourcePolicyRule) -> String {
    go::Struct::new()
        .raw("Verbs", &go::list(&rule.verbs))
        .raw("NonResourceURLs", &go::list(&rule.non_resource_urls))
        .end()
}
