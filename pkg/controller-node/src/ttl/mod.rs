//! Tells kubelets by an annotation on their node for how long secrets and config maps that they have read are good: the
//! more nodes there are, the longer (upstream: `pkg/controller/ttl`).

use std::sync::Arc;

use client_go::api::Patch;
use client_go::cache::{Event, Lister, ObjectKey};
use client_go::workqueue::Outcome;
use client_go::{Client, Error};
use controller::{Built, CacheSync, Controller, ControllerContext, Retries};
use k8s_api::core::v1::Node;
use parking_lot::Mutex;
use serde_json::json;

const ANNOTATION: &str = "node.alpha.kubernetes.io/ttl";

/// A step holds between these numbers of nodes, which overlap so that nothing swings to and fro.
struct Step {
    least: usize,
    most: usize,
    seconds: u32,
}

const STEPS: [Step; 5] = [
    Step {
        least: 0,
        most: 100,
        seconds: 0,
    },
    Step {
        least: 90,
        most: 500,
        seconds: 15,
    },
    Step {
        least: 450,
        most: 1000,
        seconds: 30,
    },
    Step {
        least: 900,
        most: 2000,
        seconds: 60,
    },
    Step {
        least: 1800,
        most: usize::MAX,
        seconds: 300,
    },
];

/// The step for so many nodes, coming from `step`.
fn next_step(mut step: usize, nodes: usize) -> usize {
    while nodes > STEPS[step].most {
        step += 1;
    }
    while nodes < STEPS[step].least {
        step -= 1;
    }
    step
}

struct Ttl {
    client: Client,
    nodes: Lister<Node>,
    step: Mutex<usize>,
}

/// Builds `ttl-controller`.
///
/// # Errors
/// There is no client for it.
pub async fn build(context: ControllerContext) -> Built {
    let client = context.client("ttl-controller").await?;
    let nodes = context.informers.informer::<Node>();
    let queue = context.queue::<ObjectKey>("ttlcontroller");
    let keys = queue.clone();
    // Every update of a node is looked at: that is how the others follow when the step changes.
    nodes.add_handler(move |event: Event<Node>| {
        if !matches!(event, Event::Deleted { .. }) {
            keys.add(ObjectKey::of(&**event.object()));
        }
    });
    let caches = CacheSync::new().and(&nodes);
    let this = Arc::new(Ttl {
        client,
        nodes: nodes.lister(),
        step: Mutex::new(0),
    });
    Ok(Some(Controller::new(move |stop| async move {
        let reconcile = move |key: ObjectKey| {
            let this = this.clone();
            async move { this.reconcile(&key).await }
        };
        context
            .run(
                caches,
                queue,
                5,
                Retries::new("Error setting the ttl annotation, will retry"),
                stop,
                reconcile,
            )
            .await;
    })))
}

impl Ttl {
    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome, Error> {
        let Some(node) = self.nodes.get_key(key) else {
            return Ok(Outcome::Done);
        };
        let seconds = {
            let mut step = self.step.lock();
            *step = next_step(*step, self.nodes.len());
            STEPS[*step].seconds.to_string()
        };
        if node.metadata.annotations.get(ANNOTATION) == Some(&seconds) {
            return Ok(Outcome::Done);
        }
        let patch = Patch::Strategic(json!({"metadata": {"annotations": {ANNOTATION: seconds}}}));
        let api = self.client.cluster::<Node>();
        api.patch(key.name(), &patch).await.map(|_| Outcome::Done)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::next_step;
    use controller::testing::Fixture;

    #[test]
    fn steps_overlap() {
        for (from, nodes, wanted) in [
            (0, 100, 0),
            (0, 101, 1),
            (1, 95, 1),
            (1, 89, 0),
            (0, 5000, 4),
            (4, 1800, 4),
            (4, 1799, 3),
            (4, 0, 0),
        ] {
            assert_eq!(next_step(from, nodes), wanted, "{nodes} nodes from {from}");
        }
    }

    #[tokio::test]
    async fn nodes_are_annotated() {
        let fixture = Fixture::start().await;
        fixture.create(
            "/api/v1/nodes",
            "",
            json!({"metadata": {"name": "n", "annotations": {"a": "b"}}}),
        );
        fixture.run(super::build).await;
        let annotations = || fixture.get("/api/v1/nodes", "", "n").unwrap()["metadata"]["annotations"].clone();
        let wanted = json!({"a": "b", "node.alpha.kubernetes.io/ttl": "0"});
        fixture
            .eventually("the annotation is there", || annotations() == wanted)
            .await;
    }
}
