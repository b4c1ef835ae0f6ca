"""scripts/services: the private servers come, stay where they were, come back from kill -9, and leave nothing behind."""
import atexit
import os
import re
import shlex
import socket
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from workshop import ROOT

SERVERS = ["postgres", "rabbitmq", "redis"]
PSQL = "/usr/lib/postgresql/15/bin/psql"


@unittest.skipIf(os.environ.get("BATON_NO_SERVERS") == "1", "BATON_NO_SERVERS=1")
class Services(unittest.TestCase):
    """One folder for all cases: RabbitMQ takes its seconds to start. Each case begins with all three running."""

    @classmethod
    def setUpClass(cls):
        cls.shelf = tempfile.TemporaryDirectory(prefix="baton-services-")
        cls.addClassCleanup(cls.shelf.cleanup)
        cls.folder = Path(cls.shelf.name) / "servers"
        cls.addClassCleanup(cls.services, "kill")
        atexit.register(cls.services, "kill")  # Ctrl-C runs no clean-up of classes

    def setUp(self):
        self.services("start")

    @classmethod
    def services(cls, *words, code=0):
        did = subprocess.run([ROOT / "scripts/services", *words, "--dir", cls.folder], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300)
        if code is not None and did.returncode != code:
            raise AssertionError(f"scripts/services {' '.join(words)} exited with {did.returncode}, not {code}:\n{did.stdout}{did.stderr}")
        return did.stdout

    def environment(self):
        words = [shlex.split(line) for line in self.services("env").splitlines()]
        self.assertEqual({word[0] for word in words}, {"export"})
        return dict(word[1].split("=", 1) for word in words)

    def pids(self):
        """Of the servers that run, by name."""
        return {name: int(pid) for name, pid in re.findall(r"^(\w+) .* answers, pid (\d+)$", self.services("status", code=None), re.M)}

    def sql(self, text):
        told = self.environment()
        environment = {**os.environ, "PGPASSWORD": told["POSTGRES_PASSWORD"]}
        command = [PSQL, "-X", "-A", "-t", "-q", "-h", told["POSTGRES_HOST"], "-p", told["POSTGRES_PORT"], "-U", told["POSTGRES_USER"], "-d", told["POSTGRES_DB"], "-c", text]
        did = subprocess.run(command, env=environment, capture_output=True, text=True)
        self.assertEqual(did.returncode, 0, did.stderr)
        return did.stdout.strip()

    def left(self):
        """Processes that have to do with the folder, or with one of its ports, as anybody can see them."""
        ports = [value for name, value in self.environment().items() if name.endswith("_PORT")]
        mine = re.compile("|".join([re.escape(str(self.folder)), *(rf"(127\.0\.0\.1:|baton-?|port=){port}\b" for port in ports)]))
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    seen = (entry / "cmdline").read_bytes() + b"\0"
                    for read in (lambda: (entry / "environ").read_bytes(), lambda: os.readlink(entry / "cwd").encode()):
                        try:
                            seen += read() + b"\0"
                        except PermissionError:
                            pass  # not a process of ours, or of postgres: its title tells
                except (FileNotFoundError, ProcessLookupError):
                    continue
                if mine.search(seen.decode(errors="replace")):
                    found.append(f"{entry.name}: {seen.decode(errors='replace')}")
        return found

    def eventually(self, condition, what, seconds=10):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, f"not within {seconds} s: {what}")
            time.sleep(0.05)

    def test_env_names_what_the_reference_reads(self):
        told = self.environment()

        self.assertEqual(set(told), {"POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB", "REDIS_HOST", "REDIS_PORT", "REDIS_SECURE",
                                     "RABBIT_HOST", "RABBIT_PORT", "RABBIT_USER", "RABBIT_PASSWORD", "RABBIT_SECURE"})
        for server in "POSTGRES", "REDIS", "RABBIT":
            socket.create_connection((told[f"{server}_HOST"], int(told[f"{server}_PORT"])), 5).close()
            self.assertNotIn(int(told[f"{server}_PORT"]), [5432, 5672, 6379])
        self.assertEqual(os.stat(self.folder / "settings.json").st_mode & 0o077, 0)

    def test_postgres_wants_the_password_and_is_as_the_benches_need_it(self):
        told = self.environment()
        refused = subprocess.run([PSQL, "-X", "-w", "-h", told["POSTGRES_HOST"], "-p", told["POSTGRES_PORT"], "-U", told["POSTGRES_USER"], "-d", told["POSTGRES_DB"], "-c", "SELECT 1"],
                                 env={**os.environ, "PGPASSWORD": "wrong", "PGPASSFILE": "/dev/null"}, capture_output=True, text=True)

        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("password authentication failed", refused.stderr)
        self.assertEqual(self.sql("SELECT string_agg(setting, ' ' ORDER BY name) FROM pg_settings WHERE name IN ('fsync', 'max_connections', 'shared_preload_libraries')"),
                         "on 200 pg_stat_statements")

    def test_what_runs_is_left_alone_and_ports_and_data_stay_over_stop_and_start(self):
        before, pids = self.environment(), self.pids()
        self.services("start")
        self.assertEqual(self.pids(), pids)
        self.sql("CREATE TABLE kept AS SELECT 42 AS n")

        self.services("stop")
        self.assertEqual(self.left(), [])
        self.assertEqual(self.pids(), {})
        self.services("stop")
        self.services("start")

        self.assertEqual(self.environment(), before)
        self.assertEqual(sorted(self.pids()), SERVERS)
        self.assertEqual(self.sql("SELECT n FROM kept"), "42")
        self.sql("DROP TABLE kept")

    def test_killed_they_start_again_with_what_was_committed(self):
        before = self.environment()
        self.sql("CREATE TABLE survived AS SELECT 7 AS n")
        self.assertGreater(len(self.left()), len(SERVERS), "what is to be gone is seen while it is there")

        self.services("kill")
        self.assertEqual(self.left(), [])
        self.services("start")

        self.assertEqual(self.environment(), before)
        self.assertEqual(sorted(self.pids()), SERVERS)
        self.assertEqual(self.sql("SELECT n FROM survived"), "7")
        self.sql("DROP TABLE survived")

    def test_a_server_named_is_the_only_one_touched(self):
        pids = self.pids()

        self.services("kill", "redis")
        self.assertEqual(self.pids(), {name: pids[name] for name in ("postgres", "rabbitmq")})
        self.services("restart", "postgres")
        self.services("start", "redis")

        now = self.pids()
        self.assertEqual(now["rabbitmq"], pids["rabbitmq"])
        self.assertNotEqual(now["postgres"], pids["postgres"])
        self.assertNotEqual(now["redis"], pids["redis"])

    def test_what_somebody_else_killed_is_seen_and_started_again(self):
        pids = self.pids()
        for name in "postgres", "redis":
            os.kill(pids[name], 9)
        self.eventually(lambda: list(self.pids()) == ["rabbitmq"], "the dead are not said to answer")

        self.services("start")

        self.assertEqual(sorted(self.pids()), SERVERS)

    def test_reset_empties_and_starts_again_what_ran(self):
        self.sql("CREATE TABLE forgotten AS SELECT 1 AS n")
        before = self.environment()

        self.services("kill", "redis")
        self.services("reset", "postgres", "redis")

        self.assertEqual(sorted(self.pids()), ["postgres", "rabbitmq"])
        self.assertEqual(self.sql("SELECT count(*) FROM pg_tables WHERE tablename = 'forgotten'"), "0")
        self.assertEqual(self.environment(), before)

    def test_a_port_that_is_taken_is_named(self):
        self.services("stop", "redis")
        port = int(self.environment()["REDIS_PORT"])
        with socket.create_server(("127.0.0.1", port)):
            did = subprocess.run([ROOT / "scripts/services", "start", "redis", "--dir", self.folder], capture_output=True, text=True)

        self.assertEqual(did.returncode, 1)
        self.assertIn(f"redis cannot start: another process has its port {port}", did.stderr)


class ServicesRefuse(unittest.TestCase):
    def refused(self, *words):
        return subprocess.run([ROOT / "scripts/services", *words], capture_output=True, text=True)

    def test_what_is_not_understood_is_refused(self):
        for words in ["begin"], ["start", "mysql"], []:
            with self.subTest(words=words):
                self.assertEqual(self.refused(*words).returncode, 2)

    def test_a_folder_that_rabbitmq_cannot_live_in_is_refused_and_not_made(self):
        with tempfile.TemporaryDirectory() as shelf:
            did = self.refused("start", "--dir", f"{shelf}/a b")

            self.assertEqual(did.returncode, 1)
            self.assertIn("without spaces", did.stderr)
            self.assertEqual(os.listdir(shelf), [])

    def test_where_nothing_was_started_env_says_so_and_stop_is_done(self):
        with tempfile.TemporaryDirectory() as shelf:
            did = self.refused("env", "--dir", shelf)

            self.assertEqual((did.returncode, did.stdout), (1, ""))
            self.assertIn("nothing was ever started", did.stderr)
            self.assertEqual(self.refused("stop", "--dir", shelf).returncode, 0)
