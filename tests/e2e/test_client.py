"""The command line with --server, against a server that does what a test tells it: for what a real one does only in bad moments."""
import json
import signal
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from workshop import PATIENCE, Workshop

TIME = "2026-11-28T18:30:37.000000Z"


def run_of(result="STARTED", **more):
    return {"run_id": 17, "uuid": "u-17", "user": 1, "project": "p", "iteration": 3, "result": result, "desire": "run", "created": TIME,
            "started": TIME, "ended": TIME if result in ("SUCCESS", "FAILED", "ABORTED") else None, "open": True, "fence": 1, **more}


def task_of(node, state, index=0, **more):
    return {"node_id": node, "task": index, "state": state, "attempt": 1, "reasons": [{"kind": "never-succeeded"}], "errors": [], **more}


def success(log="", products=()):
    return {"run": 17, "iteration": 3, "attempt": 1, "key": {"definition": "d"}, "products": list(products), "submitted": 1, "started": 1, "ended": 2, "log": log}


class Server:
    """Answers by `routes`: (method, path after /v2) -> what answers, called with the handler and the body; `events`: one list of chunks a connection."""

    def __init__(self, port=0, token="secret"):
        self.token = token
        self.asked = []  # (method, path, query, body, fields)
        self.lock = threading.Lock()
        self.events = []
        self.collection = None
        self.run = run_of()
        self.tasks, self.nodes, self.runs, self.errors = [], [], None, {}
        self.plan = self.why = self.log = None
        self.stopped = threading.Event()
        self.patient = False  # a stop does not end the run
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self, status, body, **fields):
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                for name, value in fields.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(data)

            def wrong(self, status, code, **more):
                self.answer(status, {"errors": [{"code": code, "what": f"told: {code}", "where": "", "way_out": "", **more}]})

            def handle_any(self):
                url = urlsplit(self.path)
                length = int(self.headers.get("Content-Length", 0))
                body = json.loads(self.rfile.read(length)) if length else None
                path = unquote(url.path).removeprefix("/v2")
                with owner.lock:
                    owner.asked.append((self.command, path, parse_qs(url.query), body, self.headers))
                if self.headers.get("Authorization") != f"Bearer {owner.token}":
                    return self.wrong(401, "auth.refused")
                try:
                    owner.serve(self, path, body)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            do_GET = do_PUT = do_POST = handle_any

        class Listener(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

        self.listener = Listener(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.listener.server_port}"
        threading.Thread(target=self.listener.serve_forever, daemon=True).start()

    def close(self):
        self.stopped.set()
        self.listener.shutdown()
        self.listener.server_close()

    def requests(self, method, what):
        with self.lock:
            return [asked for asked in self.asked if asked[0] == method and what in asked[1]]

    def serve(self, handler, path, body):
        for what, (status, code, more) in self.errors.items():
            if what in path:
                return handler.wrong(status, code, **more)
        if handler.command == "PUT":
            return handler.answer(200, {"id": "p", "name": "n", "nodes": 1})
        if path == "/computations":
            self.collection = body["collection_run_id"]
            run = self.run and {**self.run, "collection": self.run.get("collection", self.collection)}
            return handler.answer(201 if run else 200, {"run": run, "to_run": len(self.tasks), "nodes": len(self.tasks)})
        if path.endswith("/events"):
            return self.stream(handler)
        if path.endswith(":stop"):
            if not self.patient:
                self.run = {**self.run, "desire": "cancel", "result": "ABORTED", "ended": TIME}
                self.stopped.set()
            return handler.answer(202, {"run": self.run})
        if path.endswith(":release"):
            return handler.answer(202, {"run": self.run})
        if path.endswith(":plan") or path.endswith(":why"):
            return handler.answer(200, self.plan if path.endswith(":plan") else self.why)
        if path.endswith("/log"):
            at = int(parse_qs(urlsplit(handler.path).query)["from"][0])
            return handler.answer(200, self.log[at:at + 4], Baton_Log_Next=str(min(at + 4, len(self.log))))
        if path.endswith("/runs") or path == "/quarantine":
            return handler.answer(200, {"runs": [self.run] if self.runs is None else self.runs})
        if path.endswith("/tasks"):
            return handler.answer(200, {"fence": 1, "run": self.run, "tasks": self.tasks})
        if path.endswith("/nodes"):
            return handler.answer(200, {"nodes": self.nodes})
        return handler.answer(200, {"run": self.run})

    def stream(self, handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        with self.lock:
            script = self.events.pop(0) if self.events else []
        for step in script:
            if step == "until stopped":
                self.stopped.wait(PATIENCE)
                continue
            name, id, data = step
            text = f"event: {name}\nid: {id}\ndata: {json.dumps(data)}\n\n".encode()
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))
        handler.close_connection = True


class Client(Workshop):
    def setUp(self):
        super().setUp()
        self.server = Server()
        self.addCleanup(self.server.close)
        self.env = {"PATH": "/usr/bin:/bin", "BATON_TOKEN": "secret", "HOME": str(self.folder)}
        self.pipeline({"a": {"run": "true"}}, name="p.yaml")

    def client(self, *words, code=None, url=None, **more):
        return self.baton(*words, "--server", url or self.server.url, code=code, env={**self.env, **more})

    def succeeds(self):
        done = task_of("a", "SUCCESS", success=success(products=[{"port": "n", "value": "3"}]), started=TIME, ended=TIME)
        self.server.tasks = [done]
        self.server.nodes = [{"node_id": "a", "state": "SUCCESS", "success": done["success"], "run_id": 17}]
        self.server.events = [[("run", "17:1", run_of()), ("tasks", "17:1", {"fence": 1, "tasks": [task_of("a", "STARTED")]}),
                               ("tasks", "17:2", {"fence": 2, "tasks": [done]}), ("end", "17:2", run_of("SUCCESS", open=False))]]

    # ---- run ------------------------------------------------------------------------------------------------------------
    def test_a_run_is_put_started_and_followed_to_its_end(self):
        self.succeeds()

        ended = self.client("run", "p.yaml", "a", "-k", "--json", code=0)

        (put,) = self.server.requests("PUT", "/projects/")
        self.assertEqual(put[3]["file"], str(self.folder / "p.yaml"))
        self.assertEqual(put[3]["pipeline"], (self.folder / "p.yaml").read_text())
        (start,) = self.server.requests("POST", "/computations")
        self.assertEqual((start[3]["subgraph"], start[3]["keep_going"], start[3]["force_restart"]), (["a"], True, False))
        self.assertEqual(put[1], "/projects/" + start[3]["project_id"])
        self.assertEqual(ended.json["run"], {"id": "u-17", "iteration": 3, "result": "SUCCESS", "created": TIME, "started": TIME, "ended": TIME})
        (task,) = ended.json["tasks"]
        self.assertEqual((task["node"], task["state"], task["outputs"]), ("a", "SUCCESS", {"n": 3}))
        self.assertIn("p: 1 of 1 task to run (run 3)", ended.err)
        self.assertIn("[1/1] a", ended.err)
        self.assertIn("p: SUCCESS: 1 of 1 task succeeded", ended.err)

    def test_the_project_follows_from_user_and_name(self):
        self.succeeds()
        ids = set()
        self.write("q.yaml", json.dumps({"baton": 1, "name": "p", "nodes": {"a": {"run": "true"}}}))
        for words in (["p.yaml"], ["q.yaml"], ["p.yaml", "--user", "2"], ["p.yaml", "--project", "6F1C2AD0-0b5e-5e0e-9a6e-0d6d3c1e2f4a"]):
            self.server.runs = []
            self.client("status", *words, code=0)
            ids.add(self.server.requests("GET", "/runs")[-1][1].split("/")[2])
        self.assertEqual(len(ids), 3)
        self.assertIn("6f1c2ad0-0b5e-5e0e-9a6e-0d6d3c1e2f4a", ids)
        self.assertIn("usage.project", self.client("status", "p.yaml", "--project", "x", code=2).err)

    def test_nothing_to_run_is_good(self):
        self.server.run = None
        self.server.nodes = [{"node_id": "a", "state": "SUCCESS", "success": success()}]

        ended = self.client("run", "p.yaml", "--json", code=0)

        self.assertIsNone(ended.json["run"])
        self.assertTrue(ended.json["tasks"][0]["reused"])
        self.assertIn("up to date", ended.err)

    def test_a_failed_task_is_one(self):
        log = self.write("log", "so it ended\n")
        bad = task_of("a", "FAILED", exit_code=3, log=str(log), failures=1, errors=[{"code": "runtime.exit", "what": "exit code 3"}])
        self.server.tasks = [bad]
        self.server.events = [[("run", "17:1", run_of()), ("tasks", "17:1", {"fence": 1, "tasks": [bad]}), ("end", "17:1", run_of("FAILED"))]]

        ended = self.client("run", "p.yaml", code=1)

        self.assertIn("a: FAILED", ended.err)
        self.assertIn("so it ended", ended.err)

    def test_a_broken_stream_is_resumed(self):
        self.succeeds()
        (whole,) = self.server.events
        self.server.events = [whole[:2], [], whole[2:]]

        ended = self.client("run", "p.yaml", code=0)

        self.assertIn("[1/1] a", ended.err)
        self.assertEqual([asked[4].get("Last-Event-ID") for asked in self.server.requests("GET", "/events")], [None, "17:1", "17:1"])

    def test_of_several_servers_one_that_answers_is_enough(self):
        self.succeeds()
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            dead = f"http://127.0.0.1:{nobody.getsockname()[1]}"

            self.client("run", "p.yaml", url=f"{dead},{self.server.url}", code=0)

    def test_a_server_may_come_later(self):
        self.server.close()
        port = self.server.listener.server_port
        client = self.start("run", "p.yaml", "--server", self.server.url, env=self.env)
        said = client.stderr.readline().decode()
        self.assertIn("no server answers, tried again", said)

        self.server = Server(port)
        self.addCleanup(self.server.close)
        self.succeeds()

        self.assertEqual(self.end_of(client).code, 0)

    def test_a_refused_token_is_bad_usage(self):
        self.assertIn("auth.refused", self.client("run", "p.yaml", code=2, BATON_TOKEN="wrong").err)

    def test_the_token_may_stand_in_a_file(self):
        self.server.runs = []
        self.write("config/baton/token", "secret\n")

        self.client("status", "p.yaml", code=0, BATON_TOKEN="", XDG_CONFIG_HOME=str(self.folder / "config"))
        self.client("status", "p.yaml", code=2, BATON_TOKEN="")

    def test_what_the_server_finds_wrong_is_shown_where_it_stands(self):
        self.server.errors = {"/projects/": (422, "input.missing", {"where": f"{self.folder}/p.yaml:1:4"})}

        ended = self.client("run", "p.yaml", code=2)

        self.assertIn("  p.yaml:1:4 |", ended.err)
        self.assertEqual(self.server.requests("POST", ""), [])

    def test_another_unfinished_run_is_left_alone(self):
        self.server.errors = {"/computations": (409, "run.unfinished", {})}

        self.assertIn("run.unfinished", self.client("run", "p.yaml", code=4).err)

    def test_a_bad_document_asks_nobody(self):
        self.write("bad.yaml", "baton: 1\nnodes: 3\n")

        self.client("run", "bad.yaml", code=2)

        self.assertEqual(self.server.asked, [])

    def test_only_loopback_addresses_are_spoken_to(self):
        for url in ("https://127.0.0.1:1", "http://example.org", "127.0.0.1:1"):
            self.assertIn("usage.server", self.client("status", "p.yaml", url=url, code=2).err)

    # ---- Ctrl-C ---------------------------------------------------------------------------------------------------------------
    def waiting(self, *words):
        """A client that follows a run which goes on."""
        self.server.tasks = [task_of("a", "STARTED", started=TIME)]
        first = [("run", "17:1", run_of()), ("tasks", "17:1", {"fence": 1, "tasks": self.server.tasks}), "until stopped"]
        self.server.events = [first + [("end", "17:2", run_of("ABORTED", desire="cancel"))]]
        client = self.start("run", "p.yaml", "--server", self.server.url, *words, env=self.env)
        self.eventually(lambda: self.server.requests("GET", "/events"), "it follows")
        return client

    def test_an_interrupt_detaches_and_says_how_to_come_back(self):
        client = self.waiting("--json")
        client.send_signal(signal.SIGINT)

        ended = self.end_of(client)

        self.assertEqual(ended.code, 5, ended)
        self.assertIn("detached: run 3 goes on", ended.err)
        self.assertIn(f"baton cancel p.yaml --server {self.server.url}", ended.err)
        self.assertIn("the same command again", ended.err)
        self.assertEqual(ended.json["run"]["result"], "STARTED")
        self.assertEqual(self.server.requests("POST", ":stop"), [])

    def test_the_same_command_joins_the_run_again(self):
        self.succeeds()
        self.server.run = run_of(collection="of another start")

        self.assertIn("run 3 asks for the same and is not finished: joined", self.client("run", "p.yaml", code=0).err)

    def test_an_interrupt_may_cancel(self):
        client = self.waiting("--cancel-on-interrupt")
        client.send_signal(signal.SIGINT)

        ended = self.end_of(client)

        self.assertEqual(ended.code, 3, ended)
        (stop,) = self.server.requests("POST", ":stop")
        self.assertEqual((stop[3]["iteration"], stop[3]["kill"]), (3, False))

    def test_a_second_interrupt_asks_again_and_a_third_detaches(self):
        self.server.patient = True
        client = self.waiting("--cancel-on-interrupt")
        for count, kill in ((1, False), (2, True)):
            client.send_signal(signal.SIGINT)
            self.eventually(lambda count=count: len(self.server.requests("POST", ":stop")) == count, "it is told")
            self.assertEqual(self.server.requests("POST", ":stop")[-1][3]["kill"], kill)
        client.send_signal(signal.SIGINT)

        self.assertEqual(self.end_of(client).code, 5)

    def test_an_interrupt_before_the_start_has_an_answer_detaches_too(self):
        self.server.close()
        client = self.start("run", "p.yaml", "--server", self.server.url, env=self.env)
        client.stderr.readline()
        client.send_signal(signal.SIGINT)

        self.assertEqual(self.end_of(client).code, 5)

    # ---- the other commands ---------------------------------------------------------------------------------------------------------
    def test_plan_and_why_print_what_the_server_says(self):
        self.server.plan = {"tasks": [{"node": "a", "run": True, "reasons": [{"kind": "forced", "port": "", "detail": "as asked"}]}], "edges": []}
        self.server.why = {"tasks": [{"node": "a", "lines": [{"topic": "state", "text": "it would run"}]}]}

        self.assertIn("p: 1 of 1 task would run", self.client("plan", "p.yaml", "--force", code=0).out)
        self.assertEqual(self.client("plan", "p.yaml", "--json", code=0).json, self.server.plan)
        self.assertEqual(self.client("run", "p.yaml", "--dry-run", "--json", code=0).json, self.server.plan)
        self.assertIn("it would run", self.client("why", "p.yaml", "a", code=0).out)
        self.assertEqual(self.client("why", "p.yaml", "a", "--json", code=0).json, self.server.why)
        self.assertEqual([asked[3]["force_restart"] for asked in self.server.requests("POST", ":plan")], [True, False, False])
        self.assertIn("usage.unknown_node", self.client("plan", "p.yaml", "b", code=2).err)

    def test_status_and_history_tell_of_runs_there(self):
        self.succeeds()
        self.assertIn("p.yaml: run 3 STARTED", self.client("status", "p.yaml", code=0).out)
        told = self.client("status", "p.yaml", "--json", code=0).json
        self.assertEqual((told["run"]["iteration"], told["tasks"][0]["state"], told["pid"]), (3, "SUCCESS", None))
        self.assertEqual(self.client("history", "p.yaml", "--json", code=0).json["runs"][0]["tasks"], {"SUCCESS": 1})
        self.server.errors = {"/runs": (404, "store.not_found", {})}
        self.assertIn("no run yet", self.client("status", "p.yaml", code=0).out)

    def test_logs_come_over_the_line(self):
        self.succeeds()
        self.server.tasks[0]["log"] = "/nowhere/log"
        self.server.log = b"one\ntwo\nthree"

        self.assertEqual(self.client("logs", "p.yaml", "a", code=0).out, "one\ntwo\nthree")
        self.assertEqual(self.client("logs", "p.yaml", "a", "-f", code=0).out, "one\ntwo\nthree")

    def test_who_follows_a_log_waits_for_news_and_seldom_asks(self):
        running, done = task_of("a", "STARTED", log="/nowhere/log"), task_of("a", "SUCCESS", success=success("/nowhere/log"), started=TIME, ended=TIME)
        self.server.tasks = [running]
        self.server.nodes = [{"node_id": "a", "state": "STARTED", "success": None, "run_id": 17}]
        self.server.events = [[("run", "17:1", run_of()), ("tasks", "17:1", {"fence": 1, "tasks": [running]}), "until stopped",
                               ("tasks", "17:2", {"fence": 2, "tasks": [done]}), ("end", "17:2", run_of("SUCCESS", open=False))]]
        self.server.log = b"one\n"

        def end():
            self.server.log += b"two\nthree\n"
            self.server.stopped.set()
        threading.Timer(4, end).start()
        followed = self.client("logs", "p.yaml", "a", "-f", code=0)

        self.assertEqual(followed.out, "one\ntwo\nthree\n")
        self.assertEqual(len([asked for asked in self.server.requests("GET", "/tasks") if asked[1].endswith("/tasks")]), 1)
        self.assertLess(len(self.server.requests("GET", "/log")), 12)

    def test_a_new_attempts_log_follows_the_rest_of_the_one_before(self):
        first, second = task_of("a", "STARTED", log="/nowhere/1"), task_of("a", "STARTED", log="/nowhere/2")
        second["attempt"] = 2
        done = {**task_of("a", "FAILED", log="/nowhere/2", started=TIME, ended=TIME), "attempt": 2}
        self.server.tasks = [first]
        self.server.nodes = [{"node_id": "a", "state": "STARTED", "success": None, "run_id": 17}]
        self.server.events = [[("run", "17:1", run_of()), ("tasks", "17:2", {"fence": 2, "tasks": [second]}), ("tasks", "17:3", {"fence": 3, "tasks": [done]}),
                               ("end", "17:3", run_of("FAILED", open=False))]]
        self.server.log = b"line\n"

        self.assertEqual(self.client("logs", "p.yaml", "a", "-f", code=0).out, "line\nline\n")
        self.assertEqual({asked[2]["attempt"][0] for asked in self.server.requests("GET", "/log")}, {"1", "2"})

    def test_cancel_waits_for_the_end(self):
        self.server.tasks = [task_of("a", "ABORTED")]
        self.server.events = [[("run", "17:1", run_of()), "until stopped", ("end", "17:2", run_of("ABORTED", desire="cancel"))]]

        ended = self.client("cancel", "p.yaml", "--json", code=0)

        self.assertEqual(ended.json["run"]["result"], "ABORTED")
        self.server.run = run_of("SUCCESS")
        self.assertIn("nothing to cancel", self.client("cancel", "p.yaml", code=0).err)

    def test_quarantine_lists_and_releases(self):
        self.server.run = run_of(held=True, last_failure="store.unavailable: gone")

        self.assertIn("1:p:3", self.client("quarantine", "list", code=0).out)
        self.assertEqual(self.client("quarantine", "list", "--json", code=0).json["runs"][0]["last_failure"], "store.unavailable: gone")
        self.client("quarantine", "release", "1:p:3", code=0)
        self.assertEqual(self.server.requests("POST", ":release")[0][1], "/quarantine/1:p:3:release")
        self.client("quarantine", "release", "p", code=2)

    def test_a_held_run_is_told_and_left(self):
        self.server.tasks = [task_of("a", "STARTED")]
        self.server.events = [[("run", "17:1", run_of(held=True, last_failure="gone")), "until stopped"]]

        ended = self.client("run", "p.yaml", code=4)

        self.assertIn("baton quarantine release 1:p:3", ended.err)
