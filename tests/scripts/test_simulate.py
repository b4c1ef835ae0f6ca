"""scripts/simulate: over 20 000 worlds no rule is broken, each fault strikes wherever it can, and each mutant is found. Minutes: --long."""
import os
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SEEDS = "1..20000"


@unittest.skipUnless(os.environ.get("BATON_LONG") == "1", "--long")
class Simulate(unittest.TestCase):
    def simulate(self, *words):
        return subprocess.run([ROOT / "scripts" / "simulate", *words], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True)

    def test_no_rule_is_broken_and_every_fault_strikes_where_it_can(self):
        ran = self.simulate("--seeds", SEEDS)
        self.assertEqual(ran.returncode, 0, ran.stdout[-5000:] + ran.stderr)

    def test_every_mutant_is_found(self):
        mutants = self.simulate("--list-mutants").stdout.split()
        self.assertGreaterEqual(len(mutants), 12)
        for mutant in mutants:
            with self.subTest(mutant):
                ran = self.simulate("--seeds", SEEDS, "--mutant", mutant)
                self.assertEqual(ran.returncode, 1, ran.stdout[-5000:] + ran.stderr)
