//! What validation of a pod lets through: by the gates, and because the object has it already.
//!
//! Upstream counterpart: `pkg/api/pod.GetValidationOptionsFromPodSpecAndMeta`.

use apimachinery::{field::Path, names};
use component_base::feature_gates::{Feature, FeatureGates};
use k8s_api::{
    core::v1::{Container, Pod, PodSpec, PodTemplateSpec},
    meta::v1::ObjectMeta,
};

use super::{
    DELETION_COST_ANNOTATION,
    containers::{any_container, is_sidecar},
    in_use,
    validation::{affinity, annotations::deletion_cost, security, spread},
};
use crate::{
    meta::{LabelSelectorOptions, validate_label_selector},
    resources::{is_huge_page, is_whole_pages},
    rules::non_reserved_path,
};

/// The settings of one validation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodValidationOptions {
    /// The object is a pod, not something that holds a template.
    pub is_pod: bool,
    /// The cluster allows privileged containers (`--allow-privileged`).
    pub allow_privileged: bool,
    /// Addresses must be in their strict form.
    pub strict_ips: bool,
    /// The deletion cost need not be a number.
    pub allow_invalid_deletion_cost: bool,
    /// Selectors of pod affinity may name values that no label has.
    pub allow_invalid_affinity_label_values: bool,
    /// Required node affinity may name values that no label has.
    pub allow_invalid_node_affinity_label_values: bool,
    /// Quantities of huge pages need not be multiples of their size.
    pub allow_partial_huge_pages: bool,
    /// Selectors of spread constraints may be malformed.
    pub allow_invalid_spread_selectors: bool,
    /// Tokens may be projected to paths outside of their volume.
    pub allow_non_local_token_paths: bool,
    /// Sysctls of a namespace that the pod shares with the host.
    pub allow_host_sysctls: bool,
    /// No policy for changing SELinux labels but the recursive one.
    pub only_recursive_selinux_change: bool,
    /// Resources of the pod as a whole are checked.
    pub pod_level_resources: bool,
    /// Resources of the pod as a whole may be resized.
    pub pod_level_resize: bool,
    /// Label keys of spread constraints are a feature.
    pub spread_match_label_keys: bool,
    /// Selectors made of label keys are merged into those of spread constraints.
    pub spread_match_label_keys_merge: bool,
    /// The old pod's label keys violate the rules that go with merging.
    pub old_violates_match_label_keys: bool,
    /// The old pod's label keys violate the rules that go without merging.
    pub old_violates_legacy_match_label_keys: bool,
    /// Variables may come out of files.
    pub allow_env_files: bool,
    /// Single containers have restart policies and rules.
    pub allow_container_restart_rules: bool,
    /// A rule may restart all containers.
    pub allow_restart_all_containers: bool,
    /// Init containers that are no sidecars may restart on resize.
    pub allow_restart_on_resize_of_init_containers: bool,
    /// Init containers that are no sidecars may be resized.
    pub init_container_resize: bool,
    /// Block devices in a user namespace of its own.
    pub allow_user_namespace_devices: bool,
    /// The host's network in a user namespace of its own.
    pub allow_user_namespace_host_network: bool,
    /// Tolerations may compare numbers.
    pub allow_toleration_comparison: bool,
    /// The status names digests of mounted images.
    pub image_volume_digests: bool,
    /// Bound pods keep their nomination as it is.
    pub clear_nomination_after_binding: bool,
}

impl PodValidationOptions {
    /// The settings for a pod that is created, or updated from `old`.
    #[must_use]
    pub fn for_pod(old: Option<&Pod>, gates: &FeatureGates) -> Self {
        Self {
            is_pod: true,
            ..Self::new(old.map(|old| (&old.spec, &old.metadata)), gates)
        }
    }

    /// The settings for a template that is created, or updated from `old`.
    #[must_use]
    pub fn for_template(old: Option<&PodTemplateSpec>, gates: &FeatureGates) -> Self {
        Self::new(old.map(|old| (&old.spec, &old.metadata)), gates)
    }

    /// The same settings under another policy on privileged containers; they are allowed unless said otherwise.
    #[must_use]
    pub fn with_privileged(self, allow: bool) -> Self {
        Self {
            allow_privileged: allow,
            ..self
        }
    }

    fn new(old: Option<(&PodSpec, &ObjectMeta)>, gates: &FeatureGates) -> Self {
        let mut options = Self {
            allow_privileged: true,
            strict_ips: gates.enabled(Feature::StrictIPCIDRValidation),
            allow_invalid_deletion_cost: !gates.enabled(Feature::PodDeletionCost),
            only_recursive_selinux_change: !gates.enabled(Feature::SELinuxMount),
            pod_level_resources: gates.enabled(Feature::PodLevelResources),
            pod_level_resize: gates.enabled(Feature::InPlacePodLevelResourcesVerticalScaling),
            spread_match_label_keys: gates.enabled(Feature::MatchLabelKeysInPodTopologySpread),
            spread_match_label_keys_merge: gates.enabled(Feature::MatchLabelKeysInPodTopologySpreadSelectorMerge),
            allow_env_files: gates.enabled(Feature::EnvFiles),
            allow_container_restart_rules: gates.enabled(Feature::ContainerRestartRules),
            allow_restart_all_containers: gates.enabled(Feature::RestartAllContainersOnContainerExits),
            init_container_resize: gates.enabled(Feature::InPlacePodVerticalScalingInitContainers),
            allow_user_namespace_host_network: gates.enabled(Feature::UserNamespacesHostNetworkSupport),
            allow_toleration_comparison: gates.enabled(Feature::TaintTolerationComparisonOperators),
            image_volume_digests: gates.enabled(Feature::ImageVolumeWithDigest),
            clear_nomination_after_binding: gates.enabled(Feature::ClearingNominatedNodeNameAfterBinding),
            ..Self::default()
        };
        if let Some((spec, metadata)) = old {
            options.allow_what_is_there(spec, metadata);
        }
        options
    }

    fn allow_what_is_there(&mut self, spec: &PodSpec, metadata: &ObjectMeta) {
        let root = Path::new("");
        let context = spec.security_context.as_deref();
        let own_user_namespace = spec.host_users == Some(false);
        self.allow_invalid_deletion_cost |=
            deletion_cost(metadata.annotations.get(DELETION_COST_ANNOTATION).map(String::as_str)).is_err();
        self.allow_partial_huge_pages = uses_partial_huge_pages(spec);
        self.allow_invalid_affinity_label_values =
            in_use::affinity_terms(spec).any(|term| !affinity::validate_term_selectors(term, false, &root).is_empty());
        self.allow_invalid_node_affinity_label_values = has_invalid_node_affinity_values(spec);
        let mut constraints = spec.topology_spread_constraints.iter();
        self.allow_invalid_spread_selectors = constraints.any(|constraint| {
            let selector = constraint.label_selector.as_deref();
            !validate_label_selector(selector, LabelSelectorOptions::default(), &root).is_empty()
        });
        let mut constraints = spec.topology_spread_constraints.iter();
        if self.spread_match_label_keys && self.spread_match_label_keys_merge {
            self.old_violates_match_label_keys = constraints.any(|constraint| {
                let selector = constraint.label_selector.as_deref();
                !spread::validate_match_label_keys(&constraint.match_label_keys, &[], selector, &root).is_empty()
            });
        } else if self.spread_match_label_keys {
            self.old_violates_legacy_match_label_keys = constraints.any(|constraint| {
                let selector = constraint.label_selector.as_deref();
                !spread::validate_legacy_match_label_keys(&constraint.match_label_keys, selector, &root).is_empty()
            });
        }
        self.allow_non_local_token_paths = in_use::projections(spec, |source| {
            let token = source.service_account_token.as_ref();
            token.is_some_and(|token| !non_reserved_path(&root, &token.path).is_empty())
        });
        self.allow_host_sysctls = context.is_some_and(|context| {
            let mut sysctls = context.sysctls.iter();
            sysctls.any(|sysctl| security::validate_host_sysctl(&sysctl.name, spec, &root).is_some())
        });
        self.only_recursive_selinux_change &= context.is_none_or(|context| context.se_linux_change_policy.is_none());
        self.allow_env_files |= in_use::file_key_refs(spec);
        self.allow_container_restart_rules |= in_use::container_restart_rules(spec);
        self.allow_restart_all_containers |= in_use::restart_all_containers(spec);
        self.allow_restart_on_resize_of_init_containers = spec.init_containers.iter().any(|container| {
            !is_sidecar(container)
                && container
                    .resize_policy
                    .iter()
                    .any(|p| p.restart_policy == "RestartContainer")
        });
        self.allow_user_namespace_devices =
            own_user_namespace && any_container(spec, |container| !container.volume_devices.is_empty());
        self.allow_user_namespace_host_network |= own_user_namespace && spec.host_network;
        let mut tolerations = spec.tolerations.iter();
        self.allow_toleration_comparison |=
            tolerations.any(|toleration| matches!(toleration.operator.as_str(), "Lt" | "Gt"));
    }
}

fn uses_partial_huge_pages(spec: &PodSpec) -> bool {
    let partial = |container: &Container| {
        let resources = &container.resources;
        let mut all = resources.limits.iter().chain(&resources.requests);
        all.any(|(name, quantity)| is_huge_page(name) && !is_whole_pages(name, quantity))
    };
    let mut overhead = spec.overhead.iter();
    any_container(spec, partial)
        || overhead.any(|(name, quantity)| is_huge_page(name) && !is_whole_pages(name, quantity))
}

fn has_invalid_node_affinity_values(spec: &PodSpec) -> bool {
    let affinity = spec
        .affinity
        .as_deref()
        .and_then(|affinity| affinity.node_affinity.as_deref());
    let required =
        affinity.and_then(|affinity| affinity.required_during_scheduling_ignored_during_execution.as_deref());
    let terms = required.into_iter().flat_map(|required| &required.node_selector_terms);
    let mut values = terms
        .flat_map(|term| &term.match_expressions)
        .flat_map(|expression| &expression.values);
    values.any(|value| !names::label_value(value).is_empty())
}
