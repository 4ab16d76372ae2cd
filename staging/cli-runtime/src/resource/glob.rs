//! File name patterns: `*`, `?`, `[a-z]` within one component (upstream: `path/filepath.Glob`).

use std::fs;
use std::path::{Component, Path, PathBuf};

use k8s_api::primitives::quote;
use regex::Regex;

use crate::{Result, message};

/// The paths that a name means: itself if it exists, else those it matches.
pub(super) fn expand(pattern: &str) -> Result<Vec<PathBuf>> {
    let path = Path::new(pattern);
    if path.exists() {
        return Ok(vec![path.to_owned()]);
    }
    let missing = || message!("the path {} does not exist", quote(pattern));
    if !has_meta(pattern) {
        return Err(missing());
    }
    let mut found = vec![PathBuf::new()];
    for component in path.components() {
        let Component::Normal(name) = component else {
            found.iter_mut().for_each(|path| path.push(component));
            continue;
        };
        let name = name.to_string_lossy();
        if !has_meta(&name) {
            found.iter_mut().for_each(|path| path.push(&*name));
            found.retain(|path| path.exists());
            continue;
        }
        let test = matcher(&name)
            .ok_or_else(|| message!("pattern {} is not valid: syntax error in pattern", quote(pattern)))?;
        found = found.iter().flat_map(|folder| entries(folder, &test)).collect();
    }
    if found.is_empty() {
        return Err(missing());
    }
    Ok(found)
}

fn has_meta(text: &str) -> bool {
    text.contains(['*', '?', '[', '\\'])
}

fn entries(folder: &Path, test: &Regex) -> Vec<PathBuf> {
    let shown = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let Ok(read) = fs::read_dir(shown) else {
        return Vec::new();
    };
    let mut names: Vec<_> = read
        .flatten()
        .map(|entry| entry.file_name())
        .filter(|name| test.is_match(&name.to_string_lossy()))
        .collect();
    names.sort();
    names.into_iter().map(|name| folder.join(name)).collect()
}

fn matcher(pattern: &str) -> Option<Regex> {
    let mut expression = String::from("^");
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '*' => expression.push_str("[^/]*"),
            '?' => expression.push_str("[^/]"),
            '[' => {
                expression.push('[');
                loop {
                    match letters.next()? {
                        ']' => break,
                        inner => expression.push(inner),
                    }
                }
                expression.push(']');
            }
            '\\' => expression.push_str(&regex::escape(&letters.next()?.to_string())),
            other => expression.push_str(&regex::escape(&other.to_string())),
        }
    }
    expression.push('$');
    Regex::new(&expression).ok()
}
