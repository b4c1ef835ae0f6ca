"""Monte-Carlo edited and run again: only what must run does, and `plan` and `why` said so before."""
import os
import shutil
import time

from workshop import ROOT, Workshop

THROWS = [f"throw[{seed}]" for seed in range(1, 9)]


class Changes(Workshop):
    def setUp(self):
        super().setUp()
        shutil.copytree(ROOT / "examples/monte-carlo", self.folder, dirs_exist_ok=True)
        self.edit("pipeline.yaml", "samples: 200000", "samples: 2000")
        self.baton("run", "pipeline.yaml", code=0)

    def edit(self, name, old, new):
        path = self.folder / name
        text = path.read_text()
        self.assertIn(old, text)
        path.write_text(text.replace(old, new))

    def why(self, node):
        return self.baton("why", "pipeline.yaml", node, code=0).out

    def assert_nothing_to_do(self):
        self.assertEqual(self.plan("pipeline.yaml"), {})
        self.assertIn("nothing to do", self.baton("run", "pipeline.yaml", code=0).err)

    def test_it_estimates_pi(self):
        report = (self.out / "report/report.txt").read_text()

        self.assertRegex(report, r"pi is about 3\.[01]\d*, give or take 0\.\d+")
        self.assertEqual(len(report.splitlines()), 2 + 1 + 8)
        self.assert_nothing_to_do()

    def test_an_input_file_with_other_content_runs_its_reader_and_those_after_it(self):
        self.edit("estimate.py", "Pi from the counts", "pi from the counts")

        self.assertEqual(self.plan("pipeline.yaml"), {"estimate": ["definition-changed"], "report": ["upstream-runs"]})
        self.assertIn("estimate runs", self.why("report"))
        self.assertIn("would run", self.why("estimate"))
        self.assertIn("it is up to date", self.why("throw[1]"))
        self.assertEqual(self.ran("pipeline.yaml"), ["estimate"])  # the same numbers came out: report is cut off
        self.assert_nothing_to_do()

    def test_a_touched_file_runs_nothing(self):
        for name in ("estimate.py", "throw.py"):
            os.utime(self.folder / name, (time.time() + 10, time.time() + 10))

        self.assertIn("would not run", self.why("estimate"))
        self.assert_nothing_to_do()

    def test_a_step_whose_output_stays_the_same_runs_alone(self):
        self.edit("throw.py", "Throws darts", "Hurls darts")

        planned = self.plan("pipeline.yaml")
        self.assertEqual(planned, {**{throw: ["definition-changed"] for throw in THROWS}, "estimate": ["upstream-runs"], "report": ["upstream-runs"]})
        tasks = self.run_tasks("pipeline.yaml")
        self.assertEqual(sorted(name for name, task in tasks.items() if not task["reused"]), THROWS)
        self.assertEqual(tasks["estimate"]["state"], "SUCCESS")
        self.assertTrue(tasks["estimate"]["outputs"]["table"].endswith("pi.tsv"))
        self.assert_nothing_to_do()

    def test_a_parameter_runs_all_who_read_it(self):
        planned = self.plan("pipeline.yaml", "--set", "samples=1000")
        self.assertEqual(planned, {**{throw: ["input-changed"] for throw in THROWS}, "estimate": ["upstream-runs"], "report": ["upstream-runs"]})

        self.assertEqual(self.ran("pipeline.yaml", "--set", "samples=1000"), sorted([*THROWS, "estimate", "report"]))

    def test_an_output_that_was_changed_outside_is_made_again(self):
        table = self.out / "estimate/pi.tsv"
        good = table.read_text()
        table.write_text("nonsense\n")

        self.assertEqual(self.plan("pipeline.yaml"), {"estimate": ["output-changed"], "report": ["upstream-runs"]})
        self.assertIn("table", self.why("estimate"))
        self.assertEqual(self.ran("pipeline.yaml"), ["estimate"])
        self.assertEqual(table.read_text(), good)
        self.assert_nothing_to_do()

    def test_an_output_that_was_removed_is_made_again(self):
        shutil.rmtree(self.out / "report")

        self.assertEqual(self.plan("pipeline.yaml"), {"report": ["output-missing"]})
        self.assertEqual(self.ran("pipeline.yaml"), ["report"])
        self.assertIn("pi is about", (self.out / "report/report.txt").read_text())
        self.assert_nothing_to_do()

    def test_a_new_value_of_a_foreach_runs_one_task_more(self):
        self.edit("pipeline.yaml", "7, 8]", "7, 8, 9]")

        self.assertEqual(self.plan("pipeline.yaml"),
                         {"throw[9]": ["never-succeeded"], "estimate": ["upstream-runs"], "report": ["upstream-runs"]})
        self.assertEqual(self.ran("pipeline.yaml"), ["estimate", "report", "throw[9]"])

    def test_a_selected_task_brings_no_others_with_it(self):
        self.edit("throw.py", "Throws darts", "Hurls darts")

        self.assertEqual(self.plan("pipeline.yaml", "throw[3]"), {"throw[3]": ["definition-changed"]})
        tasks = self.run_tasks("pipeline.yaml", "throw[3]")
        self.assertEqual([name for name, task in tasks.items() if not task["reused"]], ["throw[3]"])
        self.assertEqual(len(self.plan("pipeline.yaml")), 7 + 2)

    def test_force_runs_the_named_node_alone(self):
        self.assertEqual(self.plan("pipeline.yaml", "estimate", "--force"), {"estimate": ["forced"]})
        self.assertEqual(self.ran("pipeline.yaml", "estimate", "--force"), ["estimate"])
        self.assertEqual(len(self.plan("pipeline.yaml", "--force")), 10)


class Inputs(Workshop):
    """A file of the user's as input."""

    def setUp(self):
        super().setUp()
        self.write("data.txt", "one\n")
        self.pipeline({
            "copy": {"inputs": {"data": {"file": "data.txt"}}, "outputs": {"copied": {"file": "c"}}, "run": "cp ${inputs.data} ${outputs.copied}"},
            "count": {"inputs": {"c": {"from": "copy.copied"}}, "outputs": {"lines": {"value": "integer"}},
                      "run": "printf '{\"lines\": %d}' $(wc -l < ${inputs.c}) > $BATON_OUTPUTS"},
        })
        self.baton("run", "p.yaml", code=0)

    def test_other_content_runs_its_reader_and_who_reads_that(self):
        self.write("data.txt", "one\ntwo\n")

        self.assertEqual(self.plan("p.yaml"), {"copy": ["input-changed"], "count": ["upstream-runs"]})
        self.assertIn("data.txt", self.baton("why", "p.yaml", "copy", code=0).out)
        self.assertEqual(self.ran("p.yaml"), ["copy", "count"])
        self.assertEqual(self.run_tasks("p.yaml")["count"]["outputs"], {"lines": 2})

    def test_the_same_content_written_again_runs_nothing(self):
        self.write("data.txt", "one\n")

        self.assertEqual(self.plan("p.yaml"), {})

    def test_a_file_that_is_gone_is_bad_input(self):
        (self.folder / "data.txt").unlink()

        gone = self.baton("run", "p.yaml", code=2)
        self.assertIn("data.txt", gone.err)
        self.assertIn("input.missing", gone.err)

    def test_the_bad_input_of_a_first_run_leaves_nothing_behind(self):
        self.tidy_up()
        self.folder.mkdir()
        self.pipeline({"copy": {"inputs": {"data": {"file": "data.txt"}}, "run": "cat ${inputs.data}"}})

        self.baton("run", "p.yaml", code=2)

        self.assertEqual([path.name for path in self.folder.iterdir()], ["p.yaml"])
