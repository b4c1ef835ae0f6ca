"""The runner counts what ran: no crash, leak or empty run passes for success."""
import unittest

import run_tests

GOOD = """[==========] Running 2 tests from 1 test suite.
[ RUN      ] Dag.it_orders
[       OK ] Dag.it_orders (0 ms)
[ RUN      ] All/Store.it_keeps/memory
[       OK ] All/Store.it_keeps/memory (3 ms)
[  PASSED  ] 2 tests.
"""
BAD = """[==========] Running 2 tests from 1 test suite.
[ RUN      ] Dag.it_orders
[       OK ] Dag.it_orders (0 ms)
[ RUN      ] All/Store.it_keeps/memory
store_test.cpp:12: Failure
[  FAILED  ] All/Store.it_keeps/memory, where GetParam() = 4-byte object <00-00 00-00> (3 ms)
[  FAILED  ] 1 test, listed below:
[  FAILED  ] All/Store.it_keeps/memory, where GetParam() = 4-byte object <00-00 00-00>
"""


def judged(output, status):
    ran = run_tests.judge(run_tests.Job("tree.unit", ["x"], "/", 10), status, output, 0.1)
    return ran.passed, [name for name, _ in ran.failed], ran.skipped


class Counting(unittest.TestCase):
    def test_cases_are_counted_one_by_one(self):
        self.assertEqual(judged(GOOD, 0), (2, [], 0))
        self.assertEqual(judged(BAD, 1), (1, ["All/Store.it_keeps/memory"], 0))

    def test_a_crash_is_the_failure_of_the_case_that_ran(self):
        output = GOOD.split("[       OK ] All")[0] + "==1==ERROR: AddressSanitizer\n"
        self.assertEqual(judged(output, -6), (1, ["All/Store.it_keeps/memory"], 0))
        self.assertEqual(judged(output, 1), (1, ["All/Store.it_keeps/memory"], 0))

    def test_a_leak_after_the_last_case_is_a_failure(self):
        self.assertEqual(judged(GOOD + "==1==ERROR: LeakSanitizer\n", 1), (2, ["tree.unit"], 0))

    def test_a_time_limit_that_passed_is_a_failure(self):
        self.assertEqual(judged(GOOD, None), (2, ["tree.unit"], 0))

    def test_a_skipped_case_is_neither(self):
        output = GOOD.replace("[       OK ] Dag.it_orders", "[  SKIPPED ] Dag.it_orders")
        self.assertEqual(judged(output, 0), (1, [], 1))

    def test_a_runner_of_ours_says_its_own_numbers(self):
        self.assertEqual(judged("test_a ... ok\n12 passed, 0 failed\n", 0), (12, [], 0))
        self.assertEqual(judged("12 passed, 2 failed\n", 1), (12, ["tree.unit"] * 2, 0))
        self.assertEqual(judged("12 passed, 0 failed\n", 1), (12, ["tree.unit"], 0))

    def test_a_program_without_cases_counts_as_one(self):
        self.assertEqual(judged("hello\n", 0), (1, [], 0))
        self.assertEqual(judged("hello\n", 3), (0, ["tree.unit"], 0))

    def test_the_story_of_a_case_is_what_it_printed(self):
        self.assertEqual(run_tests.story_of("All/Store.it_keeps/memory", BAD).splitlines()[1], "store_test.cpp:12: Failure")
        self.assertEqual(run_tests.story_of("Dag.it_orders", BAD).splitlines(), ["[ RUN      ] Dag.it_orders", "[       OK ] Dag.it_orders (0 ms)"])
