#!/usr/bin/env python3
"""Runs the tests of built trees and the tests in Python, and counts single cases.

  scripts/run_tests.py [--long] TREE…        (scripts/test calls this)

What CMake's add_test() registered runs once, on all cores; GoogleTest's output is read case by case: one that began and did not end
well has failed, so a crash counts as one failure, by name. Then tests/e2e and tests/scripts run against build/release/baton.

Tests of what speaks to servers find private ones, started here and stopped at the end, by POSTGRES_HOST and so on (scripts/services env).
With BATON_NO_SERVERS=1 there are none, and those tests are skipped.
"""
import concurrent.futures
import contextlib
import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "test-logs"
SHOWN_LINES_MAX = 100  # of a failed case; the log has all
SHOWN_CHARACTERS_MAX = 300  # of a line of it
LAST_SECONDS_MAX = 10  # from Ctrl-C to SIGKILL
running = set()  # processes of tests, each leading a group
SUMMARY = re.compile(r"^(\d+) passed, (\d+) failed$")


class Job(NamedTuple):
    name: str
    command: list
    folder: str
    seconds_max: float


class Ran(NamedTuple):
    name: str
    passed: int
    failed: list  # of (name, text)
    skipped: int
    seconds: float


def registered(tree: str, patience: float) -> list[Job]:
    """What add_test() registered in a tree; `patience` stretches its time limits."""
    told = subprocess.run(["ctest", "--test-dir", str(ROOT / "build" / tree), "--show-only=json-v1"], check=True, capture_output=True, text=True)
    jobs = []
    for test in json.loads(told.stdout)["tests"]:
        if "command" not in test:
            raise SystemExit(f"test: {test['name']} of {tree} is registered and was not built")
        properties = {p["name"]: p["value"] for p in test.get("properties", [])}
        jobs.append(Job(f"{tree}.{test['name']}", test["command"], properties.get("WORKING_DIRECTORY", str(ROOT)), patience * float(properties.get("TIMEOUT", 600))))
    return jobs


def run(job: Job, environment: dict) -> tuple[int | None, str, float]:
    """Exit status (None: it took too long and was ended), output, seconds."""
    log = LOGS / f"{job.name}.log"
    began = time.monotonic()
    with log.open("wb") as out:
        process = subprocess.Popen(job.command, cwd=job.folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
        running.add(process)
        try:
            status = process.wait(job.seconds_max)
        except subprocess.TimeoutExpired:
            status = None
        if status is None or status < 0:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        running.discard(process)
    return status, log.read_text(errors="replace"), time.monotonic() - began


def cases(output: str) -> tuple[list, list, list]:
    """(passed, failed, skipped) names of GoogleTest's output. Failed: began, and did not end well."""
    began = re.findall(r"\[ RUN      \] (\S+)", output)
    passed = set(re.findall(r"\[       OK \] (\S+?),? ", output))
    skipped = set(re.findall(r"\[  SKIPPED \] (\S+?),? ", output))
    failed = set(re.findall(r"\[  FAILED  \] (\S+?),? ", output))
    bad = [name for name in began if name in failed or (name not in passed and name not in skipped)]
    return [n for n in began if n in passed and n not in bad], bad, [n for n in began if n in skipped and n not in bad]


def story_of(name: str, output: str) -> str:
    """What a case printed, its end first to go when it is long."""
    at = output.find(f"[ RUN      ] {name}\n")
    end = output.find("[ RUN      ] ", at + 1)
    lines = output[at : end if end >= 0 else len(output)].splitlines()
    return "\n".join(lines if len(lines) <= SHOWN_LINES_MAX else [*lines[: SHOWN_LINES_MAX // 2], "…", *lines[-SHOWN_LINES_MAX // 2 :]])


def judge(job: Job, status: int | None, output: str, seconds: float) -> Ran:
    tail = "\n".join(line[:SHOWN_CHARACTERS_MAX] for line in output.splitlines()[-SHOWN_LINES_MAX // 2 :])
    ended = f"took longer than {job.seconds_max:.0f} s and was ended" if status is None else f"ended by signal {-status}" if status < 0 else f"exited with {status}"
    summary = SUMMARY.match(output.rstrip().rsplit("\n", 1)[-1])
    if summary:  # a runner of ours
        passed, failed = int(summary.group(1)), int(summary.group(2))
        bad = [(job.name, tail)] * failed
        if not failed and status != 0:
            bad = [(job.name, f"{tail}\n{job.name} {ended}")]
        return Ran(job.name, passed, bad, 0, seconds)
    if "[ RUN      ] " in output or "[==========] " in output:
        passed, failed, skipped = cases(output)
        bad = [(name, story_of(name, output)) for name in failed]
        if status is None or status < 0:
            bad = [(name, f"{text}\n{job.name} {ended}") for name, text in bad] or [(job.name, f"{tail}\n{job.name} {ended}")]
        elif status != 0 and not bad:  # all cases passed and yet: a leak, a global tear-down
            bad = [(job.name, f"{tail}\n{job.name} {ended}")]
        return Ran(job.name, len(passed), bad, len(skipped), seconds)
    if status == 0:
        return Ran(job.name, 1, [], 0, seconds)
    return Ran(job.name, 0, [(job.name, f"{tail}\n{job.name} {ended}")], 0, seconds)


def seed() -> str:
    if os.environ.get("BATON_SEED"):
        return os.environ["BATON_SEED"]
    told = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True) if (ROOT / ".git").exists() and has("git") else None
    if told is not None and told.returncode == 0:
        return str(int(told.stdout[:15], 16))  # fits 63 bits
    return str(random.SystemRandom().getrandbits(60))


def has(tool: str) -> bool:
    return any((Path(folder) / tool).exists() for folder in os.environ.get("PATH", "").split(":"))


class NoServers(Exception):
    pass


def services(folder: Path, *words: str) -> str:
    # A session of its own: Ctrl-C is for us, who then have them stopped.
    did = subprocess.run([str(ROOT / "scripts" / "services"), *words, "--dir", str(folder)], stdin=subprocess.DEVNULL, capture_output=True, text=True, start_new_session=True)
    if did.returncode != 0:
        raise NoServers(f"scripts/services {words[0]}: {did.stderr.strip()}")
    return did.stdout


@contextlib.contextmanager
def servers():
    """The settings under which tests find the three servers; they are gone afterwards, however it ends."""
    if os.environ.get("BATON_NO_SERVERS") == "1":
        yield {}
        return
    for old in (ROOT / "build").glob("test-services.*"):  # of a run that was killed
        if not Path(f"/proc/{old.name.rpartition('.')[2]}").exists():
            services(old, "kill")
            shutil.rmtree(old, ignore_errors=True)
    folder = ROOT / "build" / f"test-services.{os.getpid()}"
    elsewhere = None
    if not re.fullmatch(r"[A-Za-z0-9_./+@%=:,-]+", str(folder)):  # scripts/services would refuse it
        elsewhere = tempfile.mkdtemp(prefix="baton-test-")
        folder = Path(elsewhere) / "services"
    try:
        services(folder, "start")
        told = [shlex.split(line)[1].partition("=") for line in services(folder, "env").splitlines()]
        yield {name: value for name, _, value in told}
    finally:
        services(folder, "kill")
        shutil.rmtree(elsewhere or folder, ignore_errors=True)


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with servers() as settings:
            return run_all(arguments, settings)
    except NoServers as why:
        print(f"tests: {why}\n0 passed, 1 failed")
        return 1
    except KeyboardInterrupt:
        return 130


def run_all(arguments: list[str], settings: dict) -> int:
    long = "--long" in arguments
    trees = [a for a in arguments if a != "--long"]
    LOGS.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, **settings, "BATON_SEED": seed(), "GTEST_COLOR": "no", "ASAN_OPTIONS": "detect_stack_use_after_return=1", "UBSAN_OPTIONS": "print_stacktrace=1"}
    environment.pop("BATON_LONG", None)
    if long:
        environment["BATON_LONG"] = "1"
    print(f"tests: seed {environment['BATON_SEED']} (BATON_SEED), logs in build/test-logs/", flush=True)

    jobs = [job for tree in trees for job in registered(tree, 12 if long else 1)]
    for folder in ["tests/scripts", "tests/e2e"]:
        if (ROOT / folder).is_dir():
            command = [sys.executable, "tests/e2e/run.py", "--binary", "build/release/baton", "--folder", folder, *(["--long"] if long else [])]
            jobs.append(Job(folder.replace("/", "."), command, str(ROOT), 10800 if long else 2700))
    # The longest first, so that no core waits for it at the end.
    times = LOGS / "seconds.json"
    known = json.loads(times.read_text()) if times.exists() else {}
    jobs.sort(key=lambda job: -known.get(job.name, 1e9 if "e2e" in job.name or "simulation" in job.name else 1e6))

    ran = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        waiting = [pool.submit(lambda job=job: judge(job, *run(job, environment))) for job in jobs]
        try:
            for done in concurrent.futures.as_completed(waiting):
                result = done.result()
                ran.append(result)
                known[result.name] = round(result.seconds, 1)
                skipped = f", {result.skipped} skipped" if result.skipped else ""
                print(f"  {'ok    ' if not result.failed else 'FAILED'} {result.name}: {result.passed} passed, {len(result.failed)} failed{skipped}, {result.seconds:.1f} s", flush=True)
        except BaseException:  # Ctrl-C above all: nobody waits for what still runs
            pool.shutdown(wait=False, cancel_futures=True)
            end = time.monotonic() + LAST_SECONDS_MAX
            for number in signal.SIGINT, signal.SIGKILL:  # the first lets a runner of ours put away what it has started
                for process in list(running):
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, number)
                while running and number == signal.SIGINT and time.monotonic() < end:
                    time.sleep(0.1)
            raise
    times.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")

    failed = [each for result in ran for each in result.failed]
    told = set()
    for name, text in failed:
        if (name, text) not in told:
            print(f"\n--- {name}\n{text}")
            told.add((name, text))
    if failed:
        print(f"\nAgain, with the same seed: BATON_SEED={environment['BATON_SEED']} scripts/test")
    passed = sum(result.passed for result in ran)
    if passed + len(failed) == 0:
        print("tests: nothing ran")
    print(f"{passed} passed, {len(failed)} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
