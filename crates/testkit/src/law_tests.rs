//! The lists of all laws, and the macros that make an adapter's tests of them.

/// Makes one `#[tokio::test]` of each law of the ledger.
///
/// `$rig` is an expression that may await. It gives `Option<R>` where `R` is a [`LedgerRig`](crate::LedgerRig), built
/// fresh for each test. With `None` the backend is not there, and the test passes without having looked.
#[macro_export]
macro_rules! ledger_laws {
    ($rig:expr) => {
        $crate::__law_tests! { ($rig), ledger::admission: [
            a_new_row_is_what_its_fate_says
            an_event_is_read_back_byte_for_byte
            a_later_delivery_is_a_copy_in_every_state
            a_copy_is_never_run
            copies_within_a_batch_are_counted
            an_admission_is_safe_to_repeat
            a_batch_tells_its_rows_apart
            an_empty_batch_is_decided
            a_thousand_rows_go_in_at_once
            a_started_row_bears_the_admissions_lease
            nothing_starts_while_paused
            an_older_handler_list_is_refused
        ] }
        $crate::__law_tests! { ($rig), ledger::concurrency: [
            of_many_admissions_at_once_one_wins_each_key
            of_two_payloads_at_once_one_has_the_row
            of_many_leases_at_once_one_has_each_row
            of_many_outcomes_at_once_one_counts
            of_many_requeues_at_once_one_applies
            one_job_at_once_by_many_is_done_once
        ] }
        $crate::__law_tests! { ($rig), ledger::crashes: [
            a_lapse_counts_a_crash_and_no_attempt
            one_crash_makes_no_suspect
            a_suspect_is_never_leased_in_company
            a_suspect_that_is_due_first_says_so
            a_suspect_that_is_due_later_waits
            suspects_come_one_by_one_the_oldest_first
            an_outcome_alone_forgives_crashes
            a_death_alone_forgives_and_a_hand_back_does_not
            seven_crashes_are_fatal
            a_requeue_lowers_crashes_to_two
        ] }
        $crate::__law_tests! { ($rig), ledger::finality: [
            nothing_that_workers_do_touches_what_has_ended
            each_action_has_the_state_it_starts_from
            a_restore_gives_back_what_was_there
            a_reopened_event_ends_as_done
        ] }
        $crate::__law_tests! { ($rig), ledger::leases: [
            a_lease_gives_what_a_run_needs
            a_leased_row_is_not_leased_again
            a_worker_leases_only_its_own_handlers
            what_is_not_due_yet_is_not_leased
            the_oldest_due_comes_first
            ties_are_broken_by_key
            each_handler_has_its_turn
            leases_are_bounded_by_weight
            nothing_is_leased_while_paused
            a_lapsed_lease_is_taken_over
            a_lapsed_row_still_shows_as_running
            who_has_just_joined_takes_no_lapsed_lease
            a_gap_begins_a_workers_standing_anew
            who_is_not_on_the_list_takes_no_lapsed_lease
        ] }
        $crate::__law_tests! { ($rig), ledger::letters: [
            after_a_requeue_the_numbers_go_on
            three_requeues_run_it_once
            a_job_is_done_once
            a_key_named_twice_counts_once
            every_changed_letter_is_audited
            a_requeue_matches_the_type_anew
            without_a_handler_a_requeue_never_stores_what_had_one
            letters_are_listed_by_filter_and_page
        ] }
        $crate::__law_tests! { ($rig), ledger::lookups: [
            an_unknown_key_is_none
            a_list_goes_page_by_page_in_key_order
            a_list_is_restricted_by_its_filter
            every_state_is_told_alike
            a_list_tells_how_often_each_was_run
        ] }
        $crate::__law_tests! { ($rig), ledger::outcomes: [
            done_is_counted_and_final
            a_failed_attempt_is_counted_once
            a_death_is_counted_and_has_its_letter
            unavailable_counts_nothing
            a_hand_back_counts_nothing
            an_outcome_without_its_lease_is_stale
            a_zombies_outcome_changes_nothing
            a_lapsed_lease_that_nobody_took_still_counts
            a_batch_of_outcomes_is_aligned
            recording_is_safe_to_repeat
            a_zombies_outcome_beside_the_current_one_does_no_harm
        ] }
        $crate::__law_tests! { ($rig), ledger::registry: [
            only_new_patterns_move_the_version_on
            carriers_are_the_living
            a_tie_is_refused_and_not_written
            pauses_of_one_and_of_all_are_apart
            pause_and_retire_are_audited
            only_what_nobody_carries_is_retired
            what_waits_for_a_retired_handler_is_matched_anew
            matching_anew_is_bounded
            a_running_row_of_a_retired_handler_ends_by_its_lease
            a_fatal_lapse_of_a_retired_handler_is_a_crash
            unfinished_rows_are_counted_for_all
            a_type_that_any_worker_handles_is_never_merely_stored
        ] }
        $crate::__law_tests! { ($rig), ledger::renewals: [
            a_renewal_extends_what_runs
            a_renewal_extends_a_lapsed_lease
            a_renewal_hands_back_what_is_not_run
            a_renewal_leaves_the_awaited_alone
            a_lease_is_the_pair_of_key_and_token
            a_renewal_names_what_is_lost
            who_is_unknown_hears_it
            a_renewal_shows_the_heartbeat
            who_leaves_leaves_nothing_behind
        ] }
        $crate::__law_tests! { ($rig), ledger::retention: [
            only_what_is_old_and_ended_is_purged
            retention_counts_from_receipt
            nothing_goes_within_a_day_of_its_last_attempt
            a_purge_goes_in_steps
            after_its_retention_a_key_is_new
            workers_long_away_go_too
        ] }
        $crate::__law_tests! { ($rig), ledger::reuse: [
            another_payload_is_told_and_not_written
            another_type_is_another_payload
            another_payload_is_a_dead_letter_that_the_first_lists
            what_is_no_event_never_runs
            a_dead_letter_keeps_its_payload
        ] }
    };
}

/// Makes one `#[tokio::test]` of each law of the queue.
///
/// `$rig` is an expression that may await. It gives `Option<R>` where `R` is a [`QueueRig`](crate::QueueRig), built
/// fresh for each test. With `None` the backend is not there, and the test passes without having looked.
#[macro_export]
macro_rules! queue_laws {
    ($rig:expr) => {
        $crate::__law_tests! { ($rig), queue::door: [
            what_is_appended_is_given_as_it_was
            the_same_again_is_a_duplicate
            another_payload_is_told_apart
            within_one_call_the_first_of_a_key_leads
            a_mark_outlives_its_entry_for_the_window
            a_pending_events_mark_has_no_end
            what_was_destroyed_is_accepted_anew
            a_full_queue_can_be_drained
            of_many_appends_at_once_one_is_accepted
        ] }
        $crate::__law_tests! { ($rig), queue::reading: [
            each_entry_is_given_to_one_reader
            a_waiting_reader_is_woken
            what_is_idle_is_taken_over
            a_take_over_goes_in_steps
            a_ghost_comes_round_again
            what_was_destroyed_is_counted
            a_lost_group_is_made_anew_at_the_beginning
            ensuring_is_safe_to_repeat
        ] }
        $crate::__law_tests! { ($rig), queue::settling: [
            a_settled_entry_is_gone
            settling_is_safe_to_repeat
            what_was_not_given_is_not_settled
            a_zombie_may_settle_what_it_saw_committed
            an_entry_without_a_key_is_settled
            an_event_is_found_until_it_is_settled
            the_depth_is_exact
            marks_without_an_entry_are_swept
            the_window_in_force_is_told
        ] }
    };
}

/// One test for each name.
#[doc(hidden)]
#[macro_export]
macro_rules! __law_tests {
    ($rig:tt, $port:ident :: $about:ident: [$($law:ident)*]) => {
        $(
            #[tokio::test]
            async fn $law() {
                if let Some(rig) = $rig {
                    $crate::laws::$port::$about::$law(&rig).await;
                }
            }
        )*
    };
}

#[cfg(test)]
mod tests {
    /// Every law that stands in a file is in its list: nobody writes one that nobody runs.
    fn every_law_is_listed(port: &str, files: &[(&str, &str)]) {
        let lists = include_str!("law_tests.rs");
        for (about, source) in files {
            let start = lists.find(&format!("{port}::{about}: [")).expect("the file has a list");
            let list = lists[start..].split(']').next().expect("the list ends");
            for line in source.lines() {
                let Some(law) = line.strip_prefix("pub async fn ") else {
                    continue;
                };
                let law = law.split('(').next().expect("a name");
                assert!(
                    list.split_whitespace().any(|name| name == law),
                    "{port}::{about}::{law}"
                );
            }
        }
    }

    #[test]
    fn every_law_of_the_ledger_is_listed() {
        every_law_is_listed(
            "ledger",
            &[
                ("admission", include_str!("laws/ledger/admission.rs")),
                ("concurrency", include_str!("laws/ledger/concurrency.rs")),
                ("crashes", include_str!("laws/ledger/crashes.rs")),
                ("finality", include_str!("laws/ledger/finality.rs")),
                ("leases", include_str!("laws/ledger/leases.rs")),
                ("letters", include_str!("laws/ledger/letters.rs")),
                ("lookups", include_str!("laws/ledger/lookups.rs")),
                ("outcomes", include_str!("laws/ledger/outcomes.rs")),
                ("registry", include_str!("laws/ledger/registry.rs")),
                ("renewals", include_str!("laws/ledger/renewals.rs")),
                ("retention", include_str!("laws/ledger/retention.rs")),
                ("reuse", include_str!("laws/ledger/reuse.rs")),
            ],
        );
    }

    #[test]
    fn every_law_of_the_queue_is_listed() {
        every_law_is_listed(
            "queue",
            &[
                ("door", include_str!("laws/queue/door.rs")),
                ("reading", include_str!("laws/queue/reading.rs")),
                ("settling", include_str!("laws/queue/settling.rs")),
            ],
        );
    }
}
