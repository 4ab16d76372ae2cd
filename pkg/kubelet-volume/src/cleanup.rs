//! Taking volumes down, and removing what pods that are gone left behind.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::error::VolumeError;
use crate::mounter::Mounter;
use crate::setup::Volumes;

impl Volumes {
    /// Unmounts everything of a pod and removes its volumes and sub-paths. Idempotent.
    ///
    /// # Errors
    /// If something is still in use; what could be removed is gone then.
    pub async fn tear_down(&self, uid: &str) -> Result<(), VolumeError> {
        self.tokens().forget_pod(uid);
        let paths = self.paths(uid);
        let doomed = [paths.subpaths(), paths.volumes()];
        run(self.mounter.clone(), move |mounter| {
            doomed.iter().try_for_each(|path| remove(mounter, path))
        })
        .await
    }

    /// Removes all that is left of a pod on this node, its directory included. Idempotent.
    ///
    /// # Errors
    /// As [`tear_down`](Self::tear_down).
    pub async fn remove_pod(&self, uid: &str) -> Result<(), VolumeError> {
        self.tokens().forget_pod(uid);
        let directory = self.paths(uid).directory().to_owned();
        run(self.mounter.clone(), move |mounter| remove(mounter, &directory)).await
    }

    /// Removes the directories of all pods but the known ones. One that cannot be removed is logged and tried again the
    /// next time. Returns the uids of those removed.
    ///
    /// # Errors
    /// If the pods' directories cannot be listed.
    pub async fn remove_orphans(&self, known: &HashSet<String>) -> Result<Vec<String>, VolumeError> {
        let mut removed = Vec::new();
        for uid in self.pods_on_disk()? {
            if known.contains(&uid) {
                continue;
            }
            match self.remove_pod(&uid).await {
                Ok(()) => removed.push(uid),
                Err(error) => tracing::error!(%error, uid, "orphaned pod found, but its directory cannot be removed"),
            }
        }
        Ok(removed)
    }

    /// The uids of the pods that have a directory.
    ///
    /// # Errors
    /// If the directories cannot be listed.
    pub fn pods_on_disk(&self) -> Result<Vec<String>, VolumeError> {
        let directory = self.pods_directory();
        let failed = |error| VolumeError::system("read directory", &directory, error);
        let entries = match fs::read_dir(&directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(failed)?,
        };
        let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
        names.collect::<io::Result<_>>().map_err(failed)
    }
}

/// Unmounts everything at and below a directory, and removes it; nothing is removed while a mount is left.
fn remove(mounter: &dyn Mounter, directory: &Path) -> Result<(), VolumeError> {
    match fs::symlink_metadata(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(VolumeError::system("stat", directory, error)),
        Ok(metadata) if !metadata.is_dir() => {
            return fs::remove_file(directory).map_err(|error| VolumeError::system("remove", directory, error));
        }
        Ok(_) => {}
    }
    let mounts = || {
        mounter
            .mounts_below(directory)
            .map_err(|error| VolumeError::system("read mounts of", directory, error))
    };
    for mount in mounts()? {
        mounter
            .unmount(&mount)
            .map_err(|error| VolumeError::system("unmount", &mount, error))?;
    }
    if let Some(left) = mounts()?.first() {
        return Err(VolumeError::Invalid(format!("{} is still mounted", left.display())));
    }
    fs::remove_dir_all(directory).map_err(|error| VolumeError::system("remove", directory, error))
}

async fn run(
    mounter: Arc<dyn Mounter>,
    work: impl FnOnce(&dyn Mounter) -> Result<(), VolumeError> + Send + 'static,
) -> Result<(), VolumeError> {
    let done = tokio::task::spawn_blocking(move || work(&*mounter)).await;
    done.unwrap_or_else(|error| Err(VolumeError::Invalid(format!("removing was interrupted: {error}"))))
}
