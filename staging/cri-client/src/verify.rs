//! What a runtime's answers must carry before they are believed.

use crate::api::{ContainerStatus, PodSandboxStatus, VersionResponse};
use crate::error::{Error, Result};

fn missing(words: impl Into<String>) -> Error {
    Error::InvalidResponse(words.into())
}

/// A sandbox's status names it and says when it was made.
pub(crate) fn sandbox_status(status: &PodSandboxStatus) -> Result<()> {
    if status.id.is_empty() {
        return Err(missing("status.Id is not set"));
    }
    let metadata = status
        .metadata
        .as_ref()
        .ok_or_else(|| missing("status.Metadata is not set"))?;
    if metadata.name.is_empty() || metadata.namespace.is_empty() || metadata.uid.is_empty() {
        return Err(missing(format!(
            "metadata.Name, metadata.Namespace or metadata.Uid is not in metadata \"name:{:?} uid:{:?} namespace:{:?}\"",
            metadata.name, metadata.uid, metadata.namespace
        )));
    }
    if status.created_at == 0 {
        return Err(missing("status.CreatedAt is not set"));
    }
    Ok(())
}

/// A container's status names it, its image, and says when it was made.
pub(crate) fn container_status(status: &ContainerStatus) -> Result<()> {
    if status.id.is_empty() {
        return Err(missing("status.Id is not set"));
    }
    let metadata = status
        .metadata
        .as_ref()
        .ok_or_else(|| missing("status.Metadata is not set"))?;
    if metadata.name.is_empty() {
        return Err(missing(format!(
            "metadata.Name is not in metadata \"attempt:{}\"",
            metadata.attempt
        )));
    }
    if status.created_at == 0 {
        return Err(missing("status.CreatedAt is not set"));
    }
    if status.image.as_ref().is_none_or(|image| image.image.is_empty()) {
        return Err(missing("status.Image is not set"));
    }
    if status.image_ref.is_empty() {
        return Err(missing("status.ImageRef is not set"));
    }
    Ok(())
}

/// A version answer has all four parts.
pub(crate) fn version(version: &VersionResponse) -> Result<()> {
    let parts = [
        ("Version", &version.version),
        ("RuntimeName", &version.runtime_name),
        ("RuntimeApiVersion", &version.runtime_api_version),
        ("RuntimeVersion", &version.runtime_version),
    ];
    let missing_parts: Vec<_> = parts
        .iter()
        .filter(|(_, value)| value.is_empty())
        .map(|(name, _)| *name)
        .collect();
    if missing_parts.is_empty() {
        return Ok(());
    }
    Err(missing(format!(
        "not all fields are set in VersionResponse (missing {})",
        missing_parts.join(", ")
    )))
}
