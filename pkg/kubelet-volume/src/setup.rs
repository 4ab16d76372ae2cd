//! Setting up the volumes of a pod, and taking them down.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::future::join_all;
use k8s_api::Map;
use k8s_api::core::v1::{PersistentVolume, Pod, Volume};
use k8s_api::primitives::Quantity;
use kubelet_types::seams::ObjectSource;

use crate::atomic::{self, Payload};
use crate::empty_dir;
use crate::error::VolumeError;
use crate::host_path;
use crate::mounter::Mounter;
use crate::ownership::{fs_group, set_ownership};
use crate::paths::PodPaths;
use crate::payload::Sources;
use crate::persistent;
use crate::tokens::TokenCache;

/// An image that is a volume; the runtime mounts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageVolume {
    /// The image.
    pub reference: String,
    /// When to pull it.
    pub pull_policy: String,
}

/// A volume that containers can be given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountedVolume {
    /// Where it lies on the host; empty for an image.
    pub host_path: PathBuf,
    /// Whether no container may write to it.
    pub read_only: bool,
    /// The image, if it is one.
    pub image: Option<ImageVolume>,
}

/// The volumes of a pod by name.
pub type PodVolumes = BTreeMap<String, MountedVolume>;

/// Settings of the node.
#[derive(Clone, Debug)]
pub struct VolumeOptions {
    /// The kubelet's root directory.
    pub root: PathBuf,
}

/// The volumes of a node's pods.
pub struct Volumes {
    options: VolumeOptions,
    objects: Arc<dyn ObjectSource>,
    tokens: Arc<TokenCache>,
    pub(crate) mounter: Arc<dyn Mounter>,
}

impl Volumes {
    /// Volumes below `options.root`.
    #[must_use]
    pub fn new(
        options: VolumeOptions,
        objects: Arc<dyn ObjectSource>,
        tokens: Arc<TokenCache>,
        mounter: Arc<dyn Mounter>,
    ) -> Self {
        Self {
            options,
            objects,
            tokens,
            mounter,
        }
    }

    /// The directories of a pod.
    #[must_use]
    pub fn paths(&self, uid: &str) -> PodPaths {
        PodPaths::new(&self.options.root, uid)
    }

    /// Where all pods' directories lie.
    #[must_use]
    pub fn pods_directory(&self) -> PathBuf {
        self.options.root.join("pods")
    }

    /// The mounts of this node.
    #[must_use]
    pub fn mounter(&self) -> &Arc<dyn Mounter> {
        &self.mounter
    }

    /// The tokens that volumes show.
    #[must_use]
    pub fn tokens(&self) -> &TokenCache {
        &self.tokens
    }

    /// Sets up every volume of a pod. Called again, it brings their contents up to date and changes nothing else.
    /// All volumes are tried at the same time.
    ///
    /// # Errors
    /// One for each volume that cannot be set up.
    pub async fn set_up(&self, pod: &Arc<Pod>) -> Result<PodVolumes, Vec<VolumeError>> {
        let node = self.objects.node();
        let empty = Map::new();
        let allocatable = node.as_ref().map_or(&empty, |node| &node.status.allocatable);
        let each = pod.spec.volumes.iter().map(async |volume| {
            let mounted = self.set_up_one(pod, volume, allocatable).await;
            mounted
                .map(|mounted| (volume.name.clone(), mounted))
                .map_err(|source| VolumeError::SetUp {
                    volume: volume.name.clone(),
                    source: Box::new(source),
                })
        });
        let (mut volumes, mut errors) = (PodVolumes::new(), Vec::new());
        for result in join_all(each).await {
            match result {
                Ok((name, mounted)) => drop(volumes.insert(name, mounted)),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(volumes) } else { Err(errors) }
    }

    async fn set_up_one(
        &self,
        pod: &Arc<Pod>,
        volume: &Volume,
        allocatable: &Map<Quantity>,
    ) -> Result<MountedVolume, VolumeError> {
        let paths = self.paths(&pod.metadata.uid);
        let sources = Sources {
            objects: &*self.objects,
            tokens: &self.tokens,
            allocatable,
        };
        let at = |plugin: &str| paths.volume(plugin, &volume.name);
        if let Some(source) = &volume.empty_dir {
            let size = empty_dir::memory_size(pod, source, allocatable);
            let (source, target) = (source.clone(), at("kubernetes.io/empty-dir"));
            return self
                .blocking(pod, move |mounter, pod| {
                    let fresh = !target.is_dir();
                    empty_dir::set_up(mounter, &target, &source, size)?;
                    if fresh {
                        set_ownership(&target, fs_group(pod), false)?;
                    }
                    Ok(MountedVolume {
                        host_path: target,
                        ..Default::default()
                    })
                })
                .await;
        }
        if let Some(source) = &volume.host_path {
            let (path, kind) = (PathBuf::from(&source.path), source.type_.clone().unwrap_or_default());
            return self
                .blocking(pod, move |_, _| {
                    host_path::check(&path, &kind)?;
                    Ok(MountedVolume {
                        host_path: path,
                        ..Default::default()
                    })
                })
                .await;
        }
        if let Some(source) = &volume.config_map {
            let optional = source.optional == Some(true);
            let payload = sources
                .config_map(pod, &source.name, &source.items, source.default_mode, optional)
                .await?;
            return self.contents(pod, at("kubernetes.io/configmap"), payload, false).await;
        }
        if let Some(source) = &volume.secret {
            let optional = source.optional == Some(true);
            let payload = sources
                .secret(pod, &source.secret_name, &source.items, source.default_mode, optional)
                .await?;
            return self.contents(pod, at("kubernetes.io/secret"), payload, true).await;
        }
        if let Some(source) = &volume.downward_api {
            let payload = sources.downward(pod, &source.items, source.default_mode)?;
            return self
                .contents(pod, at("kubernetes.io/downward-api"), payload, true)
                .await;
        }
        if let Some(source) = &volume.projected {
            let payload = sources.projected(pod, source).await?;
            return self.contents(pod, at("kubernetes.io/projected"), payload, true).await;
        }
        if let Some(source) = &volume.persistent_volume_claim {
            let found = persistent::resolve(&*self.objects, pod, &source.claim_name, false).await?;
            return self.persistent(pod, &found, source.read_only).await;
        }
        if volume.ephemeral.is_some() {
            let claim = format!("{}-{}", pod.metadata.name, volume.name);
            let found = persistent::resolve(&*self.objects, pod, &claim, true).await?;
            return self.persistent(pod, &found, false).await;
        }
        if let Some(source) = &volume.image {
            let pull_policy = source.pull_policy.clone();
            let image = ImageVolume {
                reference: source.reference.clone(),
                pull_policy,
            };
            return Ok(MountedVolume {
                host_path: PathBuf::new(),
                read_only: true,
                image: Some(image),
            });
        }
        Err(VolumeError::Invalid(
            "no volume plugin matched: the kind of volume is not supported by this kubelet".to_owned(),
        ))
    }

    /// Writes contents, on disk or in memory.
    async fn contents(
        &self,
        pod: &Arc<Pod>,
        target: PathBuf,
        payload: Payload,
        in_memory: bool,
    ) -> Result<MountedVolume, VolumeError> {
        self.blocking(pod, move |mounter, pod| {
            let medium = if in_memory { "Memory" } else { "" };
            let source = k8s_api::core::v1::EmptyDirVolumeSource {
                medium: medium.to_owned(),
                size_limit: None,
            };
            empty_dir::set_up(mounter, &target, &source, None)?;
            let group = fs_group(pod);
            set_ownership_shallow(&target, pod)?;
            // No container may write these, the group neither.
            atomic::write(&target, &payload, |directory| set_ownership(directory, group, true))?;
            Ok(MountedVolume {
                host_path: target,
                read_only: false,
                image: None,
            })
        })
        .await
    }

    async fn persistent(
        &self,
        pod: &Arc<Pod>,
        volume: &PersistentVolume,
        claim_read_only: bool,
    ) -> Result<MountedVolume, VolumeError> {
        let spec = &volume.spec;
        if let Some(source) = &spec.host_path {
            let (path, kind) = (PathBuf::from(&source.path), source.type_.clone().unwrap_or_default());
            return self
                .blocking(pod, move |_, _| {
                    host_path::check(&path, &kind)?;
                    Ok(MountedVolume {
                        host_path: path,
                        read_only: claim_read_only,
                        image: None,
                    })
                })
                .await;
        }
        let Some(source) = &spec.local else {
            return Err(VolumeError::Invalid(format!(
                "the kind of persistent volume {:?} is not supported by this kubelet",
                volume.metadata.name
            )));
        };
        let path = PathBuf::from(&source.path);
        let target = self
            .paths(&pod.metadata.uid)
            .volume("kubernetes.io/local-volume", &volume.metadata.name);
        self.blocking(pod, move |mounter, pod| {
            let metadata = fs::metadata(&path).map_err(|error| VolumeError::system("stat", &path, error))?;
            if !metadata.is_dir() {
                return Err(VolumeError::Invalid(format!("{} is not a directory", path.display())));
            }
            fs::create_dir_all(&target).map_err(|error| VolumeError::system("mkdir", &target, error))?;
            if !empty_dir::is_mounted(mounter, &target)? {
                let bound = mounter.bind(&path, &target, claim_read_only);
                bound.map_err(|error| VolumeError::system("bind", &target, error))?;
                if !claim_read_only {
                    set_ownership(&target, fs_group(pod), false)?;
                }
            }
            Ok(MountedVolume {
                host_path: target,
                read_only: claim_read_only,
                image: None,
            })
        })
        .await
    }

    /// Runs system calls that may block where they hold nothing up.
    async fn blocking<T: Send + 'static>(
        &self,
        pod: &Arc<Pod>,
        work: impl FnOnce(&dyn Mounter, &Pod) -> Result<T, VolumeError> + Send + 'static,
    ) -> Result<T, VolumeError> {
        let (mounter, pod) = (self.mounter.clone(), pod.clone());
        let done = tokio::task::spawn_blocking(move || work(&*mounter, &pod)).await;
        done.unwrap_or_else(|error| Err(VolumeError::Invalid(format!("setting up was interrupted: {error}"))))
    }
}

/// Gives the directory itself to the group, without what lies in it.
fn set_ownership_shallow(target: &Path, pod: &Pod) -> Result<(), VolumeError> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
    let Some(group) = fs_group(pod) else { return Ok(()) };
    let metadata = fs::metadata(target).map_err(|error| VolumeError::system("stat", target, error))?;
    if metadata.gid() == group.group && metadata.mode() & 0o2770 == 0o2770 {
        return Ok(());
    }
    lchown(target, None, Some(group.group)).map_err(|error| VolumeError::system("chown", target, error))?;
    let permissions = fs::Permissions::from_mode(metadata.mode() & 0o7777 | 0o2770);
    fs::set_permissions(target, permissions).map_err(|error| VolumeError::system("chmod", target, error))
}
