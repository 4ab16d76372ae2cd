//! [`FileWatcher`]: tells when files may have changed, so that certificates and tokens can be read anew.
//!
//! The directories are watched, not the files: an atomic replacement (rename, or the `..data` link of a mounted Secret)
//! leaves the old file untouched. A look once a minute stands behind the notifications, for file systems that send none.
//! The watcher only says "look again"; whoever reads decides whether the content is new.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio_util::sync::CancellationToken;

/// How often files are looked at without any notification.
pub const RECHECK_PERIOD: Duration = Duration::from_secs(60);

struct Notifications(Inotify);

impl AsRawFd for Notifications {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl AsFd for Notifications {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Watches a set of files.
pub struct FileWatcher {
    /// The names that matter; empty for all.
    names: BTreeSet<OsString>,
    notifications: AsyncFd<Notifications>,
}

impl FileWatcher {
    /// Watches the directories of these files. A directory that does not exist is left to the periodic look.
    ///
    /// # Errors
    /// The kernel gives no notification instance, or there is no tokio runtime with IO.
    pub fn new(paths: impl IntoIterator<Item = impl AsRef<Path>>) -> io::Result<Self> {
        let mut names = BTreeSet::from([OsString::from("..data")]);
        let mut directories = BTreeSet::<PathBuf>::new();
        for path in paths {
            let path = path.as_ref();
            names.extend(path.file_name().map(OsString::from));
            directories.insert(match path.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
                _ => PathBuf::from("."),
            });
        }
        Self::watch(names, &directories)
    }

    /// Watches everything in a directory, or one file. What does not exist is left to the periodic look.
    ///
    /// # Errors
    /// As [`FileWatcher::new`].
    pub fn directory(path: &Path) -> io::Result<Self> {
        Self::watch(BTreeSet::new(), &BTreeSet::from([path.to_owned()]))
    }

    fn watch(names: BTreeSet<OsString>, directories: &BTreeSet<PathBuf>) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let events = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_DELETE;
        for directory in directories {
            match inotify.add_watch(directory, events) {
                Ok(_) | Err(Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES) => {}
                Err(error) => return Err(error.into()),
            }
        }
        #[expect(
            deprecated,
            reason = "its successor is unsafe for descriptors that change under it; ours is owned and never does"
        )]
        let notifications = AsyncFd::with_interest(Notifications(inotify), Interest::READABLE)?;
        Ok(Self { names, notifications })
    }

    /// Waits until one of the files may have changed. Cancel safe.
    ///
    /// # Errors
    /// The notification instance fails.
    pub async fn changed(&mut self) -> io::Result<()> {
        match tokio::time::timeout(RECHECK_PERIOD, self.notified()).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => Ok(()),
        }
    }

    async fn notified(&mut self) -> io::Result<()> {
        loop {
            let mut ready = self.notifications.readable().await?;
            match ready.get_inner().0.read_events() {
                // An event without a name is an overflow: anything may have happened.
                Ok(events)
                    if events.iter().any(|event| {
                        self.names.is_empty() || event.name.as_ref().is_none_or(|name| self.names.contains(name))
                    }) =>
                {
                    return Ok(());
                }
                Ok(_) => {}
                Err(Errno::EAGAIN) => ready.clear_ready(),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Calls `reload` whenever the file holds something else than it held before (`seen`: at first), until `stop`. A file that
/// is gone for a while is no change.
///
/// # Errors
/// As [`FileWatcher::new`] and [`FileWatcher::changed`]: the file is followed no longer.
pub async fn follow(
    path: &Path,
    mut seen: Option<Vec<u8>>,
    stop: &CancellationToken,
    mut reload: impl FnMut(),
) -> io::Result<()> {
    let mut watcher = FileWatcher::new([path])?;
    loop {
        let now = std::fs::read(path).ok();
        if now.is_some() && seen != now {
            seen = now;
            reload();
        }
        tokio::select! {
            changed = watcher.changed() => changed?,
            () = stop.cancelled() => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn following_means_each_new_content_once() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config.yaml");
        fs::write(&file, "one").unwrap();
        let stop = CancellationToken::new();
        let mut read = Vec::new();
        let followed = follow(&file, Some(b"one".to_vec()), &stop, || {
            let content = fs::read_to_string(&file).unwrap();
            match content.as_str() {
                // The same again, and then nothing at all, are no changes.
                "two" => {
                    fs::write(&file, "two").unwrap();
                    fs::remove_file(&file).unwrap();
                    fs::write(&file, "three").unwrap();
                }
                _ => stop.cancel(),
            }
            read.push(content);
        });
        let (outcome, ()) = tokio::join!(followed, async { fs::write(&file, "two").unwrap() });
        outcome.unwrap();
        assert_eq!(read, ["two", "three"]);
    }

    #[tokio::test]
    async fn sees_writes_renames_and_links_but_not_strangers() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("tls.crt");
        fs::write(&file, "one").unwrap();
        let mut watcher = FileWatcher::new([&file]).unwrap();

        fs::write(&file, "two").unwrap();
        watcher.changed().await.unwrap();

        fs::write(directory.path().join("other"), "x").unwrap();
        let stranger = tokio::time::timeout(Duration::from_millis(50), watcher.notified()).await;
        assert!(stranger.is_err(), "a file that is not watched woke the watcher");

        fs::write(directory.path().join("new"), "three").unwrap();
        fs::rename(directory.path().join("new"), &file).unwrap();
        watcher.changed().await.unwrap();

        std::os::unix::fs::symlink("target", directory.path().join("..data")).unwrap();
        watcher.changed().await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn looks_once_a_minute_without_notifications() {
        let started = tokio::time::Instant::now();
        let mut watcher = FileWatcher::new(["/nonexistent/directory/file"]).unwrap();
        watcher.changed().await.unwrap();
        assert_eq!(started.elapsed(), RECHECK_PERIOD);
    }
}
