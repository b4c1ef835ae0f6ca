"""docs/cli.md says what the binary says."""
import os
import re
import subprocess
import unittest

DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "cli.md")


class Docs(unittest.TestCase):
    def test_cli_md_holds_the_help_of_every_command(self):
        with open(DOCS, encoding="utf-8") as file:
            sections = dict(re.findall(r"^## baton (\w+)\n```\n(.*?)```$", file.read(), re.M | re.S))
        for command in ("run", "plan", "why", "status", "history", "logs", "cancel", "quarantine"):
            with self.subTest(command=command):
                said = subprocess.run([os.environ["BATON"], command, "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout
                lines = [line.rstrip() for line in said.splitlines() if line.strip()]
                self.assertEqual([line for line in sections[command].splitlines() if line.strip()], lines)


if __name__ == "__main__":
    unittest.main()
