"""Runs that are inserted as the reference inserts them, by SQL alone, on real servers."""
import json
import unittest
import uuid

from service import Service

PROJECT = "00000000-0000-4000-8000-0000000000b1"
A, B, OTHER = (f"00000000-0000-4000-8000-00000000000{n}" for n in "abc")
SLEEPER = "simcore/services/comp/itis/sleeper"


class Adopting(Service):
    def quoted(self, value):
        return "'" + (value if isinstance(value, str) else json.dumps(value)).replace("'", "''") + "'"

    def node(self, name, command=(), inputs=None, outputs=None, key="simcore/services/comp/baton/step", tag="1.0.0", **image):
        image = {"name": key, "tag": tag, "node_requirements": {"CPU": 1.0, "RAM": 1000000}, "boot_mode": "CPU", "command": list(command), "envs": {}, **image}
        schema = {"inputs": {}, "outputs": {port: {"label": port, "description": port, "type": kind} for port, kind in (outputs or {}).items()}}
        self.sql("INSERT INTO comp_tasks (project_id, node_id, node_class, internal_id, schema, inputs, image, state) SELECT "
                 f"'{PROJECT}', '{name}', 'COMPUTATIONAL', count(*) + 1, {self.quoted(schema)}, {self.quoted(inputs or {})}, {self.quoted(image)}, 'PUBLISHED'"
                 f" FROM comp_tasks WHERE project_id = '{PROJECT}'")

    def project(self, dag):
        self.sql("INSERT INTO users (id, name) VALUES (7, 'u')")
        self.sql(f"INSERT INTO projects (uuid, name, prj_owner) VALUES ('{PROJECT}', 'p', 7)")
        self.sql(f"INSERT INTO comp_pipeline (project_id, dag_adjacency_list, state) VALUES ('{PROJECT}', {self.quoted(dag)}, 'PUBLISHED')")

    def insert_run(self, dag):
        """As the newer versions of the reference do it, in one transaction here."""
        self.sql(f"""BEGIN;
            INSERT INTO comp_runs (project_uuid, user_id, iteration, result, metadata, use_on_demand_clusters, dag_adjacency_list, collection_run_id)
              VALUES ('{PROJECT}', 7, 1, 'PUBLISHED', '{{"product_name":"osparc"}}', false, {self.quoted(dag)}, '{uuid.uuid4()}');
            INSERT INTO comp_run_snapshot_tasks (run_id, project_id, node_id, node_class, internal_id, schema, inputs, image, state)
              SELECT r.run_id, c.project_id, c.node_id, c.node_class, c.internal_id, c.schema, c.inputs, c.image, c.state
              FROM comp_tasks c JOIN comp_runs r ON r.project_uuid = c.project_id;
            COMMIT""")

    def until_result(self, result):
        self.eventually(lambda: self.sql("SELECT result FROM comp_runs") == [[result]], f"the run becomes {result}\n{self.log_of_all()}")

    def chain(self):
        self.node(A, ["sh", "-c", "printf '{\"out\": %s}' $((${inputs.x} + $MORE)) > $BATON_OUTPUTS"], {"x": 20}, {"out": "integer"}, envs={"MORE": "1"})
        self.node(B, ["sh", "-c", "printf '{\"twice\": %s}' $((2 * ${inputs.i})) > $BATON_OUTPUTS; echo ${node.id} > ${outputs.file}"],
                  {"i": {"nodeUuid": A, "output": "out"}}, {"twice": "number", "file": "data:text/plain"})

    def test_two_replicas_run_it_once_and_write_the_columns_of_the_reference(self):
        replicas = [self.serve(), self.serve()]
        dag = {A: [B], B: []}
        self.project(dag)
        self.chain()
        self.insert_run(dag)
        self.until_result("SUCCESS")
        for table in ("comp_tasks", "comp_run_snapshot_tasks"):
            rows = self.sql(f"SELECT node_id, state, outputs, errors IS NULL, start IS NOT NULL AND \"end\" >= start, job_id LIKE '%nodeid_' || node_id || '%' FROM {table} ORDER BY node_id")
            self.assertEqual([[row[0], row[1], *row[3:]] for row in rows], [[A, "SUCCESS", "t", "t", "t"], [B, "SUCCESS", "t", "t", "t"]], table)
            self.assertEqual(json.loads(rows[0][2]), {"out": 21})
            outputs = json.loads(rows[1][2])
            self.assertEqual(outputs["twice"], 42)
            with open(outputs["file"]["path"], encoding="utf-8") as file:
                self.assertEqual(file.read(), B + "\n")
        self.eventually(lambda: self.sql("SELECT open FROM comp_runs") == [["f"]], "nothing is owed")
        self.assertEqual(self.sql("SELECT scheduled IS NOT NULL, processed >= scheduled, started IS NOT NULL, ended >= started, length(uuid) FROM comp_runs"),
                         [["t", "t", "t", "t", "36"]])
        self.assertEqual(self.sql("SELECT count(*), max(attempt) FROM comp_task_attempts"), [["2", "1"]])
        status, answer = replicas[0].ask("GET", f"/v2/computations/{PROJECT}?user_id=7")
        self.assertEqual((status, answer["state"]), (200, "SUCCESS"), answer)

    def test_a_node_that_nobody_here_can_run_fails_and_the_others_run(self):
        self.serve()
        self.serve()
        dag = {A: [B], B: [], OTHER: []}
        self.project(dag)
        self.chain()
        self.node(OTHER, key=SLEEPER, tag="2.1.6")
        self.insert_run(dag)
        self.until_result("FAILED")
        for table in ("comp_tasks", "comp_run_snapshot_tasks"):
            self.assertEqual(self.sql(f"SELECT node_id, state, errors -> 0 ->> 'type' FROM {table} ORDER BY node_id"),
                             [[A, "SUCCESS", ""], [B, "SUCCESS", ""], [OTHER, "FAILED", "node.not_runnable"]], table)
        self.assertIn(f"{SLEEPER}:2.1.6", self.sql(f"SELECT errors -> 0 ->> 'msg' FROM comp_tasks WHERE node_id = '{OTHER}'")[0][0])
        self.assertEqual(self.sql("SELECT processed >= scheduled, ended IS NOT NULL FROM comp_runs"), [["t", "t"]])

    def test_a_pipeline_that_cannot_be_fails_with_its_reason_and_is_told_of_once(self):
        replica = self.serve()
        dag = {A: [B], B: [A]}
        self.project(dag)
        self.chain()
        self.insert_run(dag)
        self.until_result("FAILED")
        self.assertEqual(self.sql("SELECT last_failure, ended IS NOT NULL FROM comp_runs"),
                         [[f"the run cannot be adopted: its nodes wait for each other: {A}, {B}", "t"]])
        self.assertEqual(self.sql("SELECT DISTINCT state FROM comp_tasks"), [["PUBLISHED"]])
        self.eventually(lambda: "run.not_adopted" in replica.text(), "the log says why")
        status, answer = replica.ask("GET", f"/v2/computations/{PROJECT}?user_id=7")
        self.assertEqual((status, answer["state"]), (200, "FAILED"), answer)
        self.assertEqual({node: state["currentStatus"] for node, state in answer["pipeline_details"]["node_states"].items()}, {A: "PUBLISHED", B: "PUBLISHED"})
        self.assertEqual(replica.ask("GET", f"/v2/computations/{PROJECT}/attempts?user_id=7"), (200, {"attempts": []}))


if __name__ == "__main__":
    unittest.main()
