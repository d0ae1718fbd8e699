"""Which test shows that a fault does not hurt: one row for each fault of the matrix.

A test is named by its path below `tests/`, without `test_` and `.py`, and by its name without
`test_`. `tests/conftest.py` gives each of them the marker `fault(NN)`, so that `pytest -m fault`
runs them all; `tests/unit/test_campaign.py` demands that each is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: what happens, what must come of it, and the tests that show it."""

    number: int
    what: str
    comes: str
    tests: tuple[str, ...]
    not_ours: str = ""
    """Why it does not apply; then there is no test."""


def _row(number: int, what: str, comes: str, *tests: str, not_ours: str = "") -> Fault:
    return Fault(number, what, comes, tests, not_ours)


_CRASH, _LEDGER = "unit/pipeline/crash", "unit/ledger/ledger"
_LIES, _HOSTILE = "live/lying_servers", "live/hostile_replies"

FAULTS: Final = (
    _row(1, "killed at every call of every port", "the next run ends like one that was not",
         f"{_CRASH}:a_run_killed_at_any_call_and_run_again_ends_like_one_that_was_not",
         "unit/pipeline/cutover/story:a_cutover_killed_at_any_event_or_effect_ends_like_one_that_was_not"),
    _row(2, "killed at random instants", "the same", "live/kills:killed_runs_converge_to_the_same_end",
         "property/simulation:lives_end_well"),
    _row(3, "killed during a commit", "what was acknowledged is there",
         f"{_LEDGER}:a_kill_in_a_commit_loses_nothing_that_was_acknowledged"),
    _row(4, "power lost, writes dropped, torn, reordered", "nothing acknowledged is lost",
         f"{_LEDGER}:power_cuts_lose_nothing_that_was_acknowledged"),
    _row(5, "torn end of the write-ahead log", "it opens at a commit",
         f"{_LEDGER}:power_cuts_lose_nothing_that_was_acknowledged"),
    _row(6, "a bit flips in a page of the ledger", "noticed by whoever reads it",
         f"{_LEDGER}:flipped_bits_are_noticed_whoever_reads"),
    _row(7, "disk full under the ledger", "a clean stop; the same command goes on",
         f"{_LEDGER}:a_full_disk_stops_cleanly_and_what_was_committed_stays"),
    _row(8, "disk full under a report or file", "no half file",
         "unit/evidence/bundle:a_full_disk_is_a_clean_stop_and_leaves_nothing",
         "unit/folders:a_disk_that_is_full_leaves_nothing_or_what_was_there"),
    _row(9, "the disk fails", "it stops at once and says so",
         f"{_LEDGER}:a_disk_that_fails_is_told_with_what_to_do"),
    _row(10, "the ledger on a network file system", "not refused: docs/deploy.md says what is needed",
         not_ours="a lock that two machines do not share is caught by the fence at the target (53)"),
    _row(11, "an old SQLite", "never used",
         not_ours="apsw brings its own SQLite, whose version the lock file fixes"),
    _row(12, "a connection is reset in mid-part", "the part is sent again",
         "live/manners:a_part_that_is_cut_by_the_hosts_deadline_is_sent_again",
         f"{_LIES}:a_lie_of_the_source_about_bytes_is_harmless_once"),
    _row(13, "a reply is cut, its headers right", "never taken for whole",
         f"{_LIES}:a_lie_of_the_source_about_bytes_is_harmless_once"),
    _row(14, "too few bytes with headers that agree; another range; all for a range", "refused",
         f"{_LIES}:a_lie_of_the_source_about_bytes_is_never_verified"),
    _row(15, "a bit flips between the source and us", "found where the source has digests, else said",
         f"{_LIES}:wrong_bytes_of_an_object_with_an_md5_are_read_again",
         f"{_LIES}:wrong_bytes_of_an_object_without_an_md5_need_a_second_read"),
    _row(16, "a bit flips between us and the target", "refused or found by reading back",
         f"{_LIES}:a_lie_about_a_write_ends_well_at_last",
         f"{_LIES}:a_lie_on_reading_back_is_never_verified"),
    _row(17, "a bit flips in our memory after the digest was taken", "found by reading back",
         "contract/target:a_body_of_another_digest_is_not_stored"),
    _row(18, "500, 503, SlowDown, 429", "rest for everybody, then on",
         "unit/pipeline/retrying:a_server_that_wants_rest_gets_it_from_everyone",
         "live/credentials:a_server_that_asks_for_rest_gets_it"),
    _row(19, "a reply that drips or never comes", "its deadline ends it",
         f"{_HOSTILE}:a_body_that_drips_ends_at_its_deadline"),
    _row(20, "the source's credential ends in mid-run", "the run pauses; no object fails",
         "live/credentials:a_credential_that_ends_in_mid_run_fails_no_object"),
    _row(21, "a credential is exchanged", "the same run goes on with the new one",
         "live/credentials:a_credential_that_was_renewed_meanwhile_is_used_by_the_same_run"),
    _row(22, "one object is forbidden", "that one fails alone",
         "live/credentials:one_forbidden_object_fails_alone"),
    _row(23, "TLS: expired, another host, another authority, old, another key", "nothing is said to it",
         "live/door:an_unknown_authority_is_told_nothing",
         "live/door:an_expired_certificate_is_told_nothing", "live/door:an_old_tls_is_told_nothing",
         "live/door:a_key_that_is_not_pinned_is_told_nothing"),
    _row(24, "a name leads to another network", "refused",
         "live/door:a_name_that_leads_elsewhere_when_contacted_is_told_nothing"),
    _row(25, "this machine's clock is wrong, or jumps", "nothing is permitted by it",
         "unit/clocks:a_clock_that_differs_by_more_than_a_minute_permits_nothing",
         "live/clocks:a_clock_that_jumps_during_a_cutover_stops_it_before_the_switch"),
    _row(26, "completion answers 200 with an error, nothing, HTML, or not at all", "asked for, then proved",
         f"{_LIES}:a_lie_about_a_write_ends_well_at_last"),
    _row(27, "parts are joined in another order, or one is left out", "never verified",
         f"{_LIES}:a_write_that_never_happens_is_never_verified",
         "contract/target:a_part_that_was_never_sent_completes_nothing"),
    _row(28, "uploads are left by a crash", "gone on with, or aborted",
         "live/manners:open_uploads_behind_a_marker_were_never_aborted", "live/kills:killed_runs_converge_to_the_same_end"),
    _row(29, "an object changes while it is copied", "the new version is moved",
         "unit/pipeline/refresh:whatever_happens_at_the_source_in_whatever_phase"),
    _row(30, "an object is deleted while it is copied", "a finding, nothing is skipped in silence",
         "unit/pipeline/refresh:whatever_happens_at_the_source_in_whatever_phase"),
    _row(31, "an object is added after the inventory", "the last delta must be empty",
         "live/cutover:a_source_that_is_written_to_is_caught_and_its_change_is_moved"),
    _row(32, "leases, immutability, archive tier, customer keys", "known before a byte moves",
         "live/fidelity:a_lease_without_end_is_refused_until_somebody_says_why",
         "live/rehydrate:what_is_archived_is_a_finding_that_names_the_verb"),
    _row(33, "append and page blobs, snapshots, versions, soft-deleted", "moved or counted",
         "live/fidelity:append_and_page_blobs_arrive_with_what_is_beside_them",
         "live/fidelity_strict:what_is_not_moved_is_counted_and_what_holds_is_kept"),
    _row(34, "keys that differ by case or normal form", "both, or refused before a byte moves",
         "unit/pipeline/inventory:colliding_keys_are_refused_once_however_often_the_plan_is_run",
         "live/probe:a_plan_that_keeps_collisions_is_refused_where_keys_fold"),
    _row(35, "odd keys", "round trip, or refused by name",
         "contract/target:odd_names_make_the_whole_journey",
         "cli/cli:names_that_s3_cannot_hold_are_all_listed_before_transfer"),
    _row(36, "empty objects, markers, directories", "kept, or listed",
         "contract/target:an_empty_object_is_an_object",
         "live/fidelity_strict:owners_and_directories_of_a_hierarchical_namespace_come_back"),
    _row(37, "too large, too many parts", "parts are cut to fit, or refused at first",
         "property/cutting:every_plan_stays_within_every_limit_and_every_refusal_is_needed"),
    _row(38, "listings that repeat, end early, are cut, out of order", "never believed alone",
         f"{_LIES}:a_lie_in_one_listing_is_noticed", f"{_LIES}:a_listing_that_is_none_moves_nothing"),
    _row(39, "a hundred million entries", "bounded memory, goes on at its marker",
         "unit/ledger/opening:opening_reads_as_many_pages_of_a_large_ledger_as_of_a_small_one",
         "unit/evidence/bundle:memory_does_not_grow_with_two_hundred_thousand_records",
         "contract/source:a_listing_goes_on_at_each_of_its_markers"),
    _row(40, "the key to the data is missing or another one", "found before anything moves",
         "cli/ends:a_key_that_cannot_be_opened_is_found_before_anything_moves"),
    _row(41, "the private key is lost", "a second recipient is demanded, and drilled",
         "unit/plan/model:one_recipient_needs_a_reason_and_the_same_file_twice_is_one",
         "live/binding:the_escrow_is_proved_and_the_journal_says_when",
         "live/drill_stored:an_escrow_key_opens_what_is_stored_and_everybody_says_when"),
    _row(42, "a data key is used twice", "cannot happen",
         "unit/sealing/sealing:every_envelope_has_its_own_key_and_every_header_its_own_nonces",
         "unit/pipeline/once:a_part_whose_reply_was_lost_and_that_reads_otherwise_now_gets_another_key"),
    _row(43, "a hostile plan", "refused in a second, with its place",
         "unit/plan/hostile:each_hostile_plan_is_refused_with_bounded_words_at_bounded_cost"),
    _row(44, "the plan is another one", "refused with what differs",
         "cli/cli:a_changed_plan_is_refused_with_the_differences"),
    _row(45, "a secret stands in the plan", "refused, not repeated",
         "unit/plan/leaks:a_literal_credential_is_refused_by_its_field_too"),
    _row(46, "a name that leads out of its folder", "never followed",
         "unit/sources/folder:a_key_that_leads_out_of_the_folder_is_of_no_file",
         "unit/evidence/archives:an_entry_that_would_land_elsewhere_is_a_finding_and_lands_nowhere"),
    _row(47, "formulas, markup, terminal orders in names", "shown, never obeyed",
         "unit/evidence/html:hostile_text_is_shown_harmlessly_wherever_it_comes_from",
         "unit/evidence/exports:csv_read_with_semicolons_begins_no_cell_with_a_formula",
         "unit/cli/board:names_cannot_drive_the_terminal"),
    _row(48, "a row of the ledger is changed", "noticed", "unit/ledger/reconcile:what_was_changed_by_hand_is_noticed"),
    _row(49, "a bundle is changed, cut, mixed, replayed", "refused by both verifiers",
         "unit/evidence/check:every_flipped_byte_is_caught_even_when_the_sums_are_made_to_fit",
         "unit/evidence/second_opinion:a_flipped_byte_is_refused_by_both_with_sums_resealed_and_not"),
    _row(50, "the signing key is missing, ended, another one", "a draft, no evidence",
         "unit/evidence/bundle:without_a_signer_it_is_a_draft_and_no_evidence",
         "unit/evidence/verify:a_key_signs_until_its_last_day"),
    _row(51, "the time-stamping authority is down or lies", "the report stands without it",
         "unit/evidence/stamps:an_authority_that_is_down_is_told",
         "unit/evidence/stamps:an_old_answer_played_again_is_refused"),
    _row(52, "a plan is started twice", "the second one says who works",
         "cli/cli:a_second_run_says_who_holds_the_ledger"),
    _row(53, "two machines with copies of one ledger", "one of them writes",
         "live/one_writer:a_copy_of_the_state_folder_does_not_overwrite_what_the_other_verified",
         "unit/pipeline/fencing:a_late_writer_replaces_nothing_of_a_later_epoch"),
    _row(54, "a worker is killed, stopped, revived", "its work is given to another; late words are not heard",
         "live/cluster:what_a_stopped_node_says_when_it_wakes_is_not_heard",
         "live/cluster:a_killed_node_gives_back_what_it_held_and_the_other_goes_on"),
    _row(55, "a worker of another version", "refused",
         "unit/engines:a_worker_that_runs_other_code_than_the_coordinator_is_refused"),
    _row(56, "the coordinator or the scheduler is killed", "workers end; the next run goes on",
         "unit/engines:workers_end_when_their_coordinator_is_killed",
         "live/cluster:a_scheduler_that_is_gone_ends_the_run_resumable"),
    _row(57, "a receipt is lost, doubled, late", "counts once, for its attempt",
         "unit/pipeline/queue:a_receipt_counts_once_and_only_for_its_attempt",
         f"{_LEDGER}:late_receipts_of_an_earlier_attempt_change_nothing"),
    _row(58, "an object kills its worker each time", "left out after three; the others go on",
         "unit/pipeline/lost_workers:what_three_workers_died_with_is_left_out_and_tried_again_by_the_next_run"),
    _row(59, "a cutover fails at one step", "it says how it stands; rollback or again",
         "live/cutover:a_start_that_is_killed_in_the_switch_and_a_rollback_too_end_well"),
    _row(60, "a rollback fails", "nothing more is done; a runbook is written",
         "unit/pipeline/cutover/back:a_rollback_that_fails_stops_and_says_exactly_how_it_stands"),
    _row(61, "the source is written during a cutover", "blocked",
         "live/cutover:a_source_that_is_written_during_a_start_stops_it"),
    _row(62, "deleted blobs stay as versions, snapshots, held", "what is left is listed",
         "live/eraser:what_is_left_is_listed_in_every_form"),
    _row(63, "another SSH host key", "refused, both fingerprints shown",
         "live/ssh_pointer:a_machine_with_another_key_is_refused_with_both_fingerprints_and_no_login",
         "live/sftp:old_algorithms_are_not_agreed_on"),
    _row(64, "an SFTP session is dropped or refused", "goes on after a look at what was read",
         "live/sftp:a_session_that_is_cut_goes_on_where_it_was",
         "live/sftp:who_lets_one_session_in_is_read_by_one"),
    _row(65, "SFTP: wrong size, early end", "never taken for whole",
         "live/sftp:a_file_that_ends_early_is_no_whole_file", "live/sftp:a_wrong_size_is_not_believed"),
    _row(66, "the environment names proxies, endpoints, profiles", "none of them is obeyed",
         "live/door:settings_of_the_machine_lead_nowhere_else",
         "live/gate:ambient_settings_lead_a_whole_run_nowhere_else"),
    _row(67, "memory is short", "buffers are bounded; a clean stop",
         "unit/pipeline/buffers:threads_never_hold_more_than_the_budget_and_all_of_them_finish",
         "unit/cli/trouble:a_machine_that_gives_no_more_is_a_clean_stop"),
    _row(68, "Ctrl-C, SIGTERM, SIGHUP", "a clean end; the next run goes on",
         "cli/cli:an_interrupted_run_ends_with_130_and_the_next_one_completes"),
    _row(69, "an older ledger; a newer one", "brought up; left alone",
         "golden/old_ledgers:an_old_ledger_goes_on", f"{_LEDGER}:a_ledger_of_a_later_version_is_left_alone"),
    _row(70, "stdout or the disk of the log is full or closed", "the work goes on",
         "cli/streams:what_a_command_does_goes_on_when_its_words_are_lost",
         "unit/cli/log_file:lines_that_could_not_be_written_are_counted_and_stop_nothing"),
    _row(71, "a target object is lost between report and decommission", "its source is kept",
         "live/decommission:a_target_that_lost_one_object_and_has_garbage_for_another_keeps_the_source",
         "live/decommission:an_object_lost_after_everything_was_read_again_is_seen_by_the_last_look"),
    _row(72, "the pointer is set back after finalize", "nothing is deleted",
         "live/decommission:a_pointer_that_was_set_back_after_finalize_keeps_the_source"),
    _row(73, "the clock is wrong at a step that cannot be taken back", "judged by the servers' clocks",
         "live/clocks:a_clock_45_days_ahead_does_not_end_the_cooling",
         "live/clocks:a_clock_behind_lets_no_expired_approval_live"),
    _row(74, "a listing tells a wrong size", "never believed, never for ever",
         "live/believed_once:a_claim_of_one_listing_is_never_believed",
         "live/believed_once:a_wrong_size_that_stays_is_given_up_and_heals"),
    _row(75, "rows, findings, counters changed before a report", "refused",
         "cli/signing_again:a_report_and_an_approval_of_tampered_rows_are_refused"),
    _row(76, "a re-signed bundle contradicts itself", "both verifiers refuse",
         "unit/evidence/contradictions:a_journal_that_tells_otherwise_than_the_lines",
         "unit/evidence/second_opinion:a_statement_that_claims_other_than_the_lines_is_refused_by_both"),
    _row(77, "the host drops or renames tags and metadata", "read back, set again, or a finding",
         "live/beside:index_tags_of_multipart_objects_were_lost",
         "live/beside:names_of_metadata_that_a_host_changes_were_a_finding_for_each_object"),
    _row(78, "a glob that matches nothing or is not ours", "said; nothing to move is refused",
         "unit/pipeline/usage:a_rule_that_matched_no_object_is_a_finding",
         "unit/plan/globs:a_glob_that_is_not_ours_is_refused_with_the_way_to_write_it"),
    _row(79, "a feature is refused in other words", "done without, and said",
         "live/believed_once:a_source_without_tags_is_listed_without_them",
         "live/believed_once:another_refusal_of_a_listing_is_not_taken_for_missing_tags"),
    _row(80, "a plan changes as plans do in a year", "accepted, or amended",
         "live/growing:a_bound_batch_is_amended_goes_on_and_its_evidence_holds",
         "live/growing:how_it_is_moved_changes_at_any_time_and_the_journal_tells_it"),
    _row(81, "verified objects are lost or changed; the source goes on", "found and mended",
         "live/look_again:what_the_target_lost_or_spoiled_is_mended_by_the_next_run",
         "live/refresh:a_source_is_followed_until_it_comes_to_rest", "property/simulation:lives_end_well"),
    _row(82, "the ledger is lost, or an old copy is put back", "adopted, or noticed",
         "live/adopt:the_machine_burned_and_nothing_is_sent_twice",
         "live/adopt:an_old_copy_of_the_state_is_noticed_and_goes_on_after_adopting"),
    _row(83, "a kind that nobody thought of", "refused", "contract/third_kind:far_away_it_is_no_rehearsal_and_nothing_is_sent",
         "unit/codes:a_kind_without_a_code_has_one_for_all"),
    _row(84, "stdout full, no memory, no thread", "a documented end; no object is blamed",
         "cli/streams:a_full_disk_under_stdout_is_one_clear_line",
         "unit/engines:a_worker_that_the_machine_starves_blames_no_object"),
    _row(85, "archive bombs and damaged archives", "exit 10 in bounded room",
         "property/hostile_archives:what_is_small_does_not_become_large",
         "property/hostile_archives:a_damaged_archive_is_a_finding_and_nothing_else"),
    _row(86, "a credential that ends too soon, or is none", "said before the run",
         "unit/sources/azure_sas:a_run_that_may_outlast_the_signature_is_told_before",
         "unit/sources/azure_sas:what_is_not_the_token_alone_is_named"),
    _row(87, "a key, attestation or program is exchanged", "refused, or shown by the evidence",
         "live/binding:a_rotation_under_a_run_is_refused_before_anything_is_sent",
         "unit/session/contents:an_attestation_that_was_exchanged_for_a_while_stands_in_the_report"),
    _row(88, "one operator alone changes who approves; approvals are replayed", "refused",
         "live/terms:one_operator_alone_deletes_nothing",
         "live/cutover:a_freeze_and_an_approval_that_were_taken_back_or_rolled_back_switch_nothing"),
    _row(89, "a module in the current folder; other code in a worker", "not run; refused",
         "cli/shared_folders:a_module_in_the_current_directory_is_not_run_by_a_command",
         "unit/engines:a_module_in_the_current_directory_is_not_run_by_a_worker"),
    _row(90, "numbers and headers that are none; rest for a day", "bounded, an error of ours",
         f"{_HOSTILE}:a_number_from_outside_is_ascii_and_bounded_or_none",
         f"{_HOSTILE}:a_header_line_that_looks_like_a_status_is_none",
         "unit/pipeline/retrying:a_server_that_wants_longer_rest_than_the_budget_does_not_get_it"),
    _row(91, "a key that makes a glob explode", "matched in time that no key stretches",
         "property/globs:no_key_of_a_source_can_stall_an_inventory"),
    _row(92, "other bytes under the same version", "another attempt, another key",
         "unit/pipeline/once:a_part_that_reads_otherwise_after_a_kill_gets_another_key"),
    _row(93, "a state folder of others, links, loose modes", "refused",
         "cli/private_state:a_state_folder_that_is_open_to_others_is_refused",
         "cli/shared_folders:a_link_in_a_shared_folder_on_the_way_is_seen",
         "unit/sources/folder:a_link_in_a_folders_place_leads_a_listing_nowhere"),
    _row(94, "plaintext left by a killed fetch; reading without a trace", "none; journalled first",
         "cli/private_state:a_fetch_that_fails_or_is_killed_leaves_no_plaintext",
         "unit/session/openings:nothing_is_opened_where_it_cannot_be_written_down"),
    _row(95, "secrets in a worker's environment, core files, key logs", "none",
         "unit/engines:a_worker_sees_no_variable_that_may_hold_a_secret",
         "unit/engines:a_worker_leaves_no_core_file_and_is_closed_to_debuggers",
         "live/door:no_session_key_is_written_to_a_file"),
    _row(96, "a target behind a tunnel on this machine", "attested, or a rehearsal",
         "live/tunnels:an_attested_tunnel_opens_the_gate_and_is_no_rehearsal",
         "live/tunnels:a_tunnel_that_nobody_attests_hears_nothing"),
    _row(97, "conditions are heard in another form, or meet a conflict for ever",
         "asked in the form that is heard; the upload is begun anew",
         "live/manners:the_main_job_copes_with_a_nasty_manner",
         "contract/target:an_object_is_replaced_only_if_it_is_the_one_that_was_meant"),
    _row(98, "an access key that a library writes otherwise than it is", "signed as it is",
         "live/strict_s3:an_access_key_arrives_as_it_is"),
)  # fmt: skip


def path_of(test: str) -> tuple[str, str]:
    """Return a named test's file below the root, and its function."""
    place, _, name = test.partition(":")
    folder, _, stem = place.rpartition("/")
    return f"tests/{folder}/test_{stem}.py", f"test_{name}"


def by_test() -> dict[tuple[str, str], list[int]]:
    """Return the numbers of the faults that each test shows."""
    found: dict[tuple[str, str], list[int]] = {}
    for fault in FAULTS:
        for test in fault.tests:
            found.setdefault(path_of(test), []).append(fault.number)
    return found


def table(drawn: Mapping[int, str]) -> Iterator[str]:
    """Yield the matrix as rows of a Markdown table, with what the simulator draws of each."""
    yield "| | fault | what comes of it | the simulator draws | shown by |"
    yield "|---|---|---|---|---|"
    for fault in FAULTS:
        draws = drawn.get(fault.number, "")
        names = "; ".join(
            f"`{path.removeprefix('tests/')}::{name}`" for path, name in map(path_of, fault.tests)
        )
        shown = names or fault.not_ours
        yield f"| {fault.number:02} | {fault.what} | {fault.comes} | {draws} | {shown} |"
