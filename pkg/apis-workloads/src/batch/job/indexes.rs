//! Sets of completion indexes, written as `1,3-5,7`.

use k8s_api::primitives::quote;

/// Why a text is not a set of indexes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum IndexesError {
    #[error("the fragment {} violates the requirement that an index interval can have at most two parts separated by '-'", quote(.0))]
    Parts(String),
    #[error("cannot convert string to integer for index: {}", quote(.0))]
    NotNumber(String),
    #[error("too large index: {}", quote(.0))]
    TooLarge(String),
    #[error("non-increasing order, previous: {0}, current: {1}")]
    Order(i64, i64),
    #[error("failedIndexes and completedIndexes overlap at index: {0}")]
    Overlap(i64),
}

/// First and last index.
type Interval = (i64, i64);

fn index(text: &str, completions: i32) -> Result<i64, IndexesError> {
    let index: i64 = text.parse().map_err(|_| IndexesError::NotNumber(text.into()))?;
    if index >= i64::from(completions) {
        return Err(IndexesError::TooLarge(text.into()));
    }
    Ok(index)
}

fn interval(text: &str, completions: i32) -> Result<Interval, IndexesError> {
    let mut parts = text.split('-');
    let first = parts.next().unwrap_or_default();
    let last = parts.next();
    if parts.next().is_some() {
        return Err(IndexesError::Parts(text.into()));
    }
    let first = index(first, completions)?;
    let Some(last) = last else {
        return Ok((first, first));
    };
    let last = index(last, completions)?;
    if first >= last {
        return Err(IndexesError::Order(first, last));
    }
    Ok((first, last))
}

/// How many indexes the text names.
pub(super) fn count(text: &str, completions: i32) -> Result<i64, IndexesError> {
    if text.is_empty() {
        return Ok(0);
    }
    let mut previous = None;
    let mut total = 0;
    for part in text.split(',') {
        let (first, last) = interval(part, completions)?;
        if let Some(previous) = previous.filter(|previous| *previous >= first) {
            return Err(IndexesError::Order(previous, first));
        }
        total += last - first + 1;
        previous = Some(last);
    }
    Ok(total)
}

/// Checks that no index is in both sets. What does not parse is left out; its format is checked elsewhere.
pub(super) fn check_disjoint(completed: &str, failed: &str, completions: i32) -> Result<(), IndexesError> {
    let intervals = |text: &str| -> Vec<Interval> {
        text.split(',')
            .filter_map(|part| interval(part, completions).ok())
            .collect()
    };
    let (completed, failed) = (intervals(completed), intervals(failed));
    let (mut at_completed, mut at_failed) = (0, 0);
    while let (Some(done), Some(lost)) = (completed.get(at_completed), failed.get(at_failed)) {
        if done.0 <= lost.1 && lost.0 <= done.1 {
            return Err(IndexesError::Overlap(done.0.max(lost.0)));
        }
        if done.0 <= lost.0 {
            at_completed += 1;
        } else {
            at_failed += 1;
        }
    }
    Ok(())
}
