//! What a priority level must be.

use apimachinery::field::{BadValue, Error, ErrorList, Path};
use apis_pod::meta::NameRule;
use k8s_api::flowcontrol::v1::{
    ExemptPriorityLevelConfiguration, LimitResponse, LimitedPriorityLevelConfiguration, PriorityLevelConfiguration,
    PriorityLevelConfigurationSpec, QueuingConfiguration,
};

use crate::{common, go};

const EXEMPT: &str = "exempt";
const CATCH_ALL: &str = "catch-all";
/// Written by servers that could not tell zero shares from none; never to be stored.
const ZERO_SHARES_ANNOTATION: &str = "flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares";
const MAX_QUEUES: i32 = 10_000_000;
/// How many bits of a request's hash a hand of queues may use up.
const MAX_HASH_BITS: f64 = 60.0;

/// Every fault of a new level.
#[must_use]
pub fn validate(level: &PriorityLevelConfiguration) -> ErrorList {
    let mut errors = common::object_meta(&level.metadata, false, NameRule::Dns1123Subdomain);
    if level.metadata.annotations.contains_key(ZERO_SHARES_ANNOTATION) {
        let detail = format!("annotation '{ZERO_SHARES_ANNOTATION}' is forbidden");
        errors.push(Error::forbidden(&Path::new("metadata.annotations"), detail));
    }
    errors.append(validate_spec(&level.metadata.name, &level.spec));
    errors.extend(validate_fixed(level));
    errors.append(validate_status_update(level));
    errors
}

/// Every fault of an update: those of a new level.
#[must_use]
pub fn validate_update(new: &PriorityLevelConfiguration) -> ErrorList {
    validate(new)
}

/// Every fault of a status.
#[must_use]
pub fn validate_status_update(new: &PriorityLevelConfiguration) -> ErrorList {
    super::super::validate_condition_types(new.status.conditions.iter().map(|condition| &condition.type_))
}

/// Of `exempt` only the member `exempt` is free; of `catch-all` nothing.
fn validate_fixed(level: &PriorityLevelConfiguration) -> Option<Error> {
    let (name, spec) = (level.metadata.name.as_str(), &level.spec);
    let detail = match name {
        EXEMPT if spec.type_ != "Exempt" || spec.limited.is_some() => {
            format!("spec of '{name}' except the 'spec.exempt' field must equal the fixed value")
        }
        CATCH_ALL if *spec != catch_all() => format!("spec of '{name}' must equal the fixed value"),
        _ => return None,
    };
    Some(Error::invalid(&Path::new("spec"), show(spec), detail))
}

fn catch_all() -> PriorityLevelConfigurationSpec {
    PriorityLevelConfigurationSpec {
        type_: "Limited".into(),
        limited: Some(Box::new(LimitedPriorityLevelConfiguration {
            nominal_concurrency_shares: Some(5),
            lendable_percent: Some(0),
            limit_response: LimitResponse {
                type_: "Reject".into(),
                queuing: None,
            },
            borrowing_limit_percent: None,
        })),
        exempt: None,
    }
}

fn show(spec: &PriorityLevelConfigurationSpec) -> BadValue {
    let queuing = |queuing: &QueuingConfiguration| {
        go::Struct::new()
            .field("Queues", &queuing.queues)
            .field("HandSize", &queuing.hand_size)
            .field("QueueLengthLimit", &queuing.queue_length_limit)
            .end()
    };
    let limited = go::pointer(spec.limited.as_deref(), |limited| {
        let response = go::Struct::new().field("Type", &limited.limit_response.type_).raw(
            "Queuing",
            &go::pointer(limited.limit_response.queuing.as_deref(), queuing),
        );
        go::Struct::new()
            .field(
                "NominalConcurrencyShares",
                &limited.nominal_concurrency_shares.unwrap_or(0),
            )
            .raw("LimitResponse", &response.end())
            .field("LendablePercent", &limited.lendable_percent)
            .field("BorrowingLimitPercent", &limited.borrowing_limit_percent)
            .end()
    });
    let exempt = go::pointer(spec.exempt.as_deref(), |exempt| {
        go::Struct::new()
            .field("NominalConcurrencyShares", &exempt.nominal_concurrency_shares)
            .field("LendablePercent", &exempt.lendable_percent)
            .end()
    });
    go::Struct::new()
        .field("Type", &spec.type_)
        .raw("Limited", &limited)
        .raw("Exempt", &exempt)
        .bad_value()
}

fn validate_spec(name: &str, spec: &PriorityLevelConfigurationSpec) -> ErrorList {
    let path = Path::new("spec");
    let mut errors = ErrorList::new();
    if (name == EXEMPT) != (spec.type_ == "Exempt") {
        let detail = "must be 'Exempt' if and only if `name` is 'exempt'";
        errors.push(Error::invalid(&path.child("type"), &spec.type_, detail));
    }
    let (exempt, limited) = (path.child("exempt"), path.child("limited"));
    match spec.type_.as_str() {
        "Exempt" => {
            if spec.limited.is_some() {
                errors.push(Error::forbidden(&limited, "must be nil if the type is not Limited"));
            }
            if let Some(values) = &spec.exempt {
                errors.append(validate_exempt(values, &exempt));
            }
        }
        "Limited" => {
            if spec.exempt.is_some() {
                errors.push(Error::forbidden(&exempt, "must be nil if the type is Limited"));
            }
            match &spec.limited {
                None => errors.push(Error::required(&limited, "must not be empty when type is Limited")),
                Some(values) => errors.append(validate_limited(values, &limited)),
            }
        }
        other => errors.push(Error::not_supported(&path.child("type"), other, &["Exempt", "Limited"])),
    }
    errors
}

fn validate_shares(shares: Option<i32>, path: &Path<'_>) -> Option<Error> {
    let path = path.child("nominalConcurrencyShares");
    let shares = shares.filter(|shares| *shares < 0)?;
    Some(Error::invalid(&path, shares, "must be a non-negative integer"))
}

fn validate_lendable(percent: Option<i32>, path: &Path<'_>) -> Option<Error> {
    let percent = percent.filter(|percent| !(0..=100).contains(percent))?;
    let path = path.child("lendablePercent");
    Some(Error::invalid(&path, percent, "must be between 0 and 100, inclusive"))
}

fn validate_exempt(exempt: &ExemptPriorityLevelConfiguration, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    errors.extend(validate_shares(exempt.nominal_concurrency_shares, path));
    errors.extend(validate_lendable(exempt.lendable_percent, path));
    errors
}

fn validate_limited(limited: &LimitedPriorityLevelConfiguration, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    errors.extend(validate_shares(limited.nominal_concurrency_shares, path));
    errors.append(validate_response(&limited.limit_response, &path.child("limitResponse")));
    errors.extend(validate_lendable(limited.lendable_percent, path));
    if let Some(percent) = limited.borrowing_limit_percent.filter(|percent| *percent < 0) {
        let detail = "if specified, must be a non-negative integer";
        errors.push(Error::invalid(&path.child("borrowingLimitPercent"), percent, detail));
    }
    errors
}

fn validate_response(response: &LimitResponse, path: &Path<'_>) -> ErrorList {
    let queuing = path.child("queuing");
    match (response.type_.as_str(), &response.queuing) {
        ("Reject", None) => ErrorList::new(),
        ("Reject", Some(_)) => {
            Error::forbidden(&queuing, "must be nil if limited.limitResponse.type is not Limited").into()
        }
        ("Queue", None) => {
            Error::required(&queuing, "must not be empty if limited.limitResponse.type is Limited").into()
        }
        ("Queue", Some(values)) => validate_queuing(values, &queuing),
        (other, _) => Error::not_supported(&path.child("type"), other, &["Queue", "Reject"]).into(),
    }
}

fn validate_queuing(queuing: &QueuingConfiguration, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let mut refuse = |name: &str, value: i32, detail: String| {
        errors.push(Error::invalid(&path.child(name), value, detail));
    };
    if queuing.queue_length_limit <= 0 {
        refuse(
            "queueLengthLimit",
            queuing.queue_length_limit,
            "must be positive".into(),
        );
    }
    let (queues, hand) = (queuing.queues, queuing.hand_size);
    if queues <= 0 {
        refuse("queues", queues, "must be positive".into());
    } else if queues > MAX_QUEUES {
        refuse("queues", queues, format!("must not be greater than {MAX_QUEUES}"));
    }
    if hand <= 0 {
        refuse("handSize", hand, "must be positive".into());
    } else if hand > queues {
        refuse(
            "handSize",
            hand,
            format!("should not be greater than queues ({queues})"),
        );
    } else if (f64::from(queues).log2() * f64::from(hand)).ceil() > MAX_HASH_BITS {
        let detail = format!(
            "required entropy bits of deckSize {queues} and handSize {hand} should not be greater than {MAX_HASH_BITS}"
        );
        refuse("handSize", hand, detail);
    }
    errors
}
