//! The order in which groups and versions are listed, and so which one a client prefers.

use std::cmp::Ordering;

/// Ranks of a group version; the higher comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Priority {
    /// Rank among groups (`APIService.spec.groupPriorityMinimum`).
    pub group: i32,
    /// Rank among the versions of the group (`APIService.spec.versionPriority`).
    pub version: i32,
}

/// What versions of custom resources get.
pub const CUSTOM_RESOURCES: Priority = Priority {
    group: 1000,
    version: 100,
};

/// What a version gets that nobody ranked.
pub(super) const UNRANKED: Priority = Priority {
    group: 1000,
    version: 15,
};

/// Group, version and ranks of the built-in APIs.
static BUILTIN: [(&str, &str, i32, i32); 22] = [
    ("", "v1", 18000, 1),
    ("apiregistration.k8s.io", "v1", 20001, 20001),
    ("apps", "v1", 17800, 15),
    ("events.k8s.io", "v1", 17750, 15),
    ("authentication.k8s.io", "v1", 17700, 15),
    ("authorization.k8s.io", "v1", 17600, 15),
    ("autoscaling", "v1", 17500, 15),
    ("autoscaling", "v2", 17500, 30),
    ("batch", "v1", 17400, 15),
    ("certificates.k8s.io", "v1", 17300, 15),
    ("networking.k8s.io", "v1", 17200, 15),
    ("policy", "v1", 17100, 15),
    ("rbac.authorization.k8s.io", "v1", 17000, 15),
    ("storage.k8s.io", "v1", 16800, 15),
    ("apiextensions.k8s.io", "v1", 16700, 15),
    ("admissionregistration.k8s.io", "v1", 16700, 15),
    ("scheduling.k8s.io", "v1", 16600, 15),
    ("coordination.k8s.io", "v1", 16500, 15),
    ("node.k8s.io", "v1", 16300, 15),
    ("discovery.k8s.io", "v1", 16200, 15),
    ("resource.k8s.io", "v1", 16200, 21),
    ("flowcontrol.apiserver.k8s.io", "v1", 16100, 21),
];

/// The ranks of a built-in group version.
#[must_use]
pub fn priority_of(group: &str, version: &str) -> Option<Priority> {
    let found = BUILTIN.iter().find(|(g, v, ..)| *g == group && *v == version);
    found.map(|&(_, _, group, version)| Priority { group, version })
}

/// Compares version names: the greater is preferred.
///
/// Stable versions come before beta, beta before alpha, higher numbers before lower. Names of any
/// other form come last, by the alphabet.
#[must_use]
pub fn compare_versions(a: &str, b: &str) -> Ordering {
    match (parse(a), parse(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(_), None) => Ordering::Greater,
        (None, Some(_)) => Ordering::Less,
        (None, None) => b.cmp(a),
    }
}

/// Stability (2 stable, 1 beta, 0 alpha), major and minor number.
fn parse(name: &str) -> Option<(u8, u64, u64)> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if digits { text.parse().ok() } else { None }
    };
    let rest = name.strip_prefix('v')?;
    for (stability, word) in [(1, "beta"), (0, "alpha")] {
        if let Some((major, minor)) = rest.split_once(word) {
            return Some((stability, number(major)?, number(minor)?));
        }
    }
    Some((2, number(rest)?, 0))
}
