//! Programs that are shell scripts.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::CredentialProviders;

/// Answers with the image in the password, and counts its runs in a file.
const SCRIPT: &str = r#"#!/bin/sh
read -r request
echo run >> "$COUNT"
[ "$1" = ok ] || { echo "no such registry" >&2; exit 3; }
image=$(echo "$request" | sed 's/.*"image":"\([^"]*\)".*/\1/')
cat <<END
{"apiVersion":"credentialprovider.kubelet.k8s.io/v1","kind":"CredentialProviderResponse",
 "cacheKeyType":"Registry","cacheDuration":"1h","auth":{"*.example.org/team":{"username":"u","password":"$image"}}}
END
"#;

fn world(
    argument: &str,
    change: impl Fn(String) -> String,
) -> (tempfile::TempDir, Result<CredentialProviders, String>) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    fs::write(path("login"), SCRIPT).expect("a file");
    fs::set_permissions(path("login"), fs::Permissions::from_mode(0o755)).expect("a mode");
    let config = format!(
        "apiVersion: kubelet.config.k8s.io/v1\nkind: CredentialProviderConfig\nproviders:\n- name: login\n  apiVersion: \
         credentialprovider.kubelet.k8s.io/v1\n  matchImages: ['*.example.org/team']\n  defaultCacheDuration: 0s\n  args: \
         [{argument}]\n  env: [{{name: COUNT, value: {}}}]\n",
        path("count").display()
    );
    fs::write(path("config.yaml"), change(config)).expect("a file");
    let loaded = CredentialProviders::load(&path("config.yaml"), directory.path());
    (directory, loaded.map_err(|error| error.to_string()))
}

fn runs(directory: &Path) -> usize {
    fs::read_to_string(directory.join("count")).map_or(0, |text| text.lines().count())
}

#[tokio::test]
async fn a_program_is_asked_once_for_what_its_answer_is_good_for() {
    let (directory, providers) = world("ok", |config| config);
    let providers = providers.expect("a configuration");
    let found = providers.lookup("r.example.org/team/a:1").await;
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].auth.username.as_str(), found[0].auth.password.as_str()),
        ("u", "r.example.org/team/a:1")
    );
    let again = providers.lookup("r.example.org/team/b:2").await;
    assert_eq!(again, found, "the answer is good for the registry");
    assert_eq!(runs(directory.path()), 1);
    assert_eq!(
        providers.lookup("s.example.org/team/b:2").await[0].auth.password,
        "s.example.org/team/b:2"
    );
    assert!(providers.lookup("r.example.org/other/a:1").await.is_empty());
    assert!(providers.lookup("busybox").await.is_empty());
    assert_eq!(runs(directory.path()), 2, "programs are asked for what they match");
}

#[tokio::test]
async fn a_program_that_fails_gives_nothing_and_is_asked_again() {
    let (directory, providers) = world("fail", |config| config);
    let providers = providers.expect("a configuration");
    assert!(providers.lookup("r.example.org/team/a:1").await.is_empty());
    assert!(providers.lookup("r.example.org/team/a:1").await.is_empty());
    assert_eq!(runs(directory.path()), 2);
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (from, to, words) in [
        (
            "name: login",
            "name: a/b",
            "failed to validate credential provider config: providers.name: Invalid value: \"a/b\": provider name cannot contain '/'",
        ),
        (
            "matchImages: ['*.example.org/team']",
            "matchImages: []",
            "providers.matchImages: Required value: at least 1 item in matchImages is required",
        ),
        (
            "  defaultCacheDuration: 0s\n",
            "",
            "providers.defaultCacheDuration: Required value",
        ),
        (
            "k8s.io/v1\n  match",
            "k8s.io/v7\n  match",
            "providers.apiVersion: Unsupported value: \"credentialprovider.kubelet.k8s.io/v7\"",
        ),
        ("name: login", "name: nobody", "plugin binary executable "),
        (
            "  args:",
            "  tokenAttributes: {}\n  args:",
            "providers.tokenAttributes: Forbidden",
        ),
        ("  args:", "  arguments:", "unknown field"),
        ("kind: Cred", "kind: Bred", "error decoding config"),
    ] {
        let (_, loaded) = world("ok", |config| config.replacen(from, to, 1));
        let error = loaded.err().expect("an error");
        assert!(error.contains(words), "{error}");
    }
}
