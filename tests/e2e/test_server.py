"""`baton … --server` against a real `baton serve` with its three servers: the same words, objects and codes as on a file."""
import atexit
import os
import shlex
import signal
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request
from pathlib import Path

from workshop import BATON, PATIENCE, ROOT, Workshop

SERVE = str(Path(BATON).with_name("baton-serve"))


@unittest.skipIf(os.environ.get("BATON_NO_SERVERS") == "1", "BATON_NO_SERVERS=1")
class Served(Workshop):
    """PostgreSQL, RabbitMQ and Redis are shared by the cases; the replica is a case's own."""

    @classmethod
    def setUpClass(cls):
        cls.shelf = tempfile.TemporaryDirectory(prefix="baton-served-")
        cls.addClassCleanup(cls.shelf.cleanup)
        cls.addClassCleanup(cls.services, "kill")
        atexit.register(cls.services, "kill")
        cls.services("start")
        words = [shlex.split(line) for line in cls.services("env").splitlines()]
        cls.servers = dict(word[1].split("=", 1) for word in words)
        subprocess.run([SERVE, "migrate"], env={**os.environ, **cls.servers}, check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE)

    @classmethod
    def services(cls, *words):
        return subprocess.run([ROOT / "scripts/services", *words, "--dir", Path(cls.shelf.name) / "servers"], check=True, text=True,
                              stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=300).stdout

    def setUp(self):
        super().setUp()
        self.env = {**os.environ, **self.servers, "BATON_TOKEN": "a-token-of-these-tests-alone-0123456789"}
        # Each case has a folder of its own, with the jobs of its replica.
        subprocess.run(["psql", "-XAtqc", "DELETE FROM local_keeper", "-h", self.servers["POSTGRES_HOST"], "-p", self.servers["POSTGRES_PORT"],
                        "-U", self.servers["POSTGRES_USER"], "-d", self.servers["POSTGRES_DB"]],
                       env={**os.environ, "PGPASSWORD": self.servers["POSTGRES_PASSWORD"]}, check=True, timeout=PATIENCE)
        self.port = 0
        self.replica = self.serve()

    def serve(self):
        log = open(self.folder / "serve.log", "ab")
        replica = subprocess.Popen([SERVE, "serve", "--listen", f"127.0.0.1:{self.port}", "--local-backend", "--data", str(self.folder)], env=self.env,
                                   cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        log.close()
        self.started.append(replica)
        said = replica.stdout.readline().decode()
        self.assertIn("serving on port", said, (self.folder / "serve.log").read_text())
        self.port = int(said.split()[-1])
        self.url = f"http://127.0.0.1:{self.port}"
        self.eventually(self.ready, "the replica is ready")
        return replica

    def ready(self):
        try:
            with urllib.request.urlopen(self.url + "/readyz", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def client(self, *words, code=None):
        return self.baton(*words, "--server", self.url, code=code, env=self.env)

    def named(self, nodes):
        """A pipeline whose project is this case's own: the database outlives a case."""
        self.pipeline(nodes, name="p.yaml")
        text = (self.folder / "p.yaml").read_text()
        self.write("p.yaml", text.replace('"baton": 1', f'"baton": 1, "name": "{self.folder.name}"', 1))

    def test_a_run_there_is_told_as_a_run_here(self):
        self.named({"one": {"run": "echo said; echo 1 > out", "outputs": {"o": {"file": "out"}}},
                    "two": {"run": "cat ${inputs.i} >> ../seen || true", "inputs": {"i": {"from": "one.o"}}}})

        planned = self.client("plan", "p.yaml", "--json", code=0).json
        ended = self.client("run", "p.yaml", "--json", code=0)

        self.assertEqual([task["run"] for task in planned["tasks"]], [True, True])
        self.assertEqual({task["node"]: task["state"] for task in ended.json["tasks"]}, {"one": "SUCCESS", "two": "SUCCESS"})
        self.assertIn("2 of 2 tasks succeeded", ended.err)
        self.assertIsNone(self.client("run", "p.yaml", "--json", code=0).json["run"])
        self.assertIn("SUCCESS", self.client("status", "p.yaml", code=0).out)
        self.assertEqual(self.client("status", "p.yaml", "--json", code=0).json["run"]["result"], "SUCCESS")
        self.assertEqual(self.client("history", "p.yaml", "--json", code=0).json["runs"][0]["tasks"], {"SUCCESS": 2})
        self.assertEqual(self.client("logs", "p.yaml", "one", code=0).out, "said\n")
        self.assertIn("two", self.client("why", "p.yaml", "two", code=0).out)
        self.assertEqual(self.client("quarantine", "list", "--json", code=0).json, {"runs": []})

    def test_a_replica_that_would_keep_its_jobs_elsewhere_is_refused(self):
        other = subprocess.run([SERVE, "serve", "--listen", "127.0.0.1:0", "--local-backend", "--data", str(self.folder), "--state", str(self.folder / "other")],
                               env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(other.returncode, 4, other.stderr)
        self.assertIn("store.other_keeper", other.stderr)
        self.assertIn(str(self.folder / ".baton"), other.stderr)
        self.assertIn(f"BATON_STATE_MOVED={self.folder / '.baton'}", other.stderr)
        self.assertTrue(self.ready(), "the one that serves goes on")

    def test_codes_are_those_of_the_run(self):
        self.named({"bad": {"run": "echo so it ended; exit 3"}})
        self.assertIn("so it ended", self.client("run", "p.yaml", code=1).err)
        self.assertEqual(self.client("run", "p.yaml", "nobody").code, 2)
        self.env["BATON_TOKEN"] = "another-token-of-these-tests-0123456789"
        self.assertEqual(self.client("run", "p.yaml").code, 2)

    def test_a_run_outlives_its_client_and_is_joined_and_cancelled(self):
        self.named({"long": {"run": "touch $BATON_STARTED; sleep 300", "env": {"BATON_STARTED": str(self.folder / "started")}}})
        first = self.start("run", "p.yaml", "--server", self.url, env=self.env)
        self.eventually(lambda: (self.folder / "started").exists(), "the task runs")
        first.send_signal(signal.SIGINT)
        self.assertEqual(self.end_of(first).code, 5)

        again = self.start("run", "p.yaml", "--server", self.url, "--cancel-on-interrupt", env=self.env)
        self.assertIn("joined", again.stderr.readline().decode())
        again.send_signal(signal.SIGINT)

        self.assertEqual(self.end_of(again).code, 3)
        self.assertIn("nothing to cancel", self.client("cancel", "p.yaml", code=0).err)

    def test_a_client_outlives_the_death_and_the_restart_of_its_replica(self):
        go = self.folder / "go"
        self.named({"waits": {"run": f"touch {self.folder}/started; while [ ! -e {go} ]; do sleep 0.1; done"}, "after": {"after": ["waits"], "run": "true"}})
        client = self.start("run", "p.yaml", "--server", self.url, "--json", env=self.env)
        self.eventually(lambda: (self.folder / "started").exists(), "the task runs")

        self.replica.kill()
        self.replica.wait(PATIENCE)
        self.replica = self.serve()
        go.touch()

        ended = self.end_of(client)
        self.assertEqual(ended.code, 0, ended)
        self.assertEqual({task["state"] for task in ended.json["tasks"]}, {"SUCCESS"})


if __name__ == "__main__":
    unittest.main()
