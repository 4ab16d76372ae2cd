//! Rules of roles: taken apart, put together again, compared (upstream: `component-helpers/auth/rbac/validation`).

use serde_json::{Map, Value, json};

/// A rule of a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rule {
    pub(super) verbs: Vec<String>,
    pub(super) groups: Vec<String>,
    pub(super) resources: Vec<String>,
    pub(super) names: Vec<String>,
    pub(super) urls: Vec<String>,
}

impl Rule {
    pub(super) fn from_value(value: &Value) -> Self {
        let list = |member: &str| -> Vec<String> {
            let items = value[member].as_array().into_iter().flatten();
            items.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        Self {
            verbs: list("verbs"),
            groups: list("apiGroups"),
            resources: list("resources"),
            names: list("resourceNames"),
            urls: list("nonResourceURLs"),
        }
    }

    pub(super) fn to_value(&self) -> Value {
        let mut members = Map::new();
        members.insert("verbs".to_owned(), json!(self.verbs));
        for (name, list) in [
            ("apiGroups", &self.groups),
            ("resources", &self.resources),
            ("resourceNames", &self.names),
            ("nonResourceURLs", &self.urls),
        ] {
            if !list.is_empty() {
                members.insert(name.to_owned(), json!(list));
            }
        }
        Value::Object(members)
    }

    /// As Go's `%+v` writes it.
    pub(super) fn go_text(&self) -> String {
        let list = |words: &[String]| format!("[{}]", words.join(" "));
        format!(
            "{{Verbs:{} APIGroups:{} Resources:{} ResourceNames:{} NonResourceURLs:{}}}",
            list(&self.verbs),
            list(&self.groups),
            list(&self.resources),
            list(&self.names),
            list(&self.urls)
        )
    }

    /// `deployments.apps/scale`.
    pub(super) fn combined_resource(&self) -> String {
        let Some(resource) = self.resources.first() else {
            return String::new();
        };
        let (name, subresource) = resource
            .split_once('/')
            .map_or((resource.as_str(), None), |(n, s)| (n, Some(s)));
        let mut text = name.to_owned();
        if let Some(group) = self.groups.first().filter(|group| !group.is_empty()) {
            text.push_str(&format!(".{group}"));
        }
        if let Some(subresource) = subresource {
            text.push_str(&format!("/{subresource}"));
        }
        text
    }

    /// Rules with one verb, one resource and one name each.
    fn broken_down(&self) -> Vec<Self> {
        let mut found = Vec::new();
        let one = |text: &String| vec![text.clone()];
        for group in &self.groups {
            for resource in &self.resources {
                for verb in &self.verbs {
                    let rule = |names| Self {
                        verbs: one(verb),
                        groups: one(group),
                        resources: one(resource),
                        names,
                        urls: Vec::new(),
                    };
                    if self.names.is_empty() {
                        found.push(rule(Vec::new()));
                    } else {
                        found.extend(self.names.iter().map(|name| rule(one(name))));
                    }
                }
            }
        }
        for url in &self.urls {
            let rule = |verb| Self {
                verbs: one(verb),
                urls: one(url),
                ..Self::default()
            };
            found.extend(self.verbs.iter().map(rule));
        }
        found
    }

    /// Whether this rule allows all that one broken-down rule allows.
    fn covers(&self, part: &Self) -> bool {
        let any = |list: &[String], wanted: &[String]| {
            list.iter().any(|known| known == "*") || wanted.iter().all(|wanted| list.contains(wanted))
        };
        let verbs = any(&self.verbs, &part.verbs);
        let groups = any(&self.groups, &part.groups);
        let resources = any(&self.resources, &part.resources)
            || part.resources.iter().all(|wanted| {
                let subresource = wanted.split_once('/').map(|(_, sub)| format!("*/{sub}"));
                subresource.is_some_and(|pattern| self.resources.contains(&pattern))
            });
        let names = self.names.is_empty()
            || (!part.names.is_empty() && part.names.iter().all(|wanted| self.names.contains(wanted)));
        let urls = part.urls.iter().all(|wanted| {
            self.urls.iter().any(|known| {
                known == wanted || known.strip_suffix('*').is_some_and(|prefix| wanted.starts_with(prefix))
            })
        });
        verbs && groups && resources && names && urls
    }
}

/// Rules with one resource each, their verbs together, in the order in which they are printed.
pub(super) fn compact(rules: Vec<Rule>) -> Vec<Rule> {
    let parts = rules.iter().flat_map(Rule::broken_down);
    let (mut simple, mut complex): (Vec<Rule>, Vec<Rule>) = (Vec::new(), Vec::new());
    for part in parts {
        if !part.urls.is_empty() {
            complex.push(part);
            continue;
        }
        let same = |known: &&mut Rule| {
            known.groups == part.groups && known.resources == part.resources && known.names == part.names
        };
        match simple.iter_mut().find(same) {
            Some(known) => {
                let new: Vec<_> = part
                    .verbs
                    .iter()
                    .filter(|verb| !known.verbs.contains(verb))
                    .cloned()
                    .collect();
                known.verbs.extend(new);
            }
            None => simple.push(part),
        }
    }
    complex.append(&mut simple);
    // By the text that upstream sorts by, whose first members are the verbs.
    complex.sort_by_cached_key(|rule| {
        let list = |words: &[String]| format!("[{}]", words.join(" "));
        [&rule.verbs, &rule.groups, &rule.resources, &rule.names, &rule.urls]
            .map(|words| list(words))
            .concat()
    });
    complex
}

/// What of `wanted` the rules do not allow.
pub(super) fn uncovered(rules: &[Rule], wanted: &[Rule]) -> Vec<Rule> {
    let broken: Vec<Rule> = rules.iter().flat_map(Rule::broken_down).collect();
    let parts = wanted.iter().flat_map(Rule::broken_down);
    parts
        .filter(|part| !broken.iter().any(|rule| rule.covers(part)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(verbs: &[&str], groups: &[&str], resources: &[&str], names: &[&str]) -> Rule {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Rule {
            verbs: list(verbs),
            groups: list(groups),
            resources: list(resources),
            names: list(names),
            urls: Vec::new(),
        }
    }

    #[test]
    fn what_is_not_allowed_is_found() {
        let have = [
            rule(&["get", "list"], &[""], &["pods"], &[]),
            rule(&["*"], &["apps"], &["*"], &[]),
        ];
        let wanted = [rule(&["get", "delete"], &["", "apps"], &["pods"], &["x"])];
        assert_eq!(uncovered(&have, &wanted), [rule(&["delete"], &[""], &["pods"], &["x"])]);
        let named = [rule(&["get"], &[""], &["pods"], &["x"])];
        assert_eq!(uncovered(&named, &[rule(&["get"], &[""], &["pods"], &[])]).len(), 1);
        assert_eq!(uncovered(&named, &[rule(&["get"], &[""], &["pods"], &["x"])]).len(), 0);
    }

    #[test]
    fn rules_of_one_resource_are_put_together() {
        let rules = vec![
            rule(&["get"], &["apps"], &["deployments/scale"], &[]),
            rule(&["get", "patch"], &["apps"], &["deployments/scale"], &[]),
        ];
        let compacted = compact(rules);
        assert_eq!(
            compacted,
            [rule(&["get", "patch"], &["apps"], &["deployments/scale"], &[])]
        );
        assert_eq!(compacted[0].combined_resource(), "deployments.apps/scale");
    }
}
