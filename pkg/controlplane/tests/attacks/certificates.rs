//! Certificates and front proxies' headers.

use rcgen::ExtendedKeyUsagePurpose;

use super::{
    expect,
    harness::{Authority, Server},
};

const SECRETS: &str = "/api/v1/secrets";
const SPOOF: &[&str] = &["X-Remote-User: admin", "X-Remote-Group: system:masters"];

pub(crate) async fn attempt(server: &Server) {
    let (users, proxies) = (&server.users, &server.proxies);
    let get = |certificate, headers: &'static [&'static str]| server.send(certificate, "GET", SECRETS, headers, "");
    // What is good is let in.
    let good = users.certificate("dora", &["system:masters"], |_| {});
    assert_eq!(get(Some(good), &[]).await.status, 200);
    let front = proxies.certificate("front", &[], |_| {});
    assert_eq!(get(Some(front), SPOOF).await.status, 200);

    let stranger = Authority::new("users").certificate("dora", &["system:masters"], |_| {});
    expect(
        "a certificate of a stranger who calls himself alike",
        &get(Some(stranger), &[]).await,
        401,
        "Unauthorized",
    );
    let old = users.certificate("dora", &["system:masters"], |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    });
    expect(
        "an expired certificate",
        &get(Some(old), &[]).await,
        401,
        "Unauthorized",
    );
    let serving = users.certificate("dora", &["system:masters"], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    expect(
        "a serving certificate as a client's",
        &get(Some(serving), &[]).await,
        401,
        "Unauthorized",
    );

    let anonymous = r#"User \"system:anonymous\" cannot list"#;
    expect(
        "a front proxy's headers from nobody",
        &get(None, SPOOF).await,
        403,
        anonymous,
    );
    let spoof = &[
        "Authorization: Bearer alicetoken",
        "X-Remote-User: admin",
        "X-Remote-Group: system:masters",
    ];
    expect(
        "a front proxy's headers beside a token",
        &get(None, spoof).await,
        403,
        r#"User \"alice\""#,
    );
    let user = users.certificate("eve", &[], |_| {});
    expect(
        "a front proxy's headers with a user's certificate",
        &get(Some(user), SPOOF).await,
        403,
        r#"User \"eve\" cannot list"#,
    );
    let named_alike = users.certificate("front", &[], |_| {});
    expect(
        "a user's certificate with the front proxy's name",
        &get(Some(named_alike), SPOOF).await,
        403,
        r#"User \"front\" cannot list"#,
    );
    let other_proxy = proxies.certificate("back", &[], |_| {});
    expect(
        "a proxy that is not on the list",
        &get(Some(other_proxy), SPOOF).await,
        401,
        "Unauthorized",
    );
    let underscores = &[
        "Authorization: Bearer alicetoken",
        "X_Remote_User: admin",
        "Impersonate_User: admin",
    ];
    expect(
        "headers with underscores",
        &get(None, underscores).await,
        403,
        r#"User \"alice\""#,
    );
}
