//! Conditions on nodes, compiled once: node selectors, required and preferred node affinity.

use apimachinery::field::{BadValue, Error, ErrorList, Path};
use apimachinery::selectors::{Operator, Requirement, Selector};
use k8s_api::core::v1::{
    Node, NodeSelector as ApiNodeSelector, NodeSelectorRequirement, NodeSelectorTerm, Pod, PreferredSchedulingTerm,
};

const LABEL_OPERATORS: [&str; 6] = ["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"];
const FIELD_OPERATORS: [&str; 2] = ["In", "NotIn"];
const NAME_FIELD: &str = "metadata.name";

/// A condition on a field. Nodes have one: `metadata.name`; others are empty.
#[derive(Clone, Debug, PartialEq, Eq)]
struct FieldRequirement {
    key: String,
    value: String,
    equal: bool,
}

/// Conditions that must all hold; a malformed term holds for no node.
#[derive(Clone, Debug)]
struct Term {
    labels: Option<Selector>,
    fields: Vec<FieldRequirement>,
    malformed: bool,
}

fn label_requirement(requirement: &NodeSelectorRequirement, path: &Path<'_>) -> Result<Requirement, ErrorList> {
    let operator = match requirement.operator.as_str() {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        "Gt" => Operator::GreaterThan,
        "Lt" => Operator::LessThan,
        other => {
            let mut errors = ErrorList::new();
            errors.push(Error::not_supported(&path.child("operator"), other, &LABEL_OPERATORS));
            return Err(errors);
        }
    };
    Requirement::new(&requirement.key, operator, requirement.values.clone(), path)
}

fn field_requirement(requirement: &NodeSelectorRequirement, path: &Path<'_>) -> Result<FieldRequirement, Error> {
    let equal = match requirement.operator.as_str() {
        "In" => true,
        "NotIn" => false,
        other => return Err(Error::not_supported(&path.child("operator"), other, &FIELD_OPERATORS)),
    };
    match requirement.values.as_slice() {
        [value] => Ok(FieldRequirement {
            key: requirement.key.clone(),
            value: value.clone(),
            equal,
        }),
        values => Err(Error::invalid(
            &path.child("values"),
            BadValue::json(&values),
            "must have one element",
        )),
    }
}

impl Term {
    fn new(term: &NodeSelectorTerm, path: &Path<'_>, errors: &mut ErrorList) -> Self {
        let mut own = ErrorList::new();
        let mut requirements = Vec::with_capacity(term.match_expressions.len());
        let expressions = path.child("matchExpressions");
        for (i, requirement) in term.match_expressions.iter().enumerate() {
            match label_requirement(requirement, &expressions.index(i)) {
                Ok(requirement) => requirements.push(requirement),
                Err(errors) => own.append(errors),
            }
        }
        let mut fields = Vec::with_capacity(term.match_fields.len());
        let match_fields = path.child("matchFields");
        for (i, requirement) in term.match_fields.iter().enumerate() {
            match field_requirement(requirement, &match_fields.index(i)) {
                Ok(requirement) => fields.push(requirement),
                Err(error) => own.push(error),
            }
        }
        let malformed = !own.is_empty();
        errors.append(own);
        Self {
            labels: (!requirements.is_empty()).then(|| Selector::EVERYTHING.and(requirements)),
            fields,
            malformed,
        }
    }

    fn matches(&self, node: &Node) -> bool {
        let field = |requirement: &FieldRequirement| {
            let value = if requirement.key == NAME_FIELD {
                node.metadata.name.as_str()
            } else {
                ""
            };
            (value == requirement.value) == requirement.equal
        };
        !self.malformed
            && self
                .labels
                .as_ref()
                .is_none_or(|labels| labels.matches(&node.metadata.labels))
            && self.fields.iter().all(field)
    }
}

fn is_empty(term: &NodeSelectorTerm) -> bool {
    term.match_expressions.is_empty() && term.match_fields.is_empty()
}

/// Terms of which one must hold. Empty terms hold for no node.
#[derive(Clone, Debug)]
pub struct NodeSelector {
    terms: Vec<Term>,
}

impl NodeSelector {
    /// Compiles a selector; what is malformed holds for no node, and is told.
    #[must_use]
    pub fn lenient(selector: &ApiNodeSelector, path: &Path<'_>) -> (Self, ErrorList) {
        let mut errors = ErrorList::new();
        let path = path.child("nodeSelectorTerms");
        let terms = selector.node_selector_terms.iter().enumerate();
        let terms = terms
            .filter(|(_, term)| !is_empty(term))
            .map(|(i, term)| Term::new(term, &path.index(i), &mut errors))
            .collect();
        (Self { terms }, errors)
    }

    /// Whether a node fulfils it.
    #[must_use]
    pub fn matches(&self, node: &Node) -> bool {
        self.terms.iter().any(|term| term.matches(node))
    }
}

/// Terms that count for so much where they hold.
#[derive(Clone, Debug)]
pub struct PreferredTerms {
    terms: Vec<(i64, Term)>,
}

impl PreferredTerms {
    /// Compiles terms; those without weight or conditions are left out.
    ///
    /// # Errors
    /// Terms that are malformed.
    pub fn new(terms: &[PreferredSchedulingTerm], path: &Path<'_>) -> Result<Self, ErrorList> {
        let mut errors = ErrorList::new();
        let compiled = terms
            .iter()
            .enumerate()
            .filter(|(_, term)| term.weight != 0 && !is_empty(&term.preference))
            .map(|(i, term)| {
                (
                    i64::from(term.weight),
                    Term::new(&term.preference, &path.index(i), &mut errors),
                )
            })
            .collect();
        errors.into_result()?;
        Ok(Self { terms: compiled })
    }

    /// The weights of the terms that hold for a node.
    #[must_use]
    pub fn score(&self, node: &Node) -> i64 {
        let held = self.terms.iter().filter(|(_, term)| term.matches(node));
        held.map(|(weight, _)| weight).sum()
    }
}

/// What a pod requires of its node: `spec.nodeSelector` and required node affinity.
#[derive(Clone, Debug, Default)]
pub struct RequiredNodeAffinity {
    selector: Option<Selector>,
    affinity: Option<NodeSelector>,
}

impl RequiredNodeAffinity {
    /// What a pod requires; `None` if nothing.
    #[must_use]
    pub fn of(pod: &Pod) -> Option<Self> {
        let selector = &pod.spec.node_selector;
        let selector = (!selector.is_empty()).then(|| Selector::from_labels(selector));
        let affinity = pod
            .spec
            .affinity
            .as_deref()
            .and_then(|affinity| affinity.node_affinity.as_deref());
        let affinity = affinity
            .and_then(|affinity| affinity.required_during_scheduling_ignored_during_execution.as_deref())
            .map(|required| NodeSelector::lenient(required, &Path::NIL).0);
        (selector.is_some() || affinity.is_some()).then_some(Self { selector, affinity })
    }

    /// Whether a node fulfils it.
    #[must_use]
    pub fn matches(&self, node: &Node) -> bool {
        self.selector
            .as_ref()
            .is_none_or(|selector| selector.matches(&node.metadata.labels))
            && self.affinity.as_ref().is_none_or(|affinity| affinity.matches(node))
    }
}
