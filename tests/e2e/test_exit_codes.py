"""How a run ends, and what the code says of it: failures, signals, two at once."""
import os
import signal
import subprocess
import time
from pathlib import Path

from workshop import BATON, PATIENCE, Workshop, alive


class ExitCodes(Workshop):
    def test_a_failed_task_is_one_and_shows_the_end_of_its_log(self):
        self.pipeline({
            "good": {"run": "true"},
            "bad": {"run": "seq 1 30; printf '\\033[31mred\\377\\n'; exit 3"},
            "after": {"after": ["bad"], "run": "touch never"},
        })

        ended = self.baton("run", "p.yaml", "-j1", code=1)

        self.assertIn("bad: FAILED", ended.err)
        self.assertIn("exit code 3", ended.err)
        shown = [line.strip() for line in ended.err.splitlines() if line.startswith("    ")]
        self.assertEqual(shown, [str(n) for n in range(12, 31)] + ["?[31mred?"])
        tasks = {task["node"]: task for task in self.baton("status", "p.yaml", "--json", code=0).json["tasks"]}
        self.assertEqual({name: task["state"] for name, task in tasks.items()}, {"good": "SUCCESS", "bad": "FAILED", "after": "ABORTED"})
        self.assertEqual(tasks["bad"]["exit_code"], 3)

    def test_results_are_named_where_there_are_some(self):
        self.pipeline({"a": {"run": "true"}})
        self.assertNotIn("results:", self.baton("run", "p.yaml", code=0).err)

        self.pipeline({"a": {"run": "true > ${outputs.f}", "outputs": {"f": {"file": "f"}}}})
        self.assertIn("results: baton-out\n", self.baton("run", "p.yaml", code=0).err)

    def test_a_command_that_is_too_long_says_so(self):
        self.pipeline({"a": {"run": "true " + "x" * (128 << 10)}})

        ended = self.baton("run", "p.yaml", code=1)

        self.assertIn("longer than the system takes (one word", ended.err)
        self.assertIn("$BATON_INPUTS", ended.err)

    def test_without_k_nothing_new_starts_and_with_it_the_rest_runs(self):
        nodes = {"bad": {"run": "exit 1"}, **{f"other{n}": {"after": [f"other{n - 1}"] if n else [], "run": "sleep 0.05"} for n in range(5)}}
        self.pipeline(nodes)

        self.baton("run", "p.yaml", "-j1", code=1)
        first = self.baton("status", "p.yaml", "--json").json["tasks"]
        self.baton("run", "p.yaml", "-j1", "-k", code=1)
        second = self.baton("status", "p.yaml", "--json").json["tasks"]

        self.assertIn("ABORTED", [task["state"] for task in first])
        self.assertEqual({task["state"] for task in second if task["node"] != "bad"}, {"SUCCESS"})

    def test_a_retry_that_succeeds_is_a_success(self):
        self.pipeline({"flaky": {"retries": {"max": 2, "backoff": "400ms"}, "run": "[ $BATON_ATTEMPT = 2 ]"}})

        ended = self.baton("run", "p.yaml", code=0)

        self.assertIn("it is tried again", ended.err)
        self.assertIn("attempt 2", ended.err)
        self.assertEqual(self.run_tasks("p.yaml")["flaky"]["attempt"], 2)

    def test_a_time_limit_ends_the_task(self):
        self.pipeline({"long": {"timeout": "200ms", "grace": "100ms", "run": "sleep 60"}})

        ended = self.baton("run", "p.yaml", code=1)

        self.assertIn("runtime.timeout", ended.err)

    def test_what_this_machine_can_never_run_is_bad_input(self):
        self.pipeline({"huge": {"resources": {"cpu": 100000.5}, "run": "true"}})

        ended = self.baton("run", "p.yaml", "--resources", "cpu=1.5", code=2)

        self.assertIn("'huge' asks for cpu 100000.5, and this machine has 1.5\n", ended.err)
        self.assertFalse(self.state.exists())

    def test_custom_resources_share_out_what_is_said(self):
        self.pipeline({f"n{n}": {"resources": {"token": 1}, "run": f"echo s{n} >> $PWD/../../../../seen; sleep 0.2; echo e{n} >> $PWD/../../../../seen"}
                       for n in range(3)})

        self.baton("run", "p.yaml", "-j4", "--resources", "token=1", code=0)

        seen = self.lines("seen")
        self.assertEqual([(line[0], seen[i + 1][0]) for i, line in enumerate(seen) if i % 2 == 0], [("s", "e")] * 3)


class Signals(Workshop):
    def start_sleeper(self, run="echo $$ > $OUT_PID; exec sleep 60", **step):
        pid_file = self.folder / "pid"
        os.environ["OUT_PID"] = str(pid_file)
        self.addCleanup(os.environ.pop, "OUT_PID", None)
        self.pipeline({"sleeper": {"run": run, **step}, "next": {"after": ["sleeper"], "run": "true"}})
        process = self.start("run", "p.yaml", "--json")
        self.eventually(lambda: pid_file.exists() and pid_file.read_text().strip(), "the task has begun")
        return process, int(pid_file.read_text())

    def test_each_of_the_three_signals_cancels_and_gives_three(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number.name):
                process, job = self.start_sleeper()
                process.send_signal(number)

                ended = self.end_of(process)

                self.assertEqual(ended.code, 3, ended)
                self.assertIn("stopping", ended.err)
                self.assertFalse(alive(job))
                self.assertEqual([task["state"] for task in ended.json["tasks"]], ["ABORTED", "ABORTED"])
                self.assertEqual(ended.json["run"]["result"], "ABORTED")
                (self.folder / "pid").unlink()

    def test_a_job_that_will_not_stop_is_killed_at_the_second_signal(self):
        process, job = self.start_sleeper("trap '' TERM INT; echo $$ > $OUT_PID; while :; do sleep 0.05; done", grace="10m")
        process.send_signal(signal.SIGINT)
        line = b""
        while b"stopping" not in line:
            line = process.stderr.readline()
        self.assertTrue(alive(job))
        process.send_signal(signal.SIGINT)

        ended = self.end_of(process)

        self.assertEqual(ended.code, 3, ended)
        self.assertFalse(alive(job))

    def test_a_run_that_is_started_with_hangups_ignored_goes_on_after_one(self):
        self.pipeline({"short": {"run": "touch $PWD/../../../../begun; sleep 1"}})
        process = subprocess.Popen(["sh", "-c", "trap '' HUP; exec \"$0\" run p.yaml", BATON], cwd=self.folder,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.started.append(process)
        self.eventually(lambda: (self.folder / "begun").exists(), "the task has begun")
        process.send_signal(signal.SIGHUP)

        self.assertEqual(self.end_of(process).code, 0)

    def test_a_closed_reader_does_not_stop_the_run(self):
        self.pipeline({f"n{n}": {"run": "sleep 0.05"} for n in range(10)})
        process = self.start("run", "p.yaml", "-j1")
        process.stderr.close()
        process.stdout.close()

        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertEqual({task["state"] for task in self.baton("status", "p.yaml", "--json").json["tasks"]}, {"SUCCESS"})
        self.started.remove(process)


class TwoAtOnce(Workshop):
    def start_first(self):
        self.pipeline({"sleeper": {"run": "touch $PWD/../../../../begun; exec sleep 60"}})
        process = self.start("run", "p.yaml")
        self.eventually(lambda: (self.folder / "begun").exists(), "the first run has begun")
        return process

    def test_the_second_names_the_holder_and_starts_nothing(self):
        first = self.start_first()
        self.pipeline({"other": {"run": "touch $PWD/../../../../other"}}, name="q.yaml")

        for name in ("p.yaml", "q.yaml"):
            second = self.baton("run", name, code=4)
            self.assertIn(f"held by pid {first.pid}", second.err)
            self.assertIn("state.held", second.err)

        self.assertFalse((self.folder / "other").exists())
        self.assertEqual(self.baton("history", "q.yaml", "--json", code=0).json, {"runs": []})
        self.assertIsNone(first.poll())

    def test_reading_goes_on_beside_it(self):
        first = self.start_first()

        status = self.baton("status", "p.yaml", "--json", code=0).json
        self.eventually(lambda: "it runs, since" in self.baton("why", "p.yaml", "sleeper", code=0).out, "the store knows that it has begun")

        self.assertEqual(status["pid"], first.pid)
        self.assertIn(f"pid {first.pid}", self.baton("status", "p.yaml", code=0).out)

    def test_another_state_directory_is_free(self):
        self.start_first()
        self.pipeline({"quick": {"run": "true"}}, name="q.yaml")

        self.baton("run", "q.yaml", "--state", "elsewhere", "--out", "results", code=0)

        self.assertTrue((self.folder / "elsewhere/baton.db").exists())

    def test_the_interrupted_run_of_another_file_is_left_alone(self):
        first = self.start_first()
        keeper = self.keeper()
        first.kill()
        first.wait()
        os.kill(keeper, signal.SIGKILL)
        self.pipeline({"quick": {"run": "true"}}, name="q.yaml")

        self.baton("run", "q.yaml", code=0)

        self.assertEqual(self.baton("status", "p.yaml", "--json").json["run"]["ended"], None)
        self.assertEqual(len(list(self.state.glob("runs/*/sleeper@*.log"))), 1)


class Cancel(Workshop):
    def start_sleeper(self):
        self.pipeline({"sleeper": {"run": "echo $$ > $PWD/../../../../pid; exec sleep 60"}})
        process = self.start("run", "p.yaml")
        self.eventually(lambda: self.lines("pid"), "the task has begun")
        return process, int(self.lines("pid")[0])

    def test_it_tells_the_run_to_stop_and_waits_for_it(self):
        process, job = self.start_sleeper()

        cancelled = self.baton("cancel", "p.yaml", code=0)

        self.assertIn(f"told pid {process.pid}", cancelled.err)
        self.assertIn("ended ABORTED", cancelled.err)
        self.assertFalse(alive(job))
        self.assertEqual(self.end_of(process).code, 3)

    def test_without_a_run_at_work_it_stops_what_still_runs_by_itself(self):
        process, job = self.start_sleeper()
        process.kill()
        process.wait()
        self.assertTrue(alive(job))

        cancelled = self.baton("cancel", "p.yaml", "--json", code=0)

        self.assertEqual(cancelled.json["run"]["result"], "ABORTED")
        self.assertFalse(alive(job))
        self.assertEqual(self.plan("p.yaml"), {"sleeper": ["never-succeeded"]})

    @staticmethod
    def catches_interrupts(pid):
        caught = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigCgt"))
        return bool(int(caught.split()[1], 16) & 1 << (signal.SIGINT - 1))

    def start_planner(self, *words):
        """It reads for half a minute before it knows what has to run."""
        with open(self.folder / "huge", "w") as file:
            file.truncate(64 << 30)
        self.pipeline({"reader": {"inputs": {"huge": {"file": "huge"}}, "run": f"touch {self.folder}/begun"}})
        process = self.start("run", "p.yaml", *words)
        self.eventually(lambda: any("p.yaml" in line for line in self.lines(".baton/lock")), "it has the state directory")
        self.eventually(lambda: self.catches_interrupts(process.pid), "it listens for a signal; sooner it would end by the signal itself")
        return process

    def test_a_run_that_is_about_to_begin_does_not(self):
        for before in (False, True):
            with self.subTest(a_run_before=before):
                if before:
                    self.pipeline({"reader": {"run": "true"}})
                    self.baton("run", "p.yaml", code=0)
                process = self.start_planner()

                cancelled = self.baton("cancel", "p.yaml", code=0)

                self.assertIn(f"told pid {process.pid}", cancelled.err)
                self.assertIn("p.yaml: stopped before its run began", cancelled.err)
                ended = self.end_of(process)
                self.assertEqual(ended.code, 3, ended)
                self.assertIn("nothing was started", ended.err)
                self.assertEqual(len(self.baton("history", "p.yaml", "--json", code=0).json["runs"]), int(before))
                self.assertFalse((self.folder / "begun").exists())

    def test_ctrl_c_does_not_wait_for_files_to_be_read(self):
        process = self.start_planner("--json")
        process.send_signal(signal.SIGINT)

        ended = self.end_of(process)

        self.assertEqual(ended.code, 3, ended)
        self.assertEqual(ended.json["error"]["code"], "run.cancelled")

    def test_with_nothing_to_cancel_it_says_so_and_makes_nothing(self):
        self.pipeline({"quick": {"run": "true"}})

        cancelled = self.baton("cancel", "p.yaml", code=0)

        self.assertIn("nothing to cancel", cancelled.err)
        self.assertFalse(self.state.exists())


class Logs(Workshop):
    def test_the_log_is_printed_byte_by_byte(self):
        self.pipeline({"talker": {"run": "printf 'a\\000b\\377'; echo oops >&2"}})
        self.baton("run", "p.yaml", code=0)

        ended = subprocess.run([BATON, "logs", "p.yaml", "talker"], cwd=self.folder, capture_output=True, timeout=PATIENCE)

        self.assertEqual(ended.stdout, b"a\0b\xffoops\n")

    def test_following_ends_with_the_task(self):
        self.pipeline({"talker": {"run": "for i in 1 2 3; do echo line $i; sleep 0.3; done"}})
        run = self.start("run", "p.yaml")
        self.eventually(lambda: "talker" in self.baton("status", "p.yaml").out, "the run has begun")

        followed = self.baton("logs", "p.yaml", "talker", "-f", code=0)

        self.assertEqual(followed.out, "line 1\nline 2\nline 3\n")
        self.assertEqual(self.end_of(run).code, 0)

    def test_a_step_shows_the_logs_of_all_its_tasks(self):
        self.pipeline({"each": {"foreach": {"x": ["a", "b"]}, "run": "echo I am ${foreach.x}"}})
        self.baton("run", "p.yaml", code=0)

        self.assertEqual(self.baton("logs", "p.yaml", "each", code=0).out, "==> each[a] <==\nI am a\n==> each[b] <==\nI am b\n")
        self.assertEqual(self.baton("logs", "p.yaml", "each[b]", code=0).out, "I am b\n")
        self.assertIn("did you mean 'each[b]'?", self.baton("logs", "p.yaml", "eech[b]", code=2).err)

    def test_a_hundred_megabytes_of_output_end_in_a_log_of_64_mebibytes(self):
        self.pipeline({"flood": {"run": "echo first; head -c 100000000 /dev/zero; echo last"}})
        start = time.monotonic()

        task = self.run_tasks("p.yaml")["flood"]

        size = os.path.getsize(task["log"])
        self.assertLessEqual(size, 65 << 20)
        self.assertGreaterEqual(size, 60 << 20)
        self.assertLess(time.monotonic() - start, PATIENCE)
