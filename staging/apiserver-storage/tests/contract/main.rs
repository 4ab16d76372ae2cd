//! The contract of the storage trait, on every backend: one suite of small named cases, run against a fresh store each.
//!
//! A case that holds on one backend only is not a contract; what is particular to a backend stands in its own tests.

mod backend;
mod cases;
mod particular;

use backend::{Backend, EmbeddedBackend, Etcd3Backend};

/// One test a case and backend.
macro_rules! contract {
    ($($group:ident: { $($case:ident),* $(,)? })*) => {
        mod embedded {
            $(mod $group {
                use super::super::*;
                $(#[tokio::test]
                async fn $case() {
                    let backend = EmbeddedBackend::start().await;
                    cases::$group::$case(backend.storage()).await;
                    backend.stop().await;
                })*
            })*
        }
        mod restless {
            $(mod $group {
                use super::super::*;
                $(#[tokio::test]
                async fn $case() {
                    let backend = EmbeddedBackend::start_restless().await;
                    cases::$group::$case(backend.storage()).await;
                    backend.stop().await;
                })*
            })*
        }
        mod etcd3 {
            $(mod $group {
                use super::super::*;
                $(#[tokio::test]
                async fn $case() {
                    let backend = Etcd3Backend::start().await;
                    cases::$group::$case(backend.storage()).await;
                    backend.stop().await;
                })*
            })*
        }
    };
}

contract! {
    reads: {
        an_empty_store_stands_at_revision_one,
        a_missing_key_is_no_error,
        a_get_returns_what_was_put,
        any_bytes_are_keys_and_values,
        ranges_are_ordered_and_half_open,
        a_limited_range_says_what_remains,
        keys_only_leaves_values_out,
        old_revisions_stay_readable,
        pages_at_one_revision_are_stable,
        counts_follow_revisions,
        a_future_revision_is_refused,
        an_empty_range_has_nothing,
    }
    writes: {
        the_first_write_is_revision_two,
        an_update_keeps_the_create_revision,
        a_recreated_key_is_new,
        creating_an_existing_key_conflicts,
        a_stale_mod_revision_conflicts,
        a_mod_revision_of_a_missing_key_conflicts,
        a_delete_returns_what_it_deleted,
        deleting_a_missing_key_changes_nothing,
        a_guarded_delete_conflicts,
        a_transaction_happens_at_one_revision,
        a_refused_transaction_changes_nothing,
        senseless_transactions_are_refused,
        a_large_value_fits_and_a_larger_one_is_refused,
        concurrent_updates_lose_nothing,
        concurrent_writers_get_distinct_revisions,
    }
    watches: {
        a_watch_delivers_history_and_then_events,
        a_watch_without_revision_starts_now,
        a_watch_sees_its_range_only,
        a_transaction_is_one_batch,
        a_watch_from_the_future_waits,
        a_slow_watch_misses_nothing,
        many_watches_see_the_same,
        progress_comes_when_asked_for,
        progress_follows_events,
        closing_ends_watches,
    }
    compaction: {
        compaction_forgets_the_past,
        compaction_keeps_what_is_visible,
        a_watch_from_a_compacted_revision_is_refused,
        a_watch_survives_compaction,
        senseless_compactions_are_refused,
        rounds_compact_to_the_last_round,
        rounds_of_two_servers_take_turns,
    }
    expiry: {
        an_expired_key_is_deleted,
        a_key_does_not_expire_early,
        a_put_without_ttl_takes_it_off,
        keys_with_one_ttl_expire_together,
    }
    administration: {
        a_snapshot_is_a_private_file,
        a_snapshot_into_no_directory_fails,
        the_status_tells_sizes_and_revision,
        a_working_store_is_healthy,
        a_closed_store_refuses,
    }
}
