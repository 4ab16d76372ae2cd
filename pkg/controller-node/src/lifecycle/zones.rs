//! How zones fare, and how fast their nodes may lose their pods.

use std::collections::{BTreeMap, HashMap};

use controller::config::NodeLifecycleControllerConfiguration;
use k8s_api::core::v1::Node;

/// How a zone fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ZoneState {
    /// Nothing is known yet.
    Initial,
    /// Most nodes are ready.
    Normal,
    /// Many nodes are not.
    PartialDisruption,
    /// No node is.
    FullDisruption,
}

/// Rates of eviction, in nodes a second, and what they depend on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    /// While all is well, and for zones that are down while others are up.
    pub(super) normal: f64,
    secondary: f64,
    large: usize,
    unhealthy: f32,
}

impl Rates {
    pub(super) fn of(config: &NodeLifecycleControllerConfiguration) -> Self {
        Self {
            normal: config.node_eviction_rate.into(),
            secondary: config.secondary_node_eviction_rate.into(),
            large: usize::try_from(config.large_cluster_size_threshold).unwrap_or(0),
            unhealthy: config.unhealthy_zone_threshold,
        }
    }

    fn state(self, nodes: &[bool]) -> (usize, ZoneState) {
        let ready = nodes.iter().filter(|ready| **ready).count();
        let unready = nodes.len() - ready;
        #[expect(clippy::cast_precision_loss, reason = "zones have far fewer than 2^24 nodes")]
        let share = unready as f32 / nodes.len() as f32;
        let state = match (ready, unready) {
            (0, 1..) => ZoneState::FullDisruption,
            (_, 3..) if share >= self.unhealthy => ZoneState::PartialDisruption,
            _ => ZoneState::Normal,
        };
        (unready, state)
    }

    fn rate(self, state: ZoneState, size: usize) -> Option<f64> {
        match state {
            ZoneState::Initial => None,
            ZoneState::Normal | ZoneState::FullDisruption => Some(self.normal),
            ZoneState::PartialDisruption if size > self.large => Some(self.secondary),
            ZoneState::PartialDisruption => Some(0.0),
        }
    }
}

/// How a zone stands after a look, for the metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// Its name.
    pub(super) zone: String,
    /// How many nodes it has.
    pub(super) size: usize,
    /// How many of them are not ready.
    pub(super) unhealthy: usize,
}

/// What follows from a look at all zones.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Decisions {
    /// New rates of zones.
    pub(super) rates: Vec<(String, f64)>,
    /// Nothing is ready any more: more likely the fault is here, and nobody is evicted.
    pub(super) entered_full_disruption: bool,
    /// Something is ready again: signs of life count from now.
    pub(super) left_full_disruption: bool,
    /// How the zones stand; those that have no nodes any more are of size zero.
    pub(super) standings: Vec<Standing>,
}

/// The states of all zones.
#[derive(Debug)]
pub(super) struct Zones {
    rates: Rates,
    states: HashMap<String, ZoneState>,
}

impl Zones {
    pub(super) fn new(rates: Rates) -> Self {
        Self {
            rates,
            states: HashMap::new(),
        }
    }

    /// Takes a look at all zones: of each node whether it is ready.
    pub(super) fn judge(&mut self, nodes: &BTreeMap<String, Vec<bool>>) -> Decisions {
        let mut decisions = Decisions::default();
        let mut new: HashMap<&str, (ZoneState, usize)> = HashMap::new();
        for (zone, nodes) in nodes {
            let (unhealthy, state) = self.rates.state(nodes);
            new.insert(zone, (state, nodes.len()));
            decisions.standings.push(Standing {
                zone: zone.clone(),
                size: nodes.len(),
                unhealthy,
            });
            self.states.entry(zone.clone()).or_insert(ZoneState::Initial);
        }
        self.states.retain(|zone, _| {
            let stays = nodes.contains_key(zone);
            if !stays {
                decisions.standings.push(Standing {
                    zone: zone.clone(),
                    size: 0,
                    unhealthy: 0,
                });
            }
            stays
        });
        let all_down = new.values().all(|(state, _)| *state == ZoneState::FullDisruption);
        let all_were_down = self.states.values().all(|state| *state == ZoneState::FullDisruption);
        if all_down && all_were_down {
            return decisions;
        }
        decisions.entered_full_disruption = all_down;
        decisions.left_full_disruption = all_were_down;
        for (zone, state) in &mut self.states {
            let (now, size) = new[zone.as_str()];
            if all_down {
                decisions.rates.push((zone.clone(), 0.0));
            } else if (all_were_down || *state != now)
                && let Some(rate) = self.rates.rate(now, size)
            {
                decisions.rates.push((zone.clone(), rate));
            }
            *state = now;
        }
        decisions
    }
}

/// The zone of a node: region and zone, with a character between that no label has.
pub(super) fn zone_of(node: &Node) -> String {
    let labels = &node.metadata.labels;
    let label = |new: &str, old: &str| labels.get(new).or_else(|| labels.get(old)).map_or("", String::as_str);
    let zone = label("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone");
    let region = label(
        "topology.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/region",
    );
    if zone.is_empty() && region.is_empty() {
        return String::new();
    }
    format!("{region}:\0:{zone}")
}

/// Whether a node does not count for its zone.
pub(super) fn is_excluded(node: &Node) -> bool {
    node.metadata
        .labels
        .contains_key("node.kubernetes.io/exclude-disruption")
}
