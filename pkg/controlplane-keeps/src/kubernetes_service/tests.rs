//! Which addresses stand behind the Service.

use super::{ReconcilerType, count::with_own};

#[test]
fn as_many_servers_as_there_are() {
    // addresses, own, count, afterwards
    let cases: [(&[&str], &str, usize, &[&str]); 6] = [
        (&[], "1.2.3.4", 1, &["1.2.3.4"]),
        (&["1.2.3.4"], "1.2.3.4", 1, &["1.2.3.4"]),
        (&["4.3.2.1"], "1.2.3.4", 1, &["1.2.3.4"]),
        (&["4.3.2.1"], "1.2.3.4", 2, &["1.2.3.4", "4.3.2.1"]),
        (
            &["1.2.3.4", "1.2.3.5", "1.2.3.6"],
            "1.2.3.5",
            2,
            &["1.2.3.4", "1.2.3.5"],
        ),
        (
            &["1.2.3.4", "1.2.3.5", "1.2.3.6"],
            "1.2.3.6",
            2,
            &["1.2.3.5", "1.2.3.6"],
        ),
    ];
    for (addresses, own, count, expected) in cases {
        let addresses = addresses.iter().map(|&ip| ip.to_owned()).collect();
        assert_eq!(with_own(addresses, own, count), expected, "{own} of {count}");
    }
}

#[test]
fn reconciler_types() {
    assert_eq!("lease".parse(), Ok(ReconcilerType::Lease));
    assert_eq!("master-count".parse(), Ok(ReconcilerType::MasterCount));
    assert_eq!("none".parse(), Ok(ReconcilerType::None));
    assert_eq!(
        "x".parse::<ReconcilerType>().expect_err("no type").as_str(),
        "reconciler not implemented: x"
    );
}
