//! Who gets how many of the seats (upstream: `conc_alloc.go`).

/// A target smaller than this counts as this.
const LEAST_TARGET: f64 = 0.001;
const EPSILON: f64 = 1e-7;

/// One of those among whom seats are divided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Claim {
    pub(crate) target: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

/// Divides `sum` so that everybody gets the same fraction of his target, as far as his bounds allow; returns the parts and
/// the fraction. `None` if the bounds leave no solution.
pub(crate) fn divide(sum: f64, claims: &[Claim]) -> Option<(Vec<f64>, f64)> {
    let total = |part: fn(&Claim) -> f64| claims.iter().map(part).sum::<f64>();
    let (least, most) = (total(|claim| claim.least), total(|claim| claim.most));
    let sound = claims
        .iter()
        .all(|claim| claim.least >= 0.0 && claim.most >= claim.least && claim.target >= claim.least);
    if !sound || least - sum > EPSILON || sum - most > EPSILON {
        return None;
    }
    let target = |claim: &Claim| claim.target.max(LEAST_TARGET);
    let parts = |fraction: f64| -> Vec<f64> {
        let part = |claim: &Claim| (fraction * target(claim)).clamp(claim.least, claim.most);
        claims.iter().map(part).collect()
    };
    // The total rises with the fraction, in straight lines between the fractions at which somebody meets a bound.
    let mut bends: Vec<f64> = claims
        .iter()
        .flat_map(|claim| [claim.least / target(claim), claim.most / target(claim)])
        .collect();
    bends.sort_by(f64::total_cmp);
    let total_at = |fraction: f64| parts(fraction).iter().sum::<f64>();
    let mut before = (0.0, total_at(0.0));
    for bend in bends {
        let here = (bend, total_at(bend));
        if here.1 >= sum - EPSILON {
            let rise = here.1 - before.1;
            let fraction = if rise <= EPSILON {
                here.0
            } else {
                before.0 + (sum - before.1).max(0.0) / rise * (here.0 - before.0)
            };
            return Some((parts(fraction), fraction));
        }
        before = here;
    }
    claims.is_empty().then(|| (Vec::new(), 0.0))
}

#[cfg(test)]
mod tests {
    use super::{Claim, divide};

    fn claim(target: f64, least: f64, most: f64) -> Claim {
        Claim { target, least, most }
    }

    #[test]
    fn everybody_gets_the_same_fraction_within_his_bounds() {
        let cases = [
            (
                12.0,
                vec![claim(2.0, 0.0, 100.0), claim(4.0, 0.0, 100.0)],
                vec![4.0, 8.0],
            ),
            (12.0, vec![claim(2.0, 0.0, 3.0), claim(4.0, 0.0, 100.0)], vec![3.0, 9.0]),
            (
                12.0,
                vec![claim(10.0, 10.0, 20.0), claim(10.0, 0.0, 20.0)],
                vec![10.0, 2.0],
            ),
            (0.0, vec![claim(0.0, 0.0, 5.0)], vec![0.0]),
        ];
        for (sum, claims, expected) in cases {
            let (parts, _) = divide(sum, &claims).unwrap();
            for (part, expected) in parts.iter().zip(&expected) {
                assert!((part - expected).abs() < 1e-3, "{claims:?}: {parts:?}");
            }
        }
        assert_eq!(divide(1.0, &[claim(2.0, 2.0, 3.0)]), None, "less than the least");
        assert_eq!(divide(9.0, &[claim(2.0, 2.0, 3.0)]), None, "more than the most");
    }
}
