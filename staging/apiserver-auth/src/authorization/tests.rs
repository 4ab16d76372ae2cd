//! Refusals word for word, the chain's order, ABAC, the webhook and the configuration file.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use k8s_api::authorization::v1::SubjectAccessReview;

use super::{
    Abac, AlwaysAllow, AlwaysDeny, Attributes, Authorization, Authorizer, Decision, PrivilegedGroups, RuleResolver,
    SubjectAccessReviewer, Union, Webhook, WebhookSettings, config, exact_name, forbidden, webhook::question,
};
use crate::user::UserInfo;

#[test]
fn refusals_read_as_upstream() {
    let alice = UserInfo::named("alice");
    let pods = Attributes {
        namespace: "ns",
        ..Attributes::resource(&alice, "list", "", "v1", "pods")
    };
    let log = Attributes {
        name: "demo",
        subresource: "log",
        verb: "get",
        ..pods.clone()
    };
    let scale = Attributes {
        namespace: "ns",
        name: "demo",
        subresource: "scale",
        ..Attributes::resource(&alice, "get", "apps", "v1", "deployments")
    };
    let cases = [
        (
            pods,
            "",
            r#"pods is forbidden: User "alice" cannot list resource "pods" in API group "" in the namespace "ns""#,
        ),
        (
            log,
            "",
            r#"pods "demo" is forbidden: User "alice" cannot get resource "pods/log" in API group "" in the namespace "ns""#,
        ),
        (
            scale,
            "RBAC: why",
            r#"deployments.apps "demo" is forbidden: User "alice" cannot get resource "deployments/scale" in API group "apps" in the namespace "ns": RBAC: why"#,
        ),
        (
            Attributes {
                name: "n",
                ..Attributes::resource(&alice, "get", "", "v1", "nodes")
            },
            "",
            r#"nodes "n" is forbidden: User "alice" cannot get resource "nodes" in API group "" at the cluster scope"#,
        ),
        (
            Attributes::non_resource(&alice, "get", "/metrics/<x>"),
            "",
            r#"forbidden: User "alice" cannot get path "/metrics/&lt;x&gt;""#,
        ),
    ];
    for (attributes, reason, expected) in cases {
        let status = forbidden(&attributes, reason).into_status();
        assert_eq!(status.message, expected);
        assert_eq!((status.code, status.reason.as_str()), (403, "Forbidden"));
    }
}

struct Fixed(Authorization);

#[async_trait]
impl Authorizer for Fixed {
    async fn authorize(&self, _attributes: &Attributes<'_>) -> Authorization {
        self.0.clone()
    }
}

fn union(answers: Vec<Authorization>) -> Union {
    Union::new(answers.into_iter().map(|answer| Arc::new(Fixed(answer)) as _).collect())
}

#[tokio::test]
async fn the_first_opinion_counts() {
    let user = UserInfo::named("x");
    let attributes = Attributes::non_resource(&user, "get", "/");
    let failed = |text: &str| Authorization {
        error: Some(text.to_owned()),
        ..Authorization::no_opinion("r")
    };
    let allow = Authorization::allow("yes");
    let deny = Authorization::deny("no");
    let cases = [
        (vec![failed("a"), allow.clone(), deny.clone()], allow.clone()),
        (vec![failed("a"), deny.clone(), allow], deny),
        (vec![], Authorization::no_opinion("")),
        (
            vec![failed("a"), failed("b"), Authorization::no_opinion("s")],
            Authorization {
                error: Some("[a, b]".to_owned()),
                ..Authorization::no_opinion("r\nr\ns")
            },
        ),
    ];
    for (answers, expected) in cases {
        assert_eq!(union(answers).authorize(&attributes).await, expected);
    }
}

#[tokio::test]
async fn fixed_authorizers() {
    let master = UserInfo::named("x").with_groups(["system:masters"]);
    let other = UserInfo::named("system:masters");
    let ask = |user| Attributes::non_resource(user, "get", "/");
    let privileged = PrivilegedGroups::default();
    assert_eq!(privileged.authorize(&ask(&master)).await.decision, Decision::Allow);
    assert_eq!(privileged.authorize(&ask(&other)).await.decision, Decision::NoOpinion);
    assert_eq!(
        AlwaysDeny.authorize(&ask(&master)).await,
        Authorization::no_opinion("Everything is forbidden.")
    );
    assert!(AlwaysAllow.authorize(&ask(&other)).await.is_allowed());
}

#[test]
fn a_selector_narrows_only_by_its_grammar() {
    let cases = [
        ("metadata.name=a", Some("a")),
        ("metadata.name==a", Some("a")),
        ("spec.nodeName=n,metadata.name=a", Some("a")),
        ("metadata.name!=a", None),
        // The escaped comma belongs to the value: everything but one node is selected, and no name.
        (r"spec.nodeName!=x\,metadata.name=a", None),
        ("metadata.name=a/b", None),
        ("metadata.name=..", None),
        ("metadata.name=", None),
        ("metadata.name", None),
        ("", None),
    ];
    for (selector, expected) in cases {
        assert_eq!(exact_name(selector).as_deref(), expected, "{selector}");
    }
}

const POLICIES: &str = r#"
# comment
{"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":{"user":"alice","namespace":"ns","resource":"pods","apiGroup":"*","readonly":true}}
{"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":{"group":"ops","nonResourcePath":"/logs*"}}
{"user":"old","resource":"events"}
{"user":"root"}
"#;

#[tokio::test]
async fn abac_policies() {
    let abac = Abac::parse("file", POLICIES).unwrap();
    let alice = UserInfo::named("alice");
    let ops = UserInfo::named("o").with_groups(["ops"]);
    let old = UserInfo::named("old").with_groups(["system:authenticated"]);
    let root = UserInfo::named("root");
    let pods = |user, verb| Attributes {
        namespace: "ns",
        ..Attributes::resource(user, verb, "", "v1", "pods")
    };
    let cases = [
        (pods(&alice, "list"), true),
        (pods(&alice, "create"), false),
        (
            Attributes {
                namespace: "other",
                ..pods(&alice, "get")
            },
            false,
        ),
        (Attributes::non_resource(&ops, "post", "/logs/a"), true),
        (Attributes::non_resource(&ops, "get", "/metrics"), false),
        (pods(&ops, "get"), false),
        (
            Attributes {
                resource: "events",
                ..pods(&old, "delete")
            },
            true,
        ),
        (Attributes::non_resource(&old, "get", "/x"), false),
        (Attributes::non_resource(&root, "get", "/x"), true),
        (pods(&root, "delete"), true),
    ];
    for (attributes, allowed) in cases {
        let answer = abac.authorize(&attributes).await;
        assert_eq!(answer.is_allowed(), allowed, "{attributes:?}");
        assert!(allowed || answer.reason == "No policy matched.");
    }
    let rules = abac.rules_for(&alice, "ns").await;
    assert_eq!(rules.resource_rules[0].verbs, ["get", "list", "watch"]);
    assert!(abac.rules_for(&alice, "other").await.resource_rules.is_empty());

    let error = Abac::parse("file", "\n{\"user\":1}").unwrap_err().to_string();
    assert!(
        error.starts_with("error reading policy file file, line 2: {\"user\":1}: "),
        "{error}"
    );
}

struct Service {
    calls: AtomicUsize,
    answer: Result<(bool, bool), &'static str>,
}

#[async_trait]
impl SubjectAccessReviewer for Service {
    async fn review(&self, review: &SubjectAccessReview) -> Result<SubjectAccessReview, String> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let (allowed, denied) = self.answer?;
        let mut review = review.clone();
        review.status.allowed = allowed;
        review.status.denied = denied;
        review.status.reason = "because".to_owned();
        Ok(review)
    }
}

#[tokio::test]
async fn webhook_answers_and_failures() {
    let user = UserInfo::named("u");
    let attributes = Attributes::resource(&user, "list", "", "v1", "pods");
    let both = "webhook subject access review returned both allow and deny response";
    // answer, decision on error → decision, error, calls of two requests
    let cases = [
        (Ok((true, false)), Decision::NoOpinion, Decision::Allow, None, 1),
        (Ok((false, true)), Decision::NoOpinion, Decision::Deny, None, 2),
        (Ok((false, false)), Decision::Deny, Decision::NoOpinion, None, 2),
        (Ok((true, true)), Decision::NoOpinion, Decision::Deny, Some(both), 1),
        (Err("down"), Decision::Deny, Decision::Deny, Some("down"), 2),
        (Err("down"), Decision::NoOpinion, Decision::NoOpinion, Some("down"), 2),
    ];
    for (answer, decision_on_error, decision, error, calls) in cases {
        let service = Arc::new(Service {
            calls: AtomicUsize::new(0),
            answer,
        });
        let settings = WebhookSettings {
            authorized_ttl: Duration::from_secs(300),
            unauthorized_ttl: Duration::ZERO,
            decision_on_error,
        };
        let webhook = Webhook::new(service.clone(), settings);
        for _ in 0..2 {
            let seen = webhook.authorize(&attributes).await;
            assert_eq!((seen.decision, seen.error.as_deref()), (decision, error));
        }
        assert_eq!(service.calls.load(Ordering::Relaxed), calls);
    }
}

#[test]
fn the_question_carries_selectors() {
    let user = UserInfo::named("u");
    let attributes = Attributes::resource(&user, "list", "", "v1", "pods")
        .with_selectors("spec.nodeName=n,a!=b", "x in (1,2),!y,z>1");
    let spec = question(&attributes).spec;
    let resource = spec.resource_attributes.unwrap();
    let fields: Vec<_> = resource.field_selector.unwrap().requirements;
    assert_eq!(
        (fields[0].operator.as_str(), fields[1].operator.as_str()),
        ("NotIn", "In")
    );
    let labels = resource.label_selector.unwrap().requirements;
    let operators: Vec<_> = labels.iter().map(|r| r.operator.as_str()).collect();
    assert_eq!(operators, ["In", "DoesNotExist"]);

    let broken = Attributes::resource(&user, "list", "", "v1", "pods").with_selectors("a", "=");
    assert!(broken.field_requirements.is_empty() && broken.field_selector_error.is_some());
    assert!(broken.label_requirements.is_empty() && broken.label_selector_error.is_some());
}

#[test]
fn configuration_is_checked() {
    let parse = |yaml: &str| {
        let text = format!("apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\n{yaml}");
        let configuration: config::AuthorizationConfiguration =
            component_base::config::from_slice_of_kind(text.as_bytes(), &config::KINDS).unwrap();
        config::validate(&configuration)
            .into_iter()
            .map(|error| error.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        parse("authorizers: []"),
        ["authorizers: Required value: at least one authorization mode must be defined"]
    );
    assert_eq!(
        parse("authorizers: [{type: Node, name: node}, {type: RBAC, name: rbac}]"),
        [] as [&str; 0]
    );
    assert_eq!(
        parse("authorizers: [{type: RBAC, name: a}, {type: RBAC, name: b}, {type: X, name: c}, {type: Node, name: a}]"),
        [
            r#"authorizers[1].type: Duplicate value: "RBAC""#,
            r#"authorizers[2].type: Unsupported value: "X": supported values: "ABAC", "AlwaysAllow", "AlwaysDeny", "Node", "RBAC", "Webhook""#,
            r#"authorizers[3].name: Duplicate value: "a""#,
        ]
    );
    let webhook = "authorizers: [{type: Webhook, name: w, webhook: {timeout: 31s, subjectAccessReviewVersion: v2, \
                   connectionInfo: {type: KubeConfigFile, kubeConfigFile: x}, matchConditions: [{expression: 'true'}]}}]";
    assert_eq!(
        parse(webhook),
        [
            r#"authorizers[0].timeout: Invalid value: "31s": must be > 0s and <= 30s"#,
            r#"authorizers[0].subjectAccessReviewVersion: Unsupported value: "v2": supported values: "v1", "v1beta1""#,
            "authorizers[0].matchConditionSubjectAccessReviewVersion: Required value: required if match conditions are specified",
            "authorizers[0].failurePolicy: Required value",
            r#"authorizers[0].connectionInfo.kubeConfigFile: Invalid value: "x": must be an absolute path"#,
            "authorizers[0].matchConditions: Forbidden: match conditions are not supported by this server",
        ]
    );
}
