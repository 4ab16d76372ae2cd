//! `/logs/`: the files below `/var/log`.

use std::fs;
use std::path::{Component, Path, PathBuf};

use component_base::serving::Body;
use futures::TryStreamExt;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::StreamBody;
use tokio_util::io::ReaderStream;

use crate::answers;

/// A file, or the names in a directory; nothing outside the root, whatever links say.
pub(crate) async fn serve(root: &Path, path: &str) -> Response<Body> {
    let relative = Path::new(path.trim_start_matches('/'));
    if relative.components().any(|part| !matches!(part, Component::Normal(_))) {
        return answers::text(StatusCode::BAD_REQUEST, "invalid URL path\n");
    }
    let Some(target) = resolve(root, relative) else {
        return answers::not_found();
    };
    if target.is_dir() {
        if !path.ends_with('/') {
            let mut answer = answers::text(StatusCode::MOVED_PERMANENTLY, "");
            let name = relative
                .file_name()
                .map_or_else(|| "logs".into(), |it| it.to_string_lossy().into_owned());
            if let Ok(location) = HeaderValue::from_str(&format!("{name}/")) {
                answer.headers_mut().insert(header::LOCATION, location);
            }
            return answer;
        }
        return listing(&target);
    }
    match tokio::fs::File::open(&target).await {
        Ok(file) => {
            let chunks = ReaderStream::new(file).map_ok(Frame::data);
            answers::with_type(
                StatusCode::OK,
                "text/plain; charset=utf-8",
                Body::boxed(StreamBody::new(chunks)),
            )
        }
        Err(_) => answers::not_found(),
    }
}

fn resolve(root: &Path, relative: &Path) -> Option<PathBuf> {
    let root = fs::canonicalize(root).ok()?;
    let target = fs::canonicalize(root.join(relative)).ok()?;
    // Logs of pods are links into other directories of logs; they are read by their own path.
    target.starts_with(&root).then_some(target)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;")
}

fn listing(directory: &Path) -> Response<Body> {
    let Ok(entries) = fs::read_dir(directory) else {
        return answers::text(StatusCode::INTERNAL_SERVER_ERROR, "Error reading directory\n");
    };
    let mut names: Vec<_> = entries
        .flatten()
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.path().is_dir() {
                format!("{name}/")
            } else {
                name
            }
        })
        .collect();
    names.sort();
    let rows: String = names
        .iter()
        .map(|name| {
            let path = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
                .replace("%2F", "/");
            format!("<a href=\"{path}\">{}</a>\n", escaped(name))
        })
        .collect();
    let page =
        format!("<!doctype html>\n<meta name=\"viewport\" content=\"width=device-width\">\n<pre>\n{rows}</pre>\n");
    answers::with_type(StatusCode::OK, "text/html; charset=utf-8", page)
}
