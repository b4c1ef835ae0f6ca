"""What goes on around a run that nobody planned: files written over while they are read, folders that are gone, readers that leave."""
import os
import shutil
import signal
import subprocess

from workshop import BATON, PATIENCE, Workshop


class Changed(Workshop):
    def test_what_was_written_over_while_it_was_read_is_read_again(self):
        self.pipeline({
            "a": {"run": "echo good > ${outputs.f}", "outputs": {"f": {"file": "f"}}},
            "b": {"inputs": {"f": {"from": "a.f"}}, "outputs": {"g": {"file": "g"}},
                  "run": f"touch {self.folder}/begun; while [ ! -e {self.folder}/go ]; do sleep 0.02; done; cat ${{inputs.f}} > ${{outputs.g}}"},
        })
        run = self.start("run", "p.yaml")
        self.eventually(lambda: (self.folder / "begun").exists(), "b has begun")
        (self.folder / "baton-out/a/f").write_text("BAD\n")
        (self.folder / "go").touch()
        self.assertEqual(self.end_of(run).code, 0)

        self.baton("run", "p.yaml", code=0)

        self.assertEqual((self.folder / "baton-out/b/g").read_text(), "good\n")
        self.assertIn("nothing to do", self.baton("run", "p.yaml", code=0).err)

    def test_an_interrupted_run_does_not_go_on_from_an_output_that_is_gone(self):
        self.pipeline({
            "a": {"run": "echo made > ${outputs.f}", "outputs": {"f": {"file": "f"}}},
            "b": {"inputs": {"f": {"from": "a.f"}}, "run": f"touch {self.folder}/begun; while [ ! -e {self.folder}/go ]; do sleep 0.02; done; cat ${{inputs.f}}"},
        })
        run = self.start("run", "p.yaml")
        self.eventually(lambda: (self.folder / "begun").exists(), "b has begun")
        keeper = self.keeper()
        run.kill()
        run.wait()
        os.kill(keeper, signal.SIGKILL)
        (self.folder / "baton-out/a/f").unlink()
        (self.folder / "go").touch()

        self.baton("run", "p.yaml", code=0)

        self.assertEqual((self.folder / "baton-out/a/f").read_text(), "made\n")

    def test_an_interrupted_run_does_not_go_on_from_an_output_of_before_that_is_gone(self):
        wait = f"touch {self.folder}/begun; while [ ! -e {self.folder}/go ]; do sleep 0.02; done"
        nodes = {
            "a": {"run": "echo made > ${outputs.f}", "outputs": {"f": {"file": "f"}}},
            "c": {"run": "echo c > ${outputs.f}", "outputs": {"f": {"file": "f"}}},
            "b": {"inputs": {"a": {"from": "a.f"}, "c": {"from": "c.f"}}, "outputs": {"f": {"file": "f"}}, "run": "cat ${inputs.a} ${inputs.c} > ${outputs.f}"},
        }
        self.pipeline(nodes)
        self.baton("run", "p.yaml", code=0)
        nodes["c"]["run"] = wait + "; echo d > ${outputs.f}"
        self.pipeline(nodes)
        run = self.start("run", "p.yaml")
        self.eventually(lambda: (self.folder / "begun").exists(), "c has begun")
        run.kill()
        run.wait()
        (self.folder / "baton-out/a/f").write_text("BAD\n")
        (self.folder / "go").touch()

        self.baton("run", "p.yaml", code=0)

        self.assertEqual((self.folder / "baton-out/b/f").read_text(), "made\nd\n")

    def test_a_keeper_that_cannot_start_is_told_of_and_the_run_goes_on_when_it_can(self):
        self.pipeline({"a": {"run": "true"}})
        (self.folder / ".baton/jobs.log").mkdir(parents=True)
        run = self.start("run", "p.yaml")
        told = next((line for line in run.stderr if line.startswith(b"trouble")), b"")
        self.assertIn(b"the journal cannot be opened", told)
        self.assertEqual(self.end_of(run).code, 4)  # after half a minute
        (self.folder / ".baton/jobs.log").rmdir()
        self.baton("run", "p.yaml", code=0)

    def test_another_place_for_the_outputs_is_filled(self):
        self.pipeline({"a": {"run": "echo made > ${outputs.f}", "outputs": {"f": {"file": "f"}}}})
        self.baton("run", "p.yaml", "--out", "A", code=0)

        self.assertEqual(self.plan("p.yaml", "--out", "A"), {})
        self.assertEqual(self.plan("p.yaml", "--out", "B"), {"a": ["output-missing"]})
        self.baton("run", "p.yaml", "--out", "B", code=0)

        self.assertEqual((self.folder / "B/a/f").read_text(), "made\n")
        self.assertIn("nothing to do", self.baton("run", "p.yaml", "--out", "B", code=0).err)

    def test_a_pretended_success_hides_no_failure(self):
        self.pipeline({"a": {"run": f"test -e {self.folder}/good"}})
        self.baton("run", "p.yaml", code=1)
        self.baton("run", "p.yaml", "--simulate", "1", code=0)
        (self.folder / "good").touch()

        self.assertIn("1 of 1 task succeeded", self.baton("run", "p.yaml", code=0).err)


class OwnFolders(Workshop):
    def test_a_folder_that_holds_the_state_and_the_results_is_up_to_date_without_them(self):
        for place in (".", "sub/.."):
            with self.subTest(place):
                (self.folder / "sub").mkdir(exist_ok=True)
                self.pipeline({
                    "a": {"run": "echo made > ${outputs.f}", "outputs": {"f": {"file": "f"}}},
                    "b": {"inputs": {"all": {"dir": place}}, "after": ["a"], "run": "ls ${inputs.all} > ${outputs.g}", "outputs": {"g": {"file": "g"}}},
                }, name="q.yaml")
                self.baton("run", "q.yaml", "--force", code=0)  # makes both folders, the results while b waits for a

                self.assertEqual(self.plan("q.yaml"), {})
                self.assertIn("nothing to do", self.baton("run", "q.yaml", code=0).err)

                self.write("sub/new" + place.replace("/", "_"), "x")
                self.assertEqual(self.plan("q.yaml"), {"b": ["input-changed"]})
                shutil.rmtree(self.out)
                shutil.rmtree(self.state)

    def test_a_folder_within_the_results_counts_whole(self):
        self.write("baton-out/old/table", "1")
        self.pipeline({"b": {"inputs": {"old": {"dir": "baton-out/old"}}, "run": "true"}})
        self.baton("run", "p.yaml", code=0)
        self.assertEqual(self.plan("p.yaml"), {})

        self.write("baton-out/old/table", "2")

        self.assertEqual(self.plan("p.yaml"), {"b": ["input-changed"]})


class Gone(Workshop):
    def test_logs_end_when_nobody_reads_them_any_more(self):
        self.pipeline({"a": {"run": f"echo one; while [ ! -e {self.folder}/go ]; do sleep 0.02; done"}})
        run = self.start("run", "p.yaml")
        self.eventually(lambda: list(self.state.glob("runs/*/a@1.log")), "it runs")
        logs = subprocess.Popen([BATON, "logs", "-f", "p.yaml", "a"], cwd=self.folder, stdout=subprocess.PIPE)
        self.assertEqual(logs.stdout.readline(), b"one\n")
        logs.stdout.close()

        self.assertEqual(logs.wait(PATIENCE), 0)
        (self.folder / "go").touch()
        self.assertEqual(self.end_of(run).code, 0)

    def test_data_that_cannot_be_written_are_an_error(self):
        self.pipeline({"a": {"run": "true"}})
        with open("/dev/full", "w") as full:
            told = subprocess.run([BATON, "plan", "p.yaml", "--json"], cwd=self.folder, stdout=full, stderr=subprocess.PIPE, text=True, timeout=PATIENCE)

        self.assertEqual(told.returncode, 4)
        self.assertIn("No space left", told.stderr)

    def test_a_folder_that_was_removed_is_no_crash(self):
        gone = self.folder / "gone"
        gone.mkdir()
        told = subprocess.run(["/bin/sh", "-c", f"rmdir '{gone}'; '{BATON}' status"], cwd=gone, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=PATIENCE)

        self.assertEqual(told.returncode, 0, told.stderr)
