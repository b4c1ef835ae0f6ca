"""What the reference's tests ask of manager, runs and passes (docs/conformance.md), on real servers: the rows as they are written."""
import concurrent.futures
import time
import unittest
import uuid

from service import Service

PROJECT = "00000000-0000-4000-8000-0000000000a1"
GONE = "00000000-0000-4000-8000-00000000dead"


class Catalogue(Service):
    def put(self, replica, nodes, project=PROJECT, user=1, code=200):
        path = self.pipeline(nodes, name=f"{project}.yaml")
        status, answer = replica.ask("PUT", f"/v2/projects/{project}", {"user_id": user, "name": project, "pipeline": path.read_text(), "file": str(path), "params": {}})
        self.assertEqual(status, code, answer)

    def start_run(self, replica, project=PROJECT, user=1, **more):
        return replica.ask("POST", "/v2/computations", {"user_id": user, "project_id": project, "start_pipeline": True,
                                                       "collection_run_id": str(uuid.uuid4()), "product_name": "osparc", **more})

    def row(self, columns, project=PROJECT):
        return self.sql(f"SELECT {columns} FROM comp_runs WHERE project_uuid = '{project}' ORDER BY run_id DESC LIMIT 1")[0]

    def until_result(self, result, project=PROJECT):
        self.eventually(lambda: self.row("result", project)[0] == result, f"the run becomes {result}\n{self.log_of_all()}")

    def waits(self, name="go"):
        """A step that runs until the test lets it go."""
        return {"run": f"touch {self.folder}/begun-{name}; while [ ! -e {self.folder}/{name} ]; do sleep 0.05; done"}

    def begun(self, name="go"):
        self.eventually(lambda: (self.folder / f"begun-{name}").exists(), f"{name} has begun\n{self.log_of_all()}")


class Manager(Catalogue):
    def test_MG_4_a_new_run_is_one_row_with_its_metadata_and_its_mark(self):
        replica = self.serve()
        self.put(replica, {"s": self.waits()})
        status, answer = self.start_run(replica)
        self.assertEqual((status, answer["iteration"]), (201, 1), answer)
        self.begun()
        self.assertEqual(self.row("iteration, cancelled IS NULL, scheduled IS NOT NULL, ended IS NULL, metadata ->> 'product_name'"),
                         ["1", "t", "t", "t", "osparc"])
        self.assertEqual(self.row("count(*) OVER ()"), ["1"])
        (self.folder / "go").touch()
        self.until_result("SUCCESS")
        self.eventually(lambda: self.row("open") == ["f"], "nothing is owed")
        self.assertEqual(self.row("processed >= scheduled, ended IS NOT NULL"), ["t", "t"])

    def test_MG_9_an_unknown_project_and_one_without_work_make_no_run(self):
        replica = self.serve()
        self.assertEqual(self.start_run(replica, GONE)[0], 404)
        self.put(replica, {"s": {"run": "true"}})
        self.assertEqual(self.start_run(replica)[0], 201)
        self.until_result("SUCCESS")
        status, answer = self.start_run(replica)
        self.assertEqual((status, answer["run"]), (200, None), answer)
        self.assertEqual(self.sql("SELECT count(*) FROM comp_runs"), [["1"]])

    def test_MG_10_a_start_that_is_sent_twice_is_one_run(self):
        replica = self.serve()
        self.put(replica, {"s": self.waits()})
        same = str(uuid.uuid4())
        first = self.start_run(replica, collection_run_id=same)[1]
        created = self.row("run_id, created, iteration")
        again = self.start_run(replica, collection_run_id=same)[1]
        other = self.start_run(replica)[1]
        self.assertEqual({first["run"]["run_id"], again["run"]["run_id"], other["run"]["run_id"]}, {first["run"]["run_id"]})
        self.assertEqual(self.row("run_id, created, iteration"), created)
        (self.folder / "go").touch()
        self.until_result("SUCCESS")

    def test_MG_8_W18_a_run_whose_maker_died_before_the_message_begins_soon(self):
        replica = self.serve()
        self.put(replica, {"s": self.waits()})
        self.start_run(replica)
        self.begun()
        # As after a death between the commit of the run and its wake-up: the same run once more, unmarked.
        replica.kill()
        self.sql("UPDATE comp_runs SET scheduled = NULL, processed = NULL, published = NULL, wake_at = NULL, follower = ''")
        began = time.monotonic()
        self.serve()
        (self.folder / "go").touch()
        self.until_result("SUCCESS")
        self.assertLess(time.monotonic() - began, 45, "the reference looks for lost runs after 50 s")


class Runs(Catalogue):
    def test_RP_2_iterations_count_for_each_user_and_project(self):
        replica = self.serve()
        self.put(replica, {"s": {"run": "true"}})
        other = PROJECT[:-1] + "2"
        self.put(replica, {"s": {"run": "true"}}, project=other, user=2)
        self.assertEqual(self.start_run(replica)[1]["iteration"], 1)
        self.until_result("SUCCESS")
        self.assertEqual(self.start_run(replica, force_restart=True)[1]["iteration"], 2)
        self.assertEqual(self.start_run(replica, other, user=2)[1]["iteration"], 1)
        self.until_result("SUCCESS")
        self.until_result("SUCCESS", other)
        self.assertEqual(replica.ask("GET", f"/v2/computations/{PROJECT}?user_id=1")[1]["iteration"], 2)
        self.assertEqual(replica.ask("GET", f"/v2/computations/{PROJECT}?user_id=1&iteration=1")[1]["iteration"], 1)
        self.assertEqual(replica.ask("GET", f"/v2/computations/{GONE}?user_id=1")[0], 404)
        self.assertEqual(replica.ask("GET", f"/v2/computations/{PROJECT}?user_id=1&iteration=9")[0], 404)

    def test_RP_5_the_result_moves_its_time_only_when_it_changes(self):
        replica = self.serve()
        self.put(replica, {"a": self.waits(), "b": self.waits("other")})
        self.start_run(replica)
        self.until_result("RUNNING")
        self.begun("other")
        self.eventually(lambda: self.sql("SELECT count(*) FROM comp_run_snapshot_tasks WHERE state = 'RUNNING'") == [["2"]], "both run")
        changed = self.row("last_result_changed, ended IS NULL")
        fence = int(self.row("fence")[0])
        (self.folder / "other").touch()
        self.eventually(lambda: self.sql("SELECT count(*) FROM comp_run_snapshot_tasks WHERE state = 'SUCCESS'") == [["1"]], "one has ended")
        self.assertGreater(int(self.row("fence")[0]), fence)
        self.assertEqual(self.row("last_result_changed, ended IS NULL"), changed)
        (self.folder / "go").touch()
        self.until_result("SUCCESS")
        self.assertEqual(self.row(f"last_result_changed > '{changed[0]}', ended IS NOT NULL"), ["t", "t"])

    def test_RP_6_a_stop_is_a_time_in_the_row_that_a_second_one_leaves(self):
        replica = self.serve()
        self.put(replica, {"s": self.waits()})
        self.start_run(replica)
        self.begun()
        self.assertEqual(replica.ask("POST", f"/v2/computations/{PROJECT}:stop", {"user_id": 1})[0], 202)
        cancelled = self.row("cancelled")
        self.assertNotEqual(cancelled, [""])
        self.assertEqual(replica.ask("POST", f"/v2/computations/{PROJECT}:stop", {"user_id": 1})[0], 202)
        self.until_result("ABORTED")
        self.assertEqual(self.row("cancelled"), cancelled)
        self.eventually(lambda: any(" stop " in line and PROJECT in line for line in replica.text().splitlines()), "the log says that it was asked for")
        self.assertEqual(replica.ask("POST", f"/v2/computations/{PROJECT}:stop", {"user_id": 1})[0], 202)
        self.assertEqual(self.row("result"), ["ABORTED"])

    def test_SC_1_a_run_of_the_workbench_writes_tasks_run_and_view(self):
        replica = self.serve()
        out = {"outputs": {"o": {"file": "o"}}}
        self.put(replica, {"n1": {"run": "echo 1 > ${outputs.o}", **out},
                           "n2": {"run": "exit 3", "inputs": {"i": {"from": "n1.o"}}, **out},
                           "n3": {"run": "echo 3 > ${outputs.o}", **out},
                           "n4": {"run": "true", "inputs": {"i": {"from": "n2.o"}, "j": {"from": "n3.o"}}}})
        self.start_run(replica, keep_going=True)
        self.until_result("FAILED")
        states = [["n1", "SUCCESS"], ["n2", "FAILED"], ["n3", "SUCCESS"], ["n4", "ABORTED"]]
        self.assertEqual(self.sql("SELECT node_id, state FROM comp_run_snapshot_tasks ORDER BY node_id"), states)
        self.assertEqual(self.sql("SELECT node_id, state FROM comp_tasks ORDER BY node_id"), states)
        self.assertEqual(self.sql("SELECT count(*) FROM comp_run_snapshot_tasks WHERE state <> 'ABORTED' AND job_id IS NULL"), [["0"]])
        self.assertEqual(self.sql("SELECT errors -> 0 ->> 'type' FROM comp_run_snapshot_tasks WHERE node_id = 'n2'"), [["runtime.exit"]])
        self.eventually(lambda: self.sql("SELECT count(*) FROM outbox") == [["0"]], "all messages were told")
        self.eventually(lambda: self.sql("SELECT count(*) FROM comp_task_attempts WHERE owed <> 'nothing'") == [["0"]], "every job is released")

    def test_SC_21_W35_a_project_deleted_under_its_run_leaves_no_row_and_harms_nobody(self):
        replica = self.serve()
        self.put(replica, {"s": self.waits()})
        self.start_run(replica)
        self.begun()
        self.sql(f"DELETE FROM projects WHERE uuid = '{PROJECT}'")
        (self.folder / "go").touch()
        other = PROJECT[:-1] + "3"
        self.put(replica, {"s": {"run": "true"}}, project=other)
        self.start_run(replica, other)
        self.until_result("SUCCESS", other)
        self.assertEqual(self.sql(f"SELECT count(*) FROM comp_runs WHERE project_uuid = '{PROJECT}'"), [["0"]])
        self.assertIsNone(replica.process.poll(), replica.text())


class Weaknesses(Catalogue):
    def test_W16_what_others_write_into_the_view_does_not_reach_the_run(self):
        replica = self.serve()
        self.put(replica, {"a": self.waits(), "b": {"run": "true", "after": ["a"]}})
        self.start_run(replica)
        self.begun()
        self.sql("UPDATE comp_tasks SET state = 'FAILED', job_id = NULL WHERE node_id = 'a'")
        self.sql("DELETE FROM comp_tasks WHERE node_id = 'b'")
        self.put(replica, {"a": self.waits(), "c": {"run": "false"}})
        self.assertEqual(self.start_run(replica)[0], 409, "one unfinished run for each project")
        self.put(replica, {"a": {"run": "true"}}, user=2, code=409)
        (self.folder / "go").touch()
        self.until_result("SUCCESS")
        self.assertEqual(self.sql("SELECT node_id, state FROM comp_run_snapshot_tasks ORDER BY node_id"), [["a", "SUCCESS"], ["b", "SUCCESS"]])

    def test_W17_of_many_starts_at_once_through_two_replicas_one_makes_the_run(self):
        replicas = [self.serve(), self.serve()]
        self.put(replicas[0], {"s": self.waits()})
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(lambda n: self.start_run(replicas[n % 2]), range(12)))
        self.assertEqual(self.sql("SELECT count(*), max(iteration) FROM comp_runs"), [["1", "1"]])
        self.assertEqual({status for status, _ in answers} - {201, 409}, set(), answers)
        self.assertEqual({answer["run"]["run_id"] for status, answer in answers if status == 201}, {int(self.row("run_id")[0])})
        self.assertEqual(self.sql("SELECT count(*) FROM comp_run_snapshot_tasks"), [["1"]])
        (self.folder / "go").touch()
        self.until_result("SUCCESS")


if __name__ == "__main__":
    unittest.main()
