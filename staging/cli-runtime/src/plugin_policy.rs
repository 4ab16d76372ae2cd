//! Which credential plugins may run (upstream: `client-go/plugin/pkg/client/auth/exec`, `PluginPolicy`).

use std::path::{Path, PathBuf};

use client_go::Config;

/// A policy, and what it allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginPolicy {
    /// `AllowAll` (also when empty), `DenyAll` or `Allowlist`.
    pub policy: String,
    /// Deprecated name and command of each plugin that may run.
    pub allowlist: Option<Vec<(String, String)>>,
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;

    let metadata = path.metadata();
    metadata.is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// The program of this name: itself if it is a path, otherwise the first on the `PATH`.
fn look_path(name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|path| is_executable(path));
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| is_executable(file))
}

/// The path without what does not matter of it, as Go's `filepath.Clean` writes it.
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

impl PluginPolicy {
    /// Whether policy and list go together.
    ///
    /// # Errors
    /// What does not.
    pub fn validate(&self) -> Result<(), String> {
        let policy = &self.policy;
        match (policy.as_str(), &self.allowlist) {
            ("" | "AllowAll" | "DenyAll", None) => Ok(()),
            ("" | "AllowAll" | "DenyAll", Some(_)) => Err(format!(
                "misconfigured credential plugin allowlist: plugin policy is {policy:?} but allowlist is non-nil"
            )),
            ("Allowlist", None) => Err(format!(
                "credential plugin policy set to {policy:?}, but allowlist is unspecified"
            )),
            ("Allowlist", Some(list)) if list.is_empty() => Err(format!(
                "credential plugin policy set to {policy:?}, but allowlist is empty; use \"DenyAll\" policy instead"
            )),
            ("Allowlist", Some(list)) => {
                for (number, (name, command)) in list.iter().enumerate() {
                    if name.is_empty() && command.is_empty() {
                        let number = number + 1;
                        return Err(format!(
                            "misconfigured credential plugin allowlist: empty allowlist entry #{number}"
                        ));
                    }
                    let command = if command.is_empty() { name } else { command };
                    let cleaned = clean(command);
                    if cleaned != *command {
                        return Err(format!("non-normalized file path: {command:?} vs {cleaned:?}"));
                    }
                }
                Ok(())
            }
            _ => Err(format!("unknown plugin policy: {policy:?}")),
        }
    }

    /// Whether the configuration's plugin, if it has one, may run.
    ///
    /// # Errors
    /// Why it may not.
    pub(crate) fn check(&self, config: &Config) -> Result<(), String> {
        let Some(provider) = &config.exec else { return Ok(()) };
        let command = clean(&provider.exec.command);
        match self.policy.as_str() {
            "" | "AllowAll" => Ok(()),
            "DenyAll" => Err(format!("plugin {command:?} not allowed: policy set to \"DenyAll\"")),
            _ => self.check_listed(&command),
        }
    }

    fn check_listed(&self, command: &str) -> Result<(), String> {
        let entries = self.allowlist.iter().flatten();
        let listed: Vec<&str> = entries
            .map(|(name, command)| if command.is_empty() { name.as_str() } else { command })
            .collect();
        if listed.contains(&command) {
            return Ok(());
        }
        let Some(path) = look_path(command) else {
            return Err(format!(
                "plugin path {command:?} cannot be resolved for credential plugin allowlist check: exec: {command:?}: executable file not found in $PATH"
            ));
        };
        let same_file = |entry: &&str| look_path(entry).is_some_and(|allowed| allowed == path);
        if listed.iter().any(same_file) {
            return Ok(());
        }
        let path = path.display().to_string();
        Err(format!(
            "plugin path {path:?} is not permitted by the credential plugin allowlist"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(policy: &str, list: Option<&[(&str, &str)]>) -> PluginPolicy {
        let own = |(name, command): &(&str, &str)| ((*name).to_owned(), (*command).to_owned());
        PluginPolicy {
            policy: policy.to_owned(),
            allowlist: list.map(|list| list.iter().map(own).collect()),
        }
    }

    #[test]
    fn policies_and_lists_go_together() {
        for (given, list, fault) in [
            ("", None, None),
            ("AllowAll", None, None),
            ("Allowlist", Some(&[("", "cloud")][..]), None),
            ("Other", None, Some("unknown plugin policy: \"Other\"")),
            (
                "DenyAll",
                Some(&[][..]),
                Some(
                    "misconfigured credential plugin allowlist: plugin policy is \"DenyAll\" but allowlist is non-nil",
                ),
            ),
            (
                "Allowlist",
                None,
                Some("credential plugin policy set to \"Allowlist\", but allowlist is unspecified"),
            ),
            (
                "Allowlist",
                Some(&[][..]),
                Some(
                    "credential plugin policy set to \"Allowlist\", but allowlist is empty; use \"DenyAll\" policy instead",
                ),
            ),
            (
                "Allowlist",
                Some(&[("", "")][..]),
                Some("misconfigured credential plugin allowlist: empty allowlist entry #1"),
            ),
            (
                "Allowlist",
                Some(&[("", "/bin/../bin/true")][..]),
                Some("non-normalized file path: \"/bin/../bin/true\" vs \"/bin/true\""),
            ),
        ] {
            assert_eq!(
                policy(given, list).validate().err().as_deref(),
                fault,
                "{given} {list:?}"
            );
        }
    }

    #[test]
    fn only_what_is_listed_may_run() {
        let list = policy("Allowlist", Some(&[("", "sh"), ("", "/not/here")]));
        let shell = look_path("sh").expect("there is a shell").display().to_string();
        assert_eq!(list.check_listed("sh"), Ok(()));
        assert_eq!(list.check_listed(&shell), Ok(()), "the same file by its path");
        assert_eq!(list.check_listed("/not/here"), Ok(()), "what is listed word for word");
        let other = look_path("true").expect("there is one").display().to_string();
        let refused = format!("plugin path {other:?} is not permitted by the credential plugin allowlist");
        assert_eq!(list.check_listed("true"), Err(refused));
    }
}
