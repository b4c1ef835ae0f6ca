"""Each weakness of the reference that Baton answers has tests of its name, and a rule broken on purpose (core/mutants.hpp) makes them fail."""
import os
import re
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TREE = ROOT / "build/asan-ubsan/tests"
CORE, SCHEDULING, STORE, LOCK = "unit_core", "unit_scheduling", "contract_store", "contract_lock"

# (binary, test, mutant); of a test with parameters one adapter's is enough to name, as the rule is the same for all.
BROKEN = [
    (SCHEDULING, "Weakness.W01_an_end_under_a_pass_is_taken_up_by_the_next_at_once", "wake_up_dropped"),
    (SCHEDULING, "Weakness.W01_an_end_under_a_pass_is_taken_up_by_the_next_at_once", "woken_ignored"),
    (SCHEDULING, "Weakness.W01_a_cancel_under_a_pass_takes_effect_at_once", "wake_up_dropped"),
    (CORE, "Weakness.W02_what_has_finished_waits_for_its_outputs", "success_before_outputs"),
    (CORE, "Weakness.W03_a_batch_that_was_half_sent_is_completed_under_the_same_ids", "unsent_waited_for"),
    (SCHEDULING, "Weakness.W03_a_death_between_commit_and_submit_loses_and_doubles_nothing", "unsent_waited_for"),
    (LOCK, "*LockContract.W05_each_acquisition_has_a_token_of_its_own/*", "token_of_replica"),
    (SCHEDULING, "Weakness.W05_an_old_lease_neither_renews_nor_frees_the_new_one_of_the_same_replica", "token_of_replica"),
    (SCHEDULING, "Weakness.W06_who_was_away_for_longer_than_its_lock_writes_nothing", "fence_unchecked"),
    (CORE, "Weakness.W14_no_mix_of_states_that_a_run_can_have_leaves_scheduling", "mix_leaves"),
    (CORE, "Weakness.W15_a_task_starts_once_whatever_the_backend_says_afterwards", "started_again"),
    (STORE, "PostgresStoreTest.W16_what_others_write_into_the_view_does_not_reach_the_run", "view_read_back"),
    (STORE, "PostgresStoreTest.W17_of_many_that_start_a_project_at_once_one_does", "start_unchecked"),
    (SCHEDULING, "Weakness.W18_a_run_whose_maker_died_before_it_published_begins_within_a_tick", "never_marked_forgotten"),
    (SCHEDULING, "Weakness.W18_a_broker_that_is_back_has_the_messages_that_it_did_not_take", "unpublished_forgotten"),
    (SCHEDULING, "Weakness.W19_clocks_of_replicas_that_differ_by_hours_change_nothing", "own_clock"),
    (SCHEDULING, "Weakness.W20_a_message_is_never_given_up_however_long_the_store_is_away", "early_ack"),
    (SCHEDULING, "Weakness.W21_a_run_that_kills_whoever_visits_it_is_held_after_five_deaths_and_others_go_on", "failures_forgotten"),
    (STORE, "*StoreContract.W22_of_a_thousand_wake_ups_at_once_one_is_published/memory", "each_wake_published"),
    (SCHEDULING, "Weakness.W22_a_backlog_is_not_fed", "backlog_fed"),
    (CORE, "Weakness.W24_no_write_moves_the_clock_of_a_wait", "wait_restarted"),
    (CORE, "Weakness.W26_a_failure_is_propagated_once_and_overwrites_no_success", "propagated_again"),
    (CORE, "Weakness.W34_a_cancel_ends_what_never_arrived_and_what_cannot_be_asked", "no_bar"),
    (STORE, "PostgresStoreTest.W35_a_commit_whose_run_was_deleted_under_the_pass_is_refused_and_writes_nothing", "commit_unchecked"),
]


class Weaknesses(unittest.TestCase):
    def test_each_has_a_test_and_a_mutant(self):
        answered = {int(re.search(r"W(\d+)_", test).group(1)) for _, test, _ in BROKEN}
        self.assertEqual(answered, {1, 2, 3, 5, 6, *range(14, 23), 24, 26, 34, 35})
        names = re.findall(r"^  (\w+),", (ROOT / "src/core/mutants.hpp").read_text().split("found by a scene")[1], re.MULTILINE)
        self.assertEqual(set(names) - {mutant for _, _, mutant in BROKEN}, set())

    def test_each_test_fails_where_its_rule_is_broken(self):
        for binary, test, mutant in BROKEN:
            if test.startswith("Postgres") and os.environ.get("BATON_NO_SERVERS") == "1":
                continue
            with self.subTest(test, mutant=mutant):
                whole, _ = self.run_one(binary, test, {})
                self.assertEqual(whole.returncode, 0, f"it fails by itself:\n{whole.stdout[-3000:]}")
                broken, began = self.run_one(binary, test, {"BATON_MUTANT": mutant})
                failed = set(re.findall(r"\[  FAILED  \] (\S+?),? .*ms\)", broken.stdout))
                began -= set(re.findall(r"\[  SKIPPED \] (\S+?),? .*ms\)", broken.stdout))
                self.assertTrue(began, broken.stdout + broken.stderr)
                self.assertEqual((broken.returncode, failed), (1, began), f"{mutant} is not noticed:\n{broken.stdout[-3000:]}{broken.stderr[-3000:]}")

    def run_one(self, binary, test, environment):
        ran = subprocess.run([TREE / binary, f"--gtest_filter={test}"], env={**os.environ, **environment}, capture_output=True, text=True, timeout=300)
        return ran, set(re.findall(r"\[ RUN      \] (\S+)", ran.stdout))

    def test_an_unknown_mutant_is_refused(self):
        ran = subprocess.run([TREE / CORE, "--gtest_list_tests"], env={**os.environ, "BATON_MUTANT": "no_such"}, capture_output=True, text=True, timeout=300)
        self.assertEqual(ran.returncode, 64)
        self.assertIn("no_such", ran.stderr)


if __name__ == "__main__":
    unittest.main()
