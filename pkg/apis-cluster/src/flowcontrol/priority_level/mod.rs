//! `PriorityLevelConfiguration`: a share of the server's concurrency, and what waits for it.

mod validation;

use k8s_api::flowcontrol::v1::PriorityLevelConfiguration;

pub use validation::{validate, validate_status_update, validate_update};

/// Fills in shares, percentages and the shape of the queues.
pub fn set_defaults(level: &mut PriorityLevelConfiguration) {
    if let Some(exempt) = &mut level.spec.exempt {
        exempt.nominal_concurrency_shares.get_or_insert(0);
        exempt.lendable_percent.get_or_insert(0);
    }
    let Some(limited) = &mut level.spec.limited else {
        return;
    };
    limited.nominal_concurrency_shares.get_or_insert(30);
    limited.lendable_percent.get_or_insert(0);
    if let Some(queuing) = &mut limited.limit_response.queuing {
        for (value, default) in [
            (&mut queuing.hand_size, 8),
            (&mut queuing.queues, 64),
            (&mut queuing.queue_length_limit, 50),
        ] {
            if *value == 0 {
                *value = default;
            }
        }
    }
}
