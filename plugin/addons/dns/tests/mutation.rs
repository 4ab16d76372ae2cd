//! No packet makes the server panic, and whatever it answers is a well-formed answer to that packet.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use cluster_dns::authority::{Authority, ZoneOptions};
use cluster_dns::forward::{ForwardOptions, Forwarder};
use cluster_dns::metrics::Metrics;
use cluster_dns::server::Handler;
use cluster_dns::store::{Service, Store};
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RecordType};
use proptest::prelude::*;

fn handler() -> Handler {
    let store = Arc::new(Store::new());
    store.upsert_service(Service {
        namespace: "ns".into(),
        name: "web".into(),
        cluster_ips: vec!["10.96.0.1".parse().unwrap()],
        ..Service::default()
    });
    let metrics = Arc::new(Metrics::new(&prometheus::Registry::new()).unwrap());
    let forwarder = Arc::new(Forwarder::new(ForwardOptions::default(), metrics.clone()));
    Handler::new(
        Authority::new(store, ZoneOptions::default()).unwrap(),
        forwarder,
        metrics,
    )
}

fn check(handler: &Handler, packet: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let reply = runtime.block_on(handler.answer_packet(packet, "127.0.0.1:4000".parse().unwrap()));
    if let Some(reply) = reply {
        let message = Message::from_vec(&reply).expect("answers are well-formed");
        assert_eq!(message.metadata.id.to_be_bytes(), packet[..2]);
        assert_eq!(message.metadata.message_type, MessageType::Response);
        assert!(reply.len() <= 4096);
    }
}

fn valid_packet(name: &str) -> Vec<u8> {
    let mut message = Message::new(1, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), RecordType::A));
    message.set_edns(Edns::new());
    message.to_vec().unwrap()
}

proptest! {
    #[test]
    fn noise(packet in proptest::collection::vec(any::<u8>(), 0..600)) {
        check(&handler(), &packet);
    }

    #[test]
    fn mutated_questions(
        name in prop_oneof![Just("web.ns.svc.cluster.local."), Just("10-1-2-3.ns.pod.cluster.local."), Just("1.0.96.10.in-addr.arpa.")],
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        keep_whole in any::<bool>(),
    ) {
        let mut packet = valid_packet(name);
        for (index, value) in flips {
            let index = index.index(packet.len());
            packet[index] = value;
        }
        if !keep_whole {
            packet.truncate(cut.index(packet.len()));
        }
        check(&handler(), &packet);
    }

    #[test]
    fn names_of_any_labels(labels in proptest::collection::vec("[-_a-z0-9]{1,63}", 0..4)) {
        let name = labels.iter().chain(["ns", "svc", "cluster", "local"].map(String::from).iter()).fold(String::new(), |name, label| name + label + ".");
        if let Ok(parsed) = Name::from_ascii(&name) && parsed.len() <= 255 {
            check(&handler(), &valid_packet(&name));
        }
    }
}
