//! `/containerLogs/{namespace}/{pod}/{container}`.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use component_base::serving::Body;
use cri_client::RuntimeService;
use cri_client::api::ContainerState;
use futures::TryStreamExt;
use http::{Response, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;
use jiff::Timestamp;
use k8s_api::core::v1::{ContainerStatus, Pod};
use kubelet_logs::{LogOptions, StillRunning, Stream, read_logs};
use kubelet_runtime::KubeRuntime;
use tokio_util::io::ReaderStream;

use crate::answers;

/// How much of a log is on the way to a slow reader.
const PIPE: usize = 64 * 1024;

/// What the query asks for.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct LogQuery {
    pub(crate) options: LogOptions,
    pub(crate) previous: bool,
}

/// Why a query cannot be answered: the status and the words.
type Refusal = (StatusCode, String);

/// Reads the options of the API.
pub(crate) fn parse(query: &str, split_streams: bool) -> Result<LogQuery, Refusal> {
    let undecodable = || {
        (
            StatusCode::BAD_REQUEST,
            "{\"message\": \"Unable to decode query.\"}".to_owned(),
        )
    };
    let invalid = || {
        (
            StatusCode::UNPROCESSABLE_ENTITY,
            "{\"message\": \"Invalid request.\"}".to_owned(),
        )
    };
    let mut parsed = LogQuery::default();
    let (mut since_seconds, mut since_time) = (None, None);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let flag = || matches!(&*value, "true" | "1" | "");
        let number = || value.parse::<i64>().map_err(|_| undecodable());
        match &*name {
            "follow" => parsed.options.follow = flag(),
            "previous" => parsed.previous = flag(),
            "timestamps" => parsed.options.timestamps = flag(),
            "tail" if value == "all" => parsed.options.tail = None,
            "tail" | "tailLines" => parsed.options.tail = Some(usize::try_from(number()?).map_err(|_| invalid())?),
            "limitBytes" => {
                let limit = number()?;
                parsed.options.limit_bytes = Some(u64::try_from(limit).ok().filter(|it| *it > 0).ok_or_else(invalid)?);
            }
            "sinceSeconds" => since_seconds = Some(number()?),
            "sinceTime" => since_time = Some(value.parse::<Timestamp>().map_err(|_| undecodable())?),
            "stream" => match &*value {
                "" | "All" => {}
                other if !split_streams => {
                    return Err((
                        StatusCode::BAD_REQUEST,
                        format!(
                            "unable to return the given log stream: {other:?}. Please enable PodLogsQuerySplitStreams feature gate in kubelet"
                        ),
                    ));
                }
                "Stdout" => parsed.options.stream = Some(Stream::Stdout),
                "Stderr" => parsed.options.stream = Some(Stream::Stderr),
                _ => return Err(invalid()),
            },
            _ => {}
        }
    }
    parsed.options.since = match (since_seconds, since_time) {
        (Some(_), Some(_)) => return Err(invalid()),
        (Some(seconds), None) if seconds < 1 => return Err(invalid()),
        (Some(seconds), None) => Timestamp::now()
            .checked_sub(jiff::SignedDuration::from_secs(seconds))
            .ok(),
        (None, time) => time,
    };
    Ok(parsed)
}

fn find<'a>(pod: &'a Pod, container: &str) -> Option<&'a ContainerStatus> {
    let status = &pod.status;
    let all = status.container_statuses.iter().chain(&status.init_container_statuses);
    all.chain(&status.ephemeral_container_statuses)
        .find(|it| it.name == container)
}

/// The id of the container whose log is meant.
pub(crate) fn container_id(pod: &Pod, container: &str, previous: bool) -> Result<String, String> {
    let name = &pod.metadata.name;
    let place = format!("container {container:?} in pod {name:?}");
    let Some(status) = find(pod, container) else {
        return Err(format!("{place} is not available"));
    };
    let last = status
        .last_state
        .terminated
        .as_deref()
        .map(|it| it.container_id.as_str());
    let last = last.filter(|id| !id.is_empty());
    let ended = status.state.terminated.as_deref();
    let id = if previous {
        last.ok_or_else(|| format!("previous terminated {place} not found"))?
    } else if status.state.running.is_some() {
        &status.container_id
    } else if let Some(ended) = ended {
        let own = Some(ended.container_id.as_str()).filter(|id| !id.is_empty());
        own.or(last).ok_or_else(|| format!("{place} is terminated"))?
    } else if status.last_state.terminated.is_some() {
        last.ok_or_else(|| format!("{place} is terminated"))?
    } else if let Some(waiting) = &status.state.waiting {
        return Err(match waiting.reason.as_str() {
            "ErrImagePull" => format!("{place} is waiting to start: image can't be pulled"),
            "ImagePullBackOff" => format!("{place} is waiting to start: trying and failing to pull image"),
            reason => format!("{place} is waiting to start: {reason}"),
        });
    } else {
        return Err(format!("{place} is waiting to start - no logs yet"));
    };
    Ok(id.split_once("://").map_or(id, |(_, id)| id).to_owned())
}

struct Running {
    runtime: Arc<dyn RuntimeService>,
    id: String,
}

#[async_trait]
impl StillRunning for Running {
    async fn still_running(&self) -> bool {
        match self.runtime.container_status(&self.id, false).await {
            Ok(answer) => answer.status.is_some_and(|it| it.state() == ContainerState::Running),
            // A runtime that is away for a moment does not end the container.
            Err(error) => !error.is_not_found(),
        }
    }
}

/// Answers with a log, as it comes if it is to be followed.
pub(crate) async fn serve(runtime: &KubeRuntime, pod: &Pod, container: &str, query: LogQuery) -> Response<Body> {
    let id = match container_id(pod, container, query.previous) {
        Ok(id) => id,
        Err(words) => return answers::text(StatusCode::BAD_REQUEST, words),
    };
    let service = runtime.services().runtime.clone();
    let path = match service.container_status(&id, false).await {
        Ok(answer) => PathBuf::from(answer.status.unwrap_or_default().log_path),
        Err(error) => {
            let words = format!("unable to retrieve container logs for {}", runtime.container_id(&id));
            tracing::error!(%error, id, "failed to get container status");
            return answers::text(StatusCode::BAD_REQUEST, words);
        }
    };
    if let Err(error) = std::fs::metadata(&path) {
        let words = format!(
            "failed to try resolving symlinks in path {:?}: {error}",
            path.display().to_string()
        );
        return answers::text(StatusCode::BAD_REQUEST, words);
    }
    let (reader, writer) = tokio::io::duplex(PIPE);
    let running = Running { runtime: service, id };
    let options = query.options;
    tokio::spawn(async move {
        // The writer fails as soon as nobody reads any more, and that ends the reading.
        if let Err(error) = read_logs(&path, &options, &running, writer).await {
            tracing::debug!(%error, path = %path.display(), "reading a container's log ended");
        }
    });
    let chunks = ReaderStream::new(reader).map_ok(Frame::data);
    answers::with_type(
        StatusCode::OK,
        "text/plain; charset=utf-8",
        Body::boxed(StreamBody::new(chunks)),
    )
}
