//! Prefers nodes that have the pod's images: the more bytes, and the more nodes have them, the better.

use std::borrow::Cow;
use std::sync::Arc;

use scheduler_framework::config::PluginArgs;
use scheduler_framework::plugin::{Plugin, Score, ScoreContext};
use scheduler_framework::{MAX_NODE_SCORE, NodeInfo, PodInfo, Status, extension_points, names};

use crate::PluginContext;

const MIB: i64 = 1024 * 1024;
/// Less than this of images counts as nothing.
const MIN_THRESHOLD: i64 = 23 * MIB;
/// More than this an image counts as this.
const MAX_CONTAINER_THRESHOLD: i64 = 1000 * MIB;

/// The plugin.
#[derive(Debug, Default)]
pub struct ImageLocality;

pub(crate) fn new(_args: Option<&PluginArgs>, _context: &PluginContext) -> Result<Arc<dyn Plugin>, String> {
    Ok(Arc::new(ImageLocality))
}

/// An image's name with a tag.
#[must_use]
pub fn normalized(name: &str) -> Cow<'_, str> {
    if name.rfind(':') <= name.rfind('/') {
        Cow::Owned(format!("{name}:latest"))
    } else {
        Cow::Borrowed(name)
    }
}

fn images(pod: &PodInfo) -> impl Iterator<Item = &str> {
    let spec = &pod.pod.spec;
    let containers = spec.init_containers.iter().chain(&spec.containers);
    let volumes = spec.volumes.iter().filter_map(|volume| volume.image.as_deref());
    containers
        .map(|container| container.image.as_str())
        .chain(volumes.map(|image| image.reference.as_str()))
}

fn score_for(bytes: i64, containers: usize) -> i64 {
    let max = MAX_CONTAINER_THRESHOLD * i64::try_from(containers).unwrap_or(1).max(1);
    MAX_NODE_SCORE * (bytes.clamp(MIN_THRESHOLD, max) - MIN_THRESHOLD) / (max - MIN_THRESHOLD)
}

impl Plugin for ImageLocality {
    fn name(&self) -> &'static str {
        names::IMAGE_LOCALITY
    }

    extension_points!(as_score: Score);
}

impl Score for ImageLocality {
    fn score(&self, context: ScoreContext<'_>, nodes: &[&NodeInfo], scores: &mut [i64]) -> Result<(), Status> {
        let known = context.snapshot.images();
        let all = context.snapshot.len().max(1) as f64;
        // What no node has counts nowhere; most pods' images are looked up once a cycle and not once a node.
        let wanted: Vec<_> = images(context.pod)
            .filter_map(|image| known.get_key_value(&*normalized(image)))
            .map(|(name, state)| (name, (state.size as f64 * (f64::from(state.nodes()) / all)) as i64))
            .collect();
        if wanted.is_empty() {
            scores.fill(0);
            return Ok(());
        }
        let spec = &context.pod.pod.spec;
        let containers = spec.init_containers.len() + spec.containers.len();
        for (node, score) in nodes.iter().zip(scores) {
            let there = wanted.iter().filter(|(name, _)| node.images.contains_key(*name));
            *score = score_for(there.map(|(_, bytes)| bytes).sum(), containers);
        }
        Ok(())
    }

    fn is_local(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{node_with_images, pod, scores};
    use scheduler_framework::node_info::ImageState;
    use serde_json::json;

    #[test]
    fn names_get_tags() {
        for (name, expected) in [
            ("root", "root:latest"),
            ("root:tag", "root:tag"),
            ("host:5000/root", "host:5000/root:latest"),
            ("root@sha256:ab", "root@sha256:ab"),
        ] {
            assert_eq!(normalized(name), expected);
        }
    }

    #[test]
    fn nodes_with_the_images_score() {
        let image = |size: i64, nodes: u32| {
            let state = ImageState::new(size * MIB);
            (0..nodes).for_each(|_| state.appeared());
            Arc::new(state)
        };
        let (small, large) = (image(40, 1), image(2000, 1));
        let nodes = [
            node_with_images("a", &[("small:latest", small)]),
            node_with_images("b", &[("large:v1", large)]),
        ];
        let pod = |images: &[&str]| {
            let containers: Vec<_> = images
                .iter()
                .map(|image| json!({"name": "c", "image": image}))
                .collect();
            pod(json!({"spec": {"containers": containers}}))
        };
        let plugin = Arc::new(ImageLocality);
        // Half of 40 MiB is below the threshold; half of 2000 MiB is the highest for one container.
        assert_eq!(scores(plugin.clone(), &pod(&["small", "large:v1"]), &nodes), [0, 49]);
        assert_eq!(scores(plugin.clone(), &pod(&["large:v1"]), &nodes), [0, 100]);
        assert_eq!(scores(plugin, &pod(&["other"]), &nodes), [0, 0]);
    }
}
