#!/usr/bin/env python3
"""Figures of `baton serve` on real PostgreSQL, RabbitMQ and Redis, which it starts for itself and stops at the end.

    python3 bench/service/bench.py --binary build/release/baton [--only latency,takeover,…] [--quick] [--dir DIR]

  latency    start request -> job handed over, and job finished -> successor handed over, at half load; WAL flushes a hand-over
  takeover   kill -9 of a replica -> the first pass of another one on its runs
  sizes      one run of 100, 1 000 and 10 000 tasks: milliseconds a task
  passes     passes a second with 10 running tasks: a whole replica, a bare loop of the same calls, the store alone, pgbench (needs --tool)
  idle       10 000 open runs that wait: memory, CPU, statements a second of one replica
  replicas   1, 2 and 4 replicas: tasks a second, shares
  neighbours hand-overs of one user beside poisoned runs, and beside another user's 1 000 runs

Each line shows the load of the machine beside the figure: with other work on it, take ratios rather than times.
"""
import argparse
import os
import random
import signal
import statistics
import tempfile
import threading
import time
from pathlib import Path

from passes import passes
from place import Place, Probe, Servers, chain, cpu_seconds, family, fan, in_threads, load, milliseconds, project

STEPS = 5  # of each chain


def say(text):
    print(f"{text}  [{load()}]", flush=True)


# ---- latency --------------------------------------------------------------------------------------------------------------------
def start_chains(place, replica, numbers, rate=None, threads=4, user=1):
    """Starts a chain a number; `rate` a second, or as fast as it goes. Number -> when it was asked for."""
    clients = [place.client(replica) for _ in range(threads)]
    asked = {}
    begin = time.monotonic()

    def one(item, thread):
        order, number = item
        clients[thread].put(project(number), chain(STEPS), place.folder, user)
        if rate:
            time.sleep(max(0.0, begin + order / rate - time.monotonic()))
        asked[number] = clients[thread].start(project(number), user)

    in_threads(threads, one, enumerate(numbers))
    return asked


def hand_overs(place, asked):
    """Seconds: request -> run being made, first job decided, begun; end -> successor decided, begun; by the clocks of database and keeper, which are this host's."""
    rows = place.sql("SELECT r.project_uuid, a.task, extract(epoch from a.submitted), extract(epoch from a.start), extract(epoch from a.\"end\"),"
                     " extract(epoch from r.created)"
                     " FROM comp_runs r JOIN comp_task_attempts a USING (run_id)"
                     " WHERE a.attempt = 1 AND a.submitted IS NOT NULL AND a.start IS NOT NULL AND a.\"end\" IS NOT NULL")
    times = {(int(row[0][-12:]), int(row[1])): tuple(map(float, row[2:])) for row in rows}
    found = {"start, created": [], "start, decided": [], "start, begun": [], "next, decided": [], "next, begun": []}
    for (number, task), (submitted, start, _, created) in times.items():
        if number not in asked:
            continue
        before = asked[number] if task == 0 else times[number, task - 1][2]
        if task == 0:
            found["start, created"].append(created - before)
        kind = "start" if task == 0 else "next"
        found[kind + ", decided"].append(submitted - before)
        found[kind + ", begun"].append(start - before)
    return found


def wal_syncs(place):
    return place.sql.number("SELECT wal_sync FROM pg_stat_wal")


def settled(place, read, quiet=1.3):
    """A figure that servers tell late: read until it stands still, at most a few times (background work goes on for ever)."""
    last = read(place)
    for _ in range(3):
        time.sleep(quiet)
        now = read(place)
        if now == last:
            break
        last = now
    return last


def capacity(place, replica, runs, first):
    """Chains a second, all started before they are done."""
    begin = time.monotonic()
    start_chains(place, replica, range(first, first + runs))
    place.until_all_ended()
    return runs / (time.monotonic() - begin)


def latency(options):
    with Place() as place:
        replica = place.serve("--jobs", "4")
        capacity(place, replica, 10, 900_000)  # warm
        idle = settled(place, wal_syncs), time.monotonic()
        time.sleep(5)
        say(f"latency: idle: {(settled(place, wal_syncs) - idle[0]) / (time.monotonic() - idle[1]):.1f} WAL flushes a second")
        most = capacity(place, replica, 30 if options.quick else 100, 0)
        say(f"latency: capacity {most:.1f} chains of {STEPS} a second = {most * STEPS:.0f} hand-overs/s (one replica, --jobs 4)")
        for name, part in (("half load", 0.5), ("a tenth of the load", 0.1)):
            seconds = 8 if options.quick else 30
            first = 100_000 + int(part * 10) * 10_000
            count = max(8, int(most * part * seconds))
            syncs, passes, begin = settled(place, wal_syncs), place.figure(replica, "baton_passes_total"), time.monotonic()
            with Probe(place) as probe:
                asked = start_chains(place, replica, range(first, first + count), rate=most * part)
                place.until_all_ended()
            took = time.monotonic() - begin
            passes = place.figure(replica, "baton_passes_total") - passes
            syncs = settled(place, wal_syncs) - syncs
            for kind, values in hand_overs(place, asked).items():
                say(f"latency, {name}: {kind}: {milliseconds(values)}")
            say(f"latency, {name}: beside it: one committed update {milliseconds(probe.commits)}; `sh -c true` {milliseconds(probe.shells)}")
            total = count * STEPS
            say(f"latency, {name}: {total / took:.0f} hand-overs/s; a hand-over: {syncs / total:.2f} WAL flushes, {passes / total:.2f} passes")


# ---- take-over ------------------------------------------------------------------------------------------------------------------
def takeover(options):
    runs, kills = 10, 5 if options.quick else 20
    chance = random.Random(options.seed)
    print(f"takeover: seed {options.seed}")
    with Place() as place:
        living = place.serve("--jobs", str(runs * 2))
        client = place.client(living)
        for number in range(runs):
            client.put(project(number), {"long": {"run": "sleep 3600"}}, place.folder)
            client.start(project(number))

        def followed_by(replica):
            return [float(processed) for processed, in place.sql("SELECT extract(epoch from processed) FROM comp_runs"
                                                                f" WHERE follower LIKE '%-{replica.pid}-%' AND scheduled <= processed")]

        place.until(lambda: place.sql("SELECT count(*) FROM comp_run_snapshot_tasks WHERE state = 'RUNNING'") == [[str(runs)]], "all runs run")
        each, all_of_them = [], []
        for _ in range(kills):
            other = place.serve("--jobs", str(runs * 2))
            time.sleep(chance.uniform(0.2, 1.5))  # so that the kill meets any moment of the other's clock
            killed = time.time()
            living.kill(signal.SIGKILL)
            place.until(lambda: len(followed_by(other)) == runs, "all runs are followed again", seconds=60)
            took = [at - killed for at in followed_by(other)]
            each += took
            all_of_them.append(max(took))
            living = other
        say(f"takeover: kill -9 -> another's first pass on a run: {milliseconds(each)}")
        say(f"takeover: kill -9 -> the last of its {runs} runs: {milliseconds(all_of_them)}")


# ---- sizes ----------------------------------------------------------------------------------------------------------------------
def sizes(options):
    with Place() as place:
        replica = place.serve("--jobs", "4")
        client = place.client(replica)
        small, large = (100, 1000), (options.largest,)
        widths = small if options.quick else small + large + small + small  # in turn: what the machine does else changes
        costs = {}
        for number, width in enumerate(widths):
            client.put(project(number), fan(width), place.folder)
            before = place.figure(replica, "baton_passes_total")
            begin = time.monotonic()
            client.start(project(number))
            answered = time.monotonic() - begin
            place.until_all_ended(0.1)
            took = place.sql.number(f"SELECT extract(epoch from ended - created) FROM comp_runs WHERE project_uuid = '{project(number)}'")
            passes = place.figure(replica, "baton_passes_total") - before
            costs.setdefault(width, []).append(took / width)
            say(f"sizes: {width} tasks: {1e3 * took / width:.2f} ms a task, {passes:.0f} passes; the start was answered in {1e3 * answered:.0f} ms")
        base = statistics.median(costs[100])
        say("sizes: medians, as a ratio to 100 tasks: " + " · ".join(f"{width}: {statistics.median(took) / base:.2f}" for width, took in costs.items()))


# ---- idle -----------------------------------------------------------------------------------------------------------------------
def resident(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def idle(options):
    """Runs of one job that waits for its turn behind one that does not end: all open, nothing to do."""
    runs, seconds = (300, 10) if options.quick else (options.largest, 60)
    with Place() as place:
        place.sql("CREATE EXTENSION pg_stat_statements")
        replica = place.serve("--jobs", "1")
        empty = resident(replica.pid)
        clients = [place.client(replica) for _ in range(8)]

        def one(number, thread):
            clients[thread].put(project(number), {"long": {"run": "exec sleep 86400"}}, place.folder)
            clients[thread].start(project(number))

        begin = time.monotonic()
        in_threads(8, one, range(runs))
        say(f"idle: {runs} runs started: {runs / (time.monotonic() - begin):.0f} a second")
        calm = "SELECT count(*) FROM comp_runs WHERE scheduled IS NULL OR processed IS NULL OR scheduled > processed"
        place.until(lambda: place.sql.number(calm) == 0, "no run is to be visited", 0.5)
        time.sleep(10)  # two rounds of the manager
        statements = "SELECT sum(calls) FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = current_database()"
        servers = options.servers.pids()
        keeper = place.keeper()

        def cpu():
            return {"baton": cpu_seconds([replica.pid]), "keeper": cpu_seconds([keeper]), **{name: cpu_seconds(family(pid)) for name, pid in servers.items()}}

        before, calls, made, begin = cpu(), place.sql.number(statements), place.figure(replica, "baton_passes_total"), time.monotonic()
        time.sleep(seconds)
        took, after = time.monotonic() - begin, cpu()
        calls, made = place.sql.number(statements) - calls - 2, place.figure(replica, "baton_passes_total") - made
        say(f"idle: {runs} open runs: {resident(replica.pid):.0f} MB resident ({empty:.0f} when empty; the keeper {resident(keeper):.0f}), "
            f"{calls / took:.1f} statements/s, {made / took:.1f} passes/s; CPU % of a core: "
            + " · ".join(f"{name} {100 * (after[name] - before[name]) / took:.1f}" for name in after))


# ---- replicas -------------------------------------------------------------------------------------------------------------------
def replicas(options):
    runs, width = (8, 10) if options.quick else (40, 20)
    with Place() as place:
        first, base = 0, None
        for count in (1, 2, 4):
            living = [place.serve("--jobs", "4") for _ in range(count)]
            clients = [place.client(replica) for replica in living]
            before = [place.figure(replica, "baton_jobs_submitted_total") for replica in living]
            begin = time.monotonic()

            def one(number, thread):
                clients[thread].put(project(number), fan(width), place.folder)
                clients[thread].start(project(number))

            in_threads(count, one, range(first, first + runs))
            place.until_all_ended()
            took = time.monotonic() - begin
            shares = [place.figure(replica, "baton_jobs_submitted_total") - b for replica, b in zip(living, before)]
            base = base or runs * width / took
            say(f"replicas: {count}: {runs * width / took:.0f} tasks/s, {runs * width / took / base:.2f} of one; shares "
                + " · ".join(f"{100 * share / sum(shares):.0f} %" for share in shares))
            first += runs
            for replica in living:
                replica.kill(signal.SIGTERM)
                replica.process.wait()


# ---- neighbours -----------------------------------------------------------------------------------------------------------------
def neighbours(options):
    """Hand-overs of one user's paced chains: alone; beside a run that no pass can read; beside another user's many runs."""
    seconds, many = (8, 200) if options.quick else (30, 1000)
    with Place() as place:
        replica = place.serve("--jobs", "4")
        most = capacity(place, replica, 20 if options.quick else 50, 900_000)
        rate = most / 4

        def measure(name, first):
            count = max(8, int(rate * seconds))
            asked = start_chains(place, replica, range(first, first + count), rate=rate)
            pending = ("SELECT count(*) FROM comp_runs WHERE result NOT IN ('SUCCESS', 'FAILED', 'ABORTED')"
                       f" AND project_uuid >= '{project(first)}' AND project_uuid < '{project(first + count)}'")
            place.until(lambda: place.sql.number(pending) == 0, "the paced runs end", 0.1)
            found = hand_overs(place, asked)
            say(f"neighbours: {name}: start, decided: {milliseconds(found['start, decided'])}; next, decided: {milliseconds(found['next, decided'])}")

        measure("alone", 0)
        poisoned = range(500_000, 500_005)
        client = place.client(replica)
        for number in poisoned:
            client.put(project(number), {"long": {"run": "exec sleep 1"}}, place.folder)
            client.start(project(number))
        # Each begin of a pass brings this task, which cannot be understood: failed, counted, backed off, and held after five.
        place.until(lambda: place.sql.number(f"SELECT count(*) FROM comp_runs WHERE project_uuid >= '{project(500_000)}' AND committed > 0") >= len(poisoned), "they began")
        place.sql("UPDATE comp_run_snapshot_tasks t SET changed_in = 1000000000, reasons = '7' FROM comp_runs r WHERE r.run_id = t.run_id"
                  f" AND r.project_uuid BETWEEN '{project(500_000)}' AND '{project(500_004)}'")
        measure("beside 5 poisoned runs", 10_000)
        failed = place.sql("SELECT failures, held_since IS NOT NULL, count(*) FROM comp_runs"
                           f" WHERE project_uuid BETWEEN '{project(500_000)}' AND '{project(500_004)}' GROUP BY 1, 2")
        say(f"neighbours: the poisoned ones (failures, held, runs): {failed}")

        others = [place.client(replica) for _ in range(2)]

        def start_other(number, thread):
            others[thread].put(project(number), {"one": {"run": "true"}}, place.folder, user=2)
            others[thread].start(project(number), user=2)

        crowd = threading.Thread(target=in_threads, args=(2, start_other, range(600_000, 600_000 + many)))
        crowd.start()
        measure(f"beside another user who starts {many} runs", 20_000)
        crowd.join()


MEASUREMENTS = {"latency": latency, "takeover": takeover, "sizes": sizes, "passes": passes, "idle": idle, "replicas": replicas, "neighbours": neighbours}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True, type=os.path.abspath)
    parser.add_argument("--only", default=",".join(MEASUREMENTS), help="measurements, with commas")
    parser.add_argument("--tool", type=os.path.abspath, default="build/release/bench/bench_service", help="the built bench_service")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller: to see that it works")
    parser.add_argument("--dir", type=Path, help="where the servers have their data; a folder that is removed, if not given")
    parser.add_argument("--largest", type=int, default=10_000, help="tasks of the largest run of `sizes`, and runs of `idle`")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    options = parser.parse_args()
    chosen = options.only.split(",")
    for name in chosen:
        if name not in MEASUREMENTS:
            parser.error(f"there is no {name}: {', '.join(MEASUREMENTS)}")
    os.environ["BATON"] = options.binary
    with tempfile.TemporaryDirectory(prefix="baton-bench-servers-") as own:
        os.chmod(own, 0o755)  # PostgreSQL of root runs as another user
        servers = Servers(options.dir or Path(own))
        try:
            options.servers = servers
            for name in chosen:
                MEASUREMENTS[name](options)
        finally:
            servers.stop()


if __name__ == "__main__":
    main()
