//! Static files below a prefix.

use std::fs;
use std::path::{Component, Path, PathBuf};

use http::StatusCode;

/// What a path answers with: status, type and content.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) content_type: &'static str,
    pub(super) content: Vec<u8>,
}

const TYPES: [(&str, &str); 12] = [
    ("html", "text/html; charset=utf-8"),
    ("htm", "text/html; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("gif", "image/gif"),
    ("txt", "text/plain; charset=utf-8"),
    ("xml", "text/xml; charset=utf-8"),
    ("wasm", "application/wasm"),
];

/// The file that a path names; none outside the folder.
fn locate(folder: &Path, path: &str) -> Option<PathBuf> {
    let relative = Path::new(path.trim_start_matches('/'));
    let inside = relative
        .components()
        .all(|component| matches!(component, Component::Normal(_)));
    if !inside {
        return None;
    }
    let file = folder.join(relative).canonicalize().ok()?;
    file.starts_with(folder.canonicalize().ok()?).then_some(file)
}

fn content_type(path: &Path) -> &'static str {
    let ending = path
        .extension()
        .map(|ending| ending.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    TYPES
        .iter()
        .find(|(known, _)| *known == ending)
        .map_or("application/octet-stream", |(_, name)| name)
}

fn listing(folder: &Path) -> Vec<u8> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| {
            let slash = if entry.path().is_dir() { "/" } else { "" };
            format!("{}{slash}", entry.file_name().to_string_lossy())
        })
        .collect();
    names.sort();
    let escape = |text: &str| {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&#34;")
    };
    let lines: String = names
        .iter()
        .map(|name| format!("<a href=\"{0}\">{0}</a>\n", escape(name)))
        .collect();
    format!("<!doctype html>\n<meta name=\"viewport\" content=\"width=device-width\">\n<pre>\n{lines}</pre>\n")
        .into_bytes()
}

/// Answers a path below the prefix.
pub(super) fn serve(folder: &Path, path: &str) -> Answer {
    let missing = || Answer {
        status: StatusCode::NOT_FOUND,
        content_type: "text/plain; charset=utf-8",
        content: b"404 page not found\n".to_vec(),
    };
    let Some(mut file) = locate(folder, path) else {
        return missing();
    };
    if file.is_dir() {
        let index = file.join("index.html");
        if !index.is_file() {
            return Answer {
                status: StatusCode::OK,
                content_type: "text/html; charset=utf-8",
                content: listing(&file),
            };
        }
        file = index;
    }
    match fs::read(&file) {
        Ok(content) => Answer {
            status: StatusCode::OK,
            content_type: content_type(&file),
            content,
        },
        Err(_) => missing(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_folder_are_served() {
        let folder = tempfile::tempdir().expect("a folder");
        let www = folder.path().join("www");
        fs::create_dir(&www).expect("a folder");
        fs::write(www.join("a.txt"), "a").expect("a file");
        fs::write(folder.path().join("secret"), "s").expect("a file");
        std::os::unix::fs::symlink(folder.path().join("secret"), www.join("link")).expect("a link");
        for (path, status) in [
            ("a.txt", 200),
            ("", 200),
            ("../secret", 404),
            ("link", 404),
            ("none", 404),
        ] {
            assert_eq!(serve(&www, path).status.as_u16(), status, "{path}");
        }
    }
}
