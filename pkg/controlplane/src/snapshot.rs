//! Copies of the embedded store by command: into a file, of a server that serves or of a directory that none has open, and
//! from a file into an empty directory.
//!
//! A serving server listens on a socket in its data directory, which only its user can open. A request is one line, the
//! absolute path of the file to write; the answer is one line, `ok REVISION` or `error MESSAGE`.

use std::{
    io::{self, ErrorKind},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use apiserver_storage::{
    Revision, Storage,
    embedded::{self, Embedded, EmbeddedOptions, RestoreOptions},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
};
use tokio_util::sync::CancellationToken;

/// The socket's name in the data directory.
const SOCKET: &str = "snapshot.sock";
/// The longest request.
const MAX_REQUEST: u64 = 8 << 10;

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Files and sockets.
    #[error("{0}: {1}")]
    Io(String, #[source] io::Error),
    /// The store's own.
    #[error(transparent)]
    Store(#[from] apiserver_storage::Error),
    /// What the serving server answers.
    #[error("{0}")]
    Server(String),
    /// There is no store to copy.
    #[error("{0} holds no store")]
    NoStore(PathBuf),
}

/// Answers requests for snapshots until `stop`. A server that cannot listen serves without.
pub(crate) fn serve(directory: &Path, store: Arc<dyn Storage>, stop: CancellationToken) {
    let path = directory.join(SOCKET);
    let listener = match listen(&path) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "snapshots can not be asked for while serving");
            return;
        }
    };
    tokio::spawn(async move {
        while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
            let Ok((stream, _)) = accepted else { continue };
            if let Err(error) = answer(stream, &*store).await {
                tracing::warn!(%error, "a request for a snapshot ended early");
            }
        }
        drop(std::fs::remove_file(&path));
    });
}

/// Binds the socket. Whoever holds the directory's store is the only one to listen, so that a socket that is there is left over.
fn listen(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    // The directory itself is the user's alone.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn answer(mut stream: UnixStream, store: &dyn Storage) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut file = String::new();
    BufReader::new(reader.take(MAX_REQUEST)).read_line(&mut file).await?;
    let file = Path::new(file.trim_end_matches('\n'));
    let line = if file.is_absolute() {
        match store.snapshot(file).await {
            Ok(Some(revision)) => format!("ok {revision}\n"),
            Ok(None) => "error this server's store takes no snapshots\n".to_owned(),
            Err(error) => format!("error {error}\n"),
        }
    } else {
        "error not an absolute path\n".to_owned()
    };
    writer.write_all(line.as_bytes()).await
}

/// Writes a snapshot of the store in `directory` to `file`: by the server that serves it, or from the directory itself.
/// The file appears whole or not at all.
///
/// # Errors
/// Neither a server nor a store is there; the file cannot be written.
pub async fn snapshot(directory: &Path, file: &Path) -> Result<Revision, SnapshotError> {
    let of = |path: &Path| {
        let path = path.display().to_string();
        move |error| SnapshotError::Io(path, error)
    };
    let file = std::path::absolute(file).map_err(of(file))?;
    let socket = directory.join(SOCKET);
    match UnixStream::connect(&socket).await {
        Ok(stream) => return ask(stream, &file).await.map_err(of(&socket))?,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {}
        Err(error) => return Err(of(&socket)(error)),
    }
    if !Embedded::exists(directory) {
        return Err(SnapshotError::NoStore(directory.to_owned()));
    }
    let store = Embedded::open(directory, EmbeddedOptions::default())?;
    let revision = store.snapshot(&file).await;
    store.close().await;
    revision?.ok_or_else(|| SnapshotError::NoStore(directory.to_owned()))
}

async fn ask(mut stream: UnixStream, file: &Path) -> io::Result<Result<Revision, SnapshotError>> {
    let request = format!("{}\n", file.display());
    stream.write_all(request.as_bytes()).await?;
    let mut line = String::new();
    stream.read_to_string(&mut line).await?;
    let line = line.trim_end();
    let revision = line.strip_prefix("ok ").and_then(|revision| revision.parse().ok());
    Ok(revision.ok_or_else(|| {
        let message = line.strip_prefix("error ").unwrap_or("the server went away");
        SnapshotError::Server(message.to_owned())
    }))
}

/// Restores a snapshot into `directory`, which is empty or not there. `bump` moves the revision forward, so that clients
/// that know revisions after the snapshot list again.
///
/// # Errors
/// The directory is not empty, or the file is no snapshot.
pub fn restore(file: &Path, directory: &Path, bump: u64) -> Result<Revision, SnapshotError> {
    Ok(embedded::restore(
        file,
        directory,
        RestoreOptions { bump_revision: bump },
    )?)
}
