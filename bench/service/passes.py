"""Passes a second: a whole replica, a bare loop of the same calls, the store alone, and pgbench with the same two statements."""
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time

from place import Place, cpu_seconds, family, fan, in_threads, load, project

WORKERS = 50  # of a replica
TASKS = 10    # running, of each run
CONNECTIONS = 8  # that a replica's workers share: what pgbench has as clients


class Broker:
    """As much AMQP as publishing needs. Without confirms: what is lost shows, as the passes stop."""

    def __init__(self):
        self.socket = socket.create_connection((os.environ["RABBIT_HOST"], int(os.environ["RABBIT_PORT"])))
        self.socket.sendall(b"AMQP\0\0\x09\x01")
        self.read()
        login = f"\0{os.environ['RABBIT_USER']}\0{os.environ['RABBIT_PASSWORD']}".encode()
        self.send(1, 0, struct.pack(">HHI", 10, 11, 0) + self.short("PLAIN") + struct.pack(">I", len(login)) + login + self.short("en_US"))
        limits = self.read()[4:]
        self.send(1, 0, struct.pack(">HH", 10, 31) + limits[:6] + b"\0\0")  # no heartbeats
        self.send(1, 0, struct.pack(">HH", 10, 40) + self.short("/") + b"\0\0")
        self.read()
        self.send(1, 1, struct.pack(">HH", 20, 10) + self.short(""))
        self.read()

    @staticmethod
    def short(text):
        return bytes([len(text)]) + text.encode()

    def send(self, kind, channel, payload):
        self.socket.sendall(struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce")

    def read(self):
        size = struct.unpack(">BHI", self.exactly(7))[2]
        return self.exactly(size + 1)[:-1]

    def exactly(self, size):
        got = b""
        while len(got) < size:
            more = self.socket.recv(size - len(got))
            if not more:
                raise SystemExit("the broker closed the connection")
            got += more
        return got

    def publish(self, exchange, body):
        self.send(1, 1, struct.pack(">HHH", 60, 40, 0) + self.short(exchange) + self.short("") + b"\0")
        self.send(2, 1, struct.pack(">HHQHB", 60, 0, len(body), 0x1000, 2))  # persistent
        self.send(3, 1, body)

    def close(self):
        self.socket.close()


class Feeder:
    """Keeps one message for each run under way: a new one for each pass that was made, in turn. So no two visits meet at one run."""

    def __init__(self, place, runs):
        self.place, self.runs, self.sent, self.broker = place, runs, 0, Broker()
        self.begun = self.fences()
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.feed)

    def fences(self):
        return int(self.place.sql.number("SELECT sum(fence) FROM comp_runs"))

    def feed(self):
        while not self.stopping.is_set():
            due = self.fences() - self.begun + self.runs - self.sent
            for _ in range(due):
                body = '{"user_id":1,"project_id":"%s","iteration":1}' % project(self.sent % self.runs)
                self.broker.publish(self.place.name, body.encode())
                self.sent += 1
            self.stopping.wait(0.005)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()
        self.broker.close()


def pgbench_script(sql, runs, clients):
    """The statements as pgbench has them. A client has runs of its own, as a coroutine has; of a run no more is read than the second one needs."""
    begin, commit = sql.splitlines()
    begin = re.sub(r" RETURNING .*$", " RETURNING r.run_id, r.fence, r.scheduled, r.result, r.started", begin)
    number = "('00000000-0000-4000-8000-' || lpad(:n::text, 12, '0'))"
    for name, value in {"$1": number, "$2": "1", "$3": "1", "$4": "'pgbench'", "$5": "0", "$6": "''"}.items():
        begin = begin.replace(name, value)
    given = {"$1": ":run_id", "$2": ":fence", "$3": "nullif(:scheduled::text, '')", "$4": ":result", "$5": "nullif(:started::text, '')", "$6": "NULL", "$7": "NULL", "$8": "NULL"}
    for name, value in given.items():
        commit = commit.replace(name, value)
    return f"\\set n :client_id + {clients} * random(0, {runs // clients - 1})\n{begin} \\gset\n{commit};\n"


def passes(options):
    seconds = 5 if options.quick else 10
    runs = 16 if options.quick else 96
    with Place() as place:
        tool, servers = options.tool, options.servers.pids()
        replica = place.serve("--jobs", str(runs * TASKS))
        clients = [place.client(replica) for _ in range(4)]

        def one(number, thread):
            clients[thread].put(project(number), fan(TASKS, "exec sleep 86400"), place.folder)
            clients[thread].start(project(number))

        in_threads(4, one, range(runs))
        place.until(lambda: place.sql.number("SELECT count(*) FROM comp_run_snapshot_tasks WHERE state = 'RUNNING'") == runs * TASKS, "all tasks run", 0.2)

        def cpu():
            taken = {name: cpu_seconds(family(pid)) for name, pid in servers.items()}
            taken["baton"] = cpu_seconds([replica.pid])
            return taken

        place.sql("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        ours = "(s.query ILIKE '%sum(fence)%' OR s.query ILIKE '%pg_stat_%')"  # of this script
        begins, commits = "s.query LIKE '%begun_by = CASE%'", "s.query LIKE '%committed = r.fence%'"  # each is the first statement of a round trip

        def calls(which):
            return place.sql.number(f"SELECT coalesce(sum(s.calls), 0) FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = current_database() AND {which}")

        def traffic():
            """Statements of the replica: all, those that begin a pass, those that commit one."""
            return calls(f"NOT {ours}"), calls(begins), calls(commits)

        rates = {"whole": [], "loop": [], "store": [], "pgbench": []}
        script = place.folder / "pass.sql"
        script.write_text(pgbench_script(subprocess.run([tool, "sql"], check=True, stdout=subprocess.PIPE, text=True).stdout, runs, CONNECTIONS))
        database = ["-h", os.environ["POSTGRES_HOST"], "-p", os.environ["POSTGRES_PORT"], "-U", os.environ["POSTGRES_USER"]]
        environment = {**place.environment, "PGPASSWORD": os.environ["POSTGRES_PASSWORD"]}
        rounds = 1 if options.quick else 3
        for turn in range(rounds):
            if turn:
                replica = place.serve("--jobs", str(runs * TASKS))
            with Feeder(place, runs):
                place.until(lambda: place.figure(replica, "baton_passes_total") > 2 * runs, "the replica has seen each run")
                before, made, begin = cpu(), place.figure(replica, "baton_passes_total"), time.monotonic()
                time.sleep(seconds)
                made, took, after = place.figure(replica, "baton_passes_total") - made, time.monotonic() - begin, cpu()
                sent, counted = traffic(), place.figure(replica, "baton_passes_total")
                time.sleep(seconds / 2)
                sent = [now - then for now, then in zip(traffic(), sent)]
                counted = place.figure(replica, "baton_passes_total") - counted
            print(f"passes: {sent[0] / counted:.2f} statements a pass, {sent[1] / counted:.2f} of them begin one and {sent[2] / counted:.2f} commit one: a round trip each (pg_stat_statements)", flush=True)
            rates["whole"].append(made / took)
            print(f"passes: whole {made / took:.0f}/s; CPU µs a pass: " + " · ".join(f"{name} {1e6 * (after[name] - before[name]) / made:.0f}" for name in after)
                  + f"  [{load()}]", flush=True)
            replica.kill(signal.SIGTERM)
            replica.process.wait()

            loop = subprocess.Popen([tool, "loop", str(WORKERS), str(seconds)], env=environment, stdout=subprocess.PIPE, text=True)
            with Feeder(place, runs):
                rates["loop"].append(float(loop.communicate()[0]))
            told = subprocess.run([tool, "store", str(min(WORKERS, runs)), str(seconds), str(runs)], env=environment, stdout=subprocess.PIPE, text=True, check=True)
            rates["store"].append(float(told.stdout))
            told = subprocess.run(["pgbench", "-n", "-M", "prepared", "-c", str(CONNECTIONS), "-j", "1", "-T", str(seconds), "-f", script, *database, place.name],
                                  env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            tps = re.search(r"tps = ([\d.]+)", told.stdout)
            if told.returncode != 0 or not tps:
                raise SystemExit("pgbench failed:\n" + told.stdout + told.stderr)
            rates["pgbench"].append(float(tps[1]))
            print("passes: " + " · ".join(f"{name} {each[-1]:.0f}/s" for name, each in rates.items())
                  + f" · whole / loop {rates['whole'][-1] / rates['loop'][-1]:.2f} · store / pgbench {rates['store'][-1] / rates['pgbench'][-1]:.2f}  [{load()}]",
                  flush=True)
