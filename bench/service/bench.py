#!/usr/bin/env python3
"""Figures of `baton serve` on real PostgreSQL, RabbitMQ and Redis, which it starts for itself and stops at the end.

    python3 bench/service/bench.py --binary build/release/baton [--only latency,takeover,…] [--quick] [--dir DIR]

  latency    start request -> job handed over, and job finished -> successor handed over, at half load; WAL flushes a hand-over
  takeover   kill -9 of a replica -> the first pass of another one on its runs
  sizes      one run of 100, 1 000 and 10 000 tasks: milliseconds a task

Each line shows the load of the machine beside the figure: with other work on it, take ratios rather than times.
"""
import argparse
import os
import random
import signal
import statistics
import tempfile
import time
from pathlib import Path

from place import Place, Probe, Servers, chain, fan, in_threads, load, milliseconds, project

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
    """Seconds: request -> first job decided, begun; end -> successor decided, begun; by the clocks of database and keeper, which are this host's."""
    rows = place.sql("SELECT r.project_uuid, a.task, extract(epoch from a.submitted), extract(epoch from a.start), extract(epoch from a.\"end\")"
                     " FROM comp_runs r JOIN comp_task_attempts a USING (run_id) WHERE a.attempt = 1")
    times = {(int(row[0][-12:]), int(row[1])): tuple(map(float, row[2:])) for row in rows}
    found = {"start, decided": [], "start, begun": [], "next, decided": [], "next, begun": []}
    for (number, task), (submitted, start, _) in times.items():
        if number not in asked:
            continue
        before = asked[number] if task == 0 else times[number, task - 1][2]
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
        widths = (100, 1000) if options.quick else (100, 1000, 10_000, 100, 1000, 100, 1000)  # in turn: what the machine does else changes
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


MEASUREMENTS = {"latency": latency, "takeover": takeover, "sizes": sizes}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True, type=os.path.abspath)
    parser.add_argument("--only", default=",".join(MEASUREMENTS), help="measurements, with commas")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller: to see that it works")
    parser.add_argument("--dir", type=Path, help="where the servers have their data; a folder that is removed, if not given")
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
            for name in chosen:
                MEASUREMENTS[name](options)
        finally:
            servers.stop()


if __name__ == "__main__":
    main()
