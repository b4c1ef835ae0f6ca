"""Throws darts at the unit square: how many fall within the quarter circle? Seeded, so the same seed gives the same count."""
import json
import os
import random
import sys


def main() -> None:
    seed = int(sys.argv[1])
    with open(os.environ["BATON_INPUTS"]) as file:
        samples = json.load(file)["samples"]
    chance = random.Random(seed)
    inside = 0
    for dart in range(samples):
        x, y = chance.random(), chance.random()
        inside += x * x + y * y <= 1.0
        if dart % (samples // 10 or 1) == 0:
            print(f"PROGRESS: {dart}/{samples}", flush=True)
    with open(os.environ["BATON_OUTPUTS"], "w") as file:
        json.dump({"inside": inside, "thrown": samples}, file)


main()
