//! Volumes: each of one type, each under a name of its own.

mod claim;
mod network;
mod projected;
mod sources;

use std::collections::{BTreeMap, BTreeSet};

use apimachinery::field::{Error, ErrorList, Path};
use k8s_api::{core::v1::Volume, meta::v1::ObjectMeta};

use super::super::PodValidationOptions;
use crate::{
    meta::NameCheck as _,
    meta::NameRule,
    rules::{dns_label, required},
};

pub use claim::{ClaimOptions, validate_claim_spec, validate_template_metadata};
pub use projected::{validate_signer_name, validate_trust_bundle_name};
pub use sources::validate_csi_driver_name;

const MORE_THAN_ONE: &str = "may not specify more than 1 volume type";
const MODE_RANGE: &str = "must be a number between 0 and 0777 (octal), both inclusive";

/// The valid volumes of a pod, by name.
pub(super) type Volumes<'a> = BTreeMap<&'a str, &'a Volume>;

/// Checks volumes; those that are valid come back for the checks of their mounts.
pub(super) fn validate_volumes<'a>(
    volumes: &'a [Volume],
    metadata: Option<&ObjectMeta>,
    options: &PodValidationOptions,
    path: &Path<'_>,
) -> (Volumes<'a>, ErrorList) {
    let mut errors = ErrorList::new();
    let mut valid = Volumes::new();
    let pod_name = metadata
        .map(|metadata| metadata.name.as_str())
        .filter(|name| !name.is_empty());
    let made_claims: BTreeSet<String> = pod_name
        .into_iter()
        .flat_map(|pod| {
            let ephemeral = volumes.iter().filter(|volume| volume.ephemeral.is_some());
            ephemeral.map(move |volume| format!("{pod}-{}", volume.name))
        })
        .collect();
    for (index, volume) in volumes.iter().enumerate() {
        let path = path.index(index);
        let name_path = path.child("name");
        let mut own = validate_source(volume, pod_name, options, &path);
        if volume.name.is_empty() {
            own.extend(required(&name_path, &volume.name));
        } else {
            own.append(dns_label(&name_path, &volume.name));
        }
        if valid.contains_key(volume.name.as_str()) {
            own.push(Error::duplicate(&name_path, &volume.name));
        }
        if own.is_empty() {
            valid.insert(&volume.name, volume);
        } else {
            errors.append(own);
        }
        let claim = volume.persistent_volume_claim.as_ref().map(|claim| &claim.claim_name);
        if let Some(claim) = claim.filter(|claim| made_claims.contains(*claim)) {
            errors.push(Error::invalid(
                &path.child("persistentVolumeClaim.claimName"),
                claim,
                "must not reference a PVC that gets created for an ephemeral volume",
            ));
        }
    }
    (valid, errors)
}

/// Counts the types of a volume; all but the first are refused.
struct OneType<'a> {
    found: bool,
    errors: ErrorList,
    path: &'a Path<'a>,
}

impl OneType<'_> {
    /// The type called `name`, whose faults lie under `inner`.
    fn check<T: ?Sized>(
        &mut self,
        (name, inner): (&str, &str),
        source: Option<&T>,
        check: impl FnOnce(&T, &Path<'_>) -> ErrorList,
    ) {
        let Some(source) = source else {
            return;
        };
        if std::mem::replace(&mut self.found, true) {
            self.errors
                .push(Error::forbidden(&self.path.child(name), MORE_THAN_ONE));
        } else {
            self.errors.append(check(source, &self.path.child(inner)));
        }
    }
}

fn same(name: &str) -> (&str, &str) {
    (name, name)
}

fn validate_source(
    volume: &Volume,
    pod_name: Option<&str>,
    options: &PodValidationOptions,
    path: &Path<'_>,
) -> ErrorList {
    let mut one = OneType {
        found: false,
        errors: ErrorList::new(),
        path,
    };
    one.check(
        same("emptyDir"),
        volume.empty_dir.as_deref(),
        sources::validate_empty_dir,
    );
    one.check(
        same("hostPath"),
        volume.host_path.as_deref(),
        sources::validate_host_path,
    );
    one.check(same("gitRepo"), volume.git_repo.as_deref(), sources::validate_git_repo);
    one.check(
        ("gcePersistentDisk", "persistentDisk"),
        volume.gce_persistent_disk.as_deref(),
        network::validate_gce_disk,
    );
    one.check(
        same("awsElasticBlockStore"),
        volume.aws_elastic_block_store.as_deref(),
        network::validate_aws_store,
    );
    one.check(same("secret"), volume.secret.as_deref(), sources::validate_secret);
    one.check(same("nfs"), volume.nfs.as_deref(), network::validate_nfs);
    one.check(same("iscsi"), volume.iscsi.as_deref(), network::validate_iscsi);
    if let Some(iscsi) = volume.iscsi.as_ref().filter(|iscsi| iscsi.initiator_name.is_some())
        && volume.name.len() + 1 + iscsi.target_portal.len() > 64
    {
        let detail = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if \
                      iscsi.initiatorName is specified.";
        one.errors
            .push(Error::invalid(&path.child("name"), &volume.name, detail));
    }
    one.check(
        same("glusterfs"),
        volume.glusterfs.as_deref(),
        network::validate_glusterfs,
    );
    one.check(same("flocker"), volume.flocker.as_deref(), network::validate_flocker);
    one.check(
        same("persistentVolumeClaim"),
        volume.persistent_volume_claim.as_deref(),
        |claim, path| {
            required(&path.child("claimName"), &claim.claim_name)
                .into_iter()
                .collect()
        },
    );
    one.check(same("rbd"), volume.rbd.as_deref(), network::validate_rbd);
    one.check(same("cinder"), volume.cinder.as_deref(), network::validate_cinder);
    one.check(("cephFS", "cephfs"), volume.cephfs.as_deref(), network::validate_cephfs);
    one.check(same("quobyte"), volume.quobyte.as_deref(), network::validate_quobyte);
    one.check(
        ("downwarAPI", "downwardAPI"),
        volume.downward_api.as_deref(),
        sources::validate_downward_api,
    );
    one.check(same("fc"), volume.fc.as_deref(), network::validate_fc);
    one.check(
        same("flexVolume"),
        volume.flex_volume.as_deref(),
        sources::validate_flex_volume,
    );
    one.check(
        same("configMap"),
        volume.config_map.as_deref(),
        sources::validate_config_map,
    );
    one.check(
        same("azureFile"),
        volume.azure_file.as_deref(),
        network::validate_azure_file,
    );
    validate_later_source(&mut one, volume, pod_name, options);
    if !one.found {
        one.errors.push(Error::required(path, "must specify a volume type"));
    }
    one.errors
}

fn validate_later_source(
    one: &mut OneType<'_>,
    volume: &Volume,
    pod_name: Option<&str>,
    options: &PodValidationOptions,
) {
    let path = one.path;
    one.check(same("vsphereVolume"), volume.vsphere_volume.as_deref(), |disk, path| {
        required(&path.child("volumePath"), &disk.volume_path)
            .into_iter()
            .collect()
    });
    one.check(
        same("photonPersistentDisk"),
        volume.photon_persistent_disk.as_deref(),
        |disk, path| required(&path.child("pdID"), &disk.pd_id).into_iter().collect(),
    );
    one.check(
        same("portworxVolume"),
        volume.portworx_volume.as_deref(),
        |portworx, path| {
            required(&path.child("volumeID"), &portworx.volume_id)
                .into_iter()
                .collect()
        },
    );
    one.check(
        same("azureDisk"),
        volume.azure_disk.as_deref(),
        network::validate_azure_disk,
    );
    one.check(
        same("storageos"),
        volume.storageos.as_deref(),
        network::validate_storage_os,
    );
    one.check(same("projected"), volume.projected.as_deref(), |projected, path| {
        projected::validate_projected(projected, options, path)
    });
    one.check(same("scaleIO"), volume.scale_io.as_deref(), network::validate_scale_io);
    one.check(same("csi"), volume.csi.as_deref(), sources::validate_csi);
    one.check(same("ephemeral"), volume.ephemeral.as_deref(), |ephemeral, inner| {
        let mut errors = claim::validate_ephemeral(ephemeral, inner);
        if let Some(pod) = pod_name.filter(|_| !volume.name.is_empty()) {
            let claim = format!("{pod}-{}", volume.name);
            let messages = NameRule::Dns1123Subdomain.check(&claim, false);
            let claim = k8s_api::primitives::quote(&claim);
            errors.extend(messages.into_iter().map(|message| {
                Error::invalid(
                    &path.child("name"),
                    &volume.name,
                    format!("PVC name {claim}: {message}"),
                )
            }));
        }
        errors
    });
    one.check(same("image"), volume.image.as_deref(), |image, path| {
        let mut errors = ErrorList::new();
        if options.is_pod {
            errors.extend(required(&path.child("reference"), &image.reference));
        }
        errors.extend(super::containers::validate_pull_policy(
            &image.pull_policy,
            &path.child("pullPolicy"),
        ));
        errors
    });
}

/// The permissions of a file.
fn validate_mode(mode: Option<i32>, path: &Path<'_>) -> Option<Error> {
    let mode = mode.filter(|mode| !(0..=0o777).contains(mode))?;
    Some(Error::invalid(path, mode, MODE_RANGE))
}
