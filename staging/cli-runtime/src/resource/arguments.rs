//! `TYPE NAME…`, `TYPE/NAME…`, `TYPE1,TYPE2`: what the words of a command line mean.

use crate::{Result, message};

/// A type and a name, given together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tuple {
    pub(super) resource: String,
    pub(super) name: String,
}

/// The parts between commas, each once.
pub(super) fn split(argument: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for part in argument.split(',') {
        if !parts.iter().any(|known| known == part) {
            parts.push(part.to_owned());
        }
    }
    parts
}

/// `a,b c d` as `a/c a/d b/c b/d`.
pub(super) fn normalize(arguments: &[String]) -> Vec<String> {
    if let [types, names @ ..] = arguments
        && !names.is_empty()
    {
        let types = split(types);
        if types.len() > 1 {
            let pairs = |kind: &String| names.iter().map(|name| format!("{kind}/{name}")).collect::<Vec<_>>();
            return types.iter().flat_map(pairs).collect();
        }
    }
    arguments.to_vec()
}

/// Whether every word is `TYPE/NAME`.
pub(super) fn are_combined(arguments: &[String]) -> Result<bool> {
    let combined = arguments.iter().filter(|argument| argument.contains('/')).count();
    if combined == 0 {
        return Ok(false);
    }
    if combined == arguments.len() {
        return Ok(true);
    }
    let program = std::env::args().next().unwrap_or_else(|| "kubectl".to_owned());
    let program = program.rsplit('/').next().unwrap_or("kubectl");
    Err(message!(
        "there is no need to specify a resource type as a separate argument when passing arguments in resource/name form \
         (e.g. '{program} get resource/<resource_name>' instead of '{program} get resource resource/<resource_name>'"
    ))
}

/// `TYPE/NAME`, if it is one.
pub(super) fn tuple(word: &str) -> Result<Option<Tuple>> {
    let Some((resource, name)) = word.split_once('/') else {
        return Ok(None);
    };
    if name.contains('/') {
        return Err(message!(
            "arguments in resource/name form may not have more than one slash"
        ));
    }
    if resource.is_empty() || name.is_empty() || resource.contains(',') {
        return Err(message!(
            "arguments in resource/name form must have a single resource and name"
        ));
    }
    Ok(Some(Tuple {
        resource: resource.to_owned(),
        name: name.to_owned(),
    }))
}
