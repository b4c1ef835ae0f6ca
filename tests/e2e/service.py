"""Replicas of `baton serve` on real servers: what the tests of the service share."""
import json
import os
import re
import signal
import subprocess
import threading
import time
import unittest
import urllib.error
import urllib.request
import uuid

from workshop import BATON, PATIENCE, Workshop

SERVERS = ("POSTGRES_HOST", "RABBIT_HOST", "REDIS_HOST")
TOKEN = "a-token-of-the-tests-0123456789"


class Replica:
    """A process of `baton serve`; its log is kept in memory."""

    def __init__(self, folder, environment, *words, binary=BATON):
        self.process = subprocess.Popen([binary, "serve", "--listen", "127.0.0.1:0", "--local-backend", "--data", str(folder), *words],
                                        cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.log = []
        threading.Thread(target=self._read_log, daemon=True).start()
        first = self.process.stdout.readline().decode()
        port = re.search(r"port (\d+)", first)
        if not port:
            self.process.wait(PATIENCE)
            raise AssertionError(f"the replica did not begin: {first!r}\n" + self.text())
        self.url = f"http://127.0.0.1:{port[1]}"

    def _read_log(self):
        for line in self.process.stderr:
            self.log.append(line.decode(errors="replace").rstrip())

    def text(self):
        return "\n".join(self.log[-200:])

    @property
    def pid(self):
        return self.process.pid

    def kill(self, how=signal.SIGKILL):
        self.process.send_signal(how)
        if how == signal.SIGKILL:
            self.process.wait(PATIENCE)

    def ask(self, method, path, body=None, token=TOKEN):
        """(status, JSON or text)"""
        request = urllib.request.Request(self.url + path, method=method, data=None if body is None else json.dumps(body).encode())
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        if body is not None:
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                status, text = answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            status, text = refused.code, refused.read().decode()
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text


class Service(Workshop):
    """Each test has a database and a queue of its own on the shared servers."""

    def setUp(self):
        super().setUp()
        missing = [name for name in SERVERS if name not in os.environ]
        if missing and os.environ.get("BATON_NO_SERVERS") == "1":
            self.skipTest("BATON_NO_SERVERS=1")
        self.assertEqual(missing, [], "no servers are told: run scripts/test, or eval \"$(scripts/services env)\" first")
        self.name = "baton_test_" + uuid.uuid4().hex[:12]
        self.sql(f"CREATE DATABASE {self.name}", database=os.environ["POSTGRES_DB"])
        self.addCleanup(lambda: self.sql(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)", database=os.environ["POSTGRES_DB"]))
        self.environment = {**os.environ, "POSTGRES_DB": self.name, "BATON_QUEUE": self.name, "BATON_TOKEN": TOKEN}
        self.replicas = []
        self.addCleanup(self.end_replicas)

    def end_replicas(self):
        for replica in self.replicas:
            if replica.process.poll() is None:
                replica.process.send_signal(signal.SIGCONT)
                replica.process.kill()
            replica.process.wait()
            replica.process.stdout.close()

    def serve(self, *words, binary=BATON, **settings):
        replica = Replica(self.folder, {**self.environment, **settings}, *words, binary=binary)
        self.replicas.append(replica)
        return replica

    def figure(self, replica, name):
        """Of its /metrics; a name without labels is the sum over all that there are."""
        found = [line.rpartition(" ")[2] for line in replica.ask("GET", "/metrics")[1].splitlines() if line.startswith((name + " ", name + "{"))]
        self.assertTrue(found, f"no figure {name}")
        return sum(map(float, found))

    def urls(self):
        return ",".join(replica.url for replica in self.replicas if replica.process.poll() is None)

    def sql(self, text, database=None):
        """The rows of one statement, each a list of texts."""
        environment = {**os.environ, "PGPASSWORD": os.environ.get("POSTGRES_PASSWORD", "")}
        ended = subprocess.run(["psql", "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h", os.environ["POSTGRES_HOST"], "-p", os.environ["POSTGRES_PORT"],
                                "-U", os.environ["POSTGRES_USER"], "-d", database or self.name, "-c", text],
                               env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE)
        self.assertEqual(ended.returncode, 0, ended.stderr.decode())
        return [line.split("\t") for line in ended.stdout.decode().splitlines()]

    # ---- the command line against the service -------------------------------------------------------------------------
    def remote(self, verb, *words, code=None, server=None):
        return self.baton(verb, *words, "--server", server or self.urls(), code=code, env=self.environment)

    def start_remote(self, verb, *words, server=None):
        return self.start(verb, *words, "--server", server or self.urls(), env=self.environment)

    def log_of_all(self):
        return "\n".join(f"--- replica {replica.pid}\n{replica.text()}" for replica in self.replicas)
