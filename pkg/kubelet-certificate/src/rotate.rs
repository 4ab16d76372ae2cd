//! New certificates before the old ones end.

use std::time::{Duration, SystemTime};

use client_go::Client;
use tokio_util::sync::CancellationToken;

use crate::request::{Wanted, obtain};
use crate::store::{Pair, Store};

const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LAST_PAUSE: Duration = Duration::from_secs(128);

/// Renews one pair.
pub struct Rotator<F> {
    client: Client,
    store: Store,
    wanted: F,
}

/// Between 70% and 90% of its life.
pub(crate) fn due(pair: &Pair, part: f64) -> SystemTime {
    let life = pair.not_after.duration_since(pair.not_before).unwrap_or_default();
    pair.not_before + life.mul_f64(0.7 + 0.2 * part)
}

impl<F: Fn() -> Option<Wanted>> Rotator<F> {
    /// Renews the pair in a store. `wanted` tells what the next one has to say; none while that is not known.
    pub fn new(client: Client, store: Store, wanted: F) -> Self {
        Self { client, store, wanted }
    }

    /// Renews until cancelled. What certificates have to say may change: then a new one is asked for at once.
    pub async fn run(&self, cancel: CancellationToken) {
        // Cancellation is the only end.
        let _: Option<()> = cancel.run_until_cancelled(self.rotate()).await;
    }

    async fn rotate(&self) {
        let mut said: Option<Wanted> = None;
        loop {
            let due = self.store.current().map(|pair| due(&pair, rand::random()));
            if let Some(due) = due {
                tracing::info!(due = %jiff::Timestamp::try_from(due).unwrap_or_default(), "the certificate will be renewed");
                self.wait(due, &mut said).await;
            }
            said = self.renew().await;
        }
    }

    /// Waits until the moment, or until something else has to be said.
    async fn wait(&self, due: SystemTime, said: &mut Option<Wanted>) {
        while let Ok(left) = due.duration_since(SystemTime::now()) {
            tokio::time::sleep(left.min(Duration::from_secs(30))).await;
            match (&*said, (self.wanted)()) {
                (Some(before), Some(now)) if *before != now => return,
                (None, now) => *said = now,
                _ => {}
            }
        }
    }

    /// Tries until there is a new pair.
    async fn renew(&self) -> Option<Wanted> {
        let mut pause = FIRST_PAUSE;
        loop {
            if let Some(wanted) = (self.wanted)() {
                match obtain(&self.client, &wanted).await {
                    Ok((certificate, key)) => match self.store.update(&certificate, &key) {
                        Ok(_) => {
                            tracing::info!(path = %self.store.current_path().display(), "the certificate was renewed");
                            return Some(wanted);
                        }
                        Err(error) => tracing::error!(%error, "a new certificate cannot be kept"),
                    },
                    Err(error) => tracing::error!(%error, "Failed while requesting a signed certificate"),
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }
}
