//! Kubeconfigs: parsing, merging, resolving, writing back; pods; exec plugins.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use super::exec::{Authenticator, ExecError};
use super::*;

const FIRST: &str = r#"
apiVersion: v1
kind: Config
current-context: one
clusters:
- name: c
  cluster:
    server: https://first:6443/prefix?query
    certificate-authority: ca.crt
    tls-server-name: other.name
    extensions: null
- name: data
  cluster: {server: "https://data", certificate-authority-data: Y2E=, proxy-url: "http://proxy:3128"}
users:
- name: u
  user: {client-certificate: u.crt, client-key: u.key, as: jane, as-groups: [devs], as-user-extra: {scope: [a, b]}}
- name: plugin
  user:
    exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: ./bin/login, args: null, env: [{name: A, value: b}]}
contexts:
- {name: one, context: {cluster: c, user: u, namespace: work}}
"#;

const SECOND: &str = r#"
clusters: [{name: c, cluster: {server: "https://second"}}, {name: d, cluster: {server: "https://d"}}]
users: [{name: t, user: {token: secret}}]
contexts: [{name: two, context: {cluster: d, user: t}}]
current-context: two
"#;

fn files() -> (tempfile::TempDir, LoadingRules) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("first", FIRST),
        ("second", SECOND),
        ("ca.crt", ""),
        ("u.crt", ""),
        ("u.key", ""),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let paths = ["first", "missing", "second"].map(|name| folder.path().join(name));
    let rules = LoadingRules {
        explicit: None,
        precedence: paths.into(),
    };
    (folder, rules)
}

#[test]
fn the_first_file_wins_and_paths_are_relative_to_their_file() {
    let (folder, rules) = files();
    let merged = rules.load().unwrap();
    assert_eq!(merged.current_context, "one");
    assert_eq!(merged.clusters.keys().collect::<Vec<_>>(), ["c", "d", "data"]);
    let config = merged.client_config(&Overrides::default()).unwrap();
    assert_eq!(config.host, "https://first:6443/prefix");
    assert_eq!(config.tls.ca_file, folder.path().join("ca.crt").to_string_lossy());
    assert_eq!(config.tls.server_name, "other.name");
    assert_eq!(config.impersonate.user_name, "jane");
    assert_eq!(config.impersonate.extra["scope"], ["a", "b"]);
    assert_eq!(
        merged.namespace(&Overrides::default()).unwrap(),
        ("work".to_owned(), false)
    );
    let exec = merged.auth_infos["plugin"].exec.as_ref().unwrap();
    assert_eq!(exec.command, folder.path().join("./bin/login").to_string_lossy());
    assert_eq!(exec.interactive_mode, "IfAvailable", "v1beta1's default");
    let overrides = Overrides {
        current_context: "two".to_owned(),
        ..Overrides::default()
    };
    let config = merged.client_config(&overrides).unwrap();
    assert_eq!(
        (config.host.as_str(), config.bearer_token.as_str()),
        ("https://d", "secret")
    );
}

#[test]
fn errors_are_upstreams() {
    let (_folder, rules) = files();
    let merged = rules.load().unwrap();
    let error = |overrides: Overrides| merged.client_config(&overrides).unwrap_err().to_string();
    let named = |name: &str| Overrides {
        current_context: name.to_owned(),
        ..Overrides::default()
    };
    assert_eq!(error(named("nope")), "context \"nope\" does not exist");
    let user = kubeconfig::Context {
        auth_info: "nope".to_owned(),
        ..Default::default()
    };
    assert_eq!(
        error(Overrides {
            context: user,
            ..Overrides::default()
        }),
        "auth info \"nope\" does not exist"
    );
    let both = kubeconfig::AuthInfo {
        token: "t".into(),
        username: "u".into(),
        ..Default::default()
    };
    assert_eq!(
        error(Overrides {
            auth_info: both,
            ..Overrides::default()
        }),
        "invalid configuration: more than one authentication method found for u; found [token basicAuth], only one is allowed"
    );
    let empty = Kubeconfig::default().client_config(&Overrides::default()).unwrap_err();
    assert!(empty.is_empty_config(), "{empty}");
    let missing = LoadingRules::explicit("/nonexistent/config").load().unwrap_err();
    assert_eq!(
        missing.to_string(),
        "open /nonexistent/config: no such file or directory"
    );
    for (text, part) in [
        ("clusters: [{name: a}, {name: a}]", "duplicate name \"a\" in list"),
        ("clusters: 7", "invalid type"),
        (
            "kind: Pod\napiVersion: v1",
            "no kind \"Pod\" is registered for version \"v1\"",
        ),
        ("a: [", "error converting YAML to JSON: yaml: line"),
    ] {
        let error = Kubeconfig::parse(text).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
    let bad = Overrides {
        timeout: "soon".to_owned(),
        ..Overrides::default()
    };
    assert!(error(bad).starts_with("Invalid timeout value."));
}

#[test]
fn entries_are_written_back_to_the_file_they_came_from() {
    let (folder, rules) = files();
    let mut changed = rules.load_raw().unwrap();
    changed.clusters.get_mut("d").unwrap().server = "https://changed".to_owned();
    changed.clusters.insert(
        "new".to_owned(),
        kubeconfig::Cluster {
            server: "https://new".into(),
            ..Default::default()
        },
    );
    changed.contexts.remove("one");
    changed.current_context = "two".to_owned();
    rules.modify(&changed).unwrap();
    let load = |name: &str| Kubeconfig::load(&folder.path().join(name)).unwrap();
    let (first, second) = (load("first"), load("second"));
    assert_eq!(second.clusters["d"].server, "https://changed");
    assert_eq!(
        second.clusters["c"].server, "https://second",
        "what the first file hides stays"
    );
    assert_eq!(first.clusters["new"].server, "https://new");
    assert!(first.contexts.is_empty());
    assert_eq!(
        (first.current_context.as_str(), second.current_context.as_str()),
        ("two", "two")
    );
    assert_eq!(
        first.clusters["c"].certificate_authority, "ca.crt",
        "paths stay as they were written"
    );
    assert_eq!(
        fs::metadata(folder.path().join("first")).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn what_is_written_reads_the_same() {
    let config = Kubeconfig::parse(FIRST).unwrap();
    let again = Kubeconfig::parse(&config.to_yaml()).unwrap();
    assert_eq!(config, again);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new").join("config");
    config.write(&path).unwrap();
    let first = fs::metadata(&path).unwrap().ino();
    config.write(&path).unwrap();
    assert_ne!(
        fs::metadata(&path).unwrap().ino(),
        first,
        "a file is replaced, never written over"
    );
    assert_eq!(
        fs::read_dir(path.parent().unwrap()).unwrap().count(),
        1,
        "nothing is left behind"
    );
}

#[test]
fn flatten_and_minify() {
    let (folder, rules) = files();
    fs::write(folder.path().join("ca.crt"), "authority").unwrap();
    let mut config = rules.load().unwrap();
    config.minify().unwrap();
    config.flatten().unwrap();
    assert_eq!(config.clusters.keys().collect::<Vec<_>>(), ["c"]);
    assert_eq!(config.auth_infos.keys().collect::<Vec<_>>(), ["u"]);
    assert_eq!(&*config.clusters["c"].certificate_authority_data, b"authority");
    assert_eq!(config.clusters["c"].certificate_authority, "");
}

#[test]
fn in_a_pod() {
    let folder = tempfile::tempdir().unwrap();
    let missing = in_cluster::config_from("10.0.0.1", "443", folder.path())
        .unwrap_err()
        .to_string();
    assert!(missing.ends_with("/token: no such file or directory"), "{missing}");
    for (name, text) in [("token", "abc\n"), ("ca.crt", "x"), ("namespace", "team\n")] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let config = in_cluster::config_from("fd00::1", "6443", folder.path()).unwrap();
    assert_eq!(
        (config.host.as_str(), config.bearer_token.as_str()),
        ("https://[fd00::1]:6443", "abc")
    );
    assert_eq!(config.bearer_token_file, folder.path().join("token").to_string_lossy());
    assert_eq!(
        in_cluster::namespace_from(None, &folder.path().join("namespace")).as_deref(),
        Some("team")
    );
    assert_eq!(in_cluster::namespace_from(None, Path::new("/nonexistent")), None);
}

fn plugin(folder: &Path, script: &str) -> Config {
    let path = folder.join("plugin.sh");
    fs::write(
        &path,
        format!("#!/bin/sh\necho run >> {}/runs\n{script}\n", folder.display()),
    )
    .unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let exec = kubeconfig::ExecConfig {
        command: path.to_string_lossy().into_owned(),
        api_version: exec::V1.to_owned(),
        interactive_mode: "Never".to_owned(),
        provide_cluster_info: true,
        install_hint: "install it\u{1b}[31m".to_owned(),
        env: vec![kubeconfig::ExecEnvVar {
            name: "EXTRA".into(),
            value: "env".into(),
        }],
        ..Default::default()
    };
    Config {
        host: "https://server".to_owned(),
        exec: Some(ExecProvider {
            exec,
            cluster_config: Some(serde_json::json!({"a": 1})),
            stdin_unavailable: None,
        }),
        ..Config::default()
    }
}

fn runs(folder: &Path) -> usize {
    fs::read_to_string(folder.join("runs")).map_or(0, |text| text.lines().count())
}

#[tokio::test]
async fn a_plugin_runs_once_until_it_expires_or_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"echo "$KUBERNETES_EXEC_INFO" > $0.info
echo '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"t-'$EXTRA'"}}'"#;
    let authenticator = Authenticator::new(&plugin(folder.path(), script)).unwrap().unwrap();
    let (one, two) = tokio::join!(authenticator.credentials(), authenticator.credentials());
    let used = one.unwrap();
    assert_eq!((used.token.as_str(), two.unwrap().token.as_str()), ("t-env", "t-env"));
    assert_eq!(runs(folder.path()), 1);
    authenticator.refresh(&used).await.unwrap();
    authenticator.refresh(&used).await.unwrap();
    assert_eq!(runs(folder.path()), 2, "of those who were refused one runs it");
    let info: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("plugin.sh.info")).unwrap()).unwrap();
    assert_eq!(info["spec"]["interactive"], false);
    assert_eq!(info["spec"]["cluster"]["server"], "https://server");
    assert_eq!(info["spec"]["cluster"]["config"]["a"], 1);

    let expired = script.replace(
        "\"token\"",
        "\"expirationTimestamp\":\"2020-01-01T00:00:00Z\",\"token\"",
    );
    let authenticator = Authenticator::new(&plugin(folder.path(), &expired)).unwrap().unwrap();
    authenticator.credentials().await.unwrap();
    authenticator.credentials().await.unwrap();
    assert_eq!(runs(folder.path()), 4);
}

#[tokio::test]
async fn what_plugins_do_wrong_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let run = async |script: &str| {
        Authenticator::new(&plugin(folder.path(), script))
            .unwrap()
            .unwrap()
            .credentials()
            .await
            .unwrap_err()
    };
    let command = folder.path().join("plugin.sh").to_string_lossy().into_owned();
    assert_eq!(run("exit 3").await, ExecError::Failed { command, code: 3 });
    assert!(matches!(run("echo nonsense").await, ExecError::Decode(_)));
    let other = run(r#"echo '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1"}'"#).await;
    assert_eq!(
        other.to_string(),
        "exec plugin is configured to use API version client.authentication.k8s.io/v1, plugin returned version \
         client.authentication.k8s.io/v1beta1"
    );
    let v1 = |status: &str| {
        format!(
            r#"echo '{{"kind":"ExecCredential","apiVersion":"{}"{status}}}'"#,
            exec::V1
        )
    };
    assert_eq!(
        run(&v1("")).await,
        ExecError::Incomplete("exec plugin didn't return a status field")
    );
    assert_eq!(
        run(&v1(r#","status":{"clientKeyData":"k"}"#)).await,
        ExecError::Incomplete("exec plugin returned only certificate or key, not both")
    );
    let mut missing = plugin(folder.path(), "");
    missing.exec.as_mut().unwrap().exec.command = "/nonexistent/plugin".to_owned();
    let text = Authenticator::new(&missing)
        .unwrap()
        .unwrap()
        .credentials()
        .await
        .unwrap_err()
        .to_string();
    assert!(
        text.starts_with("exec: executable /nonexistent/plugin not found"),
        "{text}"
    );
    assert!(text.contains("install it") && !text.contains('\u{1b}'), "{text}");
    missing.exec.as_mut().unwrap().exec.interactive_mode = "Always".to_owned();
    missing.exec.as_mut().unwrap().stdin_unavailable = Some("used by stdin resource manifest reader".to_owned());
    let text = Authenticator::new(&missing)
        .unwrap()
        .unwrap()
        .credentials()
        .await
        .unwrap_err()
        .to_string();
    assert!(
        text.starts_with("exec plugin cannot support interactive mode: standard input is"),
        "{text}"
    );
    missing.exec.as_mut().unwrap().exec.api_version = "v0".to_owned();
    assert_eq!(
        Authenticator::new(&missing).err(),
        Some(ExecError::ApiVersion("v0".to_owned()))
    );
}

#[test]
fn the_user_agent_names_program_version_and_platform() {
    let agent = default_user_agent();
    assert!(agent.contains("/v1.36.2 (linux/"), "{agent}");
    assert!(agent.contains(") kubernetes/"), "{agent}");
}
