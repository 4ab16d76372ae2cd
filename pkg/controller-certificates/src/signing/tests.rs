use std::time::Duration;

use controller::testing::Fixture;
use k8s_api::Kind as _;
use k8s_api::certificates::v1::{CertificateSigningRequest, CertificateSigningRequestCondition};
use k8s_api::primitives::Time;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose, SanType};
use tempfile::TempDir;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::authority::Authority;
use super::usages;

const REQUESTS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";

/// Files of an authority with this key.
fn authority(key: &KeyPair) -> (TempDir, String, String) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(DnType::CommonName, "test-ca");
    let certificate = params.self_signed(key).unwrap().pem();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (cert_file, key_file) = (path("ca.crt"), path("ca.key"));
    std::fs::write(&cert_file, certificate).unwrap();
    std::fs::write(&key_file, key.serialize_pem()).unwrap();
    (directory, cert_file, key_file)
}

fn request(name: &str, signer: &str, usages: &[&str]) -> CertificateSigningRequest {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "system:nodes");
    params.distinguished_name.push(DnType::CommonName, "system:node:n");
    if signer.ends_with("serving") {
        params.subject_alt_names = vec![
            SanType::IpAddress("10.0.0.1".parse().unwrap()),
            SanType::DnsName("n.example.com".try_into().unwrap()),
        ];
    }
    let pem = params
        .serialize_request(&KeyPair::generate().unwrap())
        .unwrap()
        .pem()
        .unwrap();
    let mut request = CertificateSigningRequest::default();
    name.clone_into(&mut request.metadata.name);
    request.spec.request = pem.into_bytes().into();
    request.spec.usages = usages.iter().map(|usage| (*usage).to_owned()).collect();
    signer.clone_into(&mut request.spec.signer_name);
    request.status.conditions = vec![CertificateSigningRequestCondition {
        type_: "Approved".to_owned(),
        status: "True".to_owned(),
        ..CertificateSigningRequestCondition::default()
    }];
    request
}

fn status(fixture: &Fixture, name: &str) -> CertificateSigningRequest {
    CertificateSigningRequest::from_value(fixture.get(REQUESTS, "", name).unwrap()).unwrap()
}

/// Checks a certificate against its authority's file.
fn verified(pem: &[u8], cert_file: &str) -> Vec<u8> {
    let der = |pem: &[u8]| apis_cluster::certificates::pem::decode(pem).unwrap().0.data;
    let certificate = der(pem);
    let authority = der(&std::fs::read(cert_file).unwrap());
    let (_, authority) = X509Certificate::from_der(&authority).unwrap();
    let (rest, parsed) = X509Certificate::from_der(&certificate).unwrap();
    assert!(rest.is_empty());
    parsed
        .verify_signature(Some(authority.public_key()))
        .expect("the authority has signed it");
    assert_eq!(parsed.issuer(), authority.subject());
    certificate
}

#[tokio::test]
async fn approved_requests_are_signed_by_kind_of_key() {
    for algorithm in [
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_ED25519,
        &rcgen::PKCS_RSA_SHA256,
    ] {
        let (_directory, cert_file, key_file) = authority(&KeyPair::generate_for(algorithm).unwrap());
        let fixture = Fixture::configured(|config| {
            config
                .csr_signing_controller
                .cluster_signing_cert_file
                .clone_from(&cert_file);
            config
                .csr_signing_controller
                .cluster_signing_key_file
                .clone_from(&key_file);
        })
        .await;
        let mut serving = request(
            "serving",
            "kubernetes.io/kubelet-serving",
            &["digital signature", "server auth"],
        );
        serving.spec.expiration_seconds = Some(3600);
        fixture.create(REQUESTS, "", serving.to_value());
        fixture.run(super::build).await;
        fixture
            .eventually("it is signed", || {
                !status(&fixture, "serving").status.certificate.is_empty()
            })
            .await;
        let certificate = verified(&status(&fixture, "serving").status.certificate, &cert_file);
        let (_, certificate) = X509Certificate::from_der(&certificate).unwrap();
        assert_eq!(certificate.subject().to_string(), "O=system:nodes, CN=system:node:n");
        let validity = certificate.validity();
        assert_eq!(
            (validity.not_after.timestamp() - validity.not_before.timestamp()),
            3600 + 300
        );
        let usage = certificate.key_usage().unwrap().unwrap();
        assert!(usage.critical && usage.value.digital_signature() && !usage.value.key_cert_sign());
        let extended = certificate.extended_key_usage().unwrap().unwrap().value;
        assert!(extended.server_auth && !extended.client_auth);
        let constraints = certificate.basic_constraints().unwrap().unwrap();
        assert!(constraints.critical && !constraints.value.ca);
        let names = certificate.subject_alternative_name().unwrap().unwrap().value;
        assert_eq!(names.general_names.len(), 2);
    }
}

#[tokio::test]
async fn what_a_signer_does_not_sign_fails_and_others_wait() {
    let (_directory, cert_file, key_file) = authority(&KeyPair::generate().unwrap());
    let fixture = Fixture::configured(|config| {
        config
            .csr_signing_controller
            .cluster_signing_cert_file
            .clone_from(&cert_file);
        config
            .csr_signing_controller
            .cluster_signing_key_file
            .clone_from(&key_file);
    })
    .await;
    let client = "kubernetes.io/kube-apiserver-client";
    let mut unapproved = request("unapproved", client, &["client auth"]);
    unapproved.status.conditions.clear();
    let mut denied = request("denied", client, &["client auth"]);
    let approval = denied.status.conditions[0].clone();
    denied.status.conditions.push(CertificateSigningRequestCondition {
        type_: "Denied".to_owned(),
        ..approval
    });
    for request in [
        request("server", client, &["server auth"]),
        request("useless", client, &["digital signature"]),
        request("kubelet", "kubernetes.io/kubelet-serving", &["client auth"]),
        request("foreign", "example.com/signer", &["client auth"]),
        request("anything", "kubernetes.io/legacy-unknown", &["cert sign", "any"]),
        unapproved,
        denied,
    ] {
        fixture.create(REQUESTS, "", request.to_value());
    }
    fixture.run(super::build).await;
    let failure = |name: &str| {
        let status = status(&fixture, name).status;
        let failed = status
            .conditions
            .into_iter()
            .find(|condition| condition.type_ == "Failed");
        failed.map(|failed| (failed.reason, failed.message))
    };
    for (name, message) in [
        ("server", "invalid usage for client certificate: server auth"),
        ("useless", "missing required usage for client certificate: client auth"),
        (
            "kubelet",
            "usages did not match [digital signature key encipherment server auth]",
        ),
    ] {
        let wanted = Some(("SignerValidationFailure".to_owned(), message.to_owned()));
        fixture.eventually(name, || failure(name) == wanted).await;
    }
    fixture
        .eventually("anything goes", || {
            !status(&fixture, "anything").status.certificate.is_empty()
        })
        .await;
    for name in ["foreign", "unapproved", "denied", "server"] {
        assert!(status(&fixture, name).status.certificate.is_empty(), "{name}");
    }
}

#[test]
fn usages_by_name() {
    let read = |names: &[&str]| usages::read(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    let usages = read(&[
        "client auth",
        "key encipherment",
        "s/mime",
        "email protection",
        "signing",
    ])
    .unwrap();
    assert_eq!(usages.key, [3, 2, 5, 0xa0]);
    assert_eq!(usages.extended.len(), 2);
    assert_eq!(read(&["decipher only"]).unwrap().key, [3, 3, 7, 0, 0x80]);
    assert_eq!(
        read(&["any", "cooking", "signing", "washing"]),
        Err(vec!["cooking".to_owned(), "washing".to_owned()])
    );
}

#[test]
fn lives_are_bounded() {
    let (_directory, cert_file, key_file) = authority(&KeyPair::generate().unwrap());
    let signing = super::Signing {
        signer: &super::SIGNERS[0],
        authority: Authority::from_files(&cert_file, &key_file).unwrap(),
        longest: Duration::from_secs(7200),
    };
    for (asked, wanted) in [
        (None, 7200),
        (Some(3600), 3600),
        (Some(1), 600),
        (Some(-1), 600),
        (Some(9000), 7200),
    ] {
        assert_eq!(signing.life(asked), Duration::from_secs(wanted), "{asked:?}");
    }
}

#[test]
fn files_that_are_no_authority() {
    let config = |change: fn(&mut controller::config::CsrSigningControllerConfiguration, String)| {
        let (directory, cert_file, _) = authority(&KeyPair::generate().unwrap());
        let mut config = controller::config::CsrSigningControllerConfiguration::default();
        change(&mut config, cert_file);
        let outcome = super::signings(&config).map(|signings| signings.len());
        drop(directory);
        outcome
    };
    assert_eq!(config(|_, _| {}), Ok(0));
    let both = config(|config, file| {
        config.cluster_signing_cert_file.clone_from(&file);
        config.cluster_signing_key_file.clone_from(&file);
        config.kubelet_client.cert_file = file;
    });
    assert_eq!(
        both,
        Err("cannot specify default and per controller certs at the same time".to_owned())
    );
    let missing = config(|config, _| config.kubelet_client.cert_file = "/nonexistent".to_owned());
    assert_eq!(
        missing,
        Err(
            "failed to init kubernetes.io/kube-apiserver-client-kubelet certificate controller: error reading CA cert \
             file \"/nonexistent\": No such file or directory (os error 2)"
                .to_owned()
        )
    );
    assert!(Time::now().unix_seconds() > 0);
}
