//! Lists in pages (upstream: `tools/pager`).

use k8s_api::List;

use crate::api::{Api, ApiObject, ListOptions};
use crate::rest::Error;

/// Objects in one page.
const PAGE_SIZE: u32 = 500;

/// Lists everything, page by page. If the pages expire on the way, lists it at once instead, so that the result is of one
/// revision.
///
/// # Errors
/// See [`Error`].
pub async fn list_all<T: ApiObject>(api: &Api<T>, options: &ListOptions) -> Result<List<T>, Error> {
    let mut options = options.clone();
    // Lists that may come from a cache are not cut up by servers; asking for it would send them past the cache.
    if options.limit.is_none() && options.resource_version.is_empty() {
        options.limit = Some(PAGE_SIZE);
    }
    let (mut metadata, mut items) = api.list_parts(&options).await?;
    while !metadata.continue_.is_empty() {
        options.continue_token = std::mem::take(&mut metadata.continue_);
        // The token names the revision.
        options.resource_version.clear();
        options.resource_version_match = None;
        match api.list_parts(&options).await {
            Ok((next, page)) => {
                metadata = next;
                items.extend(page);
            }
            Err(error) if error.is_expired() || error.is_gone() => {
                (options.limit, options.continue_token) = (None, String::new());
                (metadata, items) = api.list_parts(&options).await?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(List { metadata, items })
}
