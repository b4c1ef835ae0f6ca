"""Pi from the counts of all seeds: a quarter circle covers pi/4 of its square."""
import json
import math
import os
import sys


def main() -> None:
    with open(os.environ["BATON_INPUTS"]) as file:
        inputs = json.load(file)
    counts = list(zip(inputs["inside"], inputs["thrown"]))
    inside, thrown = sum(inputs["inside"]), sum(inputs["thrown"])
    share = inside / thrown
    pi = round(4 * share, 6)
    error = round(4 * math.sqrt(share * (1 - share) / thrown), 6)
    with open(sys.argv[1], "w") as table:
        table.write("thrown\tinside\tpi\n")
        for hits, darts in counts:
            table.write(f"{darts}\t{hits}\t{4 * hits / darts:.6f}\n")
    with open(os.environ["BATON_OUTPUTS"], "w") as file:
        json.dump({"pi": pi, "error": error}, file)


main()
