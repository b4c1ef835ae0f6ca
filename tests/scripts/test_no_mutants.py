"""The switches that break a rule on purpose are for tests: what is released has none of them."""
import os
import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def names():
    header = (ROOT / "src/core/mutants.hpp").read_text()
    body = re.search(r"enum class Mutant[^{]*\{(.*?)\};", header, re.DOTALL).group(1)
    return [name for name in re.findall(r"^\s*(\w+),", body, re.MULTILINE) if name != "none"]


class NoMutants(unittest.TestCase):
    def test_the_list_is_read_and_is_long_enough(self):
        self.assertGreaterEqual(len(names()), 10)
        self.assertIn("fence_unchecked", names())

    def test_the_released_binaries_hold_none(self):
        baton = Path(os.environ["BATON"])
        for path in baton, baton.with_name("baton-serve"):
            binary = path.read_bytes()
            self.assertNotIn(b"mutant_on", binary)
            for name in names():
                with self.subTest(path.name, mutant=name):
                    self.assertNotIn(name.encode(), binary)

    def test_each_is_a_switch_in_the_code_that_is_released(self):
        sources = "\n".join(path.read_text() for path in (ROOT / "src").rglob("*.[ch]pp") if path.name not in ("mutants.hpp", "mutants.cpp"))
        for name in names():
            self.assertIn(f"Mutant::{name})", sources, name)
        in_the_simulation = "\n".join(path.read_text() for path in (ROOT / "tests/simulation").glob("*.[ch]pp") if not path.name.endswith("_test.cpp"))
        self.assertNotIn("Mutant::fence", in_the_simulation)


if __name__ == "__main__":
    unittest.main()
