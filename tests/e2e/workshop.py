"""A folder with a pipeline in it, and the binary at work there: what the tests of the command line share."""
import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

# A runner under nohup ignores SIGHUP, and so would every process that it starts: the tests of that signal need it as a terminal gives it.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that runs it in the background has it ignored

ROOT = Path(__file__).resolve().parent.parent.parent
BATON = os.environ.get("BATON", str(ROOT / "build/release/baton"))
LONG = os.environ.get("BATON_LONG") == "1"
PATIENCE = 60  # seconds until a test gives up waiting; generous, as machines are slow at times


class Ended:
    """How a call of the binary ended."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"exit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class Workshop(unittest.TestCase):
    """Each test has a folder of its own, removed at its end with the keeper that may still be there."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="baton-e2e-"))
        self.state = self.folder / ".baton"
        self.out = self.folder / "baton-out"
        self.started = []
        self.addCleanup(self.tidy_up)

    def tidy_up(self):
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate()
        for lock in self.folder.rglob("keeper.lock"):
            pid = self.keeper(lock.parent)
            if pid:
                os.kill(pid, signal.SIGTERM)  # it kills what runs
                self.eventually(lambda: not alive(pid), "the keeper goes")
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- the folder -------------------------------------------------------------------------------------------------
    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text) if isinstance(text, str) else path.write_bytes(text)
        return path

    def pipeline(self, nodes, name="p.yaml", **fields):
        """JSON is YAML: `nodes` as the format has them."""
        return self.write(name, json.dumps({"baton": 1, **fields, "nodes": nodes}))

    def lines(self, name):
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def files(self, *without):
        """Each file's time and digest, to see that nothing was touched. (A folder's time moves when SQLite opens a file in it for a moment.)"""
        return {
            str(path.relative_to(self.folder)): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest()) if path.is_file() else None
            for path in sorted(self.folder.rglob("*"))
            if path.name not in without
        }

    # ---- the binary ---------------------------------------------------------------------------------------------------
    def baton(self, *words, code=None, **more):
        ended = subprocess.run([BATON, *map(str, words)], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, timeout=PATIENCE, **more)
        result = Ended(ended.returncode, ended.stdout.decode(errors="replace"), ended.stderr.decode(errors="replace"))
        if code is not None:
            self.assertEqual(result.code, code, result)
        return result

    def start(self, *words, **more):
        process = subprocess.Popen([BATON, *map(str, words)], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, **more)
        self.started.append(process)
        return process

    def end_of(self, process):
        out, err = process.communicate(timeout=PATIENCE)
        return Ended(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))

    def plan(self, *words):
        """Task -> the kinds of its reasons, of those that would run."""
        tasks = self.baton("plan", *words, "--json", code=0).json["tasks"]
        return {task["node"]: sorted({reason["kind"] for reason in task["reasons"]}) for task in tasks if task["run"]}

    def run_tasks(self, *words, code=0):
        """The tasks of a run by name, as --json has them."""
        return {task["node"]: task for task in self.baton("run", *words, "--json", code=code).json["tasks"]}

    def ran(self, *words):
        """Which tasks a run has really run."""
        return sorted(name for name, task in self.run_tasks(*words).items() if not task["reused"])

    # ---- waiting ------------------------------------------------------------------------------------------------------------
    def eventually(self, fact, what):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if fact():
                return
            time.sleep(0.01)
        self.fail(f"it did not become true within {PATIENCE} s: {what}")

    def keeper(self, state=None):
        """The pid of the keeper of a state directory, or None."""
        try:
            pid = int(((state or self.state) / "keeper.lock").read_text().split()[0])
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError, IndexError):
            return None
        return pid if b"keeper" in words and alive(pid) else None


def alive(pid):
    """A zombie is not: whoever has to take it away may be slow."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
