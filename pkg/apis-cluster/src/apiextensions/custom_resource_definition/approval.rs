//! Groups of the project itself, whose kinds need its approval.

use apimachinery::field::{Error, Path};
use k8s_api::{apiextensions::v1::CustomResourceDefinition, primitives::quote};

const ANNOTATION: &str = "api-approved.kubernetes.io";
const SEE: &str = "see https://github.com/kubernetes/enhancements/pull/1111";

#[derive(PartialEq, Eq)]
enum Approval {
    Missing,
    Bypassed,
    Approved,
    Invalid,
}

fn is_protected(group: &str) -> bool {
    let within = |domain: &str| {
        group
            .strip_suffix(domain)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    within("k8s.io") || within("kubernetes.io")
}

fn approval(definition: &CustomResourceDefinition) -> Approval {
    let annotation = definition
        .metadata
        .annotations
        .get(ANNOTATION)
        .map_or("", String::as_str);
    let is_url = || {
        let (scheme, rest) = annotation.split_once("://")?;
        let host = rest.split(['/', '?', '#']).next()?;
        let named = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        (named && !host.is_empty()).then_some(())
    };
    match annotation {
        "" => Approval::Missing,
        text if text.starts_with("unapproved") => Approval::Bypassed,
        _ if is_url().is_some() => Approval::Approved,
        _ => Approval::Invalid,
    }
}

/// The fault of an annotation that is missing or means nothing; one that stays as it was is borne.
pub(super) fn validate(new: &CustomResourceDefinition, old: Option<&CustomResourceDefinition>) -> Option<Error> {
    if !is_protected(&new.spec.group) {
        return None;
    }
    let state = approval(new);
    if old.is_some_and(|old| approval(old) == state) {
        return None;
    }
    let annotations = Path::new("metadata.annotations");
    let path = annotations.key(ANNOTATION);
    let intro = format!("protected groups must have approval annotation {}", quote(ANNOTATION));
    match state {
        Approval::Missing => Some(Error::required(&path, format!("{intro}, {SEE}"))),
        Approval::Invalid => {
            let value = new.metadata.annotations.get(ANNOTATION).map_or("", String::as_str);
            let detail = format!("{intro} with either a URL or a reason starting with \"unapproved\", {SEE}");
            Some(Error::invalid(&path, value, detail))
        }
        Approval::Bypassed | Approval::Approved => None,
    }
}
