//! The command line against the facts, and the selection of controllers.

use component_base::flags::{FlagSet, Flags as _};
use controller::{Descriptor, ready};

use crate::ControllerManagerOptions;
use crate::selection::is_enabled;

/// `--name type default`, one a line, as v1.36 has them.
const FACTS: &str = include_str!("testdata/flags.txt");

#[test]
fn flags_have_the_names_types_and_defaults_of_upstream() {
    let mut options = ControllerManagerOptions::default();
    let mut flags = FlagSet::new();
    options.add_flags(&mut flags);
    let ours: Vec<_> = flags
        .describe()
        .map(|(name, kind, default)| (name.to_owned(), kind.to_owned(), default.to_owned()))
        .collect();
    let mut wrong = Vec::new();
    for line in FACTS.lines() {
        let mut words = line.splitn(3, '\t');
        let (name, kind, default) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        match ours.iter().find(|(own, ..)| own == name) {
            None => wrong.push(format!("{name} is missing")),
            Some((_, own_kind, own_default)) => {
                let zero = ["", "0", "0s", "false", "[]", "0.0.0.0"];
                let same = own_default == default || (zero.contains(&own_default.as_str()) && zero.contains(&default));
                if own_kind != kind || !same {
                    wrong.push(format!("{name}: {own_kind} {own_default:?} for {kind} {default:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn controllers_run_as_they_are_asked_for() {
    let plain = Descriptor::new("job-controller", |_| ready(Ok(None))).aliases(&["job"]);
    let off = Descriptor::new("bootstrap-signer-controller", |_| ready(Ok(None))).disabled_by_default();
    for (words, plain_runs, off_runs) in [
        (vec!["*"], true, false),
        (vec!["job"], true, false),
        (vec!["*", "-job-controller"], false, false),
        (vec!["-job", "*"], false, false),
        (vec!["*", "bootstrap-signer-controller"], true, true),
        (vec!["bootstrap-signer-controller"], false, true),
        (vec![], false, false),
    ] {
        let words: Vec<_> = words.into_iter().map(str::to_owned).collect();
        assert_eq!(is_enabled(&plain, &words), plain_runs, "{words:?}");
        assert_eq!(is_enabled(&off, &words), off_runs, "{words:?}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_in_upstream_s_words() {
    let refuse = |change: fn(&mut ControllerManagerOptions)| {
        let mut options = ControllerManagerOptions::default();
        change(&mut options);
        options.complete().unwrap_err().to_string()
    };
    assert_eq!(
        refuse(|options| options.config.generic.controllers = vec!["*".to_owned(), "-nosuch".to_owned()]),
        "\"nosuch\" is not in the list of known controllers"
    );
    assert_eq!(
        refuse(|options| {
            options.config.csr_signing_controller.kubelet_client.key_file = "k".to_owned();
            options.config.job_controller.concurrent_syncs = 0;
        }),
        "[\"cluster-signing-kube-apiserver-client\": cannot specify key without cert, concurrent-job-syncs must be greater than 0, but got 0]"
    );
}
