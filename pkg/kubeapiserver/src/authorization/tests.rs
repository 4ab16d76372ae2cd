//! Flags and files in upstream's words.

use std::{fs, io::Write as _};

use apiserver_auth::{authorization::Attributes, user::UserInfo};
use component_base::flags::FlagValue as _;
use tokio_util::sync::CancellationToken;

use super::AuthorizationOptions;

fn options(modes: &str) -> AuthorizationOptions {
    let mut options = AuthorizationOptions::default();
    if !modes.is_empty() {
        options.modes.set(modes, true).unwrap();
    }
    options
}

#[tokio::test]
async fn wrong_flags() {
    let cases = [
        ("Nod", "", r#"authorization-mode "Nod" is not a valid mode"#),
        (
            "RBAC,RBAC",
            "",
            r#"authorization-mode ["RBAC" "RBAC"] has mode specified more than once"#,
        ),
        (
            "ABAC",
            "",
            "authorization-mode ABAC's authorization policy file not passed",
        ),
        (
            "Webhook",
            "",
            "authorization-mode Webhook's authorization config file not passed",
        ),
        (
            "RBAC",
            "/p",
            "cannot specify --authorization-policy-file without mode ABAC",
        ),
    ];
    for (modes, policy, expected) in cases {
        let mut options = options(modes);
        options.policy_file = policy.to_owned();
        let error = options.build(&CancellationToken::new()).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let mut both = options("RBAC");
    both.config_file = "/c".to_owned();
    assert_eq!(
        both.build(&CancellationToken::new()).unwrap_err().to_string(),
        "--authorization-config can not be specified when --authorization-mode or --authorization-webhook-* flags are \
         defined"
    );
}

#[tokio::test]
async fn a_changed_file_changes_the_authorizers_but_not_their_kinds() {
    const HEAD: &str = "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\nauthorizers:\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("authz.yaml");
    let write = |authorizers: &str| {
        let mut file = fs::File::create(folder.path().join("new")).unwrap();
        file.write_all(format!("{HEAD}{authorizers}").as_bytes()).unwrap();
        fs::rename(folder.path().join("new"), &path).unwrap();
    };
    let (rbac, deny) = (
        "- {type: RBAC, name: rbac}\n",
        "- {type: AlwaysDeny, name: alwaysdeny}\n",
    );
    write(&format!("{rbac}{deny}"));
    let options = AuthorizationOptions {
        config_file: path.display().to_string(),
        ..AuthorizationOptions::default()
    };
    assert!(!options.always_allows());
    let stop = CancellationToken::new();
    let authorization = options.build(&stop).unwrap();
    let user = UserInfo::named("u");
    let attributes = Attributes::resource(&user, "get", "", "v1", "pods");
    let reason = || async { authorization.authorizer.authorize(&attributes).await.reason };
    assert_eq!(reason().await, "Everything is forbidden.");

    // Without RBAC the file is refused; then one that only adds is taken.
    write(deny);
    write(&format!("{rbac}{deny}- {{type: AlwaysAllow, name: alwaysallow}}\n"));
    let allowed = async {
        while !authorization.authorizer.authorize(&attributes).await.is_allowed() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), allowed)
        .await
        .expect("the new file is taken");
    stop.cancel();

    fs::write(&path, format!("{HEAD}- {{type: RBAC, name: mine}}\n")).unwrap();
    let error = options.build(&CancellationToken::new()).unwrap_err().to_string();
    assert_eq!(error, "expected name rbac for authorizer RBAC instead of mine");
}
