//! Images.

use anyhow::{Context, Result, ensure};
use tokio::time::{Duration, Instant, sleep};

use super::Subject;
use crate::api::*;

fn spec(name: &str) -> ImageSpec {
    ImageSpec {
        image: name.to_owned(),
        ..Default::default()
    }
}

pub(super) async fn status_and_list(subject: &Subject) -> Result<()> {
    let found = subject
        .images
        .image_status(&spec(&subject.image), false)
        .await?
        .image
        .context("the image is there")?;
    ensure!(found.repo_tags.contains(&subject.image) && found.size > 0, "{found:?}");
    let by_id = subject
        .images
        .image_status(&spec(&found.id), false)
        .await?
        .image
        .context("found by its id")?;
    ensure!(by_id.id == found.id, "{by_id:?}");
    let list = subject.images.list_images(None).await?;
    ensure!(list.iter().any(|image| image.id == found.id), "{list:?}");
    let filter = ImageFilter {
        image: Some(spec(&subject.image)),
    };
    let list = subject.images.list_images(Some(filter)).await?;
    // A runtime may take the filter for a hint.
    ensure!(list.iter().any(|image| image.id == found.id), "{list:?}");
    let absent = subject
        .images
        .image_status(&spec("localhost/no/such:image"), false)
        .await?;
    ensure!(absent.image.is_none(), "{absent:?}");
    Ok(())
}

pub(super) async fn removal_is_idempotent(subject: &Subject) -> Result<()> {
    subject.images.remove_image(&spec("localhost/no/such:image")).await?;
    Ok(())
}

pub(super) async fn unreachable_image_is_not_pulled(subject: &Subject) -> Result<()> {
    // Port 1 of the loopback is closed.
    let name = "127.0.0.1:1/no/such:image";
    let pulled = subject.images.pull_image(&spec(name), None, None).await;
    let error = pulled.err().context("nothing can be pulled")?;
    ensure!(
        error
            .message()
            .contains(&format!("failed to resolve reference {name:?}")),
        "{error}"
    );
    Ok(())
}

pub(super) async fn file_system_is_measured(subject: &Subject) -> Result<()> {
    // A runtime measures in the background and may have nothing yet.
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let info = subject.images.image_fs_info().await?;
        let system = info.image_filesystems.first().context("no file system")?;
        if system.used_bytes.is_some_and(|bytes| bytes.value > 0) {
            ensure!(
                system.fs_id.as_ref().is_some_and(|id| id.mountpoint.starts_with('/')),
                "{system:?}"
            );
            return Ok(());
        }
        ensure!(Instant::now() < end, "nothing is measured: {info:?}");
        sleep(Duration::from_millis(100)).await;
    }
}
