#!/usr/bin/env python3
"""Runs the test_*.py of a folder (unittest, Python's own library alone) against a built binary.

  python3 tests/e2e/run.py --binary build/release/baton [--long] [--folder tests/e2e] [NAME…]

A test finds the binary's absolute path in BATON, and BATON_LONG=1 with --long. NAME: parts of ids to run alone, `test_resume` or
`Resume.test_it_goes_on`. The last line is `N passed, N failed`; exit 1 if one failed or none ran.
"""
import argparse
import os
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LINE_CHARACTERS_MAX = 300


class Result(unittest.TextTestResult):
    """Counts a case once, however many of its sub-tests fail; an expected failure is no pass."""

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1

    def failed_cases(self):
        return {getattr(test, "test_case", test).id() for test, _ in self.failures + self.errors} | {test.id() for test in self.unexpectedSuccesses}


def digest(test, story):
    """Of a failure what one has to know first, in a few lines: where, and what; the logs that its message carries stand above."""
    lines = story.splitlines()
    error = next((i for i, line in enumerate(lines) if line and not line.startswith((" ", "Traceback"))), len(lines) - 1)
    places = [line.strip() for line in lines[:error] if line.startswith('  File "')]
    return "\n".join(line[:LINE_CHARACTERS_MAX] for line in [f"FAILED {test.id()}", *(f"  {place}" for place in places[-3:]), *(f"  {line}" for line in lines[error : error + 3])])


def each_case(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from each_case(test)
        else:
            yield test


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / "build/release/baton")
    parser.add_argument("--folder", type=Path, default=ROOT / "tests/e2e")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("names", nargs="*", metavar="NAME")
    asked = parser.parse_args()

    binary, folder = asked.binary.resolve(), asked.folder.resolve()
    if not os.access(binary, os.X_OK):
        print(f"run.py: there is no binary {binary}: run scripts/build first\n0 passed, 1 failed")
        return 1
    # A copy that other users can execute, too: tests lay down root's rights, and a clone may lie where only root can go.
    shelf = tempfile.TemporaryDirectory(prefix="baton-binary-")
    os.chmod(shelf.name, 0o755)
    for beside in (binary, binary.with_name("baton-serve")):  # `baton serve` becomes the one beside it
        if beside.exists():
            os.chmod(shutil.copy(beside, shelf.name), 0o755)
    if binary.with_name("failing").exists():  # what dies where a test says
        shutil.copytree(binary.with_name("failing"), Path(shelf.name) / "failing")
    os.environ["BATON"] = str(Path(shelf.name) / binary.name)
    if asked.long:
        os.environ["BATON_LONG"] = "1"
    sys.path[:0] = [str(folder), str(ROOT / "scripts")]
    sys.dont_write_bytecode = True

    suite = unittest.defaultTestLoader.discover(str(folder), pattern="test_*.py", top_level_dir=str(folder))
    if asked.names:
        suite = unittest.TestSuite(test for test in each_case(suite) if any(name in test.id() for name in asked.names))
    sys.stderr = sys.stdout  # one stream: a failure stands where it happened
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Result, buffer=False).run(suite)
    failed = len(result.failed_cases())
    for test, story in result.failures + result.errors:
        print(digest(test, story))
    if result.skipped:
        print(f"{len(result.skipped)} skipped")
    print(f"{result.passed} passed, {failed} failed", flush=True)
    return 0 if failed == 0 and result.passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
