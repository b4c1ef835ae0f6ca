"""The first example from end to end: run, killed, gone on with, nothing to do."""
import os
import shutil
import signal

from workshop import ROOT, Workshop


class Hello(Workshop):
    def setUp(self):
        super().setUp()
        shutil.copytree(ROOT / "examples/hello", self.folder, dirs_exist_ok=True)
        path = self.folder / "pipeline.yaml"
        path.write_text(path.read_text().replace("greeting.txt } }\n    run: echo", "greeting.txt } }\n    run: echo greet >> $HELLO_SEEN; echo"))
        os.environ["HELLO_SEEN"] = str(self.folder / "seen")
        self.addCleanup(os.environ.pop, "HELLO_SEEN")

    def report(self):
        return (self.out / "report/report.txt").read_text()

    def run_until_it_sleeps(self):
        process = self.start("run", "pipeline.yaml", start_new_session=True)
        self.eventually(lambda: "measure" in self.baton("status", "pipeline.yaml").out, "measure is handed over")
        self.eventually(lambda: list(self.state.glob("runs/*/measure@1.log")), "measure has begun")
        return process

    def test_it_runs_and_then_there_is_nothing_to_do(self):
        first = self.baton("run", "pipeline.yaml", code=0)
        again = self.baton("run", "pipeline.yaml", code=0)

        self.assertIn("hello: SUCCESS: 3 of 3 tasks succeeded", first.err)
        self.assertEqual(self.report(), "Hello, world!\nThat is 14 characters.\n")
        self.assertIn("nothing to do", again.err)
        self.assertEqual(again.out, "")

    def test_killed_while_it_sleeps_it_goes_on_and_repeats_nothing(self):
        process = self.run_until_it_sleeps()
        process.send_signal(signal.SIGKILL)
        process.wait()

        resumed = self.baton("run", "pipeline.yaml", code=0)

        self.assertIn("run 1 was interrupted, and goes on", resumed.err)
        self.assertEqual(self.lines("seen"), ["greet"])
        self.assertEqual([len(list(self.state.glob(f"runs/*/measure@{n}.log"))) for n in (1, 2)], [1, 0])
        self.assertEqual(self.report(), "Hello, world!\nThat is 14 characters.\n")
        self.assertIn("nothing to do", self.baton("run", "pipeline.yaml", code=0).err)

    def test_killed_with_its_whole_process_group_it_goes_on_all_the_same(self):
        process = self.run_until_it_sleeps()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

        self.baton("run", "pipeline.yaml", code=0)

        self.assertEqual(self.lines("seen"), ["greet"])
        self.assertEqual(self.report(), "Hello, world!\nThat is 14 characters.\n")

    def test_when_its_keeper_is_killed_too_what_ran_is_lost_and_tried_again(self):
        process = self.run_until_it_sleeps()
        keeper = self.keeper()
        os.killpg(process.pid, signal.SIGKILL)
        os.kill(keeper, signal.SIGKILL)
        process.wait()

        resumed = self.baton("run", "pipeline.yaml", code=0)

        self.assertIn("measure: the job began and was lost", resumed.err)
        self.assertEqual(self.lines("seen"), ["greet"])
        self.assertEqual(self.report(), "Hello, world!\nThat is 14 characters.\n")

    def test_another_value_runs_what_depends_on_it(self):
        self.baton("run", "pipeline.yaml", code=0)

        self.assertEqual(self.plan("pipeline.yaml", "--set", "who=moon"),
                         {"greet": ["definition-changed"], "measure": ["upstream-runs"], "report": ["upstream-runs"]})
        self.baton("run", "pipeline.yaml", "--set", "who=moon", code=0)
        self.assertEqual(self.report(), "Hello, moon!\nThat is 13 characters.\n")

    def test_after_a_kill_another_request_cancels_the_old_run_first(self):
        process = self.run_until_it_sleeps()
        process.send_signal(signal.SIGKILL)
        process.wait()

        other = self.baton("run", "pipeline.yaml", "--set", "who=moon", code=0)

        self.assertIn("run 1 was interrupted, and asked for something else: it was cancelled first", other.err)
        self.assertEqual(self.report(), "Hello, moon!\nThat is 13 characters.\n")
        runs = self.baton("history", "pipeline.yaml", "--json", code=0).json["runs"]
        self.assertEqual([(run["iteration"], run["result"]) for run in runs], [(2, "SUCCESS"), (1, "ABORTED")])
