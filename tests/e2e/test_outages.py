"""PostgreSQL, RabbitMQ and Redis are stopped, and killed, under replicas at work: nothing is lost or doubled, and all goes on by itself.

Each class has servers of its own, as it takes them away from everybody.
"""
import atexit
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
import uuid
from collections import Counter
from pathlib import Path
from unittest import mock

from service import Service
from workshop import LONG, ROOT

PG_BASEBACKUP = "/usr/lib/postgresql/15/bin/pg_basebackup"
ENDED = "('SUCCESS', 'FAILED', 'ABORTED')"
AWAY_SECONDS = 10 if LONG else 3
RUNS = 50 if LONG else 8
BURST = 1000 if LONG else 200
HANDFUL = 50  # passes; on an idle machine it is four
STORM = 3000 if LONG else 300
WIDTH = 3
TASKS = 2 * WIDTH + 1  # of a run of work()
END_SECONDS_MAX = 900 if LONG else 150  # of all runs, on a machine that has much else to do
GO_ON_SECONDS_MAX = 5 if LONG else 60  # from a server that answers again to a commit; in the short form others use the machine, too


class OwnServers(Service):
    @classmethod
    def setUpClass(cls):
        if os.environ.get("BATON_NO_SERVERS") == "1":
            raise unittest.SkipTest("BATON_NO_SERVERS=1")
        shelf = tempfile.TemporaryDirectory(prefix="baton-outages-")
        cls.addClassCleanup(shelf.cleanup)
        cls.servers = Path(shelf.name) / "servers"
        cls.addClassCleanup(cls.services, "kill")
        atexit.register(cls.services, "kill")  # Ctrl-C runs no clean-up of classes
        cls.services("start")
        told = [shlex.split(line)[1].split("=", 1) for line in cls.services("env").splitlines()]
        cls.enterClassContext(mock.patch.dict(os.environ, dict(told)))

    @classmethod
    def services(cls, *words):
        did = subprocess.run([ROOT / "scripts/services", *words, "--dir", cls.servers], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300)
        if did.returncode != 0:
            raise AssertionError(f"scripts/services {' '.join(words)} exited with {did.returncode}:\n{did.stdout}{did.stderr}")
        return did.stdout

    def setUp(self):
        self.services("start")
        super().setUp()
        self.addCleanup(self.services, "start")  # before the database is dropped
        self.started_runs = 0

    # ---- work -----------------------------------------------------------------------------------------------------------
    def step(self, run, **more):
        """Each begin of its command appends a line; the append of so short a line is atomic."""
        return {"run": f'echo "$BATON_RUN $BATON_NODE $BATON_ATTEMPT" >> {self.folder}/effects\n{run}', **more}

    def work(self, seconds=0.2):
        f = {"f": {"file": "f"}}
        nodes = {}
        for i in range(WIDTH):
            nodes[f"make{i}"] = self.step(f"sleep {seconds}; echo {i} > ${{outputs.f}}", outputs=f)
            nodes[f"turn{i}"] = self.step(f"sleep {seconds}; rev < ${{inputs.f}} > ${{outputs.f}}", inputs={"f": {"from": f"make{i}.f"}}, outputs=f)
        nodes["all"] = self.step("cat " + " ".join(f"${{inputs.f{i}}}" for i in range(WIDTH)), inputs={f"f{i}": {"from": f"turn{i}.f"} for i in range(WIDTH)})
        return nodes

    def begin(self, nodes):
        """Starts a run of a new project; (project, the body of its start request)."""
        project = str(uuid.uuid4())
        path = self.pipeline(nodes, name=f"{project}.yaml")
        replica = self.replicas[self.started_runs % len(self.replicas)]
        self.started_runs += 1
        self.eventually(lambda: replica.ask("GET", "/readyz")[0] == 200, "the replica has found its servers again")
        status, answer = replica.ask("PUT", f"/v2/projects/{project}", {"user_id": 1, "name": "p", "pipeline": path.read_text(), "file": str(path), "params": {}})
        self.assertEqual(status, 200, answer)
        request = {"user_id": 1, "project_id": project, "start_pipeline": True, "collection_run_id": str(uuid.uuid4()), "product_name": "x"}
        status, answer = replica.ask("POST", "/v2/computations", request)
        self.assertEqual(status, 201, answer)
        return project, request

    def effects(self):
        return [tuple(line.split()) for line in self.lines("effects")]

    def number(self, text):
        return int(self.sql(text)[0][0])

    def commits(self):
        """It grows with each commit of any run."""
        return self.number("SELECT coalesce(sum(committed), 0) FROM comp_runs")

    def left(self):
        return self.number(f"SELECT count(*) FROM comp_runs WHERE result NOT IN {ENDED}")

    def wait_for_the_end(self):
        end = time.monotonic() + END_SECONDS_MAX
        while self.left() > 0:
            if time.monotonic() > end:
                rows = self.sql(f"SELECT run_id, result, scheduled, processed, wake_at, fence, committed, failures, held_since, follower FROM comp_runs WHERE result NOT IN {ENDED}")
                tasks = self.sql(f"SELECT t.run_id, t.node_id, t.state, t.job_id FROM comp_run_snapshot_tasks t JOIN comp_runs r USING (run_id) WHERE r.result NOT IN {ENDED}")
                self.fail(f"not ended: {rows}\n{tasks}\n{self.log_of_all()}")
            time.sleep(0.1)

    def check(self, runs, tasks):
        """All runs are a success, and each task began once: no job was lost, for the keeper of jobs lived."""
        self.assertEqual(Counter(state for state, in self.sql("SELECT result FROM comp_runs")), {"SUCCESS": runs}, self.log_of_all())
        self.assertEqual(self.number("SELECT count(*) FROM comp_run_snapshot_tasks WHERE state <> 'SUCCESS'"), 0)
        for effect, times in Counter((run, node) for run, node, _ in self.effects()).items():
            self.assertEqual(times, 1, f"begun twice: {effect}\n{self.log_of_all()}")
        self.assertEqual(len(self.effects()), runs * tasks)


class Outages(OwnServers):
    def outages(self, *servers):
        for _ in range(3):
            self.serve("--jobs", "4")
        runs = 0
        for verb in "stop", "kill":
            with self.subTest(verb=verb):
                before = len(self.effects())
                for _ in range(RUNS):
                    self.begin(self.work())
                runs += RUNS
                self.eventually(lambda: len(self.effects()) > before + RUNS * TASKS // 4, "a part of the work has begun")

                self.services(verb, *servers)
                time.sleep(AWAY_SECONDS)  # the outage
                self.services("start", *servers)

                answered, commits = time.monotonic(), self.commits()
                if self.left() > 0:
                    while self.commits() == commits and self.left() > 0:
                        self.assertLess(time.monotonic(), answered + GO_ON_SECONDS_MAX, f"nothing goes on\n{self.log_of_all()}")
                        time.sleep(0.02)
                went_on = time.monotonic() - answered
                self.wait_for_the_end()
                print(f"\n  {' and '.join(servers)} away by {verb} for {AWAY_SECONDS} s: the first commit {went_on:.1f} s after they answer, "
                      f"all {RUNS} runs ended after {time.monotonic() - answered:.1f} s ... ", end="", flush=True)
                self.check(runs, TASKS)
        for replica in self.replicas:
            self.assertIsNone(replica.process.poll(), replica.text())

    def test_postgres_goes_and_comes_back(self):
        self.outages("postgres")

    def test_rabbitmq_goes_and_comes_back(self):
        self.outages("rabbitmq")

    def test_redis_goes_and_comes_back(self):
        self.outages("redis")

    def test_all_three_go_and_come_back(self):
        self.outages("postgres", "rabbitmq", "redis")


class Failover(OwnServers):
    """A copy of the database that has lagged behind takes its place, as a standby does: its last commits are lost, not what they have led to."""

    def copy(self):
        """As a base backup that is promoted when it is started."""
        copy = self.data.with_name("copy")
        made = subprocess.run([PG_BASEBACKUP, "-D", copy, "-X", "stream", "-c", "fast", "-h", os.environ["POSTGRES_HOST"], "-p", os.environ["POSTGRES_PORT"], "-U", os.environ["POSTGRES_USER"]],
                              env={**os.environ, "PGPASSWORD": os.environ["POSTGRES_PASSWORD"]}, capture_output=True, text=True)
        self.assertEqual(made.returncode, 0, made.stderr)
        (copy / "recovery.signal").touch()
        with (copy / "postgresql.auto.conf").open("a") as settings:
            settings.write("restore_command = 'false'\n")
        owner = self.data.stat()
        for path in [copy, *copy.rglob("*")]:
            os.chown(path, owner.st_uid, owner.st_gid)
        return copy

    @property
    def data(self):
        return self.servers / "postgres" / "data"

    def test_the_last_commits_are_lost_and_all_runs_end(self):
        for _ in range(3):
            self.serve("--jobs", "4")
        for _ in range(RUNS):
            self.begin(self.work(1))
        self.eventually(lambda: len(self.effects()) > 4, "a part of the work has begun")
        copy = self.copy()
        copied = self.commits()
        begun = len(self.effects())
        self.eventually(lambda: len(self.effects()) > begun + RUNS and self.commits() > copied, "more of it has, which is not in the copy")

        self.services("kill", "postgres")
        shutil.rmtree(self.data)
        copy.rename(self.data)
        self.services("start", "postgres")

        self.wait_for_the_end()
        self.assertEqual(Counter(state for state, in self.sql("SELECT result FROM comp_runs")), {"SUCCESS": RUNS}, self.log_of_all())
        self.assertEqual(self.number("SELECT count(*) FROM comp_run_snapshot_tasks WHERE state <> 'SUCCESS'"), 0)
        # What had ended and was forgotten by the backend when the store lost its end is another attempt.
        for effect, times in Counter(self.effects()).items():
            self.assertEqual(times, 1, f"an attempt begun twice: {effect}\n{self.log_of_all()}")
        self.assertEqual(self.number("SELECT count(*) FROM comp_runs WHERE fence >> 40 <> 1"), 0)


class WakeUps(OwnServers):
    def test_a_burst_of_wake_ups_is_a_handful_of_passes(self):
        for _ in range(3):
            self.serve("--jobs", str(BURST))
        gate = self.folder / "gate"
        os.mkfifo(gate)
        self.begin({"wait": self.step(f"read line < {gate} || true", foreach={"i": {"range": [1, BURST, 1]}}), "last": self.step("true", after=["wait"])})
        self.eventually(lambda: len(self.effects()) == BURST, "all wait at the gate")
        self.eventually(lambda: self.number("SELECT count(*) FROM comp_runs WHERE scheduled > processed") == 0, "nothing is pending")
        self.nothing_waits()
        before, visits, began = self.number("SELECT fence FROM comp_runs"), self.visits(), time.monotonic()

        with open(gate, "w"):  # all come through at once; each end of a step is a wake-up
            pass
        self.wait_for_the_end()
        passes = self.number("SELECT fence FROM comp_runs") - before
        seconds = time.monotonic() - began
        self.eventually(lambda: self.number("SELECT count(*) FROM comp_runs WHERE open") == 0, "nothing is owed")
        self.nothing_waits()
        visits = self.visits() - visits
        print(f"\n  {BURST} jobs that ended at once: {passes} passes in {seconds:.1f} s, {visits:.0f} visits of all replicas until nothing is owed ... ", end="", flush=True)
        self.assertLessEqual(passes, HANDFUL)
        self.assertLessEqual(visits, HANDFUL + len(self.replicas), "visits that found nothing to do count, too")
        self.check(1, BURST + 1)

    def visits(self):
        return sum(self.figure(replica, "baton_passes_total") for replica in self.replicas)

    def nothing_waits(self):
        for name in "baton_queue_deliveries_held", "baton_queue_depth":
            self.eventually(lambda: all(self.figure(replica, name) == 0 for replica in self.replicas), f"{name} is 0")

    def test_with_redis_away_a_hundred_wake_ups_a_second_of_one_run_go_on(self):
        """Each end of a job is a wake-up, taken by whichever of four replicas; nothing but the fence keeps them from each other's passes."""
        for _ in range(4):
            self.serve("--jobs", "16")
        self.services("stop", "redis")
        began = time.monotonic()
        self.begin({"each": self.step("sleep 0.02", foreach={"i": {"range": [1, STORM, 1]}}), "last": self.step("true", after=["each"])})
        self.eventually(lambda: len(self.effects()) > STORM // 4, "it goes on")
        for replica in self.replicas:
            status, ready = replica.ask("GET", "/readyz")
            self.assertEqual((status, ready["lock"]), (200, False), ready)
            self.assertEqual(self.figure(replica, "baton_lock_up"), 0)
            self.assertTrue(self.told(replica, "lock.unavailable"), replica.text())

        self.wait_for_the_end()

        seconds = time.monotonic() - began
        print(f"\n  {STORM} jobs without locks: {STORM / seconds:.0f} ends a second, {self.number('SELECT fence FROM comp_runs')} passes ... ", end="", flush=True)
        self.check(1, STORM + 1)

        self.assertFalse(any(self.told(replica, "lock.recovered") for replica in self.replicas), "while it is away")
        self.services("start", "redis")
        for replica in self.replicas:
            self.eventually(lambda: self.figure(replica, "baton_lock_up") == 1 and self.told(replica, "lock.recovered"), f"it is told that Redis is back\n{replica.text()}")

    def told(self, replica, code):
        return any(code in line for line in replica.log)


class Draining(OwnServers):
    def postgres(self):
        """The pids of the private PostgreSQL."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and os.readlink(entry / "cwd").startswith(str(self.servers)) and (entry / "comm").read_text() == "postgres\n":
                    found.append(int(entry.name))
            except OSError:
                pass  # it has ended meanwhile
        return found

    def test_a_replica_ends_in_time_also_when_the_database_does_not_answer(self):
        replica = self.serve()
        self.begin(self.work(1))
        self.eventually(lambda: self.effects(), "the work has begun")
        stopped = self.postgres()
        self.assertTrue(stopped)
        try:
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            replica.kill(signal.SIGTERM)
            self.assertEqual(replica.process.wait(10), 0, replica.text())
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)

        self.serve()
        self.wait_for_the_end()
        self.check(1, TASKS)


class RollingRestart(OwnServers):
    def test_all_replicas_are_replaced_under_load(self):
        for _ in range(3):
            self.serve("--jobs", "4")
        for _ in range(RUNS):
            self.begin(self.work())
        self.eventually(lambda: len(self.effects()) > RUNS, "a part of the work has begun")

        for replica in list(self.replicas):
            self.serve("--jobs", "4")
            replica.kill(signal.SIGTERM)
            self.assertEqual(replica.process.wait(10), 0, replica.text())

        self.wait_for_the_end()
        self.check(RUNS, TASKS)


if __name__ == "__main__":
    unittest.main()
