//! Every built-in resource: its key, rules and versions.

use std::{sync::Arc, time::Duration};

use apiserver::{
    endpoints::Subresource,
    registry::{GarbageCollectionPolicy, HubCodec, SelectableField, Store, Typed, VersionCodec},
};
use k8s_api::{
    Object, admissionregistration::v1 as admission, apiextensions::v1 as apiextensions,
    apiregistration::v1 as apiregistration, apps::v1 as apps, autoscaling::v2 as autoscaling, batch::v1 as batch,
    certificates::v1 as certificates, coordination::v1 as coordination, core::v1 as core, discovery::v1 as discovery,
    flowcontrol::v1 as flowcontrol, networking::v1 as networking, node::v1 as node, policy::v1 as policy,
    rbac::v1 as rbac, resource::v1 as resource, scheduling::v1 as scheduling, scheme, storage::v1 as storage,
};

use crate::{
    install::{Installer, Resource},
    rules::{Rules, StatusRules},
};

/// A resource from its rules.
fn resource<T: Object>(key: &'static str, rules: Rules<T>) -> Resource {
    let info = scheme::resource(T::GROUP, T::VERSION, T::PLURAL).expect("every object kind is a resource");
    let codec: Arc<dyn VersionCodec> = Arc::new(HubCodec::<T>::new(rules.defaults));
    Resource::new(key, Typed::erase(rules), vec![(info, codec)])
}

/// A resource with a `status` subresource; the main endpoint leaves the status alone.
macro_rules! with_status {
    ($kind:ty, $key:literal, $rules:expr) => {{
        let rules: Rules<$kind> = $rules;
        let mut resource = resource::<$kind>($key, rules);
        let status = StatusRules::<$kind> {
            object: rules,
            keep_all_but_status: |new, old| {
                let status = std::mem::take(&mut new.status);
                let (version, managed) = (
                    new.metadata.resource_version.clone(),
                    std::mem::take(&mut new.metadata.managed_fields),
                );
                *new = old.clone();
                new.status = status;
                new.metadata.resource_version = version;
                new.metadata.managed_fields = managed;
            },
        };
        resource
            .subresources
            .insert("status".to_owned(), Subresource::Update(Typed::erase(status)));
        resource
    }};
}

/// Preparation of kinds whose status only controllers write, and whose generation counts changes of the spec.
macro_rules! counted {
    ($kind:ty) => {
        Rules::<$kind> {
            prepare_create: |object| {
                object.status = Default::default();
                object.metadata.generation = 1;
            },
            prepare_update: |new, old| {
                new.status = old.status.clone();
                if new.spec != old.spec {
                    new.metadata.generation = old.metadata.generation + 1;
                }
            },
            ..Rules::new()
        }
    };
}

/// Installs every built-in resource; returns the store of namespaces, which admission looks into.
pub(crate) fn install_all(installer: &mut Installer, event_ttl: Duration) -> Arc<Store> {
    install_core(installer);
    install_workloads(installer);
    install_networking(installer);
    install_cluster(installer);
    install_extensions(installer);
    let mut events = resource(
        "events",
        Rules::<core::Event> {
            garbage_collection: GarbageCollectionPolicy::Unsupported,
            create_on_update: true,
            ..Rules::new()
        },
    );
    events.ttl = (!event_ttl.is_zero()).then_some(event_ttl);
    installer.install(events);
    installer.install(namespaces())
}

fn namespaces() -> Resource {
    use apis_core::core::namespace;

    let mut namespaces = with_status!(
        core::Namespace,
        "namespaces",
        Rules {
            defaults: namespace::set_defaults,
            prepare_create: |object| {
                object.status = core::NamespaceStatus {
                    phase: "Active".to_owned(),
                    ..Default::default()
                };
                if !object.spec.finalizers.iter().any(|finalizer| finalizer == "kubernetes") {
                    object.spec.finalizers.push("kubernetes".to_owned());
                }
            },
            prepare_update: |new, old| {
                new.spec.finalizers.clone_from(&old.spec.finalizers);
                new.status = old.status.clone();
            },
            validate: |object, _| namespace::validate(object),
            validate_update: |new, old, _| namespace::validate_update(new, old),
            ..Rules::new()
        }
    );
    namespaces.returns_deleted_object = true;
    namespaces
}

/// Fields of pods that selectors may name.
const POD_FIELDS: &[SelectableField] = &[
    SelectableField {
        name: "spec.nodeName",
        path: &["spec", "nodeName"],
        default: "",
    },
    SelectableField {
        name: "spec.restartPolicy",
        path: &["spec", "restartPolicy"],
        default: "",
    },
    SelectableField {
        name: "spec.schedulerName",
        path: &["spec", "schedulerName"],
        default: "",
    },
    SelectableField {
        name: "spec.serviceAccountName",
        path: &["spec", "serviceAccountName"],
        default: "",
    },
    SelectableField {
        name: "spec.hostNetwork",
        path: &["spec", "hostNetwork"],
        default: "false",
    },
    SelectableField {
        name: "status.phase",
        path: &["status", "phase"],
        default: "",
    },
    SelectableField {
        name: "status.podIP",
        path: &["status", "podIP"],
        default: "",
    },
    SelectableField {
        name: "status.nominatedNodeName",
        path: &["status", "nominatedNodeName"],
        default: "",
    },
];

fn install_core(installer: &mut Installer) {
    use apis_core::core::{
        config_map, endpoints, limit_range, persistent_volume, resource_quota, secret, service_account,
    };

    installer.install(resource(
        "configmaps",
        Rules::<core::ConfigMap> {
            validate: |object, _| config_map::validate(object),
            validate_update: |new, old, _| config_map::validate_update(new, old),
            ..Rules::new()
        },
    ));
    installer.install(resource(
        "secrets",
        Rules::<core::Secret> {
            defaults: secret::set_defaults,
            validate: |object, _| secret::validate(object),
            validate_update: |new, old, _| secret::validate_update(new, old),
            fields: &[SelectableField {
                name: "type",
                path: &["type"],
                default: "",
            }],
            ..Rules::new()
        },
    ));
    installer.install(
        resource(
            "serviceaccounts",
            Rules::<core::ServiceAccount> {
                validate: |object, _| service_account::validate(object),
                validate_update: |new, old, _| service_account::validate_update(new, old),
                ..Rules::new()
            },
        )
        .returning_deleted(),
    );
    installer.install(resource(
        "limitranges",
        Rules::<core::LimitRange> {
            defaults: limit_range::set_defaults,
            validate: |object, _| limit_range::validate(object),
            validate_update: |new, _, _| limit_range::validate(new),
            ..Rules::new()
        },
    ));
    installer.install(resource(
        "services/endpoints",
        Rules::<core::Endpoints> {
            defaults: endpoints::set_defaults,
            validate: endpoints::validate,
            validate_update: endpoints::validate_update,
            ..Rules::new()
        },
    ));
    installer.install(
        with_status!(
            core::ResourceQuota,
            "resourcequotas",
            Rules {
                defaults: resource_quota::set_defaults,
                prepare_create: |object| object.status = Default::default(),
                prepare_update: |new, old| new.status = old.status.clone(),
                validate: |object, _| resource_quota::validate(object),
                validate_update: |new, old, _| resource_quota::validate_update(new, old),
                ..Rules::new()
            }
        )
        .returning_deleted(),
    );
    installer.install(
        with_status!(
            core::PersistentVolume,
            "persistentvolumes",
            Rules {
                defaults: persistent_volume::set_defaults,
                prepare_create: |object| {
                    object.status = core::PersistentVolumeStatus {
                        phase: "Pending".to_owned(),
                        ..Default::default()
                    };
                },
                prepare_update: |new, old| new.status = old.status.clone(),
                validate: |object, _| persistent_volume::validate(object),
                validate_update: persistent_volume::validate_update,
                ..Rules::new()
            }
        )
        .returning_deleted(),
    );
    install_core_without_own_rules(installer);
}

/// Core kinds whose rules beyond metadata, status and generation are not written yet.
fn install_core_without_own_rules(installer: &mut Installer) {
    use apis_core::core::{node, persistent_volume_claim, service};

    installer.install(with_status!(
        core::Node,
        "minions",
        Rules {
            defaults: node::set_defaults,
            prepare_update: |new, old| new.status = old.status.clone(),
            validate: node::validate,
            validate_update: |new, old, _| node::validate_update(new, old),
            fields: &[SelectableField {
                name: "spec.unschedulable",
                path: &["spec", "unschedulable"],
                default: "false"
            }],
            create_on_update: false,
            ..Rules::new()
        }
    ));
    installer.install(
        with_status!(
            core::PersistentVolumeClaim,
            "persistentvolumeclaims",
            Rules {
                defaults: persistent_volume_claim::set_defaults,
                prepare_create: |object| {
                    object.status = core::PersistentVolumeClaimStatus {
                        phase: "Pending".to_owned(),
                        ..Default::default()
                    };
                },
                prepare_update: |new, old| new.status = old.status.clone(),
                validate_update: |new, old, _| persistent_volume_claim::validate_update(new, old),
                ..Rules::new()
            }
        )
        .returning_deleted(),
    );
    installer.install(
        with_status!(
            core::Service,
            "services/specs",
            Rules {
                defaults: service::set_defaults,
                prepare_create: |object| object.status = Default::default(),
                prepare_update: |new, old| {
                    new.status = old.status.clone();
                    service::drop_type_dependent_fields(new, old);
                },
                validate: service::validate,
                validate_update: service::validate_update,
                ..Rules::new()
            }
        )
        .returning_deleted(),
    );
    let mut pods = with_status!(
        core::Pod,
        "pods",
        Rules {
            prepare_create: |object| {
                object.status = core::PodStatus {
                    phase: "Pending".to_owned(),
                    ..Default::default()
                };
                object.metadata.generation = 1;
            },
            prepare_update: |new, old| {
                new.status = old.status.clone();
                if new.spec != old.spec {
                    new.metadata.generation = old.metadata.generation + 1;
                }
            },
            fields: POD_FIELDS,
            ..Rules::new()
        }
    )
    .returning_deleted();
    pods.indexed = &["spec.nodeName"];
    installer.install(pods);
    installer.install(resource("podtemplates", Rules::<core::PodTemplate>::new()).returning_deleted());
    installer.install(with_status!(
        core::ReplicationController,
        "controllers",
        Rules {
            garbage_collection: GarbageCollectionPolicy::OrphanDependents,
            ..counted!(core::ReplicationController)
        }
    ));
}

fn install_workloads(installer: &mut Installer) {
    installer.install(resource(
        "controllerrevisions",
        Rules::<apps::ControllerRevision>::new(),
    ));
    installer.install(with_status!(apps::DaemonSet, "daemonsets", counted!(apps::DaemonSet)));
    installer.install(with_status!(
        apps::Deployment,
        "deployments",
        counted!(apps::Deployment)
    ));
    installer.install(with_status!(
        apps::ReplicaSet,
        "replicasets",
        counted!(apps::ReplicaSet)
    ));
    installer.install(with_status!(
        apps::StatefulSet,
        "statefulsets",
        counted!(apps::StatefulSet)
    ));
    installer.install(with_status!(batch::CronJob, "cronjobs", counted!(batch::CronJob)));
    installer.install(with_status!(batch::Job, "jobs", counted!(batch::Job)));
    installer.install(with_status!(
        autoscaling::HorizontalPodAutoscaler,
        "horizontalpodautoscalers",
        Rules {
            prepare_create: |object| object.status = Default::default(),
            prepare_update: |new, old| new.status = old.status.clone(),
            ..Rules::new()
        }
    ));
    installer.install(with_status!(
        policy::PodDisruptionBudget,
        "poddisruptionbudgets",
        counted!(policy::PodDisruptionBudget)
    ));
    installer.install(resource("priorityclasses", Rules::<scheduling::PriorityClass>::new()));
}

fn install_networking(installer: &mut Installer) {
    installer.install(resource("ingressclasses", Rules::<networking::IngressClass>::new()));
    installer.install(with_status!(
        networking::Ingress,
        "ingress",
        counted!(networking::Ingress)
    ));
    installer.install(resource("ipaddresses", Rules::<networking::IPAddress>::new()));
    installer.install(resource(
        "networkpolicies",
        Rules::<networking::NetworkPolicy> {
            prepare_create: |object| object.metadata.generation = 1,
            prepare_update: |new, old| {
                if new.spec != old.spec {
                    new.metadata.generation = old.metadata.generation + 1;
                }
            },
            ..Rules::new()
        },
    ));
    installer.install(with_status!(
        networking::ServiceCIDR,
        "servicecidrs",
        Rules {
            prepare_create: |object| object.status = Default::default(),
            prepare_update: |new, old| new.status = old.status.clone(),
            ..Rules::new()
        }
    ));
    installer.install(resource("endpointslices", Rules::<discovery::EndpointSlice>::new()));
    installer.install(resource(
        "leases",
        Rules::<coordination::Lease> {
            create_on_update: true,
            unconditional_update: false,
            ..Rules::new()
        },
    ));
    installer.install(resource("runtimeclasses", Rules::<node::RuntimeClass>::new()));
}

/// Kinds whose rules take the object alone.
macro_rules! ruled {
    ($installer:ident, $($kind:ty => $key:literal, $module:path $(, $defaults:ident)?;)*) => {
        $({
            use $module as rules;
            let resource = resource($key, Rules::<$kind> {
                $(defaults: rules::$defaults,)?
                validate: |object, _| rules::validate(object),
                validate_update: |new, old, _| rules::validate_update(new, old),
                ..Rules::new()
            });
            $installer.install(resource);
        })*
    };
}

fn install_cluster(installer: &mut Installer) {
    ruled! { installer,
        rbac::Role => "roles", apis_cluster::rbac::role;
        rbac::ClusterRole => "clusterroles", apis_cluster::rbac::cluster_role;
        rbac::RoleBinding => "rolebindings", apis_cluster::rbac::role_binding, set_defaults;
        rbac::ClusterRoleBinding => "clusterrolebindings", apis_cluster::rbac::cluster_role_binding, set_defaults;
        storage::CSIStorageCapacity => "csistoragecapacities", apis_cluster::storage::csi_storage_capacity;
    }
    installer.install(
        resource(
            "csinodes",
            Rules::<storage::CSINode> {
                validate: |object, _| apis_cluster::storage::csi_node::validate(object),
                validate_update: |new, old, _| apis_cluster::storage::csi_node::validate_update(new, old),
                ..Rules::new()
            },
        )
        .returning_deleted(),
    );
    installer.install(
        resource(
            "storageclasses",
            Rules::<storage::StorageClass> {
                defaults: apis_cluster::storage::storage_class::set_defaults,
                validate: |object, _| apis_cluster::storage::storage_class::validate(object),
                validate_update: |new, old, _| apis_cluster::storage::storage_class::validate_update(new, old),
                ..Rules::new()
            },
        )
        .returning_deleted(),
    );
    installer.install(
        resource(
            "csidrivers",
            Rules::<storage::CSIDriver> {
                defaults: apis_cluster::storage::csi_driver::set_defaults,
                ..Rules::new()
            },
        )
        .returning_deleted(),
    );
    installer.install(with_status!(storage::VolumeAttachment, "volumeattachments", Rules::new()).returning_deleted());
    installer.install(
        resource(
            "volumeattributesclasses",
            Rules::<storage::VolumeAttributesClass> {
                validate: |object, _| apis_cluster::storage::volume_attributes_class::validate(object),
                validate_update: |new, old, _| {
                    apis_cluster::storage::volume_attributes_class::validate_update(new, old)
                },
                ..Rules::new()
            },
        )
        .returning_deleted(),
    );
    installer.install(with_status!(
        certificates::CertificateSigningRequest,
        "certificatesigningrequests",
        Rules {
            validate: |object, _| apis_cluster::certificates::certificate_signing_request::validate(object),
            validate_update: |new, old, _| apis_cluster::certificates::certificate_signing_request::validate_update(
                new, old
            ),
            ..Rules::new()
        }
    ));
    installer.install(with_status!(
        flowcontrol::FlowSchema,
        "flowschemas",
        Rules {
            defaults: apis_cluster::flowcontrol::flow_schema::set_defaults,
            validate: |object, _| apis_cluster::flowcontrol::flow_schema::validate(object),
            validate_update: |new, _, _| apis_cluster::flowcontrol::flow_schema::validate_update(new),
            ..counted!(flowcontrol::FlowSchema)
        }
    ));
    installer.install(with_status!(
        flowcontrol::PriorityLevelConfiguration,
        "prioritylevelconfigurations",
        Rules {
            defaults: apis_cluster::flowcontrol::priority_level::set_defaults,
            validate: |object, _| apis_cluster::flowcontrol::priority_level::validate(object),
            validate_update: |new, _, _| apis_cluster::flowcontrol::priority_level::validate_update(new),
            ..counted!(flowcontrol::PriorityLevelConfiguration)
        }
    ));
    installer.install(resource("deviceclasses", Rules::<resource::DeviceClass>::new()).returning_deleted());
    installer.install(
        with_status!(
            resource::ResourceClaim,
            "resourceclaims",
            Rules {
                prepare_create: |object| object.status = Default::default(),
                prepare_update: |new, old| new.status = old.status.clone(),
                ..Rules::new()
            }
        )
        .returning_deleted(),
    );
    installer.install(
        resource(
            "resourceclaimtemplates",
            Rules::<resource::ResourceClaimTemplate>::new(),
        )
        .returning_deleted(),
    );
    installer.install(resource("resourceslices", Rules::<resource::ResourceSlice>::new()).returning_deleted());
}

fn install_extensions(installer: &mut Installer) {
    ruled! { installer,
        admission::MutatingWebhookConfiguration => "mutatingwebhookconfigurations",
            apis_cluster::admissionregistration::mutating_webhook_configuration, set_defaults;
        admission::ValidatingWebhookConfiguration => "validatingwebhookconfigurations",
            apis_cluster::admissionregistration::validating_webhook_configuration, set_defaults;
        admission::MutatingAdmissionPolicy => "mutatingadmissionpolicies",
            apis_cluster::admissionregistration::mutating_admission_policy, set_defaults;
    }
    installer.install(resource(
        "mutatingadmissionpolicybindings",
        Rules::<admission::MutatingAdmissionPolicyBinding>::new(),
    ));
    installer.install(resource(
        "validatingadmissionpolicybindings",
        Rules::<admission::ValidatingAdmissionPolicyBinding>::new(),
    ));
    installer.install(with_status!(
        admission::ValidatingAdmissionPolicy,
        "validatingadmissionpolicies",
        Rules {
            defaults: apis_cluster::admissionregistration::validating_admission_policy::set_defaults,
            validate: |object, _| apis_cluster::admissionregistration::validating_admission_policy::validate(object),
            validate_update: |new, old, _| {
                apis_cluster::admissionregistration::validating_admission_policy::validate_update(new, old)
            },
            ..counted!(admission::ValidatingAdmissionPolicy)
        }
    ));
    installer.install(with_status!(
        apiregistration::APIService,
        "apiregistration.k8s.io/apiservices",
        Rules {
            defaults: apis_cluster::apiregistration::api_service::set_defaults,
            prepare_create: |object| object.status = Default::default(),
            prepare_update: |new, old| new.status = old.status.clone(),
            validate: |object, _| apis_cluster::apiregistration::api_service::validate(object),
            validate_update: |new, old, _| apis_cluster::apiregistration::api_service::validate_update(new, old),
            ..Rules::new()
        }
    ));
    installer.install(with_status!(
        apiextensions::CustomResourceDefinition,
        "apiextensions.k8s.io/customresourcedefinitions",
        Rules {
            unconditional_update: false,
            ..counted!(apiextensions::CustomResourceDefinition)
        }
    ));
}
