//! Many requests, some at once.

use std::time::Instant;

use futures::{StreamExt as _, TryStreamExt as _};

use perf::latency::Latency;

use crate::Failure;

/// How many requests are under way at once.
const AT_ONCE: usize = 8;

/// Sends `count` requests.
pub(crate) async fn run<F>(count: usize, send: impl Fn(usize) -> F) -> Result<Latency, Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    let requests = (0..count).map(|number| {
        let request = send(number);
        async {
            let begun = Instant::now();
            request.await.map(|()| begun.elapsed())
        }
    });
    let taken = futures::stream::iter(requests).buffer_unordered(AT_ONCE).try_collect();
    Ok(Latency::new(taken.await?))
}
