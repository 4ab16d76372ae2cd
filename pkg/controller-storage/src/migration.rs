//! Drivers that were built in, and the CSI drivers that do their work now.

use k8s_api::Map;

use crate::claims::{BETA_PROVISIONER, MIGRATED_TO, PROVISIONED_BY, PROVISIONER};

const DRIVERS: [(&str, &str); 7] = [
    ("kubernetes.io/aws-ebs", "ebs.csi.aws.com"),
    ("kubernetes.io/azure-disk", "disk.csi.azure.com"),
    ("kubernetes.io/azure-file", "file.csi.azure.com"),
    ("kubernetes.io/cinder", "cinder.csi.openstack.org"),
    ("kubernetes.io/gce-pd", "pd.csi.storage.gke.io"),
    ("kubernetes.io/portworx-volume", "pxd.portworx.com"),
    ("kubernetes.io/vsphere-volume", "csi.vsphere.vmware.com"),
];

/// The CSI driver that does a built-in driver's work.
pub(crate) fn csi_driver(provisioner: &str) -> Option<&'static str> {
    let driver = DRIVERS.iter().find(|(built_in, _)| *built_in == provisioner);
    driver.map(|(_, driver)| *driver)
}

/// The annotations that say so: of a claim by who is to make its volume, of a volume by who made it. `None` if they stand.
pub(crate) fn annotated(annotations: &Map<String>, is_claim: bool) -> Option<Map<String>> {
    let provisioner = if is_claim {
        annotations
            .get(PROVISIONER)
            .or_else(|| annotations.get(BETA_PROVISIONER))
    } else {
        annotations.get(PROVISIONED_BY)
    }?;
    let present = annotations.get(MIGRATED_TO).map(String::as_str);
    let wanted = csi_driver(provisioner);
    if present == wanted || (wanted.is_none() && present.is_none_or(str::is_empty)) {
        return None;
    }
    let mut changed = annotations.clone();
    match wanted {
        Some(driver) => drop(changed.insert(MIGRATED_TO, driver.to_owned())),
        None => drop(changed.remove(MIGRATED_TO)),
    }
    Some(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_drivers_are_marked_as_migrated() {
        let of = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(key, value)| (*key, (*value).to_owned()))
                .collect::<Map<_>>()
        };
        for (pairs, is_claim, wanted) in [
            (&[][..], true, None),
            (&[(PROVISIONER, "example.com/nfs")], true, None),
            (
                &[(PROVISIONER, "kubernetes.io/gce-pd")],
                true,
                Some("pd.csi.storage.gke.io"),
            ),
            (
                &[(BETA_PROVISIONER, "kubernetes.io/aws-ebs")],
                true,
                Some("ebs.csi.aws.com"),
            ),
            (&[(PROVISIONER, "kubernetes.io/gce-pd")], false, None),
            (
                &[(PROVISIONED_BY, "kubernetes.io/cinder"), (MIGRATED_TO, "old")],
                false,
                Some("cinder.csi.openstack.org"),
            ),
            (
                &[
                    (PROVISIONED_BY, "kubernetes.io/aws-ebs"),
                    (MIGRATED_TO, "ebs.csi.aws.com"),
                ],
                false,
                None,
            ),
        ] {
            let changed = annotated(&of(pairs), is_claim);
            let driver = changed.as_ref().map(|annotations| annotations[MIGRATED_TO].as_str());
            assert_eq!(driver, wanted, "{pairs:?}");
        }
        let stale = of(&[(PROVISIONED_BY, "example.com/nfs"), (MIGRATED_TO, "old")]);
        assert!(!annotated(&stale, false).unwrap().contains_key(MIGRATED_TO));
    }
}
