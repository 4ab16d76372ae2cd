//! [`ImageService`] of the in-memory runtime.

use async_trait::async_trait;

use super::FakeRuntime;
use crate::api::*;
use crate::error::{Code, Error, Result};
use crate::service::ImageService;

#[async_trait]
impl ImageService for FakeRuntime {
    async fn list_images(&self, filter: Option<ImageFilter>) -> Result<Vec<Image>> {
        self.enter(Method::ListImages, "").await?;
        let state = self.shared.state.lock();
        let wanted = filter
            .and_then(|filter| filter.image)
            .map(|image| image.image)
            .unwrap_or_default();
        if wanted.is_empty() {
            return Ok(state.images.values().cloned().collect());
        }
        Ok(state.image(&wanted).cloned().into_iter().collect())
    }

    async fn image_status(&self, image: &ImageSpec, verbose: bool) -> Result<ImageStatusResponse> {
        self.enter(Method::ImageStatus, &image.image).await?;
        let image = self.shared.state.lock().image(&image.image).cloned();
        let info = if verbose {
            [("runtime".to_owned(), "{}".to_owned())].into()
        } else {
            Default::default()
        };
        Ok(ImageStatusResponse { image, info })
    }

    async fn pull_image(
        &self,
        image: &ImageSpec,
        _auth: Option<AuthConfig>,
        _sandbox_config: Option<&PodSandboxConfig>,
    ) -> Result<String> {
        let name = &image.image;
        self.enter(Method::PullImage, name).await?;
        let known = self.shared.state.lock().registry.get(name).copied();
        let Some((size, duration)) = known else {
            return Err(Error::status(
                Code::NotFound,
                format!(
                    "failed to pull and unpack image {name:?}: failed to resolve reference {name:?}: {name}: not found"
                ),
            ));
        };
        tokio::time::sleep(duration).await;
        Ok(self.shared.state.lock().add_image(name, size))
    }

    async fn remove_image(&self, image: &ImageSpec) -> Result<()> {
        self.enter(Method::RemoveImage, &image.image).await?;
        let mut state = self.shared.state.lock();
        if let Some(id) = state.image(&image.image).map(|image| image.id.clone()) {
            state.images.remove(&id);
        }
        Ok(())
    }

    async fn image_fs_info(&self) -> Result<ImageFsInfoResponse> {
        self.enter(Method::ImageFsInfo, "").await?;
        Ok(self.shared.state.lock().image_fs.clone())
    }
}
