//! Decisions, reasons, escalation texts, the bootstrap policy and its reconciliation.

use apiserver_auth::{
    authorization::{Attributes, Authorization, RuleResolver},
    user::UserInfo,
};
use k8s_api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject};

use crate::{
    RbacStore, Reconciled, binding_authorized, bootstrap, compact, confirm_no_escalation, covers, reconcile_binding,
    reconcile_role, role_escalation_authorized, rule_allows,
};

fn strings(text: &str) -> Vec<String> {
    text.split_whitespace()
        .map(|word| if word == "core" { String::new() } else { word.to_owned() })
        .collect()
}

/// `verbs | groups | resources | names`, or `verbs | url | paths`.
fn rule(text: &str) -> PolicyRule {
    let parts: Vec<&str> = text.split('|').map(str::trim).collect();
    if parts[1] == "url" {
        return PolicyRule {
            verbs: strings(parts[0]),
            non_resource_urls: strings(parts[2]),
            ..PolicyRule::default()
        };
    }
    PolicyRule {
        verbs: strings(parts[0]),
        api_groups: strings(parts[1]),
        resources: strings(parts[2]),
        resource_names: strings(parts.get(3).unwrap_or(&"")),
        ..PolicyRule::default()
    }
}

fn role(namespace: &str, name: &str, rules: &[&str]) -> Role {
    let mut role = Role {
        rules: rules.iter().map(|text| rule(text)).collect(),
        ..Role::default()
    };
    role.metadata.namespace = namespace.to_owned();
    role.metadata.name = name.to_owned();
    role
}

fn cluster_role(name: &str, rules: &[&str]) -> ClusterRole {
    let role = role("", name, rules);
    ClusterRole {
        metadata: role.metadata,
        rules: role.rules,
        ..ClusterRole::default()
    }
}

fn reference(kind: &str, name: &str) -> RoleRef {
    RoleRef {
        api_group: "rbac.authorization.k8s.io".to_owned(),
        kind: kind.to_owned(),
        name: name.to_owned(),
    }
}

fn subject(kind: &str, name: &str, namespace: &str) -> Subject {
    Subject {
        kind: kind.to_owned(),
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        ..Subject::default()
    }
}

fn binding(namespace: &str, name: &str, role_ref: RoleRef, subjects: Vec<Subject>) -> RoleBinding {
    let mut binding = RoleBinding {
        role_ref,
        subjects,
        ..RoleBinding::default()
    };
    binding.metadata.namespace = namespace.to_owned();
    binding.metadata.name = name.to_owned();
    binding
}

fn cluster_binding(name: &str, role_ref: RoleRef, subjects: Vec<Subject>) -> ClusterRoleBinding {
    let binding = binding("", name, role_ref, subjects);
    ClusterRoleBinding {
        metadata: binding.metadata,
        role_ref: binding.role_ref,
        subjects: binding.subjects,
    }
}

fn request<'a>(
    user: &'a UserInfo,
    verb: &'a str,
    namespace: &'a str,
    resource: &'a str,
    name: &'a str,
) -> Attributes<'a> {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    Attributes {
        namespace,
        name,
        subresource,
        ..Attributes::resource(user, verb, "", "v1", resource)
    }
}

#[test]
fn rules_match_as_upstream() {
    let user = UserInfo::named("u");
    // rule, verb, resource, name, allowed
    let cases = [
        ("get list | core | pods", "get", "pods", "a", true),
        ("get list | core | pods", "watch", "pods", "", false),
        ("get | apps | pods", "get", "pods", "a", false),
        ("* | * | *", "delete", "pods/log", "a", true),
        ("get | core | pods", "get", "pods/log", "a", false),
        ("get | core | pods/log", "get", "pods/log", "a", true),
        ("get | core | pods/log", "get", "pods", "a", false),
        ("get | core | */log", "get", "pods/log", "a", true),
        ("get | core | */log", "get", "pods/logs", "a", false),
        ("get | core | */og", "get", "pods/log", "a", false),
        ("get | core | xpods/log", "get", "pods/log", "a", false),
        ("get | core | pods/*", "get", "pods/log", "a", false),
        ("get list | core | pods | a", "get", "pods", "a", true),
        ("get list | core | pods | a", "list", "pods", "", false),
        ("get list | core | pods | a", "get", "pods", "b", false),
        ("* | url | *", "get", "pods", "", false),
    ];
    for (text, verb, resource, name, allowed) in cases {
        let attributes = request(&user, verb, "ns", resource, name);
        assert_eq!(
            rule_allows(&attributes, &rule(text)),
            allowed,
            "{text}: {verb} {resource}"
        );
    }
    for (text, path, allowed) in [
        ("get | url | /metrics", "/metrics", true),
        ("get | url | /metrics", "/metrics/x", false),
        ("get | url | /healthz/*", "/healthz/etcd", true),
        ("get | url | /healthz/*", "/healthz", false),
        ("get | url | /metrics*", "/metricsx", true),
        ("post | url | *", "/x", false),
        ("get | core | *", "/x", false),
    ] {
        let attributes = Attributes::non_resource(&user, "get", path);
        assert_eq!(rule_allows(&attributes, &rule(text)), allowed, "{text}: {path}");
    }
}

fn store() -> RbacStore {
    let store = RbacStore::default();
    store.upsert_role(&role("ns", "reader", &["get | core | pods"]));
    store.upsert_cluster_role(&cluster_role("writer", &["create | core | pods"]));
    store.upsert_role_binding(&binding(
        "ns",
        "b",
        reference("Role", "reader"),
        vec![subject("User", "alice", ""), subject("ServiceAccount", "bot", "")],
    ));
    store.upsert_role_binding(&binding(
        "ns",
        "w",
        reference("ClusterRole", "writer"),
        vec![subject("Group", "dev", "")],
    ));
    store.upsert_cluster_role_binding(&cluster_binding(
        "everywhere",
        reference("ClusterRole", "writer"),
        vec![
            subject("ServiceAccount", "robot", "other"),
            subject("ServiceAccount", "lost", ""),
        ],
    ));
    store
}

#[test]
fn decisions_name_their_binding() {
    let store = store();
    let alice = UserInfo::named("alice").with_groups(["dev"]);
    let bot = UserInfo::named("system:serviceaccount:ns:bot");
    let robot = UserInfo::named("system:serviceaccount:other:robot");
    let lost = UserInfo::named("system:serviceaccount::lost");
    let cases = [
        (
            request(&alice, "get", "ns", "pods", "a"),
            Some(r#"RBAC: allowed by RoleBinding "b/ns" of Role "reader" to User "alice""#),
        ),
        (
            request(&alice, "create", "ns", "pods", ""),
            Some(r#"RBAC: allowed by RoleBinding "w/ns" of ClusterRole "writer" to Group "dev""#),
        ),
        (request(&alice, "create", "other", "pods", ""), None),
        (request(&alice, "get", "", "pods", ""), None),
        (
            request(&bot, "get", "ns", "pods", "a"),
            Some(r#"RBAC: allowed by RoleBinding "b/ns" of Role "reader" to ServiceAccount "bot/ns""#),
        ),
        (
            request(&robot, "create", "anywhere", "pods", ""),
            Some(
                r#"RBAC: allowed by ClusterRoleBinding "everywhere" of ClusterRole "writer" to ServiceAccount "robot/other""#,
            ),
        ),
        (request(&lost, "create", "ns", "pods", ""), None),
    ];
    for (attributes, reason) in cases {
        let expected = match reason {
            Some(reason) => Authorization::allow(reason),
            None => Authorization::no_opinion(""),
        };
        assert_eq!(store.decide(&attributes), expected, "{attributes:?}");
    }
}

#[test]
fn dangling_bindings_are_named() {
    let store = store();
    let alice = UserInfo::named("alice");
    let ghost = |name: &str, kind| binding("ns", name, reference(kind, "ghost"), vec![subject("User", "alice", "")]);
    store.upsert_role_binding(&ghost("x", "Role"));
    let attributes = request(&alice, "list", "ns", "pods", "");
    let one = r#"RBAC: role.rbac.authorization.k8s.io "ghost" not found"#;
    assert_eq!(store.decide(&attributes), Authorization::no_opinion(one));
    store.upsert_role_binding(&ghost("y", "ClusterRole"));
    store.upsert_role_binding(&ghost("z", "Role"));
    let several = concat!(
        r#"RBAC: [role.rbac.authorization.k8s.io "ghost" not found, "#,
        r#"clusterrole.rbac.authorization.k8s.io "ghost" not found]"#
    );
    assert_eq!(store.decide(&attributes), Authorization::no_opinion(several));
    let odd = RbacStore::default();
    odd.upsert_role_binding(&ghost("x", "Odd"));
    let kind = r#"RBAC: unsupported role reference kind: "Odd""#;
    assert_eq!(odd.decide(&attributes), Authorization::no_opinion(kind));
}

#[test]
fn changes_take_effect_at_once() {
    let store = store();
    let alice = UserInfo::named("alice").with_groups(["dev"]);
    let get = request(&alice, "get", "ns", "pods", "a");
    let create = request(&alice, "create", "ns", "pods", "");
    let allowed = |attributes| store.decide(attributes).is_allowed();
    assert!(allowed(&get) && allowed(&create));

    store.upsert_role(&role("ns", "reader", &["list | core | pods"]));
    assert!(!allowed(&get));
    store.upsert_role(&role("ns", "reader", &["get | core | pods"]));
    assert!(allowed(&get));
    store.upsert_role_binding(&binding(
        "ns",
        "b",
        reference("Role", "reader"),
        vec![subject("User", "bob", "")],
    ));
    assert!(!allowed(&get));
    store.upsert_role_binding(&binding(
        "ns",
        "b",
        reference("Role", "reader"),
        vec![subject("Group", "dev", "")],
    ));
    assert!(allowed(&get));
    store.delete_role_binding("ns", "b");
    assert!(!allowed(&get));
    store.delete_cluster_role("writer");
    assert!(!allowed(&create));
    store.delete_role_binding("ns", "w");
    assert_eq!(store.decide(&create), Authorization::no_opinion(""));
    store.delete_role("ns", "reader");
    store.delete_cluster_role_binding("everywhere");
    assert_eq!(store.policy_rules(&alice, "ns").0, []);
}

#[tokio::test]
async fn rules_are_listed_cluster_first_and_once() {
    let store = store();
    store.upsert_cluster_role_binding(&cluster_binding(
        "a",
        reference("ClusterRole", "writer"),
        vec![
            subject("User", "alice", ""),
            subject("Group", "dev", ""),
            subject("User", "alice", ""),
        ],
    ));
    let alice = UserInfo::named("alice").with_groups(["dev"]);
    let rules = store.rules_for(&alice, "ns").await;
    let verbs: Vec<_> = rules.resource_rules.iter().map(|rule| rule.verbs.join(",")).collect();
    assert_eq!(verbs, ["create", "get", "create"]);
    assert!(!rules.incomplete && rules.evaluation_error().is_empty());
}

#[test]
fn what_covers_what() {
    // owner, servant, missing
    let cases: [(&[&str], &str, &[&str]); 9] = [
        (&["* | * | *"], "get | core | pods", &[]),
        (
            &["get | core | pods"],
            "get list | core | pods",
            &["list | core | pods"],
        ),
        (
            &["get | core | pods", "list | core | pods"],
            "get list | core | pods",
            &[],
        ),
        (&["get | core | pods | a"], "get | core | pods", &["get | core | pods"]),
        (&["get | core | pods"], "get | core | pods | a", &[]),
        (&["get | core | */log"], "get | core | pods/log", &[]),
        (&["get | core | pods"], "* | core | pods", &["* | core | pods"]),
        (&["get | url | /a/*"], "get | url | /a/b", &[]),
        (&["get | url | /a"], "get | url | /a/*", &["get | url | /a/*"]),
    ];
    for (owner, servant, missing) in cases {
        let owner: Vec<_> = owner.iter().map(|text| rule(text)).collect();
        let missing: Vec<_> = missing.iter().map(|text| rule(text)).collect();
        assert_eq!(covers(&owner, &[rule(servant)]), missing, "{servant}");
    }
    let split = [
        rule("get | core | pods"),
        rule("list | core | pods"),
        rule("get | core | pods | a"),
    ];
    assert_eq!(
        compact(&split),
        [rule("get list | core | pods"), rule("get | core | pods | a")]
    );
}

#[test]
fn escalation_reads_as_upstream() {
    let store = RbacStore::default();
    let alice = UserInfo::named("alice").with_groups(["system:authenticated"]);
    let message = |rules: &[&str]| {
        let rules: Vec<_> = rules.iter().map(|text| rule(text)).collect();
        confirm_no_escalation(&store, &alice, "ns", &rules).map_err(|error| error.to_string())
    };
    let head = "user \"alice\" (groups=[\"system:authenticated\"]) is attempting to grant RBAC permissions not \
                currently held:\n";
    assert_eq!(message(&[]), Ok(()));
    assert_eq!(
        message(&["get list | core | secrets | a b", "* | url | *"]).unwrap_err(),
        format!(
            "{head}{{APIGroups:[\"\"], Resources:[\"secrets\"], ResourceNames:[\"a\"], Verbs:[\"get\" \"list\"]}}\n\
             {{APIGroups:[\"\"], Resources:[\"secrets\"], ResourceNames:[\"b\"], Verbs:[\"get\" \"list\"]}}\n\
             {{NonResourceURLs:[\"*\"], Verbs:[\"*\"]}}"
        )
    );
    store.upsert_role_binding(&binding(
        "ns",
        "b",
        reference("Role", "ghost"),
        vec![subject("User", "alice", "")],
    ));
    assert_eq!(
        message(&["get | core | secrets"]).unwrap_err(),
        format!(
            "{head}{{APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\"]}}; resolution errors: \
             [role.rbac.authorization.k8s.io \"ghost\" not found]"
        )
    );
}

#[tokio::test]
async fn escalate_and_bind_verbs() {
    let store = RbacStore::default();
    store.upsert_role(&role(
        "ns",
        "granter",
        &[
            "bind escalate | rbac.authorization.k8s.io | roles | big",
            "bind | rbac.authorization.k8s.io | clusterroles | view",
        ],
    ));
    store.upsert_role_binding(&binding(
        "ns",
        "b",
        reference("Role", "granter"),
        vec![subject("User", "alice", "")],
    ));
    let alice = UserInfo::named("alice");
    for (kind, name, namespace, allowed) in [
        ("Role", "big", "ns", true),
        ("Role", "bigger", "ns", false),
        ("ClusterRole", "view", "ns", true),
        ("ClusterRole", "view", "", false),
        ("Odd", "big", "ns", false),
    ] {
        let seen = binding_authorized(&store, &alice, &reference(kind, name), namespace).await;
        assert_eq!(seen, allowed, "{kind} {name} {namespace}");
    }
    for (resource, name, allowed) in [
        ("roles", "big", true),
        ("roles", "x", false),
        ("rolebindings", "big", false),
    ] {
        let write = Attributes {
            namespace: "ns",
            name,
            ..Attributes::resource(&alice, "update", "rbac.authorization.k8s.io", "v1", resource)
        };
        assert_eq!(
            role_escalation_authorized(&store, &write).await,
            allowed,
            "{resource} {name}"
        );
    }
}

#[test]
fn the_bootstrap_policy() {
    let policy = bootstrap::policy();
    let counts = (
        policy.cluster_roles.len(),
        policy.cluster_role_bindings.len(),
        policy.roles.len(),
        policy.role_bindings.len(),
    );
    assert_eq!(counts, (70, 51, 7, 7));
    let store = RbacStore::default();
    policy
        .cluster_roles
        .iter()
        .for_each(|role| store.upsert_cluster_role(role));
    policy
        .cluster_role_bindings
        .iter()
        .for_each(|binding| store.upsert_cluster_role_binding(binding));
    policy.roles.iter().for_each(|role| store.upsert_role(role));
    policy
        .role_bindings
        .iter()
        .for_each(|binding| store.upsert_role_binding(binding));

    let anonymous = UserInfo::anonymous();
    let anyone = UserInfo::named("x").with_groups(["system:authenticated"]);
    let scheduler = UserInfo::named("system:kube-scheduler");
    let signer = UserInfo::named("system:serviceaccount:kube-system:bootstrap-signer");
    let path = |user, path| Attributes::non_resource(user, "get", path);
    let cases = [
        (path(&anonymous, "/healthz"), true),
        (path(&anonymous, "/version"), true),
        (path(&anonymous, "/api"), false),
        (path(&anonymous, "/metrics"), false),
        (path(&anyone, "/apis/apps"), true),
        (path(&anyone, "/metrics"), false),
        (request(&anonymous, "list", "", "nodes", ""), false),
        (request(&anyone, "get", "default", "secrets", "a"), false),
        (request(&scheduler, "create", "default", "pods/binding", "a"), true),
        (request(&scheduler, "get", "default", "secrets", "a"), false),
        (
            request(&signer, "update", "kube-public", "configmaps", "cluster-info"),
            true,
        ),
        (request(&signer, "update", "kube-public", "configmaps", "other"), false),
        (request(&signer, "get", "default", "secrets", "a"), false),
    ];
    for (attributes, allowed) in cases {
        assert_eq!(store.decide(&attributes).is_allowed(), allowed, "{attributes:?}");
    }
    let edit = policy
        .cluster_roles
        .iter()
        .find(|role| role.metadata.name == "edit")
        .unwrap();
    let selector = &edit.aggregation_rule.as_ref().unwrap().cluster_role_selectors[0];
    let label = "rbac.authorization.k8s.io/aggregate-to-edit";
    assert_eq!(selector.match_labels.get(label).map(String::as_str), Some("true"));
    assert!(
        edit.metadata
            .labels
            .contains_key("rbac.authorization.k8s.io/aggregate-to-admin")
    );
    assert!(bootstrap::node_rules().len() > 20);
}

#[test]
fn reconciliation_adds_and_never_removes() {
    let expected = cluster_role("r", &["get list | core | pods"]);
    assert_eq!(reconcile_role(&expected, &expected), Reconciled::Unchanged);

    let mut grown = cluster_role("r", &["get | core | pods", "* | core | secrets"]);
    let Reconciled::Update(updated) = reconcile_role(&grown, &expected) else {
        panic!("a rule is missing");
    };
    let rules: Vec<_> = updated.rules.clone();
    assert_eq!(
        rules,
        [
            rule("get | core | pods"),
            rule("* | core | secrets"),
            rule("list | core | pods")
        ]
    );

    grown
        .metadata
        .annotations
        .insert("rbac.authorization.kubernetes.io/autoupdate", "false".to_owned());
    assert_eq!(reconcile_role(&grown, &expected), Reconciled::Protected);

    let edit = bootstrap::policy()
        .cluster_roles
        .iter()
        .find(|role| role.metadata.name == "edit")
        .unwrap();
    let mut aggregated = edit.clone();
    // What the aggregation controller wrote stays.
    aggregated.rules = vec![rule("get | core | pods")];
    assert_eq!(reconcile_role(&aggregated, edit), Reconciled::Unchanged);
    aggregated.aggregation_rule = None;
    aggregated.metadata.labels.clear();
    let Reconciled::Update(updated) = reconcile_role(&aggregated, edit) else {
        panic!("the aggregation is missing");
    };
    assert_eq!(
        (&updated.aggregation_rule, &updated.metadata.labels),
        (&edit.aggregation_rule, &edit.metadata.labels)
    );

    let alice = vec![subject("User", "alice", "")];
    let bob = vec![subject("User", "bob", "")];
    let expected = cluster_binding("b", reference("ClusterRole", "r"), alice.clone());
    let other = cluster_binding("b", reference("ClusterRole", "r"), bob.clone());
    let Reconciled::Update(updated) = reconcile_binding(&other, &expected) else {
        panic!("a subject is missing");
    };
    assert_eq!(updated.subjects, [bob, alice.clone()].concat());
    let elsewhere = cluster_binding("b", reference("ClusterRole", "x"), alice);
    assert_eq!(reconcile_binding(&elsewhere, &expected), Reconciled::Recreate(expected));
}
