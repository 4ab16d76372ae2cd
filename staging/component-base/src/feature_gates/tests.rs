//! Gates against the rules and the words of upstream.

use super::*;

fn error(text: &str) -> String {
    FeatureGates::default().set_from_text(text).unwrap_err().to_string()
}

#[test]
fn a_feature_is_its_row() {
    for (number, (name, _)) in table::GATES.iter().enumerate() {
        let feature = Feature::named(name).unwrap();
        assert_eq!((feature as usize, feature.name()), (number, *name));
    }
    assert_eq!(Feature::named("AllAlpha"), None);
}

#[test]
fn the_table_is_sorted_and_well_formed() {
    assert!(table::GATES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    for (gate, stages) in table::GATES {
        let list = stages.split_once(" < ").map_or(*stages, |(list, _)| list);
        let versions: Vec<u32> = list
            .split(' ')
            .map(|entry| {
                let end = entry.find(|c: char| !c.is_ascii_digit()).unwrap();
                assert!(
                    matches!(
                        &entry.as_bytes()[end..end + 2],
                        [b'a' | b'b' | b'g' | b'd', b'+' | b'-']
                    ),
                    "{gate}: {entry}"
                );
                assert!(entry.len() <= end + 3, "{gate}: {entry}");
                entry[..end].parse().unwrap()
            })
            .collect();
        assert!(versions.is_sorted(), "{gate}");
        for need in stages
            .split_once(" < ")
            .into_iter()
            .flat_map(|(_, needs)| needs.split(' '))
        {
            assert!(row(need).is_some(), "{gate} needs {need}");
        }
    }
    // The defaults satisfy their own dependencies.
    assert_eq!(FeatureGates::default().unmet_dependencies().next(), None);
}

#[test]
fn defaults_are_those_of_the_emulated_version() {
    let mut gates = FeatureGates::default();
    assert_eq!(
        gates.spec("APIServerTracing"),
        Some(FeatureSpec {
            stage: Stage::Ga,
            default: true,
            locked: true
        })
    );
    assert!(gates.enabled(Feature::APIServerIdentity));
    assert!(!gates.enabled(Feature::APIServingWithRoutine));
    gates.emulate(33).unwrap();
    assert_eq!(
        gates.spec("APIServerTracing"),
        Some(FeatureSpec {
            stage: Stage::Beta,
            default: true,
            locked: false
        })
    );
    assert_eq!(gates.spec("AtomicFIFO").unwrap().stage, Stage::PreAlpha);
    assert_eq!(
        gates.set_from_text("AtomicFIFO=true").unwrap_err().to_string(),
        "cannot set feature gate AtomicFIFO to true, feature is PreAlpha at emulated version 1.33, min compatibility version 1.32"
    );
}

#[test]
fn errors_carry_upstream_s_words() {
    assert_eq!(error("Nope=true"), "unrecognized feature gate: Nope");
    assert_eq!(
        error("APIServerTracing=false"),
        "cannot set feature gate APIServerTracing to false, feature is locked to true"
    );
    assert_eq!(error("APIServerIdentity"), "missing bool value for APIServerIdentity");
    assert_eq!(
        error("APIServerIdentity=maybe"),
        "invalid value of APIServerIdentity=maybe, err: strconv.ParseBool: parsing \"maybe\": invalid syntax"
    );
    assert_eq!(
        error("Nope=true,Never=false"),
        "[unrecognized feature gate: Never, unrecognized feature gate: Nope]"
    );
    assert_eq!(
        error("GenericWorkload=false,TopologyAwareWorkloadScheduling=true"),
        "TopologyAwareWorkloadScheduling is enabled, but depends on features that are disabled: [GenericWorkload]"
    );
}

#[test]
fn a_failed_change_changes_nothing() {
    let mut gates = FeatureGates::default();
    gates.set_from_text("APIResponseCompression=false").unwrap();
    let before = gates.clone();
    gates.set_from_text("APIServingWithRoutine=true,Nope=true").unwrap_err();
    assert_eq!(gates, before);
    assert!(!gates.enabled(Feature::APIResponseCompression));
}

#[test]
fn groups_leave_explicit_gates_alone() {
    let mut gates = FeatureGates::default();
    gates.set_from_text("AllBeta=false,APIServerIdentity=true").unwrap();
    assert!(gates.enabled(Feature::APIServerIdentity));
    assert!(!gates.enabled(Feature::APIResponseCompression));
    assert!(gates.enabled(Feature::APIServerTracing));
    assert!(gates.explicitly_set(Feature::APIServerIdentity) && !gates.explicitly_set(Feature::APIResponseCompression));
    assert_eq!(FlagValue::to_text(&gates), "APIServerIdentity=true,AllBeta=false");
}

#[test]
fn the_help_lists_alpha_and_beta_only() {
    let known = FeatureGates::default().known();
    assert!(known.contains(&"AllAlpha=true|false (ALPHA - default=false)".to_owned()));
    assert!(known.contains(&"APIServerIdentity=true|false (BETA - default=true)".to_owned()));
    assert!(!known.iter().any(|line| line.starts_with("APIServerTracing=")));
}

#[test]
fn the_metric_shows_every_gate() {
    let registry = MetricsRegistry::default();
    let mut gates = FeatureGates::default();
    gates.set_from_text("APIServingWithRoutine=true").unwrap();
    gates.register_metrics(&registry);
    let text = registry.encode();
    assert!(text.contains("# TYPE kubernetes_feature_enabled gauge\n"));
    assert!(text.contains("kubernetes_feature_enabled{name=\"APIServingWithRoutine\",stage=\"ALPHA\"} 1\n"));
    assert!(text.contains("kubernetes_feature_enabled{name=\"APIServerTracing\",stage=\"\"} 1\n"));
    assert!(text.contains("kubernetes_feature_enabled{name=\"AllBeta\",stage=\"BETA\"} 0\n"));
}
