//! The configuration that every cluster starts with, and how it is kept (upstream: `apis/flowcontrol/bootstrap`,
//! `pkg/registry/flowcontrol/ensurer`).
//!
//! Mandatory objects are always made to be as they are here. Suggested ones follow as long as nobody took them over, which
//! the annotation `apf.kubernetes.io/autoupdate-spec` says.

use std::sync::OnceLock;

use k8s_api::{
    flowcontrol::v1::{
        ExemptPriorityLevelConfiguration, FlowDistinguisherMethod, FlowSchema, FlowSchemaSpec, GroupSubject,
        LimitResponse, LimitedPriorityLevelConfiguration, NonResourcePolicyRule, PolicyRulesWithSubjects,
        PriorityLevelConfiguration, PriorityLevelConfigurationReference, PriorityLevelConfigurationSpec,
        QueuingConfiguration, ResourcePolicyRule, ServiceAccountSubject, Subject, UserSubject,
    },
    meta::v1::ObjectMeta,
};

/// Says whether an object's spec follows this server's.
pub const AUTO_UPDATE: &str = "apf.kubernetes.io/autoupdate-spec";
/// The level and the schema of what is never limited.
pub const EXEMPT: &str = "exempt";
/// The level and the schema of what belongs nowhere else.
pub const CATCH_ALL: &str = "catch-all";

/// Name; shares; lendable percent; queues, hand and length.
type LevelRow = (&'static str, i32, i32, Option<(i32, i32, i32)>);

const LEVELS: [LevelRow; 7] = [
    (CATCH_ALL, 5, 0, None),
    ("system", 30, 33, Some((64, 6, 50))),
    ("node-high", 40, 25, Some((64, 6, 50))),
    ("leader-election", 10, 0, Some((16, 4, 50))),
    ("workload-high", 40, 50, Some((128, 6, 50))),
    ("workload-low", 100, 90, Some((128, 6, 50))),
    ("global-default", 20, 50, Some((128, 6, 50))),
];

/// Name; level; precedence; distinguisher; rules.
type SchemaRow = (
    &'static str,
    &'static str,
    i32,
    Option<&'static str>,
    &'static [RuleRow],
);

/// Subjects (`user:`, `group:`, `account:NAMESPACE`) and what they ask for.
type RuleRow = (&'static [&'static str], &'static [Asked]);

enum Asked {
    Everything,
    /// Verbs, group, resources, and whether those without a namespace count.
    Resources(&'static [&'static str], &'static str, &'static [&'static str], bool),
    Paths(&'static [&'static str], &'static [&'static str]),
}

const EVERYBODY: &[&str] = &["group:system:unauthenticated", "group:system:authenticated"];
const USER: Option<&str> = Some("ByUser");
const NAMESPACE: Option<&str> = Some("ByNamespace");

const SCHEMAS: [SchemaRow; 11] = [
    (
        EXEMPT,
        EXEMPT,
        1,
        None,
        &[(&["group:system:masters"], &[Asked::Everything])],
    ),
    (
        "probes",
        EXEMPT,
        2,
        None,
        &[(EVERYBODY, &[Asked::Paths(&["get"], &["/healthz", "/readyz", "/livez"])])],
    ),
    (
        "system-leader-election",
        "leader-election",
        100,
        USER,
        &[(
            &[
                "user:system:kube-controller-manager",
                "user:system:kube-scheduler",
                "account:kube-system",
            ],
            &[Asked::Resources(
                &["get", "create", "update"],
                "coordination.k8s.io",
                &["leases"],
                false,
            )],
        )],
    ),
    (
        "system-node-high",
        "node-high",
        400,
        USER,
        &[(
            &["group:system:nodes"],
            &[
                Asked::Resources(&["*"], "", &["nodes", "nodes/status"], true),
                Asked::Resources(&["*"], "coordination.k8s.io", &["leases"], false),
            ],
        )],
    ),
    (
        "system-nodes",
        "system",
        500,
        USER,
        &[(&["group:system:nodes"], &[Asked::Everything])],
    ),
    (
        "kube-controller-manager",
        "workload-high",
        800,
        NAMESPACE,
        &[(&["user:system:kube-controller-manager"], &[Asked::Everything])],
    ),
    (
        "kube-scheduler",
        "workload-high",
        800,
        NAMESPACE,
        &[(&["user:system:kube-scheduler"], &[Asked::Everything])],
    ),
    (
        "kube-system-service-accounts",
        "workload-high",
        900,
        NAMESPACE,
        &[(&["account:kube-system"], &[Asked::Everything])],
    ),
    (
        "service-accounts",
        "workload-low",
        9000,
        USER,
        &[(&["group:system:serviceaccounts"], &[Asked::Everything])],
    ),
    (
        "global-default",
        "global-default",
        9900,
        USER,
        &[(EVERYBODY, &[Asked::Everything])],
    ),
    (CATCH_ALL, CATCH_ALL, 10_000, USER, &[(EVERYBODY, &[Asked::Everything])]),
];

fn metadata(name: &str) -> ObjectMeta {
    let mut metadata = ObjectMeta {
        name: name.to_owned(),
        ..ObjectMeta::default()
    };
    metadata.annotations.insert(AUTO_UPDATE, "true".to_owned());
    metadata
}

fn level(row: &LevelRow) -> PriorityLevelConfiguration {
    let (name, shares, lendable, queuing) = *row;
    let queuing = queuing.map(|(queues, hand_size, queue_length_limit)| {
        Box::new(QueuingConfiguration {
            queues,
            hand_size,
            queue_length_limit,
        })
    });
    PriorityLevelConfiguration {
        metadata: metadata(name),
        spec: PriorityLevelConfigurationSpec {
            type_: "Limited".to_owned(),
            limited: Some(Box::new(LimitedPriorityLevelConfiguration {
                nominal_concurrency_shares: Some(shares),
                lendable_percent: Some(lendable),
                borrowing_limit_percent: None,
                limit_response: LimitResponse {
                    type_: if queuing.is_some() { "Queue" } else { "Reject" }.to_owned(),
                    queuing,
                },
            })),
            exempt: None,
        },
        ..PriorityLevelConfiguration::default()
    }
}

fn exempt_level() -> PriorityLevelConfiguration {
    PriorityLevelConfiguration {
        metadata: metadata(EXEMPT),
        spec: PriorityLevelConfigurationSpec {
            type_: "Exempt".to_owned(),
            exempt: Some(Box::new(ExemptPriorityLevelConfiguration {
                nominal_concurrency_shares: Some(0),
                lendable_percent: Some(0),
            })),
            limited: None,
        },
        ..PriorityLevelConfiguration::default()
    }
}

fn texts(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

fn subject(text: &str) -> Subject {
    let (kind, name) = text.split_once(':').expect("a subject of the table has a kind");
    let name = name.to_owned();
    let mut subject = Subject::default();
    match kind {
        "user" => {
            subject.kind = "User".to_owned();
            subject.user = Some(Box::new(UserSubject { name }));
        }
        "group" => {
            subject.kind = "Group".to_owned();
            subject.group = Some(Box::new(GroupSubject { name }));
        }
        _ => {
            subject.kind = "ServiceAccount".to_owned();
            subject.service_account = Some(Box::new(ServiceAccountSubject {
                namespace: name,
                name: "*".to_owned(),
            }));
        }
    }
    subject
}

fn rule((subjects, asked): &RuleRow) -> PolicyRulesWithSubjects {
    let mut rule = PolicyRulesWithSubjects {
        subjects: subjects.iter().map(|text| subject(text)).collect(),
        ..PolicyRulesWithSubjects::default()
    };
    let resources = |verbs: &[&str], group: &str, resources: &[&str], cluster_scope| ResourcePolicyRule {
        verbs: texts(verbs),
        api_groups: vec![group.to_owned()],
        resources: texts(resources),
        cluster_scope,
        namespaces: texts(&["*"]),
    };
    let paths = |verbs: &[&str], urls: &[&str]| NonResourcePolicyRule {
        verbs: texts(verbs),
        non_resource_urls: texts(urls),
    };
    for one in *asked {
        match one {
            Asked::Everything => {
                rule.resource_rules.push(resources(&["*"], "*", &["*"], true));
                rule.non_resource_rules.push(paths(&["*"], &["*"]));
            }
            Asked::Resources(verbs, group, names, cluster) => {
                rule.resource_rules.push(resources(verbs, group, names, *cluster));
            }
            Asked::Paths(verbs, urls) => rule.non_resource_rules.push(paths(verbs, urls)),
        }
    }
    rule
}

fn schema(row: &SchemaRow) -> FlowSchema {
    let (name, level, precedence, distinguisher, rules) = row;
    FlowSchema {
        metadata: metadata(name),
        spec: FlowSchemaSpec {
            priority_level_configuration: PriorityLevelConfigurationReference {
                name: (*level).to_owned(),
            },
            matching_precedence: *precedence,
            distinguisher_method: distinguisher.map(|type_| {
                Box::new(FlowDistinguisherMethod {
                    type_: type_.to_owned(),
                })
            }),
            rules: rules.iter().map(rule).collect(),
        },
        ..FlowSchema::default()
    }
}

/// Every priority level that a cluster starts with.
#[must_use]
pub fn levels() -> &'static [PriorityLevelConfiguration] {
    static MADE: OnceLock<Vec<PriorityLevelConfiguration>> = OnceLock::new();
    MADE.get_or_init(|| {
        std::iter::once(exempt_level())
            .chain(LEVELS.iter().map(level))
            .collect()
    })
}

/// Every flow schema that a cluster starts with.
#[must_use]
pub fn schemas() -> &'static [FlowSchema] {
    static MADE: OnceLock<Vec<FlowSchema>> = OnceLock::new();
    MADE.get_or_init(|| SCHEMAS.iter().map(schema).collect())
}

/// Whether an object of this name is as it is here whatever anybody says.
#[must_use]
pub fn is_mandatory(name: &str) -> bool {
    matches!(name, EXEMPT | CATCH_ALL)
}

/// What the two kinds have in common.
pub trait Configuration: Clone {
    /// Metadata.
    fn metadata(&self) -> &ObjectMeta;
    /// Metadata, to be changed.
    fn metadata_mut(&mut self) -> &mut ObjectMeta;
    /// Takes over the spec; returns whether it differed.
    fn take_spec(&mut self, expected: &Self) -> bool;
}

impl Configuration for FlowSchema {
    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn metadata_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }

    fn take_spec(&mut self, expected: &Self) -> bool {
        let differs = self.spec != expected.spec;
        self.spec.clone_from(&expected.spec);
        differs
    }
}

impl Configuration for PriorityLevelConfiguration {
    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn metadata_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }

    fn take_spec(&mut self, expected: &Self) -> bool {
        let mut wanted = expected.spec.clone();
        if let (EXEMPT, Some(own)) = (self.metadata.name.as_str(), &self.spec.exempt) {
            // How much the exempt level holds and lends is the administrator's to say.
            wanted.exempt = Some(own.clone());
        }
        let differs = self.spec != wanted;
        self.spec = wanted;
        differs
    }
}

/// Go's spellings of true and false.
fn annotated(metadata: &ObjectMeta) -> Option<bool> {
    match metadata.annotations.get(AUTO_UPDATE).map(String::as_str)? {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// The existing object as it is to be; `None` if it is so already.
#[must_use]
pub fn revise<T: Configuration>(existing: &T, expected: &T) -> Option<T> {
    let metadata = existing.metadata();
    let marked = annotated(metadata);
    // Without a mark, an object that was never changed may still be followed.
    let follows = is_mandatory(&metadata.name) || marked.unwrap_or(metadata.generation == 1);
    let mut revised = existing.clone();
    let differs = follows && revised.take_spec(expected);
    let mark = marked != Some(follows);
    if mark {
        let annotations = &mut revised.metadata_mut().annotations;
        annotations.insert(AUTO_UPDATE, follows.to_string());
    }
    (differs || mark).then_some(revised)
}

/// Whether an object is one that an earlier version suggested and this one does not.
#[must_use]
pub fn is_left_over<T: Configuration>(existing: &T, expected: &[T]) -> bool {
    let metadata = existing.metadata();
    annotated(metadata) == Some(true) && !expected.iter().any(|one| one.metadata().name == metadata.name)
}

#[cfg(test)]
mod tests {
    use super::{AUTO_UPDATE, levels, revise, schemas};

    #[test]
    fn administrators_keep_what_they_took_over() {
        let expected = &schemas()[9];
        let mut changed = expected.clone();
        changed.spec.matching_precedence = 7;
        assert_eq!(revise(&changed, expected).unwrap().spec, expected.spec, "marked true");
        changed.metadata.annotations.insert(AUTO_UPDATE, "false".to_owned());
        assert!(revise(&changed, expected).is_none(), "marked false");
        changed.metadata.annotations.remove(AUTO_UPDATE);
        changed.metadata.generation = 2;
        let kept = revise(&changed, expected).unwrap();
        assert_eq!(kept.spec.matching_precedence, 7);
        assert_eq!(kept.metadata.annotations.get(AUTO_UPDATE).unwrap(), "false");
        // The mandatory ones are nobody's to take over, but for what the exempt level holds.
        let mut exempt = levels()[0].clone();
        exempt.metadata.annotations.insert(AUTO_UPDATE, "false".to_owned());
        exempt.spec.exempt.as_mut().unwrap().nominal_concurrency_shares = Some(3);
        let revised = revise(&exempt, &levels()[0]).unwrap();
        assert_eq!(revised.spec, exempt.spec);
        assert_eq!(revised.metadata.annotations.get(AUTO_UPDATE).unwrap(), "true");
    }
}
