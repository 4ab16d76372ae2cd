//! The version that this build reports: `/version`, `--version`, `kubernetes_build_info`, the User-Agent.
//!
//! Commit, tree state and date come from the environment of the build (`KUBE_GIT_VERSION`, `KUBE_GIT_COMMIT`,
//! `KUBE_GIT_TREE_STATE`, `KUBE_BUILD_DATE`); a build without them is as reproducible as its sources. Clients parse the
//! fields, so their names and forms are those of upstream's `version.Info`.

use serde::{Deserialize, Serialize};

const GIT_VERSION: &str = match option_env!("KUBE_GIT_VERSION") {
    Some(version) => version,
    None => concat!("v", env!("CARGO_PKG_VERSION"), "+kubernox.0"),
};
const GIT_COMMIT: &str = match option_env!("KUBE_GIT_COMMIT") {
    Some(commit) => commit,
    None => "",
};
const GIT_TREE_STATE: &str = match option_env!("KUBE_GIT_TREE_STATE") {
    Some(state) => state,
    None => "",
};
const BUILD_DATE: &str = match option_env!("KUBE_BUILD_DATE") {
    Some(date) => date,
    None => "1970-01-01T00:00:00Z",
};

/// The Kubernetes minor version that this code implements.
pub const MINOR: u32 = 36;

/// What `/version` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionInfo {
    /// Always `1`.
    pub major: String,
    /// The minor version, digits only.
    pub minor: String,
    /// The emulated version's major; empty (and not sent) for components that emulate none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub emulation_major: String,
    /// The emulated version's minor.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub emulation_minor: String,
    /// The major of the oldest version that the server stays compatible with.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub min_compatibility_major: String,
    /// The minor of the oldest version that the server stays compatible with.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub min_compatibility_minor: String,
    /// The full version, `v1.36.2+kubernox.N`.
    pub git_version: String,
    /// The commit the build was made from, empty when unknown.
    pub git_commit: String,
    /// `clean` or `dirty`, empty when unknown.
    pub git_tree_state: String,
    /// When it was built, RFC 3339.
    pub build_date: String,
    /// The compiler's version; the field keeps the name that clients look for.
    pub go_version: String,
    /// The compiler's name.
    pub compiler: String,
    /// Operating system and architecture in Go's names.
    pub platform: String,
}

impl VersionInfo {
    /// What this build is, without emulation.
    #[must_use]
    pub fn current() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            "powerpc64" => "ppc64le",
            other => other,
        };
        Self {
            major: "1".to_owned(),
            minor: MINOR.to_string(),
            emulation_major: String::new(),
            emulation_minor: String::new(),
            min_compatibility_major: String::new(),
            min_compatibility_minor: String::new(),
            git_version: GIT_VERSION.to_owned(),
            git_commit: GIT_COMMIT.to_owned(),
            git_tree_state: GIT_TREE_STATE.to_owned(),
            build_date: BUILD_DATE.to_owned(),
            go_version: concat!("rustc ", env!("CARGO_PKG_RUST_VERSION")).to_owned(),
            compiler: "rustc".to_owned(),
            platform: format!("{}/{architecture}", std::env::consts::OS),
        }
    }

    /// The same with the versions that a server emulates and stays compatible with, as the API server reports them.
    #[must_use]
    pub fn with_effective(mut self, emulation_minor: u32, min_compatibility_minor: u32) -> Self {
        self.emulation_major = "1".to_owned();
        self.emulation_minor = emulation_minor.to_string();
        self.min_compatibility_major = "1".to_owned();
        self.min_compatibility_minor = min_compatibility_minor.to_string();
        self
    }

    /// The body of `/version`: indented JSON, `application/json`.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("a struct of strings always serialises")
    }

    /// The one-line form of `--version=raw`.
    #[must_use]
    pub fn raw(&self) -> String {
        format!(
            "version.Info{{Major:{:?}, Minor:{:?}, EmulationMajor:{:?}, EmulationMinor:{:?}, MinCompatibilityMajor:{:?}, \
             MinCompatibilityMinor:{:?}, GitVersion:{:?}, GitCommit:{:?}, GitTreeState:{:?}, BuildDate:{:?}, GoVersion:{:?}, \
             Compiler:{:?}, Platform:{:?}}}",
            self.major,
            self.minor,
            self.emulation_major,
            self.emulation_minor,
            self.min_compatibility_major,
            self.min_compatibility_minor,
            self.git_version,
            self.git_commit,
            self.git_tree_state,
            self.build_date,
            self.go_version,
            self.compiler,
            self.platform
        )
    }
}

/// Checks a version given to `--version=v...`: it may differ from the built-in one behind major, minor and patch only.
///
/// # Errors
/// The text is no semantic version, or it is of another release.
pub fn validate_override(text: &str) -> Result<(), String> {
    if text == GIT_VERSION {
        return Ok(());
    }
    let given = numbers(text).ok_or_else(|| format!("could not parse {text:?} as version"))?;
    if Some(given) == numbers(GIT_VERSION) {
        Ok(())
    } else {
        Err(format!(
            "version {text:?} must match major/minor/patch of default version {GIT_VERSION:?}"
        ))
    }
}

/// Major, minor and patch of `vX.Y.Z[-pre][+build]`.
fn numbers(text: &str) -> Option<(u32, u32, u32)> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let core = text.find(['-', '+']).map_or(text, |end| &text[..end]);
    let mut parts = core.split('.').map(str::parse);
    match (parts.next()?, parts.next()?, parts.next()?, parts.next()) {
        (Ok(major), Ok(minor), Ok(patch), None) => Some((major, minor, patch)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_upstream_s_fields() {
        let info = VersionInfo::current().with_effective(36, 35);
        let json: serde_json::Value = serde_json::from_slice(&info.to_json()).unwrap();
        for (field, value) in [
            ("major", "1"),
            ("minor", "36"),
            ("emulationMajor", "1"),
            ("emulationMinor", "36"),
            ("minCompatibilityMajor", "1"),
            ("minCompatibilityMinor", "35"),
            ("gitVersion", GIT_VERSION),
            ("goVersion", "rustc 1.95"),
            ("compiler", "rustc"),
        ] {
            assert_eq!(json[field], value, "{field}");
        }
        assert_eq!(json["platform"].as_str().unwrap().split('/').next(), Some("linux"));
        assert!(info.to_json().starts_with(b"{\n  \"major\": \"1\",\n"));
        let plain = serde_json::to_value(VersionInfo::current()).unwrap();
        assert!(plain.get("emulationMajor").is_none());
    }

    #[test]
    fn an_override_keeps_the_release() {
        assert_eq!(validate_override("v1.36.2-custom+1"), Ok(()));
        assert_eq!(
            validate_override("v1.35.2"),
            Err(format!(
                "version \"v1.35.2\" must match major/minor/patch of default version {GIT_VERSION:?}"
            ))
        );
        assert_eq!(
            validate_override("vX"),
            Err("could not parse \"vX\" as version".to_owned())
        );
    }
}
