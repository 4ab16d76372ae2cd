//! Leases, CSI nodes, resource slices and signing requests, as kubelets write them.

use apimachinery::status::StatusError;
use apis_cluster::certificates::certificate_signing_request::request;
use apiserver::admission::Operation;
use k8s_api::{certificates::v1::CertificateSigningRequest, resource::v1::ResourceSlice};

use super::Write;

/// The namespace of the nodes' leases.
const LEASES: &str = "kube-node-lease";
/// The signers of kubelets' certificates.
const KUBELET_SIGNERS: [&str; 2] = [
    "kubernetes.io/kubelet-serving",
    "kubernetes.io/kube-apiserver-client-kubelet",
];

/// The name of the object: as it says itself when it is created, else as the path says.
fn name<'a>(write: &Write<'a>) -> &'a str {
    match write.object {
        Some(object) if write.attributes.operation == Operation::Create => &object.metadata().name,
        _ => write.attributes.name,
    }
}

pub(super) fn judge_lease(write: &Write<'_>) -> Result<(), StatusError> {
    if write.attributes.namespace != LEASES {
        let reason = format!("can only access leases in the {LEASES:?} system namespace");
        return Err(write.refuse(reason));
    }
    if name(write) != write.node {
        return Err(write.refuse("can only access node lease with the same name as the requesting node"));
    }
    Ok(())
}

pub(super) fn judge_csi_node(write: &Write<'_>) -> Result<(), StatusError> {
    if name(write) != write.node {
        return Err(write.refuse("can only access CSINode with the same name as the requesting node"));
    }
    Ok(())
}

pub(super) fn judge_slice(write: &Write<'_>) -> Result<(), StatusError> {
    let own = |slice: &ResourceSlice| slice.spec.node_name.as_deref() == Some(write.node);
    match write.attributes.operation {
        Operation::Create if !own(write.object_as()?) => {
            Err(write.refuse("can only create ResourceSlice with the same NodeName as the requesting node"))
        }
        Operation::Delete if !own(write.old_as()?) => {
            Err(write.refuse("can only delete ResourceSlice with the same NodeName as the requesting node"))
        }
        _ => Ok(()),
    }
}

pub(super) fn judge_signing_request(write: &Write<'_>) -> Result<(), StatusError> {
    if write.attributes.operation != Operation::Create {
        return Ok(());
    }
    let csr: &CertificateSigningRequest = write.object_as()?;
    if !KUBELET_SIGNERS.contains(&csr.spec.signer_name.as_str()) {
        return Ok(());
    }
    let subject =
        request::parse(&csr.spec.request).map_err(|error| write.refuse(format!("unable to parse csr: {error}")))?;
    let wanted = format!("system:node:{}", write.node);
    if subject.common_name != wanted {
        return Err(write.refuse(format!("can only create a node CSR with CN={wanted}")));
    }
    Ok(())
}
