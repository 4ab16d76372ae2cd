//! `--runtime-config`: which of the built-in APIs are served.

use std::collections::BTreeMap;

use component_base::flags::{FlagSet, FlagValue, Flags, parse_bool};
use k8s_api::scheme;

/// Which versions a selector means.
type Selector = (&'static str, fn(&str) -> bool);

/// In the order in which they are looked at; the first that says something counts.
const SELECTORS: [Selector; 4] = [
    ("api/all", |_| true),
    ("api/ga", |version| !is_beta(version) && !is_alpha(version)),
    ("api/beta", is_beta),
    ("api/alpha", is_alpha),
];

fn is_beta(version: &str) -> bool {
    version.contains("beta")
}

fn is_alpha(version: &str) -> bool {
    version.contains("alpha")
}

/// `key=value` pairs, comma-separated; a key that stands alone has no value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct ConfigurationMap(BTreeMap<String, String>);

impl FlagValue for ConfigurationMap {
    fn set(&mut self, text: &str, _first: bool) -> Result<(), String> {
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            self.0.insert(key.trim().to_owned(), value.trim().to_owned());
        }
        Ok(())
    }

    fn to_text(&self) -> String {
        let pairs: Vec<String> = self.0.iter().map(|(key, value)| format!("{key}={value}")).collect();
        pairs.join(",")
    }

    fn type_name(&self) -> &'static str {
        "mapStringString"
    }
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct ApiOptions {
    config: ConfigurationMap,
    forward_compatible: bool,
}

impl std::str::FromStr for ApiOptions {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut options = Self::default();
        options.config.set(text, true)?;
        options.validate()?;
        Ok(options)
    }
}

impl ApiOptions {
    /// Refuses values and APIs that are none.
    ///
    /// # Errors
    /// The key that is none of this server's APIs, or the value that is neither true nor false.
    pub fn validate(&self) -> Result<(), String> {
        let config = &self.config.0;
        if config.len() == 1 && config.get("api/all").is_some_and(|value| value == "false") {
            return Err("invalid key with only api/all=false".to_owned());
        }
        for (key, value) in config {
            if !value.is_empty() && parse_bool(value).is_err() {
                return Err(format!("runtime-config invalid value {key}={value}"));
            }
            if SELECTORS.iter().any(|(selector, _)| selector == key) {
                continue;
            }
            let (group, version) = match key.split('/').collect::<Vec<_>>()[..] {
                ["v1"] => ("", "v1"),
                [group, version] | [group, version, _] => (group, version),
                _ => return Err(format!("runtime-config invalid key {key}")),
            };
            let mut of_group = scheme::resources().iter().filter(|info| info.group == group).peekable();
            if of_group.peek().is_none() {
                return Err(format!("unknown api groups {group}"));
            }
            // What is not there is off anyway.
            if self.wanted(key) != Some(false) && !of_group.any(|info| info.version == version) {
                return Err(format!("group version {group}/{version} that has not been registered"));
            }
        }
        Ok(())
    }

    /// What the flag says of a key.
    fn wanted(&self, key: &str) -> Option<bool> {
        let value = self.config.0.get(key)?;
        Some(value.is_empty() || parse_bool(value).unwrap_or_default())
    }

    /// Whether a version of a group is served, as a whole.
    #[must_use]
    pub fn serves_version(&self, group: &str, version: &str) -> bool {
        let key = scheme::api_version(group, version);
        self.wanted(&key)
            .or_else(|| {
                let selectors = SELECTORS.iter().filter(|(_, means)| means(version));
                selectors.filter_map(|(selector, _)| self.wanted(selector)).next()
            })
            .unwrap_or(true)
    }

    /// Whether a resource is served.
    #[must_use]
    pub fn serves(&self, group: &str, version: &str, resource: &str) -> bool {
        let key = format!("{}/{resource}", scheme::api_version(group, version));
        self.wanted(&key).unwrap_or_else(|| self.serves_version(group, version))
    }
}

impl Flags for ApiOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags
            .section("API enablement")
            .add(
                "runtime-config",
                &mut self.config,
                "group/version=true|false, group/version/resource=true|false, api/all|ga|beta|alpha=true|false: which of the \
                 built-in APIs are served",
            )
            .add(
                "runtime-config-emulation-forward-compatible",
                &mut self.forward_compatible,
                "no effect: no other version is emulated",
            );
    }
}

#[cfg(test)]
mod tests {
    use super::ApiOptions;

    #[test]
    fn the_most_particular_word_counts() {
        let all = ApiOptions::default();
        assert!(all.serves("apps", "v1", "deployments"));
        let some: ApiOptions = "api/all=false, v1=true,apps/v1,batch/v1/jobs=true"
            .parse()
            .expect("known APIs");
        for (group, version, resource, served) in [
            ("", "v1", "pods", true),
            ("apps", "v1", "deployments", true),
            ("batch", "v1", "jobs", true),
            ("batch", "v1", "cronjobs", false),
            ("policy", "v1", "poddisruptionbudgets", false),
        ] {
            assert_eq!(
                some.serves(group, version, resource),
                served,
                "{group}/{version}/{resource}"
            );
        }
        let without = "api/beta=false,apps/v1=false"
            .parse::<ApiOptions>()
            .expect("known APIs");
        assert!(!without.serves("apps", "v1", "deployments"));
        assert!(!without.serves("resource.k8s.io", "v1beta1", "deviceclasses"));
        assert!(without.serves("batch", "v1", "jobs"));
    }

    #[test]
    fn what_is_no_api_is_refused() {
        for (text, message) in [
            ("api/all=false", "invalid key with only api/all=false"),
            ("nowhere.io/v1=true", "unknown api groups nowhere.io"),
            ("apps/v7=true", "group version apps/v7 that has not been registered"),
            ("apps=true", "runtime-config invalid key apps"),
            ("apps/v1=maybe", "runtime-config invalid value apps/v1=maybe"),
        ] {
            assert_eq!(text.parse::<ApiOptions>().expect_err(text), message);
        }
        "apps/v1beta1=false,api/alpha=true"
            .parse::<ApiOptions>()
            .expect("what is off need not be there");
    }
}
