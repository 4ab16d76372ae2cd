//! What a volume is made of: exactly one of twenty-two kinds, each with members that it must have.

mod checks;

use apimachinery::field::{Error, ErrorList, Path};
use k8s_api::core::v1::PersistentVolumeSpec;

/// Checks that there is one source, and that it is complete.
pub(super) fn validate(spec: &PersistentVolumeSpec, name: &str, inline: bool, path: &Path<'_>, errors: &mut ErrorList) {
    let mut sources = Sources { count: 0, path, errors };
    sources.check(&spec.host_path, "hostPath", checks::host_path);
    // The member is checked under another name than it has; so it is upstream.
    sources.check_at(
        &spec.gce_persistent_disk,
        "gcePersistentDisk",
        "persistentDisk",
        checks::gce_persistent_disk,
    );
    sources.check(
        &spec.aws_elastic_block_store,
        "awsElasticBlockStore",
        checks::aws_elastic_block_store,
    );
    sources.check(&spec.glusterfs, "glusterfs", checks::glusterfs);
    sources.check(&spec.flocker, "flocker", checks::flocker);
    sources.check(&spec.nfs, "nfs", checks::nfs);
    sources.check(&spec.rbd, "rbd", checks::rbd);
    sources.check(&spec.quobyte, "quobyte", checks::quobyte);
    sources.check_at(&spec.cephfs, "cephFS", "cephfs", checks::cephfs);
    sources.check(&spec.iscsi, "iscsi", |source, path, errors| {
        checks::iscsi(source, name, path, errors)
    });
    sources.check(&spec.cinder, "cinder", checks::cinder);
    sources.check(&spec.fc, "fc", checks::fc);
    if let Some(source) = &spec.flex_volume {
        // May stand beside another source that comes before it.
        sources.count += 1;
        checks::flex_volume(source, &path.child("flexVolume"), sources.errors);
    }
    sources.check(&spec.azure_file, "azureFile", checks::azure_file);
    sources.check(&spec.vsphere_volume, "vsphereVolume", checks::vsphere_volume);
    sources.check(
        &spec.photon_persistent_disk,
        "photonPersistentDisk",
        checks::photon_persistent_disk,
    );
    sources.check(&spec.portworx_volume, "portworxVolume", checks::portworx_volume);
    sources.check(&spec.azure_disk, "azureDisk", checks::azure_disk);
    sources.check(&spec.scale_io, "scaleIO", checks::scale_io);
    let bound_to_nodes = spec.node_affinity.is_some() && !inline;
    sources.check(&spec.local, "local", |source, local, errors| {
        checks::local(source, local, errors);
        if !bound_to_nodes {
            errors.push(Error::required(
                &path.child("nodeAffinity"),
                "Local volume requires node affinity",
            ));
        }
    });
    sources.check(&spec.storageos, "storageos", checks::storage_os);
    sources.check(&spec.csi, "csi", checks::csi);
    if sources.count == 0 {
        errors.push(Error::required(path, "must specify a volume type"));
    }
}

struct Sources<'a> {
    count: usize,
    path: &'a Path<'a>,
    errors: &'a mut ErrorList,
}

impl Sources<'_> {
    fn check<T>(&mut self, source: &Option<Box<T>>, field: &str, check: impl FnOnce(&T, &Path<'_>, &mut ErrorList)) {
        self.check_at(source, field, field, check);
    }

    fn check_at<T>(
        &mut self,
        source: &Option<Box<T>>,
        field: &str,
        checked_as: &str,
        check: impl FnOnce(&T, &Path<'_>, &mut ErrorList),
    ) {
        let Some(source) = source else { return };
        if self.count > 0 {
            let detail = "may not specify more than 1 volume type";
            self.errors.push(Error::forbidden(&self.path.child(field), detail));
            return;
        }
        self.count += 1;
        check(source, &self.path.child(checked_as), self.errors);
    }
}
