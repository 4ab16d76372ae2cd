//! [`ImageService`] over a runtime's socket.

use std::time::Duration;

use async_trait::async_trait;

use crate::api::*;
use crate::connection::{ConnectOptions, Connection};
use crate::error::{Code, Error, Result};
use crate::service::ImageService;

/// The images of a runtime that is reached over gRPC.
#[derive(Clone, Debug)]
pub struct RemoteImageService {
    connection: Connection,
}

impl RemoteImageService {
    /// Connects, and checks that the runtime serves the v1 image API.
    ///
    /// # Errors
    /// [`Error::Endpoint`] if the endpoint is none, [`Error::Validate`] if there is no runtime or it does not speak v1.
    pub async fn connect(endpoint: &str, options: &ConnectOptions) -> Result<Self> {
        let connection = Connection::new(endpoint, options)?;
        connection
            .call(ImageFsInfoRequest {})
            .await
            .map_err(|error| Error::Validate {
                service: "image",
                endpoint: endpoint.to_owned(),
                source: Box::new(error),
            })?;
        Ok(Self { connection })
    }
}

#[async_trait]
impl ImageService for RemoteImageService {
    async fn list_images(&self, filter: Option<ImageFilter>) -> Result<Vec<Image>> {
        let again = filter.clone();
        self.connection
            .list(
                || StreamImagesRequest { filter },
                |part| part.images,
                || ListImagesRequest { filter: again },
                |answer| answer.images,
            )
            .await
    }

    async fn image_status(&self, image: &ImageSpec, verbose: bool) -> Result<ImageStatusResponse> {
        let answer = self
            .connection
            .call(ImageStatusRequest {
                image: Some(image.clone()),
                verbose,
            })
            .await?;
        if answer
            .image
            .as_ref()
            .is_some_and(|found| found.id.is_empty() || found.size == 0)
        {
            return Err(Error::InvalidResponse(format!(
                "Id or size of image {:?} is not set",
                image.image
            )));
        }
        Ok(answer)
    }

    async fn pull_image(
        &self,
        image: &ImageSpec,
        auth: Option<AuthConfig>,
        sandbox_config: Option<&PodSandboxConfig>,
    ) -> Result<String> {
        let request = PullImageRequest {
            image: Some(image.clone()),
            auth,
            sandbox_config: sandbox_config.cloned(),
        };
        let no_deadline: Option<Duration> = None;
        match self.connection.call_within(request, no_deadline).await {
            Ok(answer) if answer.image_ref.is_empty() => Err(Error::InvalidResponse(format!(
                "imageRef of image {:?} is not set",
                image.image
            ))),
            Ok(answer) => Ok(answer.image_ref),
            // The code says nothing here, and the text goes into events.
            Err(Error::Status {
                code: Code::Unknown,
                message,
            }) => Err(Error::Reported(message)),
            Err(error) => Err(error),
        }
    }

    async fn remove_image(&self, image: &ImageSpec) -> Result<()> {
        self.connection
            .call(RemoveImageRequest {
                image: Some(image.clone()),
            })
            .await?;
        Ok(())
    }

    async fn image_fs_info(&self) -> Result<ImageFsInfoResponse> {
        self.connection.call(ImageFsInfoRequest {}).await
    }
}
