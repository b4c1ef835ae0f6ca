#!/usr/bin/env python3
"""Overhead per trivial task: Baton, ninja and a bare loop in turn on the same graph, each task writing one empty output. The loop makes the
same files as Baton does (work directory, log, published folder) and knows nothing of the graph: a chain is no chain for it.

    bench/runner/compare.py --baton build/release/baton --loop build/release/bench/bench_bare_loop [--dir /dev/shm] [--rounds 5]

Prints, per shape (fan 1 -> N -> 1, chain of N): wall milliseconds per task (medians), and the ratios taken round by round; then a run
with nothing to do. Needs ninja. CPU time is not given: Baton's keeper outlives it, so no parent is told of its share.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import tempfile
import time


def fan(count):
    text = ["baton: 1", "name: fan", "nodes:", "  first: {outputs: {o: {file: o}}, run: ': > ${outputs.o}'}",
            "  mid: {foreach: {i: {range: [1, %d]}}, inputs: {a: {from: first.o}}, outputs: {o: {file: o}}, run: ': > ${outputs.o}'}" % count,
            "  last: {inputs: {a: {from: 'mid[*].o'}}, outputs: {o: {file: o}}, run: ': > ${outputs.o}'}"]
    edges = [("first", [])] + [("mid%d" % i, ["first"]) for i in range(1, count + 1)]
    edges.append(("last", ["mid%d" % i for i in range(1, count + 1)]))
    return "\n".join(text) + "\n", edges


def chain(count):
    text = ["baton: 1", "name: chain", "nodes:"]
    edges = []
    for i in range(count):
        inputs = "inputs: {a: {from: t%d.o}}, " % (i - 1) if i else ""
        text.append("  t%d: {%soutputs: {o: {file: o}}, run: ': > ${outputs.o}'}" % (i, inputs))
        edges.append(("t%d" % i, ["t%d" % (i - 1)] if i else []))
    return "\n".join(text) + "\n", edges


def ninja_file(edges):
    lines = ["rule touch", "  command = : > $out"]
    for name, before in edges:
        lines.append("build out/%s: touch %s" % (name, " ".join("out/" + b for b in before)))
    return "\n".join(lines) + "\n"


def timed(command, cwd, stdin=None):
    started = time.monotonic()
    done = subprocess.run(command, cwd=cwd, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wall = time.monotonic() - started
    if done.returncode != 0:
        raise SystemExit("%s failed with %d:\n%s" % (command, done.returncode, done.stdout[-2000:]))
    return wall


def measure(shape, count, options):
    text, edges = (fan if shape == "fan" else chain)(count)
    tasks = len(edges)
    base = tempfile.mkdtemp(prefix="baton-bench-", dir=options.dir)
    rows = {"baton": [], "ninja": [], "loop": [], "baton no-op": [], "ninja no-op": []}
    try:
        for _ in range(options.rounds):
            here = os.path.join(base, "round")
            os.makedirs(os.path.join(here, "out"))
            with open(os.path.join(here, "pipeline.yaml"), "w") as file:
                file.write(text)
            with open(os.path.join(here, "build.ninja"), "w") as file:
                file.write(ninja_file(edges))
            baton = [options.baton, "run", "pipeline.yaml", "-j", str(options.jobs)]
            ninja = ["ninja", "-j", str(options.jobs)]
            rows["baton"].append(timed(baton, here))
            rows["ninja"].append(timed(ninja, here))
            rows["baton no-op"].append(timed(baton, here))
            rows["ninja no-op"].append(timed(ninja, here))
            rows["loop"].append(timed([options.loop, str(options.jobs)], here, "".join("%s\n" % name for name, _ in edges)))
            shutil.rmtree(here)
    finally:
        shutil.rmtree(base, ignore_errors=True)
    print("%s, %d tasks, -j%d, in %s" % (shape, tasks, options.jobs, options.dir))
    for name in ("baton", "ninja", "loop"):
        print("  %-6s %6.3f ms a task" % (name, statistics.median(rows[name]) / tasks * 1e3))
    ratio = lambda a, b: [x / y for x, y in zip(rows[a], rows[b])]
    for a, b in (("baton", "ninja"), ("baton", "loop")):
        values = ratio(a, b)
        print("  %s / %s: median %.2f (%.2f to %.2f)" % (a, b, statistics.median(values), min(values), max(values)))
    values = ratio("baton no-op", "ninja no-op")
    print("  nothing to do: baton %.1f ms, ninja %.1f ms, ratio %.2f" % (
        statistics.median(rows["baton no-op"]) * 1e3, statistics.median(rows["ninja no-op"]) * 1e3,
        statistics.median(values)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--baton", required=True, type=os.path.abspath)
    parser.add_argument("--loop", required=True, type=os.path.abspath)
    parser.add_argument("--dir", default="/dev/shm")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--shape", choices=("fan", "chain", "both"), default="both")
    options = parser.parse_args()
    for shape in ("fan", "chain") if options.shape == "both" else (options.shape,):
        measure(shape, options.count, options)


if __name__ == "__main__":
    main()
