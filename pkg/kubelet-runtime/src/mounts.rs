//! What of the host a container sees.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use cri_client::api::{ImageSpec, Mount, MountPropagation};
use k8s_api::core::v1::{Container, Pod, VolumeMount};
use kubelet_types::expansion::expand_strict;
use kubelet_volume::subpath::{self, SubPath};
use kubelet_volume::{Mounter, PodPaths, PodVolumes};

use crate::environment::Environment;
use crate::hosts;

const HOSTS: &str = "/etc/hosts";

/// What the mounts of a container are made from.
pub(crate) struct MountContext<'a> {
    pub(crate) pod: &'a Pod,
    pub(crate) container: &'a Container,
    pub(crate) volumes: &'a PodVolumes,
    pub(crate) paths: &'a PodPaths,
    pub(crate) mounter: &'a dyn Mounter,
    pub(crate) environment: &'a Environment,
    pub(crate) ips: &'a [String],
    pub(crate) hostname: (&'a str, &'a str),
}

fn absolute(path: &str) -> String {
    if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    }
}

impl MountContext<'_> {
    /// The mounts, files and sub-paths made.
    ///
    /// # Errors
    /// In the words of the API; what the host's file system says is only logged.
    pub(crate) fn mounts(&self) -> Result<Vec<Mount>, String> {
        let mut mounts = Vec::new();
        for (index, mount) in self.container.volume_mounts.iter().enumerate() {
            mounts.push(self.volume_mount(index, mount)?);
        }
        let own_hosts = self
            .container
            .volume_mounts
            .iter()
            .any(|mount| mount.mount_path == HOSTS);
        if !own_hosts && (self.pod.spec.host_network || !self.ips.is_empty()) {
            let path = self.paths.hosts_file();
            let (hostname, domain) = self.hostname;
            hosts::write(&path, self.pod, self.ips, hostname, domain).map_err(|error| error.to_string())?;
            mounts.push(Mount {
                container_path: HOSTS.to_owned(),
                host_path: text(&path),
                ..Default::default()
            });
        }
        if !self.container.termination_message_path.is_empty() {
            mounts.push(self.termination_log()?);
        }
        Ok(mounts)
    }

    fn volume_mount(&self, index: usize, mount: &VolumeMount) -> Result<Mount, String> {
        let container = &self.container.name;
        let missing = || {
            format!(
                "cannot find volume {:?} to mount into container {container:?}",
                mount.name
            )
        };
        let volume = self.volumes.get(&mount.name).ok_or_else(missing)?;
        let part = if mount.sub_path_expr.is_empty() {
            mount.sub_path.clone()
        } else {
            let lookup = |name: &str| self.environment.get(name).cloned();
            expand_strict(&mount.sub_path_expr, lookup).map_err(|error| error.to_string())?
        };
        if !part.is_empty() {
            subpath::validate(&part).map_err(|error| error.to_string())?;
        }
        if mount.recursive_read_only.as_deref() == Some("Enabled") {
            return Err("failed to resolve recursive read-only mode: not supported by the runtime".to_owned());
        }
        let propagation = match mount.mount_propagation.as_deref() {
            None | Some("None") => MountPropagation::Private,
            Some("HostToContainer") => MountPropagation::HostToContainer,
            Some("Bidirectional") => MountPropagation::Bidirectional,
            Some(other) => return Err(format!("invalid MountPropagation mode: {other:?}")),
        };
        let mut result = Mount {
            container_path: absolute(&mount.mount_path),
            readonly: mount.read_only || volume.read_only,
            propagation: propagation as i32,
            ..Default::default()
        };
        if let Some(image) = &volume.image {
            result.image = Some(ImageSpec {
                image: image.reference.clone(),
                ..Default::default()
            });
            result.image_sub_path = part;
        } else if part.is_empty() {
            result.host_path = text(&volume.host_path);
        } else {
            let part = SubPath {
                volume: &volume.host_path,
                path: &part,
                volume_name: &mount.name,
                container,
                index,
            };
            let prepared = subpath::prepare(self.mounter, self.paths, &part).map_err(|error| {
                // The words could tell a user about the host's files.
                tracing::error!(%error, container, volume = mount.name, "failed to prepare subPath");
                format!(
                    "failed to prepare subPath for volumeMount {:?} of container {container:?}",
                    mount.name
                )
            })?;
            result.host_path = text(&prepared);
        }
        Ok(result)
    }

    /// An empty file of its own for each start.
    fn termination_log(&self) -> Result<Mount, String> {
        let directory = self.paths.container(&self.container.name);
        let path = directory.join(format!("{:08x}", rand::random::<u32>()));
        let make = || -> std::io::Result<()> {
            fs::create_dir_all(&directory)?;
            File::create(&path)?.set_permissions(fs::Permissions::from_mode(0o666))
        };
        make().map_err(|error| format!("error on creating termination-log file {path:?}: {error}"))?;
        Ok(Mount {
            container_path: absolute(&self.container.termination_message_path),
            host_path: text(&path),
            ..Default::default()
        })
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
