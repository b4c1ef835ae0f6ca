"""Deaths at any moment: every task's effect at most once per attempt, and in the end the outputs of an undisturbed run."""
import hashlib
import os
import random
import shutil
import signal
import time
from collections import Counter
from pathlib import Path

from workshop import LONG, Workshop, alive

ROUNDS = 100 if LONG else 5
WIDTH = 66  # three steps of it and a gather with its reader: 200 tasks
SEED = int(os.environ.get("BATON_SEED") or time.time_ns())

# Each begin of a command appends a line; the append of so short a line is atomic.
MARK = 'echo "$BATON_NODE $BATON_RUN $BATON_ATTEMPT" >> ../../../../effects\n'
MARK_DEEPER = MARK.replace("../../../../", "../../../../../")  # a task of a foreach has a folder more


def wide_pipeline():
    each = {"i": {"range": [1, WIDTH, 1]}}
    return {
        "make": {"foreach": each, "outputs": {"f": {"file": "f"}}, "run": MARK_DEEPER + "sleep 0.01; echo made ${foreach.i} > ${outputs.f}"},
        "turn": {"foreach": each, "inputs": {"f": {"from": "make.f"}}, "outputs": {"f": {"file": "f"}, "n": {"value": "integer"}},
                 "run": MARK_DEEPER + "rev < ${inputs.f} > ${outputs.f}; echo '{\"n\": ${foreach.i}}' > $BATON_OUTPUTS"},
        "weigh": {"foreach": each, "inputs": {"f": {"from": "turn.f"}, "n": {"from": "turn.n"}}, "outputs": {"d": {"dir": "d"}},
                  "run": MARK_DEEPER + "mkdir ${outputs.d}; wc -c < ${inputs.f} > ${outputs.d}/size; echo ${inputs.n} > ${outputs.d}/number"},
        "gather": {"inputs": {"d": {"from": "weigh[*].d"}, "n": {"from": "turn[*].n"}}, "outputs": {"all": {"file": "all"}},
                   "run": MARK + "for d in ${inputs.d}; do cat $d/size $d/number; done > ${outputs.all}; echo ${inputs.n} >> ${outputs.all}"},
        "last": {"inputs": {"all": {"from": "gather.all"}}, "outputs": {"sum": {"file": "sum"}}, "run": MARK + "cksum < ${inputs.all} > ${outputs.sum}"},
    }


class Deaths(Workshop):
    def setUp(self):
        super().setUp()
        self.pipeline(wide_pipeline())

    def outputs(self):
        return {str(path.relative_to(self.out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(self.out.rglob("*")) if path.is_file()}

    def effects(self):
        """(task, run, attempt) of every command that began."""
        return [tuple(line.split()) for line in self.lines("effects")]

    def begin_anew(self):
        self.eventually(lambda: not self.keeper(), "the keeper has gone")
        for path in (self.state, self.out):
            shutil.rmtree(path, ignore_errors=True)
        (self.folder / "effects").unlink(missing_ok=True)

    def undisturbed(self):
        began = time.monotonic()
        self.baton("run", "p.yaml", "-j4", code=0)
        lasted = time.monotonic() - began
        outputs = self.outputs()
        self.assertEqual(len(self.effects()), 3 * WIDTH + 2)
        self.assertEqual(len(outputs), 4 * WIDTH + 2)
        return outputs, lasted

    def check(self, outputs, attempts_max):
        for effect, times in Counter(self.effects()).items():
            self.assertEqual(times, 1, f"begun twice in one attempt: {effect}")
        tries = Counter(task for task, _, _ in self.effects())
        self.assertEqual(len(tries), 3 * WIDTH + 2)
        self.assertLessEqual(max(tries.values()), attempts_max, tries.most_common(3))
        self.assertEqual(self.outputs(), outputs)
        self.assertIn("nothing to do", self.baton("run", "p.yaml", "-j4", code=0).err)

    def rounds(self, kill, attempts_max, share=1.0):
        """Runs, kills at a random moment, runs again to the end; so often, each time anew."""
        outputs, lasted = self.undisturbed()
        chance = random.Random(SEED)
        count, gone_on = max(1, int(ROUNDS * share)), 0
        for n in range(count):
            moment = chance.uniform(0, lasted)
            with self.subTest(f"replay: BATON_SEED={SEED}", round=n, moment=moment):
                self.begin_anew()
                process = self.start("run", "p.yaml", "-j4", start_new_session=True)
                time.sleep(moment)
                kill(process)
                process.communicate()
                self.started.remove(process)
                gone_on += "was interrupted, and goes on" in self.baton("run", "p.yaml", "-j4", code=0).err
                self.check(outputs, attempts_max)
        self.assertGreaterEqual(gone_on, count // 3, "too few of the kills struck a run")

    def kill_keeper(self):
        keeper = self.keeper()
        if keeper:
            os.kill(keeper, signal.SIGKILL)

    def test_baton_killed_at_any_moment_repeats_nothing(self):
        self.rounds(lambda process: process.kill(), attempts_max=1)

    def test_its_process_group_killed_at_any_moment_repeats_nothing(self):
        self.rounds(lambda process: os.killpg(process.pid, signal.SIGKILL), attempts_max=1, share=0.4)

    def test_baton_and_keeper_killed_lose_what_ran_and_no_more(self):
        def kill(process):
            process.kill()
            self.kill_keeper()
        self.rounds(kill, attempts_max=2, share=0.6)

    def test_a_killed_keeper_is_replaced_within_the_run(self):
        outputs, lasted = self.undisturbed()
        chance = random.Random(SEED)
        for n in range(max(1, int(ROUNDS * 0.4))):
            moment = chance.uniform(0.1, lasted)
            with self.subTest(f"replay: BATON_SEED={SEED}", round=n, moment=moment):
                self.begin_anew()
                process = self.start("run", "p.yaml", "-j4")
                time.sleep(moment)
                self.kill_keeper()
                ended = self.end_of(process)
                self.assertEqual(ended.code, 0, ended)
                self.check(outputs, attempts_max=2)

    def test_baton_killed_again_and_again_gets_to_the_end(self):
        outputs, lasted = self.undisturbed()
        self.begin_anew()
        chance = random.Random(SEED)
        for n in range(ROUNDS):
            process = self.start("run", "p.yaml", "-j4")
            time.sleep(chance.uniform(0, lasted / ROUNDS * 2))
            process.kill()
            process.communicate()
            self.started.remove(process)
        self.baton("run", "p.yaml", "-j4", code=0)
        self.check(outputs, attempts_max=1)

    def test_baton_stopped_for_a_while_holds_its_place_and_goes_on(self):
        outputs, lasted = self.undisturbed()
        self.begin_anew()
        process = self.start("run", "p.yaml", "-j4")
        self.eventually(lambda: len(self.effects()) > 20, "some tasks have begun")
        process.send_signal(signal.SIGSTOP)

        self.assertIn(f"held by pid {process.pid}", self.baton("run", "p.yaml", code=4).err)
        time.sleep(2)  # longer than any of its timers that might be missed
        process.send_signal(signal.SIGCONT)

        ended = self.end_of(process)
        self.assertEqual(ended.code, 0, ended)
        self.check(outputs, attempts_max=1)

    def test_after_a_reboot_what_ran_is_lost_and_the_rest_stands(self):
        outputs, _ = self.undisturbed()
        self.begin_anew()
        process = self.start("run", "p.yaml", "-j4")
        self.eventually(lambda: len(self.effects()) > 60, "some tasks have begun")
        self.kill_keeper()
        process.kill()
        process.wait()
        self.eventually(lambda: not at_work_below(self.state), "what ran has ended: a job that had just been made has not written its line yet")
        before = Counter(task for task, _, _ in self.effects())
        write_of_another_boot(self.state / "jobs.log")

        self.baton("run", "p.yaml", "-j4", code=0)

        self.check(outputs, attempts_max=2)
        again = [task for task, times in Counter(task for task, _, _ in self.effects()).items() if times > 1]
        self.assertLessEqual(len(again), 16, "only what ran may be repeated: four at a time, and those that had just ended and were not collected")
        self.assertTrue(set(again) <= set(before))


def at_work_below(folder):
    """Whether a process has its work directory there."""
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.readlink(entry / "cwd").startswith(str(folder)):
                return True
        except OSError:
            pass  # it has ended meanwhile
    return False


class Jobs(Workshop):
    """Single jobs under stop, kill and reboot."""

    def start_job(self, run, **step):
        self.pipeline({"job": {"run": "echo $$ >> ../../../../pids\n" + run, **step}})
        process = self.start("run", "p.yaml")
        self.eventually(lambda: self.lines("pids"), "the job has begun")
        return process, int(self.lines("pids")[0])

    def test_a_stopped_job_is_waited_for(self):
        process, job = self.start_job("sleep 0.3; touch ../../../../done")
        os.killpg(job, signal.SIGSTOP)
        time.sleep(0.6)
        self.assertFalse((self.folder / "done").exists())
        self.assertIsNone(process.poll())
        os.killpg(job, signal.SIGCONT)

        self.assertEqual(self.end_of(process).code, 0)
        self.assertEqual(len(self.lines("pids")), 1)

    def test_a_stopped_job_is_ended_by_its_time_limit(self):
        process, job = self.start_job("sleep 60", timeout="500ms", grace="200ms")
        os.killpg(job, signal.SIGSTOP)

        ended = self.end_of(process)

        self.assertEqual(ended.code, 1, ended)
        self.assertIn("runtime.timeout", ended.err)
        self.assertFalse(alive(job))

    def test_when_the_keeper_is_killed_its_jobs_are_ended_before_they_are_tried_again(self):
        process, job = self.start_job('[ "$BATON_ATTEMPT" = 2 ] || sleep 60')
        os.kill(self.keeper(), signal.SIGKILL)

        ended = self.end_of(process)

        self.assertEqual(ended.code, 0, ended)
        self.assertFalse(alive(job))
        self.assertEqual(len(self.lines("pids")), 2)

    def test_a_step_that_must_never_be_begun_again_fails_when_it_is_lost(self):
        process, job = self.start_job("sleep 60", retries={"lost": 0})
        os.kill(self.keeper(), signal.SIGKILL)

        ended = self.end_of(process)

        self.assertEqual(ended.code, 1, ended)
        self.assertIn("task-not-found-in-computational-backend", ended.err)
        self.assertEqual(len(self.lines("pids")), 1)

    def test_after_a_reboot_a_stranger_with_the_same_pid_is_not_killed(self):
        process, job = self.start_job('[ "$BATON_ATTEMPT" = 2 ] || exec sleep 60')
        process.kill()
        os.kill(self.keeper(), signal.SIGKILL)
        process.wait()
        self.addCleanup(lambda: alive(job) and os.kill(job, signal.SIGKILL))
        write_of_another_boot(self.state / "jobs.log")

        self.baton("run", "p.yaml", code=0)

        self.assertTrue(alive(job))
        self.assertEqual(len(self.lines("pids")), 2)

    def test_a_job_that_ended_while_nobody_looked_is_collected(self):
        process, job = self.start_job("sleep 0.5; exit 7")
        process.kill()
        process.wait()
        self.eventually(lambda: not alive(job), "the job has ended")

        ended = self.baton("run", "p.yaml", code=1)

        self.assertIn("exit code 7", ended.err)
        self.assertEqual(len(self.lines("pids")), 1)


def write_of_another_boot(journal: Path):
    """The journal as an earlier boot of this machine would have left it: the boot id differs, the checksum is right."""
    changed = []
    for line in journal.read_bytes().rstrip(b"\0").split(b"\n"):
        record = line[17:]
        if record.startswith(b"boot "):
            record = b"boot 00000000-0000-4000-8000-000000000000"
            line = b"%016x %s" % (fnv(record), record)
        changed.append(line)
    journal.write_bytes(b"\n".join(changed))


def fnv(record: bytes) -> int:
    total = 0xCBF29CE484222325
    for byte in record:
        total = (total ^ byte) * 0x100000001B3 % (1 << 64)
    return total
