use k8s_api::core::v1::ConfigMap;
use serde_json::json;

use controller::testing::Fixture;

#[tokio::test]
async fn every_namespace_has_the_bundle_as_it_should_be() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.crt");
    let certificate = rcgen::generate_simple_self_signed(["ca".to_owned()])
        .unwrap()
        .cert
        .pem();
    std::fs::write(&file, &certificate).unwrap();
    let fixture = Fixture::configured(|config| {
        config.sa_controller.root_ca_file = file.to_str().unwrap().to_owned();
    })
    .await;
    fixture.create(
        "/api/v1/namespaces",
        "",
        json!({"metadata": {"name": "a"}, "status": {"phase": "Active"}}),
    );
    fixture.run(super::build).await;
    let published = || {
        let maps = fixture.list::<ConfigMap>("/api/v1/configmaps", "a");
        maps.into_iter()
            .find(|map| map.data.len() == 1 && map.data.get("ca.crt") == Some(&certificate))
    };
    fixture
        .eventually("the bundle is published", || published().is_some())
        .await;
    let map = published().unwrap();
    assert_eq!(map.metadata.name, "kube-root-ca.crt");
    assert!(map.metadata.annotations["kubernetes.io/description"].starts_with("Contains a CA bundle"));
    fixture.patch(
        "/api/v1/configmaps",
        "a",
        "kube-root-ca.crt",
        json!({"data": {"ca.crt": "x", "more": "y"}}),
    );
    fixture
        .eventually("the bundle is put right", || published().is_some())
        .await;
    fixture.delete("/api/v1/configmaps", "a", "kube-root-ca.crt");
    fixture
        .eventually("the bundle is published again", || published().is_some())
        .await;
    fixture.create(
        "/api/v1/namespaces",
        "",
        json!({"metadata": {"name": "b"}, "status": {"phase": "Active"}}),
    );
    fixture
        .eventually("a new namespace gets it", || {
            fixture.list::<ConfigMap>("/api/v1/configmaps", "b").len() == 1
        })
        .await;
}

#[tokio::test]
async fn a_file_without_certificates_ends_the_program() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.crt");
    std::fs::write(&file, "nothing").unwrap();
    let name = file.to_str().unwrap().to_owned();
    let fixture = Fixture::configured(|config| config.sa_controller.root_ca_file.clone_from(&name)).await;
    let error = super::build(fixture.context.clone())
        .await
        .err()
        .expect("it is refused");
    assert_eq!(
        error.to_string(),
        format!("error parsing root-ca-file at {name}: data does not contain any valid RSA or ECDSA certificates")
    );
}
