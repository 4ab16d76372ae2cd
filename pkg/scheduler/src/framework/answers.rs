//! What plugins have answered for pods like this one.
//!
//! The pods of one Deployment differ in nothing that most plugins read. What such a plugin has said of a node for one of
//! them holds for the next as long as the node stays as it is, so that a cycle asks about the nodes that have changed since
//! the last one, usually the one node that got a pod.

use std::sync::Arc;

use scheduler_framework::node_info::ImageStates;
use scheduler_framework::{Code, Feasible, NodeInfo, PodInfo, Snapshot, Status};

use super::Profile;

/// Of how many kinds of pods answers are kept.
const KINDS: usize = 4;
/// How many different reasons to reject a node are kept of one kind; nodes with further ones are asked about again.
const REASONS: usize = 64;
/// A score that is not known; no plugin gives it.
const UNKNOWN: i64 = i64::MIN;

/// The answers for the kinds of pods that were scheduled last.
#[derive(Default)]
pub struct Answers {
    /// The one that was used last stands last.
    kinds: Vec<Kind>,
}

struct Kind {
    profile: Arc<str>,
    pod: Arc<PodInfo>,
    /// Kept from the second pod of a kind on.
    known: Option<Known>,
}

/// What is known of a node.
pub(crate) enum Verdict<'k> {
    /// Nothing.
    Unknown,
    /// It passes the leading Filters.
    Passes,
    /// One of the leading Filters rejects it.
    Rejected(&'k Status),
}

const NOTHING: u8 = 0;
const PASSES: u8 = 1;
const FIRST_REASON: u8 = 2;

/// The answers for one kind of pods.
#[derive(Default)]
pub struct Known {
    /// The snapshot's version that the answers are of.
    version: u64,
    nodes: usize,
    images: Arc<ImageStates>,
    /// By slot: [`NOTHING`], [`PASSES`], or from [`FIRST_REASON`] on the place of the reason.
    verdicts: Vec<u8>,
    reasons: Vec<Status>,
    /// By the scorer's place in the profile; before they are normalized.
    scores: Vec<Scores>,
    /// The weighted sums of the scores of those that are not normalized, and which those are.
    sums: Scores,
    summed: Vec<usize>,
}

/// Scores by slot, as far as they are known.
#[derive(Default)]
struct Scores(Vec<i64>);

impl Scores {
    fn forget(&mut self, slot: u32) {
        // Scorers that had nothing to do have none.
        if let Some(score) = self.0.get_mut(slot as usize) {
            *score = UNKNOWN;
        }
    }

    /// Gives the scores of nodes, of which there are so many slots. Asks about those that are not known.
    fn give(
        &mut self,
        slots: usize,
        nodes: &Feasible<'_>,
        scores: &mut [i64],
        ask: impl FnOnce(&[&NodeInfo], &mut [i64]) -> Result<(), Status>,
    ) -> Result<(), Status> {
        self.0.resize(slots, UNKNOWN);
        let mut missing = Vec::new();
        for (at, (score, slot)) in scores.iter_mut().zip(nodes.slots()).enumerate() {
            *score = self.0[*slot as usize];
            if *score == UNKNOWN {
                missing.push(at);
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let asked: Vec<&NodeInfo> = missing.iter().map(|at| nodes.at(*at)).collect();
        let mut answers = vec![0; asked.len()];
        ask(&asked, &mut answers)?;
        for (at, answer) in missing.into_iter().zip(answers) {
            scores[at] = answer;
            self.0[nodes.slots()[at] as usize] = answer;
        }
        Ok(())
    }
}

impl Answers {
    /// The answers for pods like this one, as far as they hold for this snapshot; `None` if it is the first of its kind.
    pub(crate) fn of(&mut self, profile: &Profile, pod: &Arc<PodInfo>, snapshot: &Snapshot) -> Option<&mut Known> {
        let alike = |kind: &Kind| Arc::ptr_eq(&kind.profile, &profile.name) && kind.pod.is_like(pod);
        let Some(at) = self.kinds.iter().rposition(alike) else {
            if self.kinds.len() == KINDS {
                self.kinds.remove(0);
            }
            self.kinds.push(Kind {
                profile: profile.name.clone(),
                pod: pod.clone(),
                known: None,
            });
            return None;
        };
        self.kinds[at..].rotate_left(1);
        let known = self.kinds.last_mut()?.known.get_or_insert_default();
        known.follow(snapshot);
        Some(known)
    }
}

impl Known {
    /// Forgets what does not hold any more.
    fn follow(&mut self, snapshot: &Snapshot) {
        let same = self.nodes == snapshot.len()
            && self.verdicts.len() == snapshot.slots()
            && Arc::ptr_eq(&self.images, snapshot.shared_images());
        match snapshot.changed_since(self.version).filter(|_| same) {
            Some(changed) => {
                for slot in changed {
                    // Slots that are gone are beyond the end.
                    if let Some(verdict) = self.verdicts.get_mut(slot as usize) {
                        *verdict = NOTHING;
                        for scores in self.scores.iter_mut().chain([&mut self.sums]) {
                            scores.forget(slot);
                        }
                    }
                }
            }
            None => {
                self.verdicts.clear();
                self.verdicts.resize(snapshot.slots(), NOTHING);
                self.scores.clear();
                self.sums = Scores::default();
                self.reasons.clear();
                self.nodes = snapshot.len();
                self.images = snapshot.shared_images().clone();
            }
        }
        self.version = snapshot.version();
    }

    pub(crate) fn verdict(&self, slot: u32) -> Verdict<'_> {
        match self.verdicts[slot as usize] {
            NOTHING => Verdict::Unknown,
            PASSES => Verdict::Passes,
            reason => Verdict::Rejected(&self.reasons[usize::from(reason - FIRST_REASON)]),
        }
    }

    /// Whether a node is known to pass the leading Filters.
    pub(crate) fn passes(&self, slot: u32) -> bool {
        self.verdicts[slot as usize] == PASSES
    }

    /// Notes what the leading Filters have said of a node.
    pub(crate) fn learn(&mut self, slot: u32, status: &Status) {
        let verdict = &mut self.verdicts[slot as usize];
        if *verdict != NOTHING || status.code() == Code::Error {
            return;
        }
        if status.is_success() {
            *verdict = PASSES;
            return;
        }
        let place = self.reasons.iter().position(|reason| reason == status);
        let place = place.unwrap_or(self.reasons.len());
        if place == REASONS {
            return;
        }
        if place == self.reasons.len() {
            self.reasons.push(status.clone());
        }
        if let Ok(place) = u8::try_from(place) {
            *verdict = FIRST_REASON + place;
        }
    }

    /// Fills in the scores of a scorer; it is asked only about nodes of which nothing is known.
    ///
    /// # Errors
    /// What the scorer says.
    pub(crate) fn score(
        &mut self,
        scorer: usize,
        nodes: &Feasible<'_>,
        scores: &mut [i64],
        ask: impl FnOnce(&[&NodeInfo], &mut [i64]) -> Result<(), Status>,
    ) -> Result<(), Status> {
        if self.scores.len() <= scorer {
            self.scores.resize_with(scorer + 1, Scores::default);
        }
        self.scores[scorer].give(self.verdicts.len(), nodes, scores, ask)
    }

    /// Fills in the weighted sums of these scorers' scores; they are asked only about nodes of which nothing is known.
    ///
    /// # Errors
    /// What a scorer says.
    pub(crate) fn sum(
        &mut self,
        scorers: Vec<usize>,
        nodes: &Feasible<'_>,
        sums: &mut [i64],
        ask: impl FnOnce(&[&NodeInfo], &mut [i64]) -> Result<(), Status>,
    ) -> Result<(), Status> {
        if self.summed != scorers {
            self.sums = Scores::default();
            self.summed = scorers;
        }
        self.sums.give(self.verdicts.len(), nodes, sums, ask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_api::Kind as _;
    use k8s_api::core::v1::{Node, Pod};
    use scheduler_framework::PodOptions;
    use scheduler_framework::snapshot::SnapshotChanges;
    use serde_json::json;

    fn pod(name: &str, cpu: &str) -> Arc<PodInfo> {
        let pod = Pod::from_value(json!({
            "metadata": {"name": name, "uid": name},
            "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]},
        }));
        Arc::new(PodInfo::new(Arc::new(pod.unwrap()), PodOptions::default()))
    }

    fn node(name: &str) -> NodeInfo {
        let mut info = NodeInfo::new(0);
        let node = json!({"metadata": {"name": name}, "status": {"allocatable": {"cpu": "4"}}});
        info.set_node(Arc::new(Node::from_value(node).unwrap()));
        info
    }

    /// Scores nodes by the number of their pods, for one scorer or (`None`) in sums; which were asked about, and all scores.
    fn scored(known: &mut Known, snapshot: &Snapshot, scorer: Option<usize>) -> (Vec<String>, Vec<i64>) {
        let nodes = Feasible::new(snapshot, snapshot.order());
        let (mut scores, mut asked) = (vec![0; nodes.len()], Vec::new());
        let ask = |nodes: &[&NodeInfo], scores: &mut [i64]| {
            for (node, score) in nodes.iter().zip(scores) {
                asked.push(node.name().to_owned());
                *score = i64::try_from(node.pods.len()).unwrap();
            }
            Ok(())
        };
        match scorer {
            Some(scorer) => known.score(scorer, &nodes, &mut scores, ask).unwrap(),
            None => known.sum(vec![0, 2], &nodes, &mut scores, ask).unwrap(),
        }
        (asked, scores)
    }

    #[test]
    fn answers_hold_until_the_node_changes() {
        let mut snapshot = Snapshot::of([node("a"), node("b")]);
        let mut known = Known::default();
        known.follow(&snapshot);
        for scorer in [Some(1), None] {
            assert_eq!(
                scored(&mut known, &snapshot, scorer),
                (vec!["a".into(), "b".into()], vec![0, 0])
            );
        }
        known.learn(0, &Status::SUCCESS);
        known.learn(1, &Status::unresolvable("no"));
        known.learn(1, &Status::SUCCESS);
        let mut with_pod = snapshot.at(1).clone();
        with_pod.add_pod(pod("p", "1"));
        assert!(matches!(known.verdict(0), Verdict::Passes));
        assert!(known.passes(0) && !known.passes(1));
        assert!(matches!(known.verdict(1), Verdict::Rejected(status) if *status == Status::unresolvable("no")));
        snapshot.apply(SnapshotChanges {
            nodes: vec![(1, Some(Arc::new(with_pod)))],
            ..SnapshotChanges::default()
        });
        known.follow(&snapshot);
        assert!(matches!(known.verdict(0), Verdict::Passes));
        assert!(matches!(known.verdict(1), Verdict::Unknown));
        for scorer in [Some(1), None] {
            assert_eq!(scored(&mut known, &snapshot, scorer), (vec!["b".into()], vec![0, 1]));
        }
        // Images count across nodes.
        snapshot.apply(SnapshotChanges {
            images: Some(Arc::default()),
            ..SnapshotChanges::default()
        });
        known.follow(&snapshot);
        assert!(matches!(known.verdict(0), Verdict::Unknown));
        for scorer in [Some(1), None] {
            assert_eq!(
                scored(&mut known, &snapshot, scorer),
                (vec!["a".into(), "b".into()], vec![0, 1])
            );
        }
        // Sums of other scorers are other sums.
        let nodes = Feasible::new(&snapshot, snapshot.order());
        let mut sums = vec![0; 2];
        let ask = |_: &[&NodeInfo], sums: &mut [i64]| {
            sums.fill(7);
            Ok(())
        };
        known.sum(vec![0], &nodes, &mut sums, ask).unwrap();
        assert_eq!(sums, [7, 7]);
    }

    #[test]
    fn errors_are_no_answers() {
        let snapshot = Snapshot::of([node("a")]);
        let mut known = Known::default();
        known.follow(&snapshot);
        known.learn(0, &Status::error("broken"));
        assert!(matches!(known.verdict(0), Verdict::Unknown));
    }

    #[test]
    fn pods_that_request_the_same_are_alike() {
        let one = pod("1", "1");
        assert!(one.is_like(&pod("2", "1000m")));
        assert!(!one.is_like(&pod("3", "2")));
    }
}
