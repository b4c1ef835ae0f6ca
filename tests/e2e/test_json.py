"""What `--json` prints: one object, in the shape of the pipeline format, alone on stdout."""
import os
import re

from workshop import Workshop

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


class Json(Workshop):
    def setUp(self):
        super().setUp()
        self.pipeline({
            "a": {"outputs": {"f": {"file": "f.txt"}, "v": {"value": "json"}}, "run": "echo x > ${outputs.f}; echo '{\"v\": {\"k\": [1, null]}}' > $BATON_OUTPUTS"},
            "b": {"inputs": {"f": {"from": "a.f"}}, "run": "printf '%s' $BATON_RUN > ../../../../run-id"},
            "c": {"run": "exit 7"},
        })

    def test_a_run_lists_every_task_with_all_that_is_known(self):
        ended = self.baton("run", "p.yaml", "-k", "--json", code=1).json

        self.assertEqual(list(ended), ["run", "tasks"])
        run = ended["run"]
        self.assertEqual(list(run), ["id", "iteration", "result", "created", "started", "ended"])
        self.assertEqual((run["iteration"], run["result"]), (1, "FAILED"))
        self.assertEqual(run["id"], (self.folder / "run-id").read_text())
        for key in ("created", "started", "ended"):
            self.assertRegex(run[key], TIME)
        a, b, c = ended["tasks"]
        self.assertEqual(list(a), ["node", "state", "reasons", "reused", "attempt", "submitted", "started", "ended", "exit_code", "log", "outputs", "errors"])
        self.assertEqual((a["node"], a["state"], a["reused"], a["attempt"], a["exit_code"], a["errors"]), ("a", "SUCCESS", False, 1, 0, []))
        self.assertEqual(a["outputs"], {"f": str(self.out / "a/f.txt"), "v": {"k": [1, None]}})
        for key in ("submitted", "started", "ended"):
            self.assertRegex(a[key], TIME)
        self.assertEqual([list(reason) for reason in b["reasons"]], [["kind", "port", "detail"]] * len(b["reasons"]))
        self.assertEqual({(reason["kind"], reason["port"]) for reason in b["reasons"]}, {("never-succeeded", ""), ("upstream-runs", "f")})
        self.assertEqual((c["state"], c["exit_code"], c["outputs"]), ("FAILED", 7, {}))
        self.assertEqual([sorted(error) for error in c["errors"]], [["code", "way_out", "what", "where"]])
        self.assertEqual(c["errors"][0]["code"], "runtime.exit")

    def test_what_was_not_run_now_is_reused_with_its_old_times(self):
        first = self.run_tasks("p.yaml", "-k", code=1)

        again = self.run_tasks("p.yaml", "-k", code=1)

        self.assertTrue(again["a"]["reused"])
        for key in ("state", "attempt", "submitted", "started", "ended", "log", "outputs"):
            self.assertEqual(again["a"][key], first["a"][key], key)
        self.assertFalse(again["c"]["reused"])

    def test_nothing_to_do_makes_no_run(self):
        self.run_tasks("p.yaml", "a", "b")

        nothing = self.baton("run", "p.yaml", "b", "--json", code=0)

        self.assertIsNone(nothing.json["run"])
        self.assertEqual([(task["node"], task["state"], task["reused"]) for task in nothing.json["tasks"]],
                         [("a", "SUCCESS", True), ("b", "SUCCESS", True), ("c", "NOT_STARTED", False)])
        self.assertEqual(len(self.baton("history", "p.yaml", "--json", code=0).json["runs"]), 1)

    def test_a_task_that_was_not_selected_keeps_its_last_state(self):
        self.run_tasks("p.yaml", "c", code=1)

        self.assertEqual(self.run_tasks("p.yaml", "a")["c"]["state"], "FAILED")

    def test_a_plan_gives_all_tasks_reasons_and_edges(self):
        self.run_tasks("p.yaml", "a")

        planned = self.baton("plan", "p.yaml", "--json", code=0).json

        self.assertEqual(list(planned), ["tasks", "edges"])
        self.assertEqual([(task["node"], task["run"]) for task in planned["tasks"]], [("a", False), ("b", True), ("c", True)])
        self.assertEqual([list(task) for task in planned["tasks"]], [["node", "run", "reasons"]] * 3)
        self.assertEqual([list(reason) for reason in planned["tasks"][1]["reasons"]], [["kind", "port", "detail"]])
        self.assertEqual(planned["edges"], [["a", "b"]])
        self.assertEqual(self.baton("run", "p.yaml", "--dry-run", "--json", code=0).json, planned)

    def test_the_others_give_objects_too(self):
        self.run_tasks("p.yaml", "-k", code=1)

        status = self.baton("status", "p.yaml", "--json", code=0).json
        self.assertEqual((status["run"]["result"], status["pid"], len(status["tasks"])), ("FAILED", None, 3))
        history = self.baton("history", "p.yaml", "--json", code=0).json
        self.assertEqual(history["runs"][0]["tasks"], {"FAILED": 1, "SUCCESS": 2})
        why = self.baton("why", "p.yaml", "c", "--json", code=0).json
        self.assertEqual(why["tasks"][0]["node"], "c")
        self.assertEqual(why["tasks"][0]["lines"][0]["topic"], "state")
        self.assertIn("runtime.exit", str(why))

    def test_a_simulated_run_makes_nothing_and_counts_for_simulated_runs_alone(self):
        self.pipeline({"a": {"inputs": {"f": {"file": "not-there"}}, "outputs": {"o": {"file": "o"}}, "run": "touch ../../../../../really"},
                       "b": {"inputs": {"o": {"from": "a.o"}}, "run": "true"}})

        self.baton("run", "p.yaml", "--simulate", "0", code=0)

        self.assertFalse((self.folder / "really").exists())
        self.assertFalse(self.out.exists())
        self.assertIn("nothing to do", self.baton("run", "p.yaml", "--simulate", "0", code=0).err)
        self.write("not-there", "now it is")
        self.assertEqual(sorted(self.plan("p.yaml")), ["a", "b"])


class ReadOnly(Workshop):
    """plan, why, status, history need no right to write, and make nothing."""

    READERS = (["plan", "p.yaml"], ["why", "p.yaml", "a"], ["status", "p.yaml"], ["history", "p.yaml"], ["run", "p.yaml", "--dry-run"])

    def setUp(self):
        super().setUp()
        self.pipeline({"a": {"outputs": {"o": {"file": "o"}}, "run": "echo x > ${outputs.o}"}})

    def nobody(self):
        """As root, rights do not count: another user reads then."""
        if os.getuid() != 0:
            return {}
        self.folder.chmod(0o755)
        return {"user": 65534, "group": 65534, "extra_groups": []}

    def test_where_there_is_no_state_yet_none_is_made(self):
        before = self.files()

        for words in self.READERS:
            with self.subTest(words):
                self.baton(*words, code=0)
                self.assertEqual(self.files(), before)

    def test_they_leave_the_state_as_it_is(self):
        self.baton("run", "p.yaml", code=0)
        self.eventually(lambda: not self.keeper(), "the keeper has gone")
        sqlites_own = ("baton.db-shm", "baton.db-wal")  # of its readers, too; the database itself is not touched
        before = self.files(*sqlites_own)

        for words in self.READERS:
            with self.subTest(words):
                self.baton(*words, code=0)
        self.baton("logs", "p.yaml", "a", code=0)

        self.assertEqual(self.files(*sqlites_own), before)

    def test_they_work_where_nothing_can_be_written(self):
        self.baton("run", "p.yaml", code=0)
        for path in [*self.folder.rglob("*"), self.folder]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        self.addCleanup(lambda: [path.chmod(0o755) for path in [self.folder, self.state] if path.exists()])
        other = self.nobody()

        self.assertIn("nothing to do", self.baton("plan", "p.yaml", code=0, **other).out)
        self.assertIn("up to date", self.baton("why", "p.yaml", "a", code=0, **other).out)
        self.assertIn("SUCCESS", self.baton("status", "p.yaml", code=0, **other).out)
        self.assertIn("SUCCESS", self.baton("history", "p.yaml", code=0, **other).out)
        refused = self.baton("run", "p.yaml", code=4, **other)
        self.assertIn("state", refused.err)

    def test_they_read_what_a_killed_run_has_left(self):
        self.pipeline({"a": {"run": "touch ../../../../begun; exec sleep 60"}})
        process = self.start("run", "p.yaml")
        self.eventually(lambda: (self.folder / "begun").exists(), "it has begun")
        process.kill()
        process.wait()
        for path in (self.state, self.state / "baton.db"):
            path.chmod(0o555 if path.is_dir() else 0o444)
        self.addCleanup(lambda: self.state.chmod(0o755))
        other = self.nobody()

        status = self.baton("status", "p.yaml", "--json", code=0, **other).json

        self.assertIsNone(status["run"]["ended"])
        self.assertIn(status["tasks"][0]["state"], ("PENDING", "STARTED"))
