//! One step for each object that was found (upstream: `Result.Visit` with `ContinueOnError`).

use cli_runtime::resource::Found;
use cli_runtime::{CommandError, Info, Result};

/// Does the step with each object; what fails does not keep the others from it.
///
/// # Errors
/// What went wrong with the finding, then with the steps.
pub(crate) async fn visit(found: Found, mut step: impl AsyncFnMut(Info) -> Result<()>) -> Result<()> {
    let mut errors = found.errors;
    for info in found.infos {
        if let Err(error) = step(info).await {
            errors.push(error);
        }
    }
    CommandError::collect(errors)
}
