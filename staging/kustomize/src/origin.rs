//! Where a resource comes from and what changed it, for `buildMetadata`.

use std::path::Path;

/// The annotation that says where a resource comes from.
pub(crate) const ORIGIN: &str = "config.kubernetes.io/origin";
/// The annotation that says what changed it.
pub(crate) const TRANSFORMATIONS: &str = "alpha.config.kubernetes.io/transformations";

/// A file, or a step that a kustomization's file configures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The file, from the folder that is built.
    pub(crate) path: String,
    /// The file that configures the step.
    pub(crate) configured_in: String,
    /// The kind of the step.
    pub(crate) configured_by: String,
}

impl Origin {
    /// A file or a folder below this one.
    pub(crate) fn join(&self, path: &str) -> Self {
        Self {
            path: clean(&Path::new(&self.path).join(path)),
            ..Self::default()
        }
    }

    /// A step of the kustomization in this folder.
    pub(crate) fn step(&self, file: &str, kind: &str) -> Self {
        Self {
            path: String::new(),
            configured_in: clean(&Path::new(&self.path).join(file)),
            configured_by: kind.to_owned(),
        }
    }

    /// As the annotation has it.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        if !self.path.is_empty() {
            text.push_str(&format!("path: {}\n", self.path));
        }
        if !self.configured_in.is_empty() {
            text.push_str(&format!("configuredIn: {}\n", self.configured_in));
        }
        if !self.configured_by.is_empty() {
            let kind = &self.configured_by;
            text.push_str(&format!("configuredBy:\n  apiVersion: builtin\n  kind: {kind}\n"));
        }
        text
    }
}

/// Several as the annotation has them.
pub(crate) fn list_text(origins: &[Origin]) -> String {
    let indented = |origin: &Origin| format!("- {}", origin.text().trim_end().replace('\n', "\n  ")) + "\n";
    origins.iter().map(indented).collect()
}

/// A relative path without `.` and, where it can be, `..`.
fn clean(path: &Path) -> String {
    let mut parts: Vec<String> = Vec::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir if parts.last().is_some_and(|last| last != "..") => {
                parts.pop();
            }
            other => parts.push(other.as_os_str().to_string_lossy().into_owned()),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_relative() {
        let base = Origin::default().join("../base/");
        assert_eq!(base.join("a.yaml").text(), "path: ../base/a.yaml\n");
        assert_eq!(base.join("../x.yaml").path, "../x.yaml");
        let step = Origin::default().step("kustomization.yaml", "PrefixTransformer");
        assert_eq!(
            list_text(&[step]),
            "- configuredIn: kustomization.yaml\n  configuredBy:\n    apiVersion: builtin\n    kind: PrefixTransformer\n"
        );
    }
}
