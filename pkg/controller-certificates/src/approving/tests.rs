use client_go::testing::Canned;
use controller::testing::Fixture;
use k8s_api::Kind as _;
use k8s_api::certificates::v1::CertificateSigningRequest;
use rcgen::{CertificateParams, DnType, KeyPair};
use serde_json::{Value, json};

const REQUESTS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";

fn request(name: &str, user: &str, common_name: &str, signer: &str) -> Value {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "system:nodes");
    params.distinguished_name.push(DnType::CommonName, common_name);
    let pem = params
        .serialize_request(&KeyPair::generate().unwrap())
        .unwrap()
        .pem()
        .unwrap();
    let mut request = CertificateSigningRequest::default();
    name.clone_into(&mut request.metadata.name);
    request.spec.request = pem.into_bytes().into();
    request.spec.usages = vec!["digital signature".to_owned(), "client auth".to_owned()];
    user.clone_into(&mut request.spec.username);
    signer.clone_into(&mut request.spec.signer_name);
    request.to_value()
}

#[tokio::test]
async fn kubelets_requests_are_approved_if_their_makers_may_have_them() {
    let fixture = Fixture::start().await;
    // The policy: nodes renew their own, "bootstrap" may ask for any node's.
    fixture.server.on_request(|seen| {
        if !seen.path.ends_with("/subjectaccessreviews") {
            return None;
        }
        let mut review: Value = serde_json::from_slice(&seen.body).unwrap();
        let subresource = review["spec"]["resourceAttributes"]["subresource"]
            .as_str()
            .unwrap()
            .to_owned();
        let user = review["spec"]["user"].as_str().unwrap().to_owned();
        let allowed = subresource == "selfnodeclient" || (subresource == "nodeclient" && user == "bootstrap");
        review["status"] = json!({"allowed": allowed});
        Some(Canned::json(201, &review))
    });
    let kubelet = "kubernetes.io/kube-apiserver-client-kubelet";
    for request in [
        request("own", "system:node:a", "system:node:a", kubelet),
        request("joining", "bootstrap", "system:node:b", kubelet),
        request("strangers", "eve", "system:node:c", kubelet),
        request(
            "other",
            "system:node:a",
            "system:node:a",
            "kubernetes.io/kubelet-serving",
        ),
    ] {
        fixture.create(REQUESTS, "", request);
    }
    fixture.run(super::build).await;
    let message = |name: &str| fixture.get(REQUESTS, "", name).unwrap()["status"]["conditions"][0]["message"].clone();
    let own = "Auto approving self kubelet client certificate after SubjectAccessReview.";
    fixture
        .eventually("the node's own is approved", || message("own") == own)
        .await;
    let joining = "Auto approving kubelet client certificate after SubjectAccessReview.";
    fixture
        .eventually("the joining node's is approved", || message("joining") == joining)
        .await;
    let reviews = || {
        let reviews = fixture.sent("POST", "/subjectaccessreviews");
        reviews.iter().filter(|review| review["spec"]["user"] == "eve").count()
    };
    fixture
        .eventually("the stranger's is looked at again", || reviews() >= 2)
        .await;
    assert_eq!((message("strangers"), message("other")), (Value::Null, Value::Null));
}
