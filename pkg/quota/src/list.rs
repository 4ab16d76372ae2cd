//! Arithmetic of resource lists.

use k8s_api::{Map, primitives::Quantity};

/// Quantities by resource name.
pub type ResourceList = Map<Quantity>;

/// Whether both hold the same names with quantities of equal value, however written.
#[must_use]
pub fn equals(a: &ResourceList, b: &ResourceList) -> bool {
    a.len() == b.len()
        && a.iter()
            .all(|(name, quantity)| b.get(name).is_some_and(|other| quantity == other))
}

/// The sum, name by name.
#[must_use]
pub fn add(a: &ResourceList, b: &ResourceList) -> ResourceList {
    let mut sum = a.clone();
    for (name, quantity) in b {
        match sum.get_mut(name) {
            Some(total) => total.add(quantity),
            None => {
                sum.insert(name.clone(), quantity.clone());
            }
        }
    }
    sum
}

/// The difference, name by name.
#[must_use]
pub fn subtract(a: &ResourceList, b: &ResourceList) -> ResourceList {
    let mut difference = a.clone();
    for (name, quantity) in b {
        match difference.get_mut(name) {
            Some(rest) => rest.sub(quantity),
            None => {
                let mut negative = quantity.clone();
                negative.neg();
                difference.insert(name.clone(), negative);
            }
        }
    }
    difference
}

/// The difference, never below zero.
#[must_use]
pub fn subtract_to_zero(a: &ResourceList, b: &ResourceList) -> ResourceList {
    let mut difference = subtract(a, b);
    for quantity in difference.values_mut() {
        if quantity.signum() <= 0 {
            *quantity = Quantity::default();
        }
    }
    difference
}

/// What of a list has a name that is to be kept.
#[must_use]
pub fn mask(list: &ResourceList, keep: impl Fn(&str) -> bool) -> ResourceList {
    list.iter()
        .filter(|(name, _)| keep(name))
        .map(|(name, quantity)| (name.clone(), quantity.clone()))
        .collect()
}

/// The names of which `used` holds more than `hard` allows; what `hard` does not name is not bounded.
#[must_use]
pub fn exceeded<'h>(used: &ResourceList, hard: &'h ResourceList) -> Vec<&'h str> {
    hard.iter()
        .filter(|(name, most)| used.get(name).is_some_and(|quantity| quantity > *most))
        .map(|(name, _)| name.as_str())
        .collect()
}

/// The list without what is zero.
#[must_use]
pub fn without_zeros(mut list: ResourceList) -> ResourceList {
    list.retain(|_, quantity| !quantity.is_zero());
    list
}

/// The names with a quantity below zero.
#[must_use]
pub fn negative_names(list: &ResourceList) -> Vec<&str> {
    list.iter()
        .filter(|(_, quantity)| quantity.signum() < 0)
        .map(|(name, _)| name.as_str())
        .collect()
}

/// `name=quantity`, by name, as refusals show them.
#[must_use]
pub fn format(list: &ResourceList) -> String {
    let parts: Vec<String> = list
        .iter()
        .map(|(name, quantity)| format!("{name}={quantity}"))
        .collect();
    parts.join(",")
}

/// The names in order, as refusals show them.
#[must_use]
pub fn format_names<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let mut names: Vec<&str> = names.into_iter().collect();
    names.sort_unstable();
    names.join(",")
}
