//! A real server over TLS, and a client that sends exactly what it is told.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use apiserver_auth::jose::SigningKey;
use component_base::{flags::FlagValue as _, logs, version::VersionInfo};
use controlplane::{ServerOptions, run};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::sync::CancellationToken;

pub(crate) const ISSUER: &str = "https://kubernetes.default.svc";

const TOKENS: &str = "\
admintoken,admin,admin,system:masters
querytoken,admin,admin,system:masters
alicetoken,alice,alice
node1token,system:node:n1,node1,system:nodes
loosetoken,system:node:n1,node1
";

const POLICY: &str = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: RequestResponse}]\n";

/// Signs clients' certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// What a client shows of itself in the handshake.
pub(crate) type Certificate = (CertificateDer<'static>, PrivateKeyDer<'static>);

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    pub(crate) fn certificate(
        &self,
        name: &str,
        groups: &[&str],
        set: impl FnOnce(&mut CertificateParams),
    ) -> Certificate {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        for group in groups {
            params.distinguished_name.push(DnType::OrganizationName, *group);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        set(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        (certificate.der().clone(), key.into())
    }
}

/// A running server.
pub(crate) struct Server {
    pub(crate) users: Authority,
    pub(crate) proxies: Authority,
    pub(crate) signer: SigningKey,
    pub(crate) public_pem: Vec<u8>,
    directory: tempfile::TempDir,
    port: u16,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A private key in PEM with the public half.
fn key_pair() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    (key.serialize_pem(), key.public_key_pem())
}

impl Server {
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (users, proxies) = (Authority::new("users"), Authority::new("proxies"));
        let (private, public) = key_pair();
        let file = |name: &str, content: &str| {
            let path = directory.path().join(name);
            fs::write(&path, content).unwrap();
            path.display().to_string()
        };
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut options = ServerOptions::default();
        options.storage.data_dir = directory.path().join("store");
        options.secure_serving.bind_address = "127.0.0.1".parse().unwrap();
        options.secure_serving.secure_port = i64::from(port);
        options.secure_serving.cert_dir = directory.path().join("certs").display().to_string();
        options.authentication.token_auth_file = file("tokens.csv", TOKENS);
        options.authentication.client_ca_file = file("users.crt", &users.pem);
        let proxy = &mut options.authentication.request_header;
        proxy.client_ca_file = file("proxies.crt", &proxies.pem);
        proxy.username_headers = vec!["X-Remote-User".to_owned()];
        proxy.group_headers = vec!["X-Remote-Group".to_owned()];
        proxy.extra_headers_prefix = vec!["X-Remote-Extra-".to_owned()];
        proxy.allowed_names = vec!["front".to_owned()];
        let accounts = &mut options.authentication.service_accounts;
        accounts.issuers.set(ISSUER, true).unwrap();
        accounts.key_files.set(&file("sa.pub", &public), true).unwrap();
        accounts.signing_key_file = file("sa.key", &private);
        options.authorization.modes.set("Node,RBAC", true).unwrap();
        options.audit.policy_file = file("policy.yaml", POLICY);
        options.audit.log.path = directory.path().join("audit.log").display().to_string();
        let stop = CancellationToken::new();
        let task = tokio::spawn({
            let stop = stop.clone();
            async move {
                let sink = || Box::new(std::io::sink());
                let (_, log) = logs::layer(&options.logging, &options.gates, sink(), sink()).unwrap();
                run(options, VersionInfo::current(), log, stop)
                    .await
                    .expect("the server runs");
            }
        });
        let server = Self {
            users,
            proxies,
            signer: SigningKey::from_pem(private.as_bytes()).unwrap(),
            public_pem: public.into_bytes(),
            directory,
            port,
            stop,
            task,
        };
        server.wait_ready().await;
        server
    }

    async fn wait_ready(&self) {
        let ready = async {
            while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            while self.get("admintoken", "/readyz").await.status != 200 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), ready)
            .await
            .expect("the server is ready in time");
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) async fn close(self) -> tempfile::TempDir {
        self.stop.cancel();
        self.task.await.expect("the server ends in order");
        self.directory
    }

    pub(crate) async fn connect(&self, certificate: Option<Certificate>) -> TlsStream<TcpStream> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone));
        let config = match certificate {
            Some((certificate, key)) => builder.with_client_auth_cert(vec![certificate], key).unwrap(),
            None => builder.with_no_client_auth(),
        };
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .unwrap()
    }

    /// Sends one request with these header lines, and reads its answer.
    pub(crate) async fn send(
        &self,
        certificate: Option<Certificate>,
        method: &str,
        target: &str,
        headers: &[&str],
        body: &str,
    ) -> Answer {
        let mut stream = self.connect(certificate).await;
        let mut request = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        for header in headers {
            request.push_str(header);
            request.push_str("\r\n");
        }
        if !body.is_empty() {
            request.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        request.push_str(body);
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        // A server that closes without saying goodbye has answered all the same.
        let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes))
            .await
            .expect("an answer in time");
        parse(&String::from_utf8_lossy(&bytes))
    }

    pub(crate) async fn with_token(&self, token: &str, method: &str, target: &str, body: Option<Value>) -> Answer {
        let authorization = format!("Authorization: Bearer {token}");
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let headers = [authorization.as_str(), "Content-Type: application/json"];
        let headers = if body.is_empty() { &headers[..1] } else { &headers[..] };
        self.send(None, method, target, headers, &body).await
    }

    pub(crate) async fn get(&self, token: &str, target: &str) -> Answer {
        self.with_token(token, "GET", target, None).await
    }

    /// Makes an object as the administrator.
    pub(crate) async fn make(&self, path: &str, object: Value) -> Value {
        let answer = self.with_token("admintoken", "POST", path, Some(object)).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()
    }

    /// Gives a user rules in the namespace `default`, or everywhere, and waits until they hold.
    pub(crate) async fn grant(&self, user: &str, name: &str, rules: Value, everywhere: bool) {
        let (role_path, binding_path, kind, prefix) = if everywhere {
            (
                "/apis/rbac.authorization.k8s.io/v1/clusterroles",
                "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
                "ClusterRole",
                "Cluster",
            )
        } else {
            (
                "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles",
                "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings",
                "Role",
                "",
            )
        };
        let version = "rbac.authorization.k8s.io/v1";
        let role = json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}, "rules": rules});
        self.make(role_path, role).await;
        let binding = json!({
            "apiVersion": version, "kind": format!("{prefix}RoleBinding"), "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        });
        self.make(binding_path, binding).await;
        let first = &rules[0];
        let attributes = json!({
            "namespace": if everywhere { "" } else { "default" },
            "verb": first["verbs"][0], "group": first["apiGroups"][0], "resource": first["resources"][0],
            "name": first["resourceNames"][0],
        });
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": {"user": user, "resourceAttributes": attributes},
        });
        loop {
            let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
            if self.make(path, review.clone()).await["status"]["allowed"] == true {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Takes an answer apart. Bodies of these tests are either of known length or one chunk after the other.
pub(crate) fn parse(text: &str) -> Answer {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    Answer {
        status,
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

/// Trusts any server: here the clients are the ones to be judged.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
