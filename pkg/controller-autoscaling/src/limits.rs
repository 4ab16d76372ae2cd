//! Holds a recommended number back: by the numbers recommended shortly before, by how much was scaled shortly before, and
//! by the autoscaler's bounds.

use std::time::Duration;

use k8s_api::autoscaling::v2::{HPAScalingRules, HorizontalPodAutoscaler};
use k8s_api::primitives::MicroTime;

use crate::conditions::{ABLE_TO_SCALE, SCALING_LIMITED, set};

/// Without rules the number at most doubles, or becomes this.
const SCALE_UP_MINIMUM: i32 = 4;

#[derive(Clone, Copy, Debug)]
struct Sample {
    amount: i32,
    at: MicroTime,
}

/// What was recommended and done for one autoscaler.
#[derive(Debug, Default)]
pub(crate) struct History {
    recommendations: Vec<Sample>,
    ups: Vec<Sample>,
    downs: Vec<Sample>,
}

/// The number now, the number recommended, and the bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) current: i32,
    pub(crate) desired: i32,
    pub(crate) min: i32,
    pub(crate) max: i32,
    /// How long the highest recommendation counts when no rule says so.
    pub(crate) stabilization: Duration,
    pub(crate) now: MicroTime,
}

const WITHIN: (&str, &str) = ("DesiredWithinRange", "the desired count is within the acceptable range");
const TOO_MANY: (&str, &str) = (
    "TooManyReplicas",
    "the desired replica count is more than the maximum replica count",
);
const TOO_FEW: (&str, &str) = (
    "TooFewReplicas",
    "the desired replica count is less than the minimum replica count",
);
const UP_LIMIT: (&str, &str) = (
    "ScaleUpLimit",
    "the desired replica count is increasing faster than the maximum scale rate",
);
const DOWN_LIMIT: (&str, &str) = (
    "ScaleDownLimit",
    "the desired replica count is decreasing faster than the maximum scale rate",
);
const DOWN_STABILIZED: (&str, &str) = (
    "ScaleDownStabilized",
    "recent recommendations were higher than current one, applying the highest recent recommendation",
);
const UP_STABILIZED: (&str, &str) = (
    "ScaleUpStabilized",
    "recent recommendations were lower than current one, applying the lowest recent recommendation",
);
const READY: (&str, &str) = ("ReadyForNewScale", "recommended size matches current size");

fn seconds(count: i32) -> Duration {
    Duration::from_secs(u64::try_from(count).unwrap_or_default())
}

impl Request {
    fn is_recent(&self, sample: Sample, window: Duration) -> bool {
        self.now.since(sample.at) < window
    }
}

impl History {
    /// The number that the workload had when it was first looked at counts as a recommendation.
    pub(crate) fn begin(&mut self, current: i32, now: MicroTime) {
        if self.recommendations.is_empty() {
            self.recommendations.push(Sample {
                amount: current,
                at: now,
            });
        }
    }

    /// The number that may be set now; the conditions tell what held it back.
    pub(crate) fn limit(&mut self, hpa: &mut HorizontalPodAutoscaler, request: Request) -> i32 {
        let behavior = hpa.spec.behavior.clone();
        let rules = behavior
            .as_deref()
            .and_then(|it| it.scale_up.as_deref().zip(it.scale_down.as_deref()));
        let (stabilized, held, (desired, limit)) = match rules {
            Some((up, down)) => {
                let (stabilized, held) = self.stabilize_by(request, up, down);
                (stabilized, held, self.bound_by(request, stabilized, up, down))
            }
            None => {
                let stabilized = self.stabilize(request);
                (stabilized, DOWN_STABILIZED, bound(request, stabilized))
            }
        };
        let now = request.now.into();
        let (reason, message) = if stabilized == request.desired { READY } else { held };
        set(hpa, ABLE_TO_SCALE, true, reason, message, now);
        let (reason, message) = limit;
        set(hpa, SCALING_LIMITED, desired != stabilized, reason, message, now);
        desired
    }

    /// Notes that the number was changed; only rules look at it.
    pub(crate) fn changed(&mut self, hpa: &HorizontalPodAutoscaler, before: i32, after: i32, now: MicroTime) {
        let Some(behavior) = hpa.spec.behavior.as_deref() else {
            return;
        };
        let (samples, rules) = if after > before {
            (&mut self.ups, &behavior.scale_up)
        } else {
            (&mut self.downs, &behavior.scale_down)
        };
        let periods = rules
            .iter()
            .flat_map(|rules| &rules.policies)
            .map(|policy| policy.period_seconds);
        let longest = seconds(periods.max().unwrap_or_default());
        samples.retain(|sample| now.since(sample.at) <= longest);
        samples.push(Sample {
            amount: (after - before).abs(),
            at: now,
        });
    }

    /// The highest number of the recent ones.
    fn stabilize(&mut self, request: Request) -> i32 {
        self.recommendations
            .retain(|sample| request.now.since(sample.at) <= request.stabilization);
        let highest = self.recommendations.iter().map(|sample| sample.amount).max();
        self.recommend(request);
        highest.unwrap_or(request.desired).max(request.desired)
    }

    fn recommend(&mut self, request: Request) {
        self.recommendations.push(Sample {
            amount: request.desired,
            at: request.now,
        });
    }

    /// The number nearest to the present one that all recommendations of both windows allow.
    fn stabilize_by(
        &mut self,
        request: Request,
        up: &HPAScalingRules,
        down: &HPAScalingRules,
    ) -> (i32, (&'static str, &'static str)) {
        let window = |rules: &HPAScalingRules, default| rules.stabilization_window_seconds.map_or(default, seconds);
        let (up, down) = (window(up, Duration::ZERO), window(down, request.stabilization));
        let (mut least, mut most) = (request.desired, request.desired);
        for sample in &self.recommendations {
            if request.is_recent(*sample, up) {
                least = least.min(sample.amount);
            }
            if request.is_recent(*sample, down) {
                most = most.max(sample.amount);
            }
        }
        let stabilized = request.current.max(least).min(most);
        self.recommendations
            .retain(|sample| request.is_recent(*sample, up) || request.is_recent(*sample, down));
        self.recommend(request);
        let held = if request.desired >= request.current {
            UP_STABILIZED
        } else {
            DOWN_STABILIZED
        };
        (stabilized, held)
    }

    fn bound_by(
        &self,
        request: Request,
        desired: i32,
        up: &HPAScalingRules,
        down: &HPAScalingRules,
    ) -> (i32, (&'static str, &'static str)) {
        let current = request.current;
        if desired > current {
            let rate = self.rate(request, up, true).max(current);
            let (most, reason) = if request.max > rate {
                (rate, UP_LIMIT)
            } else {
                (request.max, TOO_MANY)
            };
            if desired > most {
                return (most, reason);
            }
        } else if desired < current {
            let rate = self.rate(request, down, false).min(current);
            let (least, reason) = if request.min < rate {
                (rate, DOWN_LIMIT)
            } else {
                (request.min, TOO_FEW)
            };
            if desired < least {
                return (least, reason);
            }
        }
        (desired, WITHIN)
    }

    /// How far the policies let the number go.
    fn rate(&self, request: Request, rules: &HPAScalingRules, upwards: bool) -> i32 {
        let select = rules.select_policy.as_deref();
        if select == Some("Disabled") {
            return request.current;
        }
        // The smallest change upwards is the lowest number, and downwards the highest.
        let lowest = upwards == (select == Some("Min"));
        let proposals = rules.policies.iter().map(|policy| {
            let of = |samples: &[Sample]| {
                let period = seconds(policy.period_seconds);
                let recent = samples.iter().filter(|sample| request.is_recent(**sample, period));
                recent.map(|sample| sample.amount).sum::<i32>()
            };
            let start = request.current - of(&self.ups) + of(&self.downs);
            propose(start, policy.value, policy.type_ == "Percent", upwards)
        });
        let chosen = if lowest { proposals.min() } else { proposals.max() };
        chosen.unwrap_or(if lowest { i32::MAX } else { i32::MIN })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it saturates, which is what is wanted")]
fn propose(start: i32, value: i32, percent: bool, upwards: bool) -> i32 {
    match (percent, upwards) {
        (false, true) => start.saturating_add(value),
        (false, false) => start.saturating_sub(value),
        // Rounded up, or a small number would never grow.
        (true, true) => (f64::from(start) * (1.0 + f64::from(value) / 100.0)).ceil() as i32,
        (true, false) => (f64::from(start) * (1.0 - f64::from(value) / 100.0)) as i32,
    }
}

/// The bounds of an autoscaler without rules.
fn bound(request: Request, desired: i32) -> (i32, (&'static str, &'static str)) {
    let rate = request.current.saturating_mul(2).max(SCALE_UP_MINIMUM);
    let (most, reason) = if request.max > rate {
        (rate, UP_LIMIT)
    } else {
        (request.max, TOO_MANY)
    };
    if desired < request.min {
        (request.min, TOO_FEW)
    } else if desired > most {
        (most, reason)
    } else {
        (desired, WITHIN)
    }
}
