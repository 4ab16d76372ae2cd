//! Slow start: what fails once will mostly fail again, so it is tried a little at first.

use futures::future::join_all;

/// Calls `action` up to `count` times: once, then twice, then four times at once, and so on while all succeed. After a batch
/// with a failure nothing more is tried. Returns how many calls succeeded, and the first error.
pub async fn slow_start_batch<E, F>(count: usize, action: impl Fn(usize) -> F) -> (usize, Result<(), E>)
where
    F: Future<Output = Result<(), E>>,
{
    let (mut done, mut successes, mut size) = (0, 0, 1);
    while done < count {
        let batch = size.min(count - done);
        let outcomes = join_all((done..done + batch).map(&action)).await;
        done += batch;
        size = size.saturating_mul(2);
        let mut first = None;
        for outcome in outcomes {
            match outcome {
                Ok(()) => successes += 1,
                Err(error) => {
                    first.get_or_insert(error);
                }
            }
        }
        if let Some(error) = first {
            return (successes, Err(error));
        }
    }
    (successes, Ok(()))
}
