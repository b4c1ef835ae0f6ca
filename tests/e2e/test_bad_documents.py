"""Documents and words that are refused: exit 2, the place and the way out shown, nothing written."""
import json
import os

from workshop import Workshop


def nodes(text):
    return "baton: 1\nnodes:\n" + text


BOMB = "baton: 1\nparams:\n  a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"  {new}: &{new} [{', '.join(['*' + old] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi")) + "nodes: { n: { run: 'true' } }\n"

# name: (document, code, what must stand in the message)
DOCUMENTS = {
    "a cycle": (nodes("  a: { after: [c], run: x }\n  b: { after: [a], run: x }\n  c: { after: [b], run: x }\n"), "input.cycle", ["a", "b", "c"]),
    "an unknown node": (nodes("  reads: { run: x }\n  align: { after: [raeds], run: x }\n"), "input.unknown_node",
                        ["raeds", "did you mean 'reads'?", "p.yaml:4:20"]),
    "an unknown port": (nodes("  a: { outputs: { r1: { file: f } }, run: x }\n  b: { inputs: { i: { from: a.r2 } }, run: x }\n"),
                        "input.unknown_port", ["r2", "r1"]),
    "an unknown field": (nodes("  a: { rnu: x }\n"), "input.unknown_field", ["rnu", "did you mean 'run'?"]),
    "an unknown param": ("baton: 1\nparams: { ploidy: 2 }\nnodes: { a: { inputs: { p: { param: plody } }, run: x } }\n", "input.unknown_param",
                         ["plody", "'ploidy'"]),
    "a node twice": (nodes("  a: { run: x }\n  a: { run: y }\n"), "input.duplicate", ["a", "p.yaml:4:3"]),
    "a wrong type": (nodes("  a: { run: x, timeout: [1] }\n"), "input.wrong_type", ["timeout", "duration"]),
    "no version": ("nodes: { a: { run: x } }\n", None, ["baton"]),
    "another version": ("baton: 2\nnodes: { a: { run: x } }\n", "input.version", ["2"]),
    "no run": (nodes("  a: { label: x }\n"), "input.missing_field", ["run"]),
    "bad syntax": ("baton: 1\nnodes: { a: { run: x }\n", "input.yaml", ["p.yaml:"]),
    "bad UTF-8": (b"baton: 1\nnodes:\n  a: { run: 'x\xff' }\n", "input.encoding", ["UTF-8"]),
    "an alias bomb": (BOMB, "input.alias", []),
    "too deep": ("baton: 1\nparams: { a: " + "[" * 100 + "]" * 100 + " }\nnodes: { n: { run: x } }\n", "input.too_deep", []),
    "too big": ("#" * (16 << 20) + "\nbaton: 1\nnodes: { a: { run: x } }\n", "input.too_big", []),
    "a gather of nothing": (nodes("  a: { foreach: { x: [] }, outputs: { o: { file: f } }, run: x }\n"
                                  "  b: { inputs: { i: { from: 'a[*].o' } }, run: x }\n"), "input.gather_of_nothing", ["a[*].o"]),
    "more than 100 000 tasks": (nodes("  a: { foreach: { x: { range: [1, 400, 1] }, y: { range: [1, 400, 1] } }, run: x }\n"),
                                "input.too_many_tasks", ["100"]),
    "an output outside the work directory": (nodes("  a: { outputs: { o: { file: ../x } }, run: x }\n"), "input.outside_work_dir", ["../x"]),
    "an empty file": ("", "input.missing_field", ["p.yaml:1:1", "empty"]),
}


class BadDocuments(Workshop):
    def test_each_is_refused_with_its_place_and_nothing_is_written(self):
        for name, (document, code, said) in DOCUMENTS.items():
            with self.subTest(name):
                self.write("p.yaml", document)
                before = self.files()

                refused = self.baton("run", "p.yaml")
                as_json = self.baton("run", "p.yaml", "--json")

                self.assertEqual((refused.code, refused.out), (2, ""), refused)
                self.assertTrue(refused.err.startswith("error: "), refused)
                self.assertIn("Nothing was started.", refused.err)
                for part in said:
                    self.assertIn(part, refused.err)
                error = as_json.json["error"]
                self.assertEqual(sorted(error), ["code", "way_out", "what", "where"])
                self.assertIn(f"[{error['code']}]", refused.err)
                if code:
                    self.assertEqual(error["code"], code, refused)
                self.assertEqual(self.files(), before)

    def test_the_place_is_shown_in_its_line(self):
        self.write("p.yaml", nodes("  reads: { outputs: { r1: { file: f } }, run: x }\n  align:\n    inputs:\n      r1: { from: reads.r3 }\n    run: x\n"))

        refused = self.baton("run", "p.yaml", code=2)

        self.assertEqual(refused.err.splitlines()[1:3], ["  p.yaml:6:19 |       r1: { from: reads.r3 }", "              |                   ^^^^^^^^"])

    def test_a_text_that_could_command_a_terminal_is_shown_harmless(self):
        self.pipeline({"a": {"run": "true"}}, name="p.yaml", params={})
        self.write("named.yaml", 'baton: 1\nname: "calls\\e[2J\\u009b\\nall is well"\nnodes: {a: {run: "true"}}\n')
        self.write("bad.yaml", 'baton: 1\nnodes: {a: {run: "true", "fi\\u009beld": 1}}\n')

        told = [self.baton("plan", "named.yaml", code=0).out, self.baton("run", "named.yaml", code=0).err,
                self.baton("run", "named.yaml", code=0).err, self.baton("plan", "bad.yaml", code=2).err]

        for text in told:
            self.assertNotRegex(text, "[\x00-\x09\x0b-\x1f\x7f-\x9f]")
            self.assertNotIn("\nall is well", text)

    def test_a_document_out_of_a_pipe_is_read_once_and_its_line_shown(self):
        os.mkfifo(self.folder / "pipe")
        reading = self.start("plan", "pipe")
        (self.folder / "pipe").write_text("baton: 2\nnodes: {}\n")

        ended = self.end_of(reading)

        self.assertEqual(ended.code, 2, ended)
        self.assertIn("pipe:1:8 | baton: 2", ended.err)

    def test_a_step_without_values_has_no_tasks(self):
        self.pipeline({"each": {"foreach": {"x": {"param": "names"}}, "run": "true"}, "a": {"run": "true"}}, params={"names": []})

        for word in ("each", "each[b]"):
            self.assertIn("'each' of 'p.yaml' has no tasks: its 'foreach' has no values", self.baton("run", "p.yaml", word, code=2).err)
        self.assertIn("there is no node 'eech'", self.baton("run", "p.yaml", "eech", code=2).err)

    def test_plan_and_why_refuse_it_as_well(self):
        self.write("p.yaml", nodes("  a: { rnu: x }\n"))

        for words in (["plan", "p.yaml"], ["why", "p.yaml", "a"], ["run", "p.yaml", "--dry-run"]):
            self.assertIn("input.unknown_field", self.baton(*words, code=2).err)
        self.assertFalse(self.state.exists())


class Words(Workshop):
    def setUp(self):
        super().setUp()
        self.pipeline({"reads": {"foreach": {"s": ["a", "b"]}, "run": "true"}, "count": {"run": "true"}}, params={"n": 1})

    def test_bad_usage_is_two_with_a_suggestion_and_nothing_is_written(self):
        for words, said in {
            ("rnu", "p.yaml"): "did you mean 'run'?",
            ("run",): "FILE is required",
            ("run", "p.yaml", "--jbos", "2"): "did you mean '--jobs'?",
            ("run", "p.yaml", "-j0"): "--jobs",
            ("run", "p.yaml", "-j", "many"): "many",
            ("run", "missing.yaml"): "there is no file 'missing.yaml'",
            ("run", "."): "is a folder",
            ("run", "p.yaml", "cuont"): "did you mean 'count'?",
            ("run", "p.yaml", "reads[c]"): "reads[a], reads[b]",
            ("run", "p.yaml", "--set", "m=1"): "m",
            ("run", "p.yaml", "--set", "m"): "NAME=VALUE",
            ("run", "p.yaml", "--params", "missing"): "there is no file 'missing'",
            ("run", "p.yaml", "--resources", "ram"): "NAME=AMOUNT",
            ("run", "p.yaml", "--simulate", "-1"): "--simulate",
            ("why", "p.yaml"): "NODE is required",
            ("why", "p.yaml", "cuont"): "did you mean 'count'?",
            ("logs", "p.yaml", "count"): "no run yet",
            ("status", "p.yaml", "more"): "no further argument: 'more'",
            ("version", "--long"): "no option '--long'",
            (): "Usage: baton",
        }.items():
            with self.subTest(words):
                refused = self.baton(*words)
                self.assertEqual((refused.code, refused.out), (2, ""), refused)
                self.assertIn(said, refused.err)
                self.assertEqual([path.name for path in self.folder.iterdir()], ["p.yaml"])

    def test_help_names_each_command_and_gives_examples(self):
        whole = self.baton("--help", code=0).out
        for command in ("run", "plan", "why", "status", "history", "logs", "cancel", "version"):
            self.assertIn(f"\n  {command} ", whole)
            text = self.baton(command, "--help", code=0).out
            self.assertIn(f"Usage: baton {command}", text)
            self.assertIn(f"Examples:\n  baton {command}", text)

    def test_the_version_is_told_on_stdout(self):
        told = self.baton("version", code=0).out

        self.assertRegex(told, r"^baton \d+\.\d+\.\d+\n$")
        self.assertEqual(self.baton("--version", code=0).out, told)
        self.assertEqual(f"baton {self.baton('version', '--json', code=0).json['version']}\n", told)

    def test_values_come_from_a_file_and_from_the_command_line_which_wins(self):
        self.pipeline({"show": {"inputs": {"n": {"param": "n"}, "m": {"param": "m"}}, "run": "echo ${inputs.n} ${inputs.m}"}}, params={"n": 1, "m": 1})
        self.write("values.json", json.dumps({"n": 2, "m": "two words"}))

        self.baton("run", "p.yaml", "--params", "values.json", "--set", "n=3", code=0)

        self.assertEqual(self.baton("logs", "p.yaml", "show", code=0).out, "3 two words\n")

    def test_a_value_for_no_parameter_is_shown_in_its_file(self):
        self.pipeline({"n": {"run": "true"}}, params={"ploidy": 2})
        self.write("values.json", '{"ploidy": 3, "samples": [1]}')

        told = self.baton("plan", "p.yaml", "--params", "values.json", code=2).err

        self.assertIn("there is no parameter 'samples' to set", told)
        self.assertIn('values.json:1:15 | {"ploidy": 3, "samples": [1]}', told)
        self.assertNotIn("--set", told)

    def test_json_of_other_programs_holds_any_character(self):
        text = "😀 größer"
        self.write("p.json", json.dumps({"baton": 1, "params": {"a": text, "b": ""}, "nodes": {"n": {
            "inputs": {"a": {"param": "a"}, "b": {"param": "b"}}, "run": f"cp $BATON_INPUTS {self.folder}/seen"}}}))
        self.write("values.json", json.dumps({"b": text}))

        self.baton("run", "p.json", "--params", "values.json", code=0)

        self.assertEqual(json.loads((self.folder / "seen").read_text()), {"a": text, "b": text})

    def test_a_bad_file_of_values_is_shown_in_its_line(self):
        self.write("values.yaml", "n: [1\n")

        self.assertIn("values.yaml:", self.baton("run", "p.yaml", "--params", "values.yaml", code=2).err)

    def test_status_without_a_file_is_that_of_pipeline_yaml(self):
        self.pipeline({"quick": {"run": "true"}}, name="pipeline.yaml")
        self.baton("run", "pipeline.yaml", code=0)

        self.assertIn("pipeline.yaml: run 1 SUCCESS", self.baton("status", code=0).out)
