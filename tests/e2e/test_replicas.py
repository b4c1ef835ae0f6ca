"""Several replicas share the load; none repeats another's work; their deaths cost nothing."""

import json
import os
import random
import re
import signal
import time
import unittest
import uuid
from collections import Counter
from pathlib import Path

from service import Service, TOKEN
from workshop import LONG, PATIENCE, ROOT

SEED = int(os.environ.get("BATON_SEED") or time.time_ns())

# Each begin of a command appends a line; the append of so short a line is atomic.
MARK = 'echo "$BATON_RUN $BATON_NODE $BATON_ATTEMPT" >> EFFECTS\n'


class Replicas(Service):
    def step(self, run, **more):
        return {"run": MARK.replace("EFFECTS", str(self.folder / "effects")) + run, **more}

    def effects(self):
        return [tuple(line.split()) for line in self.lines("effects")]

    def check_effects(self):
        for effect, times in Counter(self.effects()).items():
            self.assertEqual(times, 1, f"begun twice in one attempt: {effect}\n{self.log_of_all()}")

    def check_outputs(self, nodes):
        """R2: no success without its outputs, in the rows and on the disk."""
        rows = self.sql("SELECT run_id, node_id, outputs FROM comp_run_snapshot_tasks WHERE state = 'SUCCESS'")
        self.assertGreater(len(rows), 0)
        for run, node, outputs in rows:
            if node.partition("[")[0] not in nodes:
                continue
            files = re.findall(r'"(/[^"]+)"', outputs or "")
            self.assertTrue(files, f"run {run}: {node} has succeeded, and its outputs are {outputs!r}")
            for file in files:
                self.assertTrue(Path(file).exists(), f"run {run}: {node} has succeeded, and there is no {file}")

    def three_steps(self, pause=0.2):
        self.pipeline({"make": self.step(f"sleep {pause}; echo 7 > ${{outputs.f}}", outputs={"f": {"file": "f"}}),
                       "turn": self.step(f"sleep {pause}; rev < ${{inputs.f}} > ${{outputs.f}}", inputs={"f": {"from": "make.f"}},
                                         outputs={"f": {"file": "f"}}),
                       "last": self.step("cat ${inputs.f}", inputs={"f": {"from": "turn.f"}})}, name="p.yaml")

    def test_a_run_goes_to_its_end_and_is_up_to_date_afterwards(self):
        self.serve()
        self.three_steps(0)

        first = self.remote("run", "p.yaml", code=0)
        again = self.remote("run", "p.yaml", code=0)

        self.assertIn("3 of 3 tasks succeeded", first.err)
        self.assertIn("nothing to do", again.err)
        self.assertEqual(len(self.effects()), 3)
        self.check_effects()

    def gate(self):
        """A file, and two steps of which the first waits for it."""
        go = self.folder / "go"
        return go, {"make": self.step(f"while [ ! -e {go} ]; do sleep 0.05; done; echo 7 > ${{outputs.f}}", outputs={"f": {"file": "f"}}),
                    "turn": self.step("rev < ${inputs.f} > ${outputs.f}", inputs={"f": {"from": "make.f"}}, outputs={"f": {"file": "f"}})}

    def begin(self, replica, n, nodes):
        project = f"00000000-0000-4000-8000-{n:012d}"
        path = self.pipeline(nodes, name=f"p{n}.yaml")
        status, answer = replica.ask("PUT", f"/v2/projects/{project}", {"user_id": 1, "name": f"p{n}", "pipeline": path.read_text(), "file": str(path), "params": {}})
        self.assertEqual(status, 200, answer)
        status, answer = replica.ask("POST", "/v2/computations", {"user_id": 1, "project_id": project, "start_pipeline": True,
                                                                        "collection_run_id": str(uuid.uuid4()), "product_name": "x"})
        self.assertEqual(status, 201, answer)

    def left(self):
        return int(self.sql("SELECT count(*) FROM comp_runs WHERE result NOT IN ('SUCCESS', 'FAILED', 'ABORTED')")[0][0])

    def test_R19_a_version_and_the_one_before_share_the_runs_of_a_database(self):
        older = self.serve("--jobs", "4")
        go, nodes = self.gate()
        self.begin(older, 1, nodes)
        self.eventually(lambda: len(self.effects()) == 1, "a step has begun")

        # What a later version may do to the tables (it only adds): the statements of the one that serves are prepared already.
        self.sql("ALTER TABLE comp_runs ADD COLUMN later varchar, ADD COLUMN of_default integer NOT NULL DEFAULT 7")
        self.sql("ALTER TABLE comp_run_snapshot_tasks ADD COLUMN later json")
        self.sql("INSERT INTO schema_migrations (version, name, applied, by_version, minimum) VALUES (90, '0090_later.sql', now(), '9.0', 1)")
        other = self.serve("--jobs", "4")
        self.begin(other, 2, nodes)
        self.begin(older, 3, nodes)
        self.eventually(lambda: len(self.effects()) == 3, f"the others have begun\n{self.log_of_all()}")
        older.kill()
        go.touch()

        self.eventually(lambda: self.left() == 0, f"all end\n{self.log_of_all()}")
        self.assertEqual(self.sql("SELECT result, later, of_default FROM comp_runs"), [["SUCCESS", "", "7"]] * 3, self.log_of_all())
        self.assertEqual(self.sql("SELECT max(version), min(minimum) FROM schema_migrations"), [["90", "1"]])
        self.check_effects()
        self.check_outputs({"make", "turn"})
        self.assertEqual(len(self.effects()), 6)

        # One that took something away says who may still work with it.
        self.sql("UPDATE schema_migrations SET minimum = 90 WHERE version = 90")
        refused = self.baton("serve", "--listen", "127.0.0.1:0", "--local-backend", "--data", self.folder, env=self.environment, code=4)
        self.assertIn("store.newer", refused.err)
        self.assertIn("migration 90", refused.err)

    @unittest.skipUnless(LONG, "a client waits 30 s for a server that says nothing: --long")
    def test_a_client_outlives_the_pause_of_its_replica(self):
        first, second = self.serve(), self.serve()
        go, nodes = self.gate()
        self.pipeline(nodes)
        client = self.start_remote("run", "p.yaml", server=f"{first.url},{second.url}")
        self.eventually(lambda: self.effects(), "a step has begun")

        first.kill(signal.SIGSTOP)
        began = time.monotonic()
        go.touch()
        ended = self.end_of(client)
        print(f"\n  the client knew the end {time.monotonic() - began:.1f} s after its replica stood still ... ", end="", flush=True)
        first.kill(signal.SIGCONT)

        self.assertEqual(ended.code, 0, f"{ended}\n{self.log_of_all()}")
        self.assertIn("2 of 2 tasks succeeded", ended.err)
        self.eventually(lambda: self.sql("SELECT 1 FROM comp_runs WHERE open") == [], "nothing is owed")
        self.eventually(lambda: first.ask("GET", "/readyz")[0] == 200, "it goes on")
        self.assertEqual(self.sql("SELECT result FROM comp_runs"), [["SUCCESS"]])
        self.assertEqual(len(self.effects()), 2)
        self.check_effects()
        self.check_outputs({"make", "turn"})

    def test_a_replica_is_killed_and_the_run_ends(self):
        first, second = self.serve(), self.serve()
        self.three_steps(1)
        client = self.start_remote("run", "p.yaml", server=f"{first.url},{second.url}")
        self.eventually(lambda: self.effects(), "a step has begun")

        first.kill()

        ended = self.end_of(client)
        self.assertEqual(ended.code, 0, f"{ended}\n{self.log_of_all()}")
        self.assertEqual(len(self.effects()), 3)
        self.check_effects()
        self.check_outputs({"make", "turn"})

    def test_many_runs_are_shared_and_survive_the_deaths_of_replicas(self):
        runs, tasks, count = (200, 20, 4) if LONG else (12, 5, 3)
        chance = random.Random(SEED)
        for _ in range(count):
            self.serve("--jobs", "4")
        nodes = {"each": self.step("sleep 0.05; echo $BATON_NODE > ${outputs.f}", foreach={"i": {"range": [1, tasks - 1, 1]}}, outputs={"f": {"file": "f"}}),
                 "all": self.step("cat ${inputs.f}", inputs={"f": {"from": "each[*].f"}})}
        for n in range(runs):
            self.begin(chance.choice([r for r in self.replicas if r.process.poll() is None]), n, nodes)

        end = time.monotonic() + (1800 if LONG else 120)
        stopped = None
        woken, fenced = set(), 0  # replicas that go on after a stop; their visits that the store refused

        def look(replica):
            nonlocal fenced
            if replica in woken:
                fenced += int(self.figure(replica, 'baton_passes_total{end="fenced"}'))

        with self.subTest(f"replay: BATON_SEED={SEED}"):
            while self.left() > 0:
                self.assertLess(time.monotonic(), end, f"{self.left()} runs have not ended\n{self.log_of_all()}")
                time.sleep(chance.uniform(0.5, 2.5))
                spared = stopped and stopped[0]  # who goes on now is not killed before it has done what it was about to do
                if stopped and time.monotonic() > stopped[1]:
                    stopped[0].kill(signal.SIGCONT)
                    woken.add(stopped[0])
                    stopped = None
                living = [r for r in self.replicas if r.process.poll() is None and r is not spared]
                victim = chance.choice(living)
                if stopped is None and chance.random() < 0.3:
                    self.stop_in_a_pass(victim)
                    stopped = (victim, time.monotonic() + (15 if LONG else 4))
                else:
                    look(victim)
                    victim.kill()
                    self.serve("--jobs", "4")
            if stopped:
                stopped[0].kill(signal.SIGCONT)
                woken.add(stopped[0])
            for replica in self.replicas:
                if replica.process.poll() is None:
                    look(replica)
            print(f"\n  {len(woken)} replicas went on after a stop: {fenced} of their visits were fenced ... ", end="", flush=True)
            states = Counter(state for state, in self.sql("SELECT result FROM comp_runs"))
            self.assertEqual(states, {"SUCCESS": runs}, self.log_of_all())
            self.check_effects()
            self.check_outputs({"each"})
            self.assertEqual(len({(run, node) for run, node, _ in self.effects()}), runs * tasks)
            if LONG:
                self.assertGreater(fenced, 0, "who stood still for longer than a lock lives comes too late at least once")

    def stop_in_a_pass(self, replica, tries=20):
        """Stops it, between the beginning of a pass and its commit if it is found there."""
        def begun():
            return {tuple(row) for row in self.sql("SELECT run_id, fence FROM comp_runs WHERE failures > 0")}  # counted at the beginning, cleared by the commit

        for _ in range(tries):
            before = begun()
            replica.kill(signal.SIGSTOP)
            stands = begun() - before
            for _ in range(3):  # passes of the others end meanwhile
                stands = stands and stands & begun()
            if stands:
                return
            replica.kill(signal.SIGCONT)
        replica.kill(signal.SIGSTOP)

    def test_a_replica_that_is_told_to_end_drains(self):
        replica, other = self.serve(), self.serve()
        self.three_steps(0.5)
        client = self.start_remote("run", "p.yaml")
        self.eventually(lambda: self.effects(), "a step has begun")

        replica.kill(signal.SIGTERM)

        self.assertEqual(replica.process.wait(10), 0, replica.text())
        self.assertEqual(self.end_of(client).code, 0)
        self.check_effects()


class Limits(Service):
    def request(self, replica):
        """The start request of a new project, whose run lasts."""
        project = str(uuid.uuid4())
        path = self.pipeline({"s": {"run": "sleep 600"}}, name=f"{project}.yaml")
        status, answer = replica.ask("PUT", f"/v2/projects/{project}", {"user_id": 1, "name": "p", "pipeline": path.read_text(), "file": str(path), "params": {}})
        self.assertEqual(status, 200, answer)
        return {"user_id": 1, "project_id": project, "start_pipeline": True, "collection_run_id": str(uuid.uuid4()), "product_name": "x"}

    def start(self, replica, request):
        status, answer = replica.ask("POST", "/v2/computations", request)
        return status, answer["errors"][0]["code"] if "errors" in answer else None

    def test_a_user_has_so_many_open_runs_and_no_more(self):
        replica = self.serve(BATON_OPEN_RUNS_MAX="2")
        first, second, third = (self.request(replica) for _ in range(3))
        self.assertEqual([self.start(replica, one)[0] for one in (first, second)], [201, 201])

        self.eventually(lambda: "baton_runs_open 2" in replica.ask("GET", "/metrics")[1].splitlines(), "they are counted")
        self.assertEqual(self.start(replica, third), (429, "run.too_many_open"))
        self.assertEqual(self.start(replica, second)[0], 201, "it was begun already")
        for one in (first, second):
            self.assertEqual(replica.ask("POST", f"/v2/computations/{one['project_id']}:stop", {"user_id": 1})[0], 202)
        self.eventually(lambda: self.start(replica, third)[0] == 201, "there is room again")

    def test_while_too_many_messages_wait_nothing_is_started(self):
        replica = self.serve(BATON_OUTBOX_MAX="5")
        first, second = self.request(replica), self.request(replica)
        self.assertEqual(self.start(replica, first)[0], 201)
        self.sql("INSERT INTO outbox (run_id, fence, n, created, what, node_id, state, attempt, platform_ok, text, level, at)"
                 " SELECT run_id, 0, n, now() + interval '1 hour', 'run_log', '', 'RUNNING', 0, true, '', 20, now() FROM comp_runs, generate_series(1, 10) n")

        self.eventually(lambda: "baton_outbox_messages 10" in replica.ask("GET", "/metrics")[1].splitlines(), "it is known")
        self.assertEqual(self.start(replica, second), (503, "run.outbox_full"))
        self.sql("DELETE FROM outbox WHERE created > now()")
        self.eventually(lambda: self.start(replica, second)[0] == 201, "they were told")


class Log(Service):
    def test_it_is_an_object_a_line_for_each_change_of_state_and_holds_no_secret_nor_does_a_job(self):
        replica = self.serve(BATON_LOG_FORMAT="json", BATON_LISTENS="mistyped")
        self.pipeline({"bad": {"run": f"env > {self.folder}/environment; exit 3"}}, name="p.yaml")
        self.remote("run", "p.yaml", code=1)
        replica.kill(signal.SIGTERM)
        self.assertEqual(replica.process.wait(10), 0)

        lines = [json.loads(line) for line in replica.text().splitlines() if line.startswith("{")]
        self.assertEqual({line["replica"] for line in lines}, {lines[0]["replica"]})
        run = next(line["run"] for line in lines if line["event"] == "started")
        tasks = [line for line in lines if line["event"] == "task"]
        self.assertEqual([(line["was"], line["state"]) for line in tasks if line["state"] != "STARTED"], [("PUBLISHED", "PENDING"), (tasks[-1]["was"], "FAILED")])
        self.assertEqual({(line["run"], line["node"], line["attempt"]) for line in tasks}, {(run, "bad", "1")})
        self.assertTrue(all(int(line["fence"]) > 0 for line in tasks))
        self.assertEqual((tasks[-1]["level"], tasks[-1]["code"]), ("warning", "runtime.exit"))
        self.assertEqual([line["result"] for line in lines if line["event"] == "run"][-1], "FAILED")
        self.assertIn("BATON_LISTENS", [line["name"] for line in lines if line["event"] == "setting.ignored"])
        for name in "POSTGRES_PASSWORD", "RABBIT_PASSWORD", "REDIS_PASSWORD", "BATON_TOKEN":
            secret = self.environment.get(name)
            if secret:
                self.assertNotIn(secret, replica.text(), name)
                self.assertNotIn(secret, (self.folder / "environment").read_text(), name)

    def test_settings_that_are_missing_are_told_beside_those_that_hold(self):
        shown = self.baton("serve", "--print-config", env={**self.environment, "POSTGRES_USER": "", "RABBIT_PORT": "many"}, code=2)
        self.assertIn("POSTGRES_DB=" + self.name, shown.out)
        self.assertIn("RABBIT_PORT=many  # environment", shown.out)
        for name in "POSTGRES_USER", "RABBIT_PORT":
            self.assertIn(name, shown.err)


class Interface(Service):
    def test_no_or_a_wrong_token_is_refused(self):
        replica = self.serve()
        self.assertEqual(replica.ask("GET", "/v2/quarantine", token=None)[0], 401)
        self.assertEqual(replica.ask("GET", "/v2/quarantine", token="wrong")[0], 401)
        self.assertEqual(replica.ask("GET", "/v2/quarantine", token=TOKEN), (200, {"runs": []}))

    def test_it_becomes_ready_and_shows_its_figures(self):
        replica = self.serve()
        self.eventually(lambda: replica.ask("GET", "/readyz")[0] == 200, "it is ready")
        status, text = replica.ask("GET", "/metrics")
        self.assertEqual(status, 200)
        for name in ("baton_passes_total", "baton_pass_seconds_bucket", "baton_queue_consumers_alive 1", "baton_lock_up 1"):
            self.assertIn(name, text)
        # Of what all replicas have in common; NaN until it was asked for.
        for name in ("baton_runs_open 0", "baton_runs_held 0", "baton_outbox_age_seconds 0", "baton_queue_depth 0", 'baton_jobs{state="PENDING"} 0'):
            self.eventually(lambda: name in replica.ask("GET", "/metrics")[1].splitlines(), name)

    def test_each_figure_is_described_and_each_that_is_described_is_there(self):
        kinds = dict(re.findall(r"^# TYPE (baton_\w+) (\w+)$", self.serve().ask("GET", "/metrics")[1], re.M))
        self.assertIn(("baton_pass_seconds", "histogram"), kinds.items())
        described = set(re.findall(r"`(baton_\w+)(?:\{[^`]*)?`", (ROOT / "docs/operate.md").read_text(encoding="utf-8")))
        self.assertEqual(set(kinds), described)

    def test_a_replica_whose_place_was_given_away_ends_and_says_why(self):
        replica = self.serve()
        self.sql("UPDATE local_keeper SET id = 'another', folder = '/another'")
        self.sql("SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN replicas p ON ((l.classid::bigint << 32) | l.objid::bigint) = p.lock_key"
                 " WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())")

        self.assertEqual(replica.process.wait(PATIENCE), 4, replica.text())
        self.eventually(lambda: "store.other_keeper" in replica.text(), "it says why")
        self.assertIn("/another", replica.text())

    def test_a_queue_that_is_there_with_other_arguments_is_refused(self):
        self.serve()
        other = self.serve(BATON_QUEUE_TTL="60s")
        self.eventually(lambda: "queue.refused" in other.text(), "it says that it cannot have the queue as it was told")
        self.assertEqual(other.ask("GET", "/readyz")[0], 503)
        elsewhere = self.serve(BATON_QUEUE=self.name + "-other", BATON_EXCHANGE=self.name + "-exchange", BATON_QUEUE_TTL="60s", BATON_QUEUE_RETRY_DELAY="2s")
        self.eventually(lambda: elsewhere.ask("GET", "/readyz")[0] == 200, "another one is made")

    def test_tables_that_are_missing_are_named_where_they_are_not_to_be_made(self):
        ended = self.baton("serve", "--listen", "127.0.0.1:0", "--local-backend", "--data", self.folder, env={**self.environment, "BATON_MIGRATE": "0"}, code=4)
        self.assertIn("store.older", ended.err)
        self.assertIn("0001_runs.sql", ended.err)

    def test_a_file_outside_the_data_folders_is_refused(self):
        replica = self.serve()
        path = self.pipeline({"s": {"run": "cat ${inputs.f}", "inputs": {"f": {"file": "/etc/passwd"}}}})
        ended = self.remote("run", "p.yaml")
        self.assertEqual(ended.code, 2, ended)
        self.assertIn("forbidden", ended.err)
        self.assertTrue(path.exists() and replica.process.poll() is None)

    def test_the_file_of_settings_says_where_the_token_is(self):
        (self.folder / "baton.yaml").write_text(f"BATON_TOKEN_FILE: {self.folder}/token\nCOMPUTATIONAL_BACKEND_MAX_TASK_RETRIES: 3\n")
        shown = self.baton("serve", "--config", "baton.yaml", "--print-config", env=self.environment, code=0).out
        self.assertIn("COMPUTATIONAL_BACKEND_MAX_TASK_RETRIES=3  # baton.yaml", shown)

        replica = self.serve("--config", str(self.folder / "baton.yaml"), BATON_TOKEN="")

        token = (self.folder / "token").read_text().strip()
        self.assertEqual(replica.ask("GET", "/v2/quarantine", token=token), (200, {"runs": []}))

    def test_settings_are_shown_without_secrets_and_wrong_ones_are_refused(self):
        shown = self.baton("serve", "--print-config", env=self.environment, code=0).out
        self.assertIn("COMPUTATIONAL_BACKEND_SCHEDULING_CONCURRENCY=50  # default", shown)
        self.assertNotIn(TOKEN, shown)
        self.assertNotIn(os.environ["RABBIT_PASSWORD"], shown)
        wrong = self.baton("serve", env={**self.environment, "RABBIT_PORT": "many"}, code=2)
        self.assertIn("RABBIT_PORT", wrong.err)


if __name__ == "__main__":
    unittest.main()
