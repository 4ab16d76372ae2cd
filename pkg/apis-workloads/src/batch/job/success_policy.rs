//! When an indexed job counts as done before all of its indexes are.

use apimachinery::field::{Error, ErrorList, Path};
use apis_pod::meta::validate_nonnegative;
use k8s_api::batch::v1::{SuccessPolicy, SuccessPolicyRule};

use super::indexes;

const MAX_INDEXES_LENGTH: usize = 64 * 1024;
const MAX_RULES: usize = 20;

/// `completions` are those of the job; an indexed job without them has an error about that already.
pub(super) fn validate(policy: &SuccessPolicy, completions: i32, path: &Path<'_>, errors: &mut ErrorList) {
    let rules = path.child("rules");
    if policy.rules.is_empty() {
        let detail = "at least one rules must be specified when the successPolicy is specified";
        errors.push(Error::required(&rules, detail));
    }
    if policy.rules.len() > MAX_RULES {
        errors.push(Error::too_many(&rules, policy.rules.len(), MAX_RULES));
    }
    for (index, rule) in policy.rules.iter().enumerate() {
        validate_rule(rule, completions, &rules.index(index), errors);
    }
}

fn validate_rule(rule: &SuccessPolicyRule, completions: i32, path: &Path<'_>, errors: &mut ErrorList) {
    if rule.succeeded_count.is_none() && rule.succeeded_indexes.is_none() {
        let detail = "at least one of succeededCount or succeededIndexes must be specified";
        errors.push(Error::required(path, detail));
    }
    let mut total = None;
    if let Some(succeeded) = &rule.succeeded_indexes {
        let path = path.child("succeededIndexes");
        if succeeded.len() > MAX_INDEXES_LENGTH {
            errors.push(Error::too_long(&path, MAX_INDEXES_LENGTH));
        }
        total = Some(indexes::count(succeeded, completions).unwrap_or_else(|error| {
            let detail = format!("error parsing succeededIndexes: {error}");
            errors.push(Error::invalid(&path, succeeded, detail));
            0
        }));
    }
    let Some(count) = rule.succeeded_count else {
        return;
    };
    let path = path.child("succeededCount");
    errors.append(validate_nonnegative(count.into(), &path));
    if count > completions {
        let detail = format!("must be less than or equal to {completions} (the number of specified completions)");
        errors.push(Error::invalid(&path, count, detail));
    }
    if let Some(total) = total.filter(|total| i64::from(count) > *total) {
        let detail = format!(
            "must be less than or equal to {total} (the number of indexes in the specified succeededIndexes field)"
        );
        errors.push(Error::invalid(&path, count, detail));
    }
}
