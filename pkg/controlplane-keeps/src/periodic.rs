//! Work that is repeated, and work that follows changes.

use std::time::Duration;

use apimachinery::{
    selectors::{FieldSelector, Selector},
    status::StatusError,
};
use apiserver::{
    cacher::{Predicate, WatchItem, WatchStart, WatchStream},
    registry::Local,
};
use k8s_api::Object;

/// The pause before something that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Repeats `work` for ever; a failure is logged.
pub(crate) async fn every<W, F, E>(interval: Duration, what: &'static str, mut work: W)
where
    W: FnMut() -> F,
    F: Future<Output = Result<(), E>>,
    E: std::fmt::Display,
{
    loop {
        tokio::time::sleep(interval).await;
        if let Err(error) = work().await {
            tracing::error!(%error, "cannot {what}");
        }
    }
}

/// The changes of a resource from now on: of one object, or of all for an empty name.
async fn changes<T: Object>(objects: &Local<T>, namespace: &str, name: &str) -> Option<WatchStream> {
    let fields = match name {
        "" => FieldSelector::EVERYTHING,
        name => FieldSelector::equals("metadata.name", name),
    };
    let predicate = Predicate::new(T::NAMESPACED, namespace, Selector::EVERYTHING, &fields, &[], &[]);
    let cacher = objects.store().cacher();
    let start = WatchStart::Behind(cacher.snapshot().revision);
    cacher.watch(predicate.ok()?, start, false, false).await.ok()
}

/// Calls `work` whenever the object, or one of the resource for an empty name, changes; it gets the name. Also calls
/// it with `name` when a watch begins, as changes may have been missed.
pub(crate) async fn follow<T, W, F>(objects: Local<T>, namespace: &str, name: &str, what: &'static str, work: W)
where
    T: Object,
    W: Fn(String) -> F,
    F: Future<Output = Result<(), StatusError>>,
{
    loop {
        let stream = changes(&objects, namespace, name).await;
        let mut pending = Some(name.to_owned());
        if let Some(mut stream) = stream {
            loop {
                if let Some(changed) = pending.take() {
                    while let Err(error) = work(changed.clone()).await {
                        tracing::warn!(%error, "cannot {what}, trying again");
                        tokio::time::sleep(RETRY).await;
                    }
                }
                match stream.next().await {
                    Some(WatchItem::Initial(object)) => pending = Some(object.name().to_owned()),
                    Some(WatchItem::Event(kind, event)) => pending = Some(event.object_for(kind).name().to_owned()),
                    Some(WatchItem::Bookmark(_) | WatchItem::InitialEnd(_)) => {}
                    None => break,
                }
            }
        }
        tokio::time::sleep(RETRY).await;
    }
}
