"""The servers, replicas and clients of a measurement."""
import http.client
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

PATIENCE = 600  # seconds until a measurement is given up
TICKS = os.sysconf("SC_CLK_TCK")


def load():
    return f"load {os.getloadavg()[0]:.1f}"


def percentiles(values):
    """(p50, p95, p99)"""
    ordered = sorted(values)
    return tuple(ordered[min(len(ordered) - 1, int(len(ordered) * part))] for part in (0.50, 0.95, 0.99))


def milliseconds(values):
    if not values:
        return "nothing measured"
    return "p50 %.1f · p95 %.1f · p99 %.1f ms (%d)" % (*(1e3 * v for v in percentiles(values)), len(values))


class Servers:
    """PostgreSQL, RabbitMQ and Redis of this bench alone."""

    def __init__(self, folder):
        self.folder = folder
        self.call("start")
        for line in self.call("env").splitlines():
            name, _, value = line.removeprefix("export ").partition("=")
            os.environ[name] = shlex.split(value)[0]

    def call(self, verb):
        return subprocess.run([ROOT / "scripts/services", verb, "--dir", self.folder], check=True, stdout=subprocess.PIPE, text=True).stdout

    def stop(self):
        self.call("stop")

    def pids(self):
        return {line.split()[0]: int(pid[1]) for line in self.call("status").splitlines() if (pid := re.search(r"pid (\d+)", line))}


def family(root):
    """A process and all that descend from it."""
    children = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, left = [], [root]
    while left:
        pid = left.pop()
        found.append(pid)
        left += children.get(pid, [])
    return found


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


class Sql:
    """One psql that stays: a statement costs its round trip and no process."""

    def __init__(self, database):
        environment = {**os.environ, "PGPASSWORD": os.environ["POSTGRES_PASSWORD"]}
        words = ["psql", "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h", os.environ["POSTGRES_HOST"], "-p", os.environ["POSTGRES_PORT"],
                 "-U", os.environ["POSTGRES_USER"], "-d", database]
        self.process = subprocess.Popen(words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.lock = threading.Lock()
        self("SET client_min_messages = warning")

    def __call__(self, text):
        """The rows, each a list of texts."""
        end = "end of " + uuid.uuid4().hex
        with self.lock:
            self.process.stdin.write(f"{text};\n\\echo {end}\n")
            self.process.stdin.flush()
            rows = []
            for line in self.process.stdout:
                if line.rstrip("\n") == end:
                    return rows
                rows.append(line.rstrip("\n").split("\t"))
        raise SystemExit(f"psql ended at: {text}")

    def number(self, text):
        return float(self(text)[0][0] or 0)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Client:
    """One connection that stays open, as a client of the platform has it."""

    def __init__(self, replica, token):
        self.connection = http.client.HTTPConnection(urlsplit(replica.url).netloc, timeout=PATIENCE)
        self.token = token

    def ask(self, method, path, body=None, expected=(200, 201, 202)):
        headers = {"Authorization": f"Bearer {self.token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        for last in (False, True):
            try:
                self.connection.request(method, path, None if body is None else json.dumps(body), headers)
                answer = self.connection.getresponse()
                break
            except (ConnectionError, http.client.HTTPException):  # the server closes what was idle for long; all that we ask may be asked again
                self.connection.close()
                if last:
                    raise
        text = answer.read().decode()
        if answer.status not in expected:
            raise SystemExit(f"{method} {path}: {answer.status} {text}")
        return text

    def put(self, project, nodes, folder, user=1):
        self.ask("PUT", f"/v2/projects/{project}", {"user_id": user, "name": "bench", "pipeline": json.dumps({"baton": 1, "nodes": nodes}),
                                                    "file": str(folder / "p.yaml"), "params": {}})

    def start(self, project, user=1):
        """When it was asked for, by the clock that the servers have too."""
        body = {"user_id": user, "project_id": project, "start_pipeline": True, "collection_run_id": str(uuid.uuid4()), "product_name": "bench"}
        asked = time.time()
        self.ask("POST", "/v2/computations", body)
        return asked


class Place:
    """A database, a queue and a folder of their own, removed at the end with the replicas and all jobs."""

    def __init__(self):
        from service import TOKEN  # tests/e2e: needs the environment of the servers
        self.token = TOKEN
        self.name = "baton_bench_" + uuid.uuid4().hex[:12]
        self.folder = Path(tempfile.mkdtemp(prefix="baton-bench-"))
        self.main = Sql(os.environ["POSTGRES_DB"])
        self.main(f"CREATE DATABASE {self.name}")
        self.sql = Sql(self.name)
        self.environment = {**os.environ, "POSTGRES_DB": self.name, "BATON_QUEUE": self.name, "BATON_TOKEN": TOKEN}
        self.replicas = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for replica in self.replicas:
            if replica.process.poll() is None:
                replica.process.kill()
            replica.process.wait()
            replica.process.stdout.close()
        keeper = self.keeper()
        if keeper:
            os.kill(keeper, 15)
            self.until(lambda: not Path(f"/proc/{keeper}").exists() or "\nState:\tZ" in Path(f"/proc/{keeper}/status").read_text(), "the keeper ends")
        self.sql.close()
        self.main(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")
        self.main.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def serve(self, *words, **settings):
        from service import Replica
        replica = Replica(self.folder, {**self.environment, **settings}, *words)
        self.replicas.append(replica)
        self.until(lambda: replica.ask("GET", "/readyz")[0] == 200, "the replica is ready")
        return replica

    def client(self, replica):
        return Client(replica, self.token)

    def keeper(self):
        for lock in self.folder.rglob("keeper.lock"):
            try:
                pid = int(lock.read_text().split()[0])
                if b"keeper" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return pid
            except (OSError, ValueError, IndexError):
                pass
        return None

    def until(self, fact, what, pause=0.01, seconds=PATIENCE):
        end = time.monotonic() + seconds
        while not fact():
            if time.monotonic() > end:
                raise SystemExit(f"it did not become true within {seconds} s: {what}\n" + "\n".join(r.text() for r in self.replicas))
            time.sleep(pause)

    def until_all_ended(self, pause=0.05):
        self.until(lambda: not self.sql("SELECT 1 FROM comp_runs WHERE result NOT IN ('SUCCESS', 'FAILED', 'ABORTED') LIMIT 1"), "all runs end", pause)
        bad = self.sql("SELECT result, count(*) FROM comp_runs WHERE result <> 'SUCCESS' GROUP BY 1")
        if bad:
            raise SystemExit(f"runs that did not succeed: {bad}")

    @staticmethod
    def figure(replica, name):
        """The sum of a figure of /metrics over its labels."""
        text = replica.ask("GET", "/metrics")[1]
        return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if re.match(rf"{name}(\{{|\s)", line))


class Probe:
    """What the machine gives at the same time: a committed update of one row by a psql that stays, and the start of `true` by a shell. The pause
    between two is long, so that the probe itself is no load."""

    def __init__(self, place, pause=0.2):
        self.sql = Sql(place.name)
        self.sql("CREATE TABLE IF NOT EXISTS bench_probe (n bigint); TRUNCATE bench_probe; INSERT INTO bench_probe VALUES (0)")
        self.commits, self.shells, self.pause = [], [], pause
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        while not self.stopping.wait(self.pause):
            begin = time.monotonic()
            self.sql("UPDATE bench_probe SET n = n + 1")
            between = time.monotonic()
            subprocess.run(["sh", "-c", "true"], check=True)
            self.commits.append(between - begin)
            self.shells.append(time.monotonic() - between)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()
        self.sql.close()


def project(number):
    return f"00000000-0000-4000-8000-{number:012d}"


def chain(length, command=": > ${outputs.o}"):
    nodes = {}
    for i in range(length):
        nodes[f"t{i}"] = {"run": command, "outputs": {"o": {"file": "o"}}}
        if i:
            nodes[f"t{i}"]["inputs"] = {"a": {"from": f"t{i - 1}.o"}}
    return nodes


def fan(width, command="true"):
    return {"each": {"run": command, "foreach": {"i": {"range": [1, width, 1]}}}}


def in_threads(count, work, items):
    """`work(item, thread)` for each item, by so many threads."""
    items = list(items)
    lock, failed = threading.Lock(), []

    def body(thread):
        while True:
            with lock:
                if not items or failed:
                    return
                item = items.pop(0)
            try:
                work(item, thread)
            except BaseException as error:  # also SystemExit: told by the caller's thread
                failed.append(error)

    threads = [threading.Thread(target=body, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
