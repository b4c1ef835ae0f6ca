"""A replica dies at each place of ARCHITECTURE.md's table "What a crash does", and the others end its runs, without doing anything twice.

The binary that dies where it is told is failing/baton-serve, beside the one under test.
"""
import os
import signal
import subprocess
import time
import unittest
import urllib.error
import uuid
from collections import Counter
from pathlib import Path

from service import Service
from workshop import BATON, ROOT

FAILING = str(Path(BATON).parent / "failing/baton-serve")
SERVE = str(Path(BATON).with_name("baton-serve"))
END_SECONDS_MAX = 90
HELD_AFTER_MAX = 5  # deaths


def names():
    return subprocess.run([FAILING, "serve", "--list-failpoints"], check=True, capture_output=True, text=True).stdout.split()


class Dying(Service):
    def setUp(self):
        self.assertTrue(os.access(FAILING, os.X_OK), f"there is no {FAILING}: build the target baton-serve-failing")
        super().setUp()

    def step(self, run, **more):
        """Each begin of its command appends a line; the append of so short a line is atomic."""
        return {"run": f'echo "$BATON_RUN $BATON_NODE $BATON_ATTEMPT" >> {self.folder}/effects\n{run}', **more}

    def two_steps(self, seconds=0):
        return {"make": self.step(f"sleep {seconds}; echo 7 > ${{outputs.f}}", outputs={"f": {"file": "f"}}),
                "turn": self.step("rev < ${inputs.f} > ${outputs.f}", inputs={"f": {"from": "make.f"}}, outputs={"f": {"file": "f"}})}

    def effects(self):
        return [tuple(line.split()) for line in self.lines("effects")]

    def put(self, replica, nodes):
        """The start request of a new project."""
        project = str(uuid.uuid4())
        path = self.pipeline(nodes, name=f"{project}.yaml")
        status, answer = replica.ask("PUT", f"/v2/projects/{project}", {"user_id": 1, "name": "p", "pipeline": path.read_text(), "file": str(path), "params": {}})
        self.assertEqual(status, 200, answer)
        return {"user_id": 1, "project_id": project, "start_pipeline": True, "collection_run_id": str(uuid.uuid4()), "product_name": "x"}

    def send(self, replica, method, path, request):
        """The status, or None where the replica dies in the middle of it."""
        try:
            return replica.ask(method, path, request)[0]
        except (urllib.error.URLError, OSError) as wrong:
            self.eventually(lambda: replica.process.poll() is not None, f"{path} is answered, or the replica dies ({wrong!r})\n{replica.text()}")
            return None

    def result(self, project):
        return self.sql(f"SELECT result FROM comp_runs WHERE project_uuid = '{project}' ORDER BY run_id DESC LIMIT 1")[0][0]

    def wait_for_the_end(self, project):
        end = time.monotonic() + END_SECONDS_MAX
        while self.result(project) not in ("SUCCESS", "FAILED", "ABORTED"):
            self.assertLess(time.monotonic(), end, f"it does not end: {self.sql('SELECT * FROM comp_runs')}\n{self.log_of_all()}")
            time.sleep(0.05)
        return self.result(project)

    def check(self):
        """At most one beginning of an attempt; no success without its outputs."""
        for effect, times in Counter(self.effects()).items():
            self.assertEqual(times, 1, f"begun twice in one attempt: {effect}\n{self.log_of_all()}")
        self.assertEqual(self.sql("SELECT node_id FROM comp_run_snapshot_tasks WHERE state = 'SUCCESS' AND (outputs IS NULL OR outputs::text IN ('{}', '[]', 'null'))"), [])

    def died(self, replica):
        return replica.process.poll() == -signal.SIGKILL


class Failpoints(Dying):
    def test_the_release_binary_holds_none_of_them(self):
        binary = Path(SERVE).read_bytes()
        self.assertGreater(len(names()), 10)
        self.assertEqual([name for name in [*names(), "BATON_FAILPOINT"] if name.encode() in binary], [])

    def test_each_of_them_stands_in_the_table_of_crashes(self):
        table = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").partition("## What a crash does")[2].partition("\n## ")[0]
        rows = [line for line in table.splitlines() if line.startswith("| ")]
        self.assertEqual([name for name in names() if not any(f"`{name}`" in row for row in rows)], [])
        self.assertEqual([row for row in rows if row.split("|")[-2].strip() == ""], [], "rows without a test")

    def test_a_run_ends_wherever_a_replica_dies(self):
        other = self.serve()
        for name in names():
            with self.subTest(failpoint=name):
                mortal = self.serve(binary=FAILING, BATON_FAILPOINT=name)
                desires = name == "desired-before-publish"
                request = self.put(other, self.two_steps(300 if desires else 0))
                project = request["project_id"]
                began = time.monotonic()

                # The message may be taken by the one that lives: then another run is begun.
                while not self.died(mortal):
                    self.assertLess(time.monotonic(), began + END_SECONDS_MAX, f"nobody dies at {name}\n{mortal.text()}")
                    status = self.send(mortal, "POST", "/v2/computations", request)
                    if desires:
                        self.send(mortal, "POST", f"/v2/computations/{project}:stop", {"user_id": 1})
                    elif status is not None and self.eventually_ended_or(mortal, project):
                        request = self.put(other, self.two_steps())
                        project = request["project_id"]
                if not self.sql(f"SELECT 1 FROM comp_runs WHERE project_uuid = '{project}'"):
                    self.assertEqual(self.send(other, "POST", "/v2/computations", request), 201)

                self.assertEqual(self.wait_for_the_end(project), "ABORTED" if desires else "SUCCESS", self.log_of_all())
                print(f"\n  {name}: ended {time.monotonic() - began:.1f} s after its start ... ", end="", flush=True)
                self.check()
        self.eventually(lambda: self.sql("SELECT 1 FROM comp_runs WHERE open") == [], "nothing is owed")
        self.assertIsNone(other.process.poll(), other.text())

    def eventually_ended_or(self, mortal, project):
        """Whether the run ended before the replica died."""
        self.eventually(lambda: self.died(mortal) or self.result(project) in ("SUCCESS", "FAILED", "ABORTED"), "it ends, or the replica dies")
        return not self.died(mortal)


class Stopped(Dying):
    def one_that_stands_while_the_other_runs_to_the_end(self, failpoint):
        """(the replica that is stopped at the failpoint in a run's first pass, the one that has run it, the project)"""
        stale = self.serve(binary=FAILING, BATON_FAILPOINT=failpoint, BATON_FAILPOINT_STOPS="1", BATON_LOCK_LIFE="1s")
        request = self.put(stale, self.two_steps())
        self.assertEqual(self.send(stale, "POST", "/v2/computations", request), 201)
        self.eventually(lambda: self.is_stopped(stale), f"it stands at {failpoint}")

        other = self.serve(BATON_LOCK_LIFE="1s")
        self.assertEqual(self.wait_for_the_end(request["project_id"]), "SUCCESS", self.log_of_all())
        return stale, other, request["project_id"]

    def test_a_replica_that_is_stopped_before_its_commit_is_fenced_when_it_goes_on(self):
        stale, other, project = self.one_that_stands_while_the_other_runs_to_the_end("before-commit")
        self.check()
        before = self.rows(project)
        stale.kill(signal.SIGCONT)

        self.eventually(lambda: self.figure(stale, 'baton_passes_total{end="fenced"}') > 0, "the store refuses the late commit")
        self.assertEqual(self.rows(project), before, "what an old fence has decided is not written")
        self.assertIsNone(other.process.poll(), other.text())
        self.check()

    def test_a_replica_that_is_stopped_between_commit_and_act_begins_nothing_that_has_ended_meanwhile(self):
        stale, other, project = self.one_that_stands_while_the_other_runs_to_the_end("commit-before-submit")
        self.eventually(lambda: self.sql("SELECT 1 FROM comp_runs WHERE open") == [], "all is released")
        before = self.rows(project)
        stale.kill(signal.SIGCONT)

        journal = self.folder / ".baton/jobs.log"
        self.eventually(lambda: b" barred " in journal.read_bytes(), "what it sends late is barred")
        self.eventually(lambda: self.sql("SELECT 1 FROM comp_runs WHERE open") == [], "and released once more")
        self.assertEqual(self.rows(project), before)
        self.assertIsNone(other.process.poll(), other.text())
        self.check()

    def test_a_project_deleted_under_a_pass_is_gone_and_the_pass_writes_nothing(self):
        stale = self.serve(binary=FAILING, BATON_FAILPOINT="before-commit", BATON_FAILPOINT_STOPS="1")
        request = self.put(stale, self.two_steps())
        self.assertEqual(self.send(stale, "POST", "/v2/computations", request), 201)
        self.eventually(lambda: self.is_stopped(stale), "it stands before its commit")
        self.sql(f"DELETE FROM projects WHERE uuid = '{request['project_id']}'")
        stale.kill(signal.SIGCONT)

        self.eventually(lambda: self.figure(stale, 'baton_passes_total{end="fenced"}') > 0, "the store refuses the commit")
        for table in ("comp_runs", "comp_run_snapshot_tasks", "comp_task_attempts", "comp_tasks", "outbox"):
            self.assertEqual(self.sql(f"SELECT count(*) FROM {table}"), [["0"]], table)
        other = self.put(stale, self.two_steps())
        self.assertEqual(self.send(stale, "POST", "/v2/computations", other), 201)
        self.assertEqual(self.wait_for_the_end(other["project_id"]), "SUCCESS", "another run goes on")
        self.assertEqual({run for run, *_ in self.effects()}, {run for run, in self.sql("SELECT uuid FROM comp_runs")}, "nothing of the deleted one was begun")

    def is_stopped(self, replica):
        return Path(f"/proc/{replica.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def rows(self, project):
        return self.sql(f"SELECT t.task, t.state, t.attempt, t.outputs FROM comp_run_snapshot_tasks t JOIN comp_runs r USING (run_id) WHERE r.project_uuid = '{project}' ORDER BY 1")


class Quarantine(Dying):
    def two_runs(self):
        """The start requests of one that is to be poison, and of another; no replica is left."""
        helper = self.serve(binary=FAILING)
        requests = self.put(helper, self.two_steps()), self.put(helper, self.two_steps(3))
        helper.kill(signal.SIGTERM)
        self.assertEqual(helper.process.wait(10), 0)
        return requests

    def test_a_run_whose_passes_throw_backs_off_and_is_held_with_its_error_until_it_is_released(self):
        poison, other = self.two_runs()
        project = poison["project_id"]
        replica = self.serve(binary=FAILING, BATON_FAILPOINT=f"pass-begun@{project}", BATON_FAILPOINT_THROWS="1")
        for request in other, poison:
            self.assertEqual(self.send(replica, "POST", "/v2/computations", request), 201, self.log_of_all())

        self.eventually(lambda: self.sql(f"SELECT fence, failures FROM comp_runs WHERE project_uuid = '{project}' AND held_since IS NOT NULL") == [["5", "5"]], "held after five passes")
        self.assertEqual(self.wait_for_the_end(other["project_id"]), "SUCCESS", "another run, meanwhile, in the same replica")
        self.assertIn("a fault at pass-begun", self.sql(f"SELECT last_failure FROM comp_runs WHERE project_uuid = '{project}'")[0][0])
        self.assertIn("a fault at pass-begun", self.remote("quarantine", "list", code=0).out)
        self.eventually(lambda: any(" held " in line and project in line for line in replica.text().splitlines()), "the log says that it is held")

        replica.kill(signal.SIGTERM)
        self.assertEqual(replica.process.wait(10), 0, replica.text())
        last = self.serve()
        name = next(word for word in self.remote("quarantine", "list", code=0).out.split() if project in word)
        self.remote("quarantine", "release", name, code=0)
        self.assertEqual(self.wait_for_the_end(project), "SUCCESS")
        self.eventually(lambda: any(" released " in line and project in line for line in last.text().splitlines()), "the log says who was released")
        self.check()

    def test_a_run_that_kills_its_replicas_is_held_and_others_go_on(self):
        poison, other = self.two_runs()
        project = poison["project_id"]
        deadly = {"BATON_FAILPOINT": f"pass-begun@{project}"}
        for _ in range(2):
            self.serve(binary=FAILING, **deadly)
        self.assertEqual(self.send(self.replicas[-1], "POST", "/v2/computations", other), 201, self.log_of_all())
        self.assertIn(self.send(self.replicas[-1], "POST", "/v2/computations", poison), (201, None))

        end, deaths = time.monotonic() + END_SECONDS_MAX, 0
        while not self.sql(f"SELECT 1 FROM comp_runs WHERE project_uuid = '{project}' AND held_since IS NOT NULL"):
            self.assertLess(time.monotonic(), end, f"it is not held: {self.sql('SELECT * FROM comp_runs')}\n{self.log_of_all()}")
            for replica in [replica for replica in self.replicas if self.died(replica)]:
                self.replicas.remove(replica)
                replica.process.stdout.close()
                deaths += 1
                self.serve(binary=FAILING, **deadly)
            time.sleep(0.05)
        deaths += sum(self.died(replica) for replica in self.replicas)
        self.assertLessEqual(deaths, HELD_AFTER_MAX, "replicas that died of one run")
        self.assertGreater(deaths, 1)
        self.assertEqual(self.wait_for_the_end(other["project_id"]), "SUCCESS", "another run, meanwhile")
        print(f"\n  held after {deaths} deaths ... ", end="", flush=True)

        listed = self.remote("quarantine", "list", code=0).out
        self.assertIn(project, listed)
        name = next(word for word in listed.split() if project in word)
        status = self.remote("status", f"{project}.yaml", "--project", project)
        self.assertIn("held", status.out + status.err)

        for replica in [replica for replica in self.replicas if replica.process.poll() is None]:
            replica.kill(signal.SIGTERM)
            self.assertEqual(replica.process.wait(10), 0)
        self.serve()
        self.remote("quarantine", "release", name, code=0)
        self.assertEqual(self.wait_for_the_end(project), "SUCCESS")
        self.assertEqual(self.remote("quarantine", "list", code=0).out, "no run is held\n")
        self.check()


if __name__ == "__main__":
    unittest.main()
