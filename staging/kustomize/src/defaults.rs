//! The fields that steps work on unless a kustomization says otherwise (upstream: `builtinpluginconsts`).
//!
//! Whatever holds a pod template is listed once ([`TEMPLATES`]); the fields within pods follow from that.

use crate::config::{Config, NameReference};
use crate::fields::FieldSpec;
use crate::id::Gvk;

/// Kinds with the spec of pods in them, and where it stands.
const TEMPLATES: [(&str, &str); 8] = [
    ("Pod", "spec"),
    ("PodTemplate", "template/spec"),
    ("Deployment", "spec/template/spec"),
    ("ReplicaSet", "spec/template/spec"),
    ("DaemonSet", "spec/template/spec"),
    ("StatefulSet", "spec/template/spec"),
    ("Job", "spec/template/spec"),
    ("CronJob", "spec/jobTemplate/spec/template/spec"),
];

fn field(kind: &str, path: &str) -> FieldSpec {
    of_group("", kind, path, false)
}

fn of_group(group: &str, kind: &str, path: &str, create: bool) -> FieldSpec {
    FieldSpec {
        gvk: Gvk::new(group, "", kind),
        path: path.to_owned(),
        create,
    }
}

fn of_version(version: &str, kind: &str, path: &str, create: bool) -> FieldSpec {
    FieldSpec {
        gvk: Gvk::new("", version, kind),
        path: path.to_owned(),
        create,
    }
}

/// The same fields below every spec of pods of these kinds.
fn in_pods(kinds: &[&str], paths: &[&str]) -> Vec<FieldSpec> {
    let mut fields = Vec::new();
    for kind in kinds {
        let template = TEMPLATES.iter().find(|(known, _)| known == kind);
        // Replication controllers have templates as well, of which only some references are known.
        let template = template.map_or("spec/template/spec", |(_, template)| template);
        for path in paths {
            let path = format!("{template}/{path}");
            fields.push(field(kind, &path));
        }
    }
    fields
}

/// The defaults.
pub(crate) fn config() -> Config {
    let mut config = Config {
        name_prefix: vec![FieldSpec::of_any("metadata/name", false)],
        name_suffix: vec![FieldSpec::of_any("metadata/name", false)],
        namespace: vec![
            of_group("", "Namespace", "metadata/name", true),
            of_group("apiregistration.k8s.io", "APIService", "spec/service/namespace", true),
            of_group(
                "apiextensions.k8s.io",
                "CustomResourceDefinition",
                "spec/conversion/webhook/clientConfig/service/namespace",
                false,
            ),
        ],
        common_labels: common_labels(),
        labels: Vec::new(),
        template_labels: metadata("labels"),
        common_annotations: metadata("annotations"),
        name_reference: name_references(),
        var_reference: var_references(),
        images: ["spec", "spec/template/spec"]
            .iter()
            .flat_map(|spec| {
                [
                    "containers[]/image",
                    "initContainers[]/image",
                    "volumes[]/image/reference",
                ]
                .map(|path| FieldSpec::of_any(&format!("{spec}/{path}"), true))
            })
            .collect(),
        replicas: ["Deployment", "ReplicationController", "ReplicaSet", "StatefulSet"]
            .map(|kind| of_group("", kind, "spec/replicas", true))
            .to_vec(),
    };
    // Custom fields are merged into fields that are in order.
    let empty = Config::default();
    config.merge(&empty).expect("nothing contradicts nothing");
    config
}

/// Where objects and templates have labels or annotations.
fn metadata(member: &str) -> Vec<FieldSpec> {
    let labels = member == "labels";
    let template = format!("spec/template/metadata/{member}");
    let stateful_group = if labels { "apps" } else { "" };
    let mut fields = vec![
        FieldSpec::of_any(&format!("metadata/{member}"), true),
        of_version("v1", "ReplicationController", &template, true),
        of_group("", "Deployment", &template, true),
        of_group("", "ReplicaSet", &template, true),
        of_group("", "DaemonSet", &template, true),
        of_group(stateful_group, "StatefulSet", &template, true),
    ];
    if labels {
        fields.push(of_group(
            "apps",
            "StatefulSet",
            "spec/volumeClaimTemplates[]/metadata/labels",
            true,
        ));
    }
    fields.push(of_group("batch", "Job", &template, true));
    for path in ["spec/jobTemplate/metadata", "spec/jobTemplate/spec/template/metadata"] {
        fields.push(of_group("batch", "CronJob", &format!("{path}/{member}"), true));
    }
    fields
}

fn common_labels() -> Vec<FieldSpec> {
    let mut fields = vec![
        of_version("v1", "Service", "spec/selector", true),
        of_version("v1", "ReplicationController", "spec/selector", true),
        of_group("", "Deployment", "spec/selector/matchLabels", true),
        of_group("", "ReplicaSet", "spec/selector/matchLabels", true),
        of_group("", "DaemonSet", "spec/selector/matchLabels", true),
        of_group("apps", "StatefulSet", "spec/selector/matchLabels", true),
        of_group("batch", "Job", "spec/selector/matchLabels", false),
        of_group("batch", "CronJob", "spec/jobTemplate/spec/selector/matchLabels", false),
        of_group("policy", "PodDisruptionBudget", "spec/selector/matchLabels", false),
    ];
    for path in [
        "spec/podSelector",
        "spec/ingress/from/podSelector",
        "spec/egress/to/podSelector",
    ] {
        let path = format!("{path}/matchLabels");
        fields.push(of_group("networking.k8s.io", "NetworkPolicy", &path, false));
    }
    for kind in ["Deployment", "StatefulSet"] {
        for affinity in ["podAffinity", "podAntiAffinity"] {
            for term in [
                "preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm",
                "requiredDuringSchedulingIgnoredDuringExecution",
            ] {
                let path = format!("spec/template/spec/affinity/{affinity}/{term}/labelSelector/matchLabels");
                fields.push(of_group("apps", kind, &path, false));
            }
        }
        let spread = "spec/template/spec/topologySpreadConstraints/labelSelector/matchLabels";
        fields.push(of_group("apps", kind, spread, false));
    }
    fields.extend(metadata("labels"));
    fields
}

fn named(group: &str, version: &str, kind: &str, referrers: Vec<FieldSpec>) -> NameReference {
    NameReference {
        gvk: Gvk::new(group, version, kind),
        referrers,
    }
}

/// Every kind with a pod template.
fn everywhere() -> Vec<&'static str> {
    TEMPLATES.iter().map(|(kind, _)| *kind).collect()
}

/// Which fields name which types.
fn name_references() -> Vec<NameReference> {
    let controllers = [
        "Pod",
        "StatefulSet",
        "Deployment",
        "ReplicationController",
        "CronJob",
        "Job",
        "DaemonSet",
    ];
    let scaled = ["Deployment", "ReplicationController", "ReplicaSet", "StatefulSet"];
    let mut references: Vec<NameReference> = scaled
        .map(|kind| {
            let scaler = field("HorizontalPodAutoscaler", "spec/scaleTargetRef/name");
            named("", "", kind, vec![scaler])
        })
        .to_vec();
    references.push(named("", "v1", "ConfigMap", config_map_names()));
    references.push(named("", "v1", "Secret", secret_names()));
    references.push(named("", "v1", "Service", service_names()));
    references.extend(rbac_references(&controllers));
    references.extend(storage_references(&controllers));
    references.push(named(
        "scheduling.k8s.io",
        "v1",
        "PriorityClass",
        in_pods(&controllers, &["priorityClassName"]),
    ));
    // The group is upstream's, which no resource is of.
    references.push(named(
        "networking.k8s.io/v1",
        "v1",
        "IngressClass",
        vec![field("Ingress", "spec/ingressClassName")],
    ));
    let admission = "admissionregistration.k8s.io";
    let policy = of_group(admission, "ValidatingAdmissionPolicyBinding", "spec/policyName", false);
    references.push(named(admission, "", "ValidatingAdmissionPolicy", vec![policy]));
    references
}

fn config_map_names() -> Vec<FieldSpec> {
    let mut fields = in_pods(
        &everywhere(),
        &[
            "volumes/configMap/name",
            "containers/env/valueFrom/configMapKeyRef/name",
            "initContainers/env/valueFrom/configMapKeyRef/name",
            "containers/envFrom/configMapRef/name",
            "initContainers/envFrom/configMapRef/name",
            "volumes/projected/sources/configMap/name",
        ],
    );
    fields.push(field("Node", "spec/configSource/configMap"));
    fields.extend(["Role", "ClusterRole"].map(|kind| field(kind, "rules/resourceNames")));
    fields.push(field(
        "Ingress",
        "metadata/annotations/nginx.ingress.kubernetes.io\\/fastcgi-params-configmap",
    ));
    fields
}

fn secret_names() -> Vec<FieldSpec> {
    let mut fields = in_pods(
        &everywhere(),
        &[
            "volumes/secret/secretName",
            "containers/env/valueFrom/secretKeyRef/name",
            "initContainers/env/valueFrom/secretKeyRef/name",
            "containers/envFrom/secretRef/name",
            "initContainers/envFrom/secretRef/name",
            "imagePullSecrets/name",
            "volumes/projected/sources/secret/name",
        ],
    );
    fields.push(field("Ingress", "spec/tls/secretName"));
    for annotation in [
        "ingress.kubernetes.io\\/auth-secret",
        "nginx.ingress.kubernetes.io\\/auth-secret",
        "nginx.ingress.kubernetes.io\\/auth-tls-secret",
    ] {
        fields.push(field("Ingress", &format!("metadata/annotations/{annotation}")));
    }
    fields.push(field("ServiceAccount", "imagePullSecrets/name"));
    for parameter in ["secretName", "adminSecretName", "userSecretName", "secretRef"] {
        fields.push(field("StorageClass", &format!("parameters/{parameter}")));
    }
    fields.extend(["Role", "ClusterRole"].map(|kind| field(kind, "rules/resourceNames")));
    fields.push(FieldSpec {
        gvk: Gvk::new("serving.knative.dev", "v1", "Service"),
        path: "spec/template/spec/containers/env/valueFrom/secretKeyRef/name".to_owned(),
        create: false,
    });
    fields.push(field("PersistentVolume", "spec/azureFile/secretName"));
    fields
}

fn service_names() -> Vec<FieldSpec> {
    let mut fields = vec![of_group("apps", "StatefulSet", "spec/serviceName", false)];
    for path in [
        "spec/rules/http/paths/backend/serviceName",
        "spec/backend/serviceName",
        "spec/rules/http/paths/backend/service/name",
        "spec/defaultBackend/service/name",
    ] {
        fields.push(field("Ingress", path));
    }
    fields.push(of_group(
        "apiregistration.k8s.io",
        "APIService",
        "spec/service/name",
        false,
    ));
    for kind in ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"] {
        let group = "admissionregistration.k8s.io";
        fields.push(of_group(group, kind, "webhooks/clientConfig/service", false));
    }
    fields
}

fn rbac_references(controllers: &[&str]) -> Vec<NameReference> {
    let group = "rbac.authorization.k8s.io";
    let bindings = ["RoleBinding", "ClusterRoleBinding"];
    let binding = |kind: &str, path: &str| of_group(group, kind, path, false);
    let mut accounts = bindings.map(|kind| binding(kind, "subjects")).to_vec();
    accounts.extend(in_pods(controllers, &["serviceAccountName"]));
    vec![
        named(group, "", "Role", vec![binding("RoleBinding", "roleRef/name")]),
        named(
            group,
            "",
            "ClusterRole",
            bindings.map(|kind| binding(kind, "roleRef/name")).to_vec(),
        ),
        named("", "v1", "ServiceAccount", accounts),
    ]
}

fn storage_references(controllers: &[&str]) -> Vec<NameReference> {
    vec![
        named(
            "",
            "v1",
            "PersistentVolumeClaim",
            in_pods(controllers, &["volumes/persistentVolumeClaim/claimName"]),
        ),
        named(
            "",
            "v1",
            "PersistentVolume",
            vec![
                field("PersistentVolumeClaim", "spec/volumeName"),
                field("ClusterRole", "rules/resourceNames"),
            ],
        ),
        named(
            "storage.k8s.io",
            "v1",
            "StorageClass",
            vec![
                field("PersistentVolume", "spec/storageClassName"),
                field("PersistentVolumeClaim", "spec/storageClassName"),
                field("StatefulSet", "spec/volumeClaimTemplates/spec/storageClassName"),
            ],
        ),
    ]
}

/// Which fields may hold `$(VARIABLE)`.
fn var_references() -> Vec<FieldSpec> {
    let mut fields = Vec::new();
    for (kind, spec) in TEMPLATES.iter().filter(|(kind, _)| *kind != "PodTemplate") {
        for containers in ["containers", "initContainers"] {
            for path in ["args", "command", "env/value", "volumeMounts/mountPath"] {
                fields.push(field(kind, &format!("{spec}/{containers}/{path}")));
            }
        }
        match *kind {
            // The missing part is missing upstream.
            "CronJob" => fields.push(field(kind, "spec/jobTemplate/spec/template/volumes/nfs/server")),
            "StatefulSet" => fields.push(field(kind, "spec/volumeClaimTemplates/spec/nfs/server")),
            _ => fields.push(field(kind, &format!("{spec}/volumes/nfs/server"))),
        }
    }
    fields.push(field("Deployment", "spec/template/metadata/annotations"));
    for path in ["spec/rules/host", "spec/tls/hosts", "spec/tls/secretName"] {
        fields.push(field("Ingress", path));
    }
    fields.extend(["port", "targetPort"].map(|path| field("Service", &format!("spec/ports/{path}"))));
    fields.push(field("PersistentVolume", "spec/nfs/server"));
    fields.extend(["labels", "annotations"].map(|path| FieldSpec::of_any(&format!("metadata/{path}"), false)));
    fields
}
