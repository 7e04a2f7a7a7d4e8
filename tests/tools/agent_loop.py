#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Our own coding agent against the scripted model server: what it does to a real repository, and what it says on every kind of bad day.

    agent_loop.py BUNSHIN [TEST …]

Each test has a repository with one commit, a lane of one server, and reads what the agent printed and what it had asked.
"""
import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "models"))
import script as scripts  # noqa: E402
import server as servers  # noqa: E402

WIRES = ("chat", "ollama")
QUICK = ["--backoff-ms=1", "--retries=2"]
PROGRAM = None


def write(path, content):
    return {"write": {"path": path, "content": content}}


def call(name, **arguments):
    return {"call": {"name": name, "arguments": arguments}}


def shell(command, **more):
    return {"call": {"name": "run", "arguments": {"command": command, **more}}}


class Run:
    """What one run printed: its lines, its last line, how it ended."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err
        self.lines = [json.loads(line) for line in out.splitlines()]
        self.final = self.lines[-1] if self.lines else {}

    def of(self, kind):
        return [line for line in self.lines if line["type"] == kind]

    def text(self):
        return "".join(line["text"] for line in self.of("text"))


class Case(unittest.TestCase):
    count = 0

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="bunshin-loop-")
        cls.log = open(os.path.join(cls.folder, "log"), "w", encoding="utf-8")
        cls.server = servers.Server(("127.0.0.1", 0), scripts.lanes_of({}), cls.log, bodies=True)
        threading.Thread(target=cls.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        # One repository that is copied: git is slower than a copy.
        cls.seed = os.path.join(cls.folder, "seed")
        os.makedirs(os.path.join(cls.seed, "src"))
        for name, content in {"README.md": "# Seed\n", "src/calc.py": "def add(a, b):\n\treturn a - b\n", "src/twice.txt": "one\ntwo\none\n",
                              "windows.txt": "first\r\nsecond\r\n"}.items():
            with open(os.path.join(cls.seed, name), "w", encoding="utf-8", newline="") as file:
                file.write(content)
        with open(os.path.join(cls.seed, "picture.bin"), "wb") as file:
            file.write(b"\x89PNG\0\0needle\n")
        os.symlink("/etc/hostname", os.path.join(cls.seed, "out"))
        os.symlink("src/calc.py", os.path.join(cls.seed, "link.py"))
        git = ["git", "-c", "user.name=test", "-c", "user.email=test@localhost", "-C", cls.seed]
        for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "seed"]):
            subprocess.run(git + words, check=True)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.log.close()
        shutil.rmtree(cls.folder)

    def lay(self, turns, faults=(), **more):
        """A lane and a repository of this run's own."""
        Case.count += 1
        self.lane = f"lane{Case.count}"
        self.server.lanes[self.lane] = scripts.Script("test", {"turns": turns, "faults": list(faults), **more})
        self.work = os.path.join(self.folder, self.lane)
        shutil.copytree(self.seed, self.work, symlinks=True)

    def command(self, wire, *options, endpoint=None):
        return [PROGRAM, "tool", "agent", f"--wire={wire}", f"--endpoint={endpoint or self.server.url() + '/lane/' + self.lane}", "--model=m", *QUICK, *options]

    def environment(self):
        return {"PATH": "/usr/bin:/bin", "BUNSHIN_MODEL_KEY": "k-test", "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")}

    def run_agent(self, wire="chat", *options, task="Do it.", endpoint=None, **more):
        done = subprocess.run(self.command(wire, *options, endpoint=endpoint), input=task, capture_output=True, text=True, cwd=self.work, timeout=60,
                              env=self.environment(), **more)
        self.assertNotIn("Sanitizer", done.stderr, done.stderr)
        run = Run(done.returncode, done.stdout, done.stderr)
        if run.lines:  # whatever happened, these hold
            self.assertEqual(run.lines[0]["type"], "started")
            self.assertEqual([line["type"] for line in run.lines].count("final"), 1)
            self.assertEqual(run.final["type"], "final")
            self.assertEqual(run.final["ok"], run.code == 0, run.final)
            self.assertEqual("class" in run.final, not run.final["ok"])
        return run

    def asked(self):
        self.log.flush()
        with open(self.log.name, encoding="utf-8") as file:
            return [entry for entry in map(json.loads, file) if entry["lane"] == self.lane and entry["event"] == "asked" and entry["wire"]]

    def results(self):
        """What the tools answered, as the last request shows it."""
        return [m["content"] for m in self.asked()[-1]["body"]["messages"] if m["role"] == "tool"]

    def tools(self, *calls, wire="chat"):
        """The answers of these calls, each made in a turn of its own."""
        self.lay([*calls, {"say": "Done."}])
        run = self.run_agent(wire)
        self.assertEqual(run.code, 0, run.out)
        return self.results()

    def changed(self):
        done = subprocess.run(["git", "-C", self.work, "status", "--porcelain", "-uall"], capture_output=True, text=True, check=True)
        return sorted(done.stdout.split("\n")[:-1])

    def read(self, name):
        with open(os.path.join(self.work, name), encoding="utf-8", newline="") as file:
            return file.read()

    def wait_for(self, condition):
        until = time.monotonic() + 30
        while not condition():
            self.assertLess(time.monotonic(), until, "it never happened")
            time.sleep(0.01)


FIX = [call("read", path="src/calc.py"), {"say": "The sign.", "edit": {"path": "src/calc.py", "old": "a - b", "new": "a + b"}},
       shell("echo once >> count.txt; cd src && python3 -B -c 'import calc; assert calc.add(2, 3) == 5'"), {"say": "add() adds now."}]
FIXED = [" M src/calc.py", "?? count.txt"]


class Work(Case):
    def test_a_real_repository_is_edited_over_both_wires(self):
        for wire in WIRES:
            with self.subTest(wire=wire):
                self.lay(FIX)
                run = self.run_agent(wire, "--temperature=0.5", "--context=9000")
                self.assertEqual(run.code, 0, run.out)
                self.assertEqual(self.changed(), FIXED)
                self.assertEqual(self.read("src/calc.py"), "def add(a, b):\n\treturn a + b\n")
                self.assertEqual(run.final["text"], "add() adds now.")
                self.assertEqual(run.final["turns"], 4)
                self.assertEqual(len(run.of("usage")), 4)
                self.assertEqual([line["path"] for line in run.of("file")], ["src/calc.py"])
                self.assertEqual([line["ok"] for line in run.of("tool_end")], [True] * 3)
                body = self.asked()[0]["body"]
                options = body["options"] if wire == "ollama" else body
                self.assertEqual(options["temperature"], 0.5)
                self.assertEqual(self.asked()[0]["key"], "k-test")
                if wire == "ollama":
                    self.assertEqual(options["num_ctx"], 9000)

    def test_several_calls_of_one_answer_are_done_in_their_order(self):
        for wire in WIRES:
            self.lay([{"do": [{"shell": "echo 1 >> order"}, {"shell": "echo 2 >> order"}, {"shell": "echo 3 >> order"}]}, {"say": "Done."}])
            self.assertEqual(self.run_agent(wire).code, 0)
            self.assertEqual(self.read("order"), "1\n2\n3\n")

    def test_the_task_is_what_the_model_is_asked(self):
        self.lay([{"say": "Done."}])
        self.run_agent(task="/help @README.md --x \u00e9\u4e16 \0 end")
        self.assertEqual(self.asked()[0]["body"]["messages"][1]["content"], "/help @README.md --x \u00e9\u4e16 \0 end")

    def test_a_server_without_tools_has_them_described_in_words(self):
        refusals = {"chat": (500, "tools param requires --jinja flag"), "ollama": (400, "registry/m does not support tools")}
        block = '```tool\n{"name": "edit", "arguments": {"path": "src/calc.py", "old": "a - b", "new": "a + b"}}\n```'
        for wire in WIRES:
            self.lay([{"say": f"I change it.\n{block}"}, {"say": "Done."}],
                     [{"fault": "status", "status": refusals[wire][0], "message": refusals[wire][1], "at": 1}])
            run = self.run_agent(wire)
            self.assertEqual(run.code, 0, run.out)
            self.assertEqual(self.changed(), [" M src/calc.py"])
            self.assertIn("described", run.of("warn")[0]["text"])
            bodies = [entry["body"] for entry in self.asked()]
            self.assertEqual(["tools" in body for body in bodies], [True, False, False])
            self.assertIn("```tool", bodies[1]["messages"][0]["content"])
            self.assertIn("Result of edit", bodies[2]["messages"][-1]["content"])

    def test_a_server_without_usage_in_streams_is_asked_without(self):
        self.lay(FIX, [{"fault": "status", "status": 400, "message": "stream_options is not a known field", "at": 1}])
        run = self.run_agent()
        self.assertEqual(run.code, 0, run.out)
        self.assertEqual(["stream_options" in entry["body"] for entry in self.asked()], [True] + [False] * 4)
        self.assertEqual(run.of("usage"), [])

    def test_calls_in_words_are_calls_only_at_the_end_and_only_of_tools_that_exist(self):
        good = '{"name": "write", "arguments": {"path": "made.txt", "content": "x\\n"}}'
        for text, made in ((f"<tool_call>\n{good}\n</tool_call>", True), (f"So:\n```json\n{good}\n```\n", True), (good, True),
                           (f"<think>perhaps {good}</think>\n{good}", True),
                           (f"```json\n{good}\n```\nis what a call looks like.", False), (f"<tool_call>{good}</tool_call> is one.", False),
                           (f"```tool\n{good}\n``` is one.", False), ('{"name": "fly", "arguments": {}}', False),
                           (f"<think>{good}</think>It is done.", False), ("```c\nint x;\n```\nThat is all.", False)):
            with self.subTest(text=text):
                self.lay([{"say": text}, {"say": "Done."}])
                run = self.run_agent()
                self.assertEqual(run.code, 0, run.out)
                self.assertEqual(self.changed(), ["?? made.txt"] if made else [])

    def test_two_blocks_are_done_in_their_order(self):
        blocks = "".join(f'```tool\n{{"name": "run", "arguments": {{"command": "echo {i} >> order"}}}}\n```\n' for i in (1, 2, 3))
        self.lay([{"say": blocks}, {"say": "Done."}])
        self.assertEqual(self.run_agent("chat", "--tools=text").code, 0)
        self.assertEqual(self.read("order"), "1\n2\n3\n")


class BadDays(Case):
    def test_what_passes_is_tried_again_and_nothing_is_done_twice(self):
        for fault in ({"fault": "status", "status": 429, "retry_after": 0}, {"fault": "status", "status": 500}, {"fault": "drop"}, {"fault": "drop", "reset": True},
                      {"fault": "drop", "when": "before"}, {"fault": "error"}, {"fault": "garbage"}, {"fault": "html"}, {"fault": "empty"}):
            wire = WIRES[len(str(fault)) % 2]
            with self.subTest(fault=fault, wire=wire):
                self.lay(FIX, [{**fault, "at": 2}, {**fault, "at": 4}])
                run = self.run_agent(wire)
                self.assertEqual(run.code, 0, run.out)
                self.assertEqual(self.changed(), FIXED)
                self.assertEqual(self.read("count.txt"), "once\n")
                self.assertEqual(len(run.of("retry")), 2)

    def test_no_error_ends_in_success_and_each_has_its_class(self):
        always = [
            ({"fault": "status", "status": 401}, "auth", 1), ({"fault": "status", "status": 403}, "auth", 1), ({"fault": "status", "status": 404}, "model_unknown", 1),
            ({"fault": "status", "status": 402}, "quota", 1), ({"fault": "status", "status": 400, "message": "no such parameter"}, "config", 1),
            ({"fault": "status", "status": 429}, "rate_limit", 3), ({"fault": "status", "status": 500}, "server", 3), ({"fault": "status", "status": 529}, "overloaded", 3),
            ({"fault": "drop"}, "network", 3), ({"fault": "drop", "reset": True}, "network", 3), ({"fault": "error"}, ("server", "overloaded"), 3),
            ({"fault": "empty"}, "protocol", 3), ({"fault": "html"}, "protocol", 3), ({"fault": "garbage"}, "protocol", 3),
            ({"fault": "blank"}, "truncated", 3), ({"fault": "truncated"}, "truncated", 3), ({"fault": "refusal"}, "refused", 1),
            ({"fault": "stall"}, "network", 3), ({"fault": "stall", "when": "before"}, "network", 3),
        ]
        for fault, name, requests in always:
            for wire in WIRES:
                if fault["fault"] == "refusal" and wire == "ollama":
                    continue  # it has no way to say so
                with self.subTest(fault=fault, wire=wire):
                    self.lay([write("kept.txt", "kept\n"), {"say": "All is well, it was a long way."}], [{**fault, "at": "2-"}])
                    stalls = fault["fault"] == "stall"  # only then does time count, and a busy machine may be slow as well
                    run = self.run_agent(wire, *(["--idle-ms=500", "--first-ms=500"] if stalls else []))
                    self.assertEqual(run.code, 1, run.out)
                    self.assertIn(run.final["class"], name if isinstance(name, tuple) else (name,), run.final)
                    self.assertEqual(self.changed(), ["?? kept.txt"])  # what was done stays
                    (self.assertGreaterEqual if stalls else self.assertEqual)(len(self.asked()), 1 + requests)
                    self.assertNotIn("All is well, it was a long way.", run.final["text"])
                    if fault.get("status"):
                        self.assertEqual(run.final["status"], fault["status"])

    def test_a_server_that_asks_for_a_long_wait_ends_the_run_and_the_wait_is_told(self):
        self.lay([{"say": "Done."}], [{"fault": "status", "status": 429, "retry_after": 600}])
        run = self.run_agent()
        self.assertEqual((run.final["class"], run.final["retry_after_ms"], len(self.asked())), ("rate_limit", 600000, 1))

    def test_a_short_wait_that_is_asked_for_is_kept(self):
        self.lay([{"say": "Done."}], [{"fault": "status", "status": 429, "retry_after": 1, "at": 1}])
        run = self.run_agent()
        self.assertEqual(run.code, 0)
        self.assertGreaterEqual(run.of("retry")[0]["delay_ms"], 1000)
        self.assertGreaterEqual(run.final["duration_ms"], 1000)

    def test_nobody_listens(self):
        self.lay([{"say": "Done."}])
        self.assertEqual(self.run_agent(endpoint="http://127.0.0.1:1").final["class"], "network")

    def test_one_answer_that_is_cut_or_empty_is_asked_for_again(self):
        for kind in ("truncated", "blank"):
            self.lay([{"say": "I write.", **write("a.txt", "a\n")}, {"say": "Done."}], [{"fault": kind, "at": 1}])
            run = self.run_agent()
            self.assertEqual(run.code, 0, run.out)
            self.assertEqual(self.changed(), ["?? a.txt"])
            self.assertEqual(len(run.of("warn")), 1)

    def test_a_model_that_goes_in_circles_is_stopped(self):
        circles = ([call("read", path="README.md")], [call("read", path="README.md"), call("list")], [shell("true"), shell("false"), call("list")])
        for circle in circles:
            self.lay(circle, loop=True)
            run = self.run_agent()
            self.assertEqual(run.final["class"], "limit_turns", run.final)
            self.assertIn("over and over", run.final["text"])
            self.assertLess(run.final["turns"], 22)
            self.assertIn("Do something else", self.results()[-1])

    def test_work_that_goes_on_is_no_circle(self):
        self.lay([shell(f"echo {i % 2} >> file; wc -l file") for i in range(30)] + [{"say": "Done."}])
        self.assertEqual(self.run_agent().code, 0)

    def test_a_model_that_never_ends_is_stopped_at_its_turns(self):
        self.lay([shell("date +%N")], loop=True)
        run = self.run_agent("chat", "--turns=5")
        self.assertEqual((run.final["class"], run.final["turns"], len(self.asked())), ("limit_turns", 5, 5))

    def test_calls_that_cannot_be_understood_are_told_back_and_bounded(self):
        wrong = [call("fly", to="the moon"), call("edit", path="src/calc.py"), call("read", path=7)]
        self.lay([*wrong, *FIX])
        run = self.run_agent()
        self.assertEqual(run.code, 0, run.out)
        told = self.results()
        self.assertIn('There is no tool "fly"', told[0])
        self.assertIn('edit needs the argument "old"', told[1])
        self.assertIn("has to be of type string", told[2])
        self.lay([call("fly", to=i) for i in range(20)])
        run = self.run_agent()
        self.assertEqual((run.final["class"], run.final["turns"]), ("protocol", 5))

    def test_broken_arguments_do_nothing(self):
        self.lay([{"say": '```tool\n{"name": "run", "arguments": {"command": "touch made"\n```'}, {"say": "Done."}])
        run = self.run_agent("chat", "--tools=text")
        self.assertEqual(self.changed(), [])
        self.assertIn("no object of JSON", self.asked()[-1]["body"]["messages"][-1]["content"])
        self.assertEqual(run.code, 0)

    def test_older_results_are_dropped_before_the_window_is_full(self):
        big = "".join(f"line {i} of something long\n" for i in range(300))
        self.lay([write("big.txt", big), *[call("read", path="big.txt", **{"from": i}) for i in range(1, 9)], {"say": "Done."}])
        run = self.run_agent("ollama", "--context=8192")
        self.assertEqual(run.code, 0, run.out)
        self.assertGreater(run.final["dropped"], 0)
        self.assertIn("oldest results", run.of("warn")[0]["text"])
        for entry in self.asked():
            self.assertLess(len(json.dumps(entry["body"])), 8192 * 3 + 2000)
        last = self.asked()[-1]["body"]["messages"]
        self.assertIn("Do it.", last[1]["content"])  # the task itself never goes
        self.assertIn("something long", last[-1]["content"])

    def test_a_server_that_finds_the_conversation_too_long_gets_a_shorter_one(self):
        big = "x" * 30000
        self.lay([write("a", big), call("read", path="a"), call("read", path="a", to=2), call("read", path="a", to=3), {"say": "Done."}],
                 [{"fault": "status", "status": 400, "at": 5}])
        run = self.run_agent()
        self.assertEqual(run.code, 0, run.out)
        self.assertGreater(run.final["dropped"], 0)
        sizes = [len(json.dumps(entry["body"])) for entry in self.asked()]
        self.assertLess(sizes[5], sizes[4])

    def test_a_conversation_that_cannot_be_shortened_fails(self):
        self.lay([{"say": "Done."}], [{"fault": "status", "status": 400}])
        self.assertEqual(self.run_agent().final["class"], "context")
        self.lay([{"say": "Done."}])
        run = self.run_agent("ollama", "--context=1024", task="x" * 20000)
        self.assertEqual((run.final["class"], len(self.asked())), ("context", 0))

    def test_a_reader_that_goes_away_ends_the_run(self):
        self.lay([shell("echo x >> n")], loop=True)
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run(self.command("chat"), input="Do it.", stdout=full, stderr=subprocess.PIPE, text=True, cwd=self.work, timeout=30, env=self.environment())
        self.assertEqual(done.returncode, 1)
        self.assertLessEqual(len(self.asked()), 2)


class Raw(Case):
    """What servers send that the scripted one does not: each request gets the next of these bodies."""

    def answers(self, *bodies, options=()):
        self.lay([{"say": "unused"}])
        bodies = list(bodies)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["content-length"]))
                body = bodies.pop(0).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            return self.run_agent("chat", *options, endpoint="http://127.0.0.1:%d/v1" % server.server_address[1]), bodies
        finally:
            server.shutdown()
            server.server_close()

    @staticmethod
    def stream(*deltas, stop="stop", end="data: [DONE]\n\n"):
        chunks = [{"choices": [{"delta": delta, "finish_reason": None}]} for delta in deltas] + [{"choices": [{"delta": {}, "finish_reason": stop}]}]
        return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + end

    def test_an_answer_with_something_unreadable_in_it_is_asked_for_again(self):
        touch = {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "run", "arguments": '{"command": "echo x >> n"}'}}]}
        good = self.stream(touch, stop="tool_calls")
        for spoiled in (good.replace("data: [DONE]", "data: {broken\n\ndata: [DONE]"), self.stream(touch, stop=None), good[:len(good) // 2] + "\n\n"):
            run, left = self.answers(spoiled, good, self.stream({"content": "Done."}))
            self.assertEqual((run.code, left, self.read("n"), len(run.of("retry"))), (0, [], "x\n", 1), run.out)

    def test_an_answer_that_is_no_stream_is_an_answer(self):
        call = {"tool_calls": [{"id": "a", "type": "function", "function": {"name": "run", "arguments": '{"command": "echo x >> n"}'}}], "content": None}
        whole = {"choices": [{"message": call, "finish_reason": "tool_calls"}], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}
        run, _ = self.answers(json.dumps(whole), json.dumps({"choices": [{"message": {"content": "Done."}, "finish_reason": "stop"}]}, indent=2))
        self.assertEqual((run.code, self.read("n"), run.final["text"]), (0, "x\n", "Done."), run.out)
        self.assertEqual(run.of("usage")[0]["in"], 5)

    def test_what_stands_between_events_says_nothing(self):
        run, _ = self.answers(": keep alive\n\nevent: chunk\nid: 7\n" + self.stream({"role": "assistant"}, {"content": "Do"}, {"content": "ne."}, end=""))
        self.assertEqual((run.code, run.final["text"], run.of("retry")), (0, "Done.", []), run.out)

    def test_an_error_in_the_older_form_of_vllm_is_an_error(self):
        error = json.dumps({"object": "error", "message": "The model `m` does not exist.", "type": "NotFoundError", "code": 404})
        run, _ = self.answers(error)
        self.assertEqual((run.code, run.final["class"], run.final["status"]), (1, "model_unknown", 404))

    def test_more_calls_than_there_is_room_for_are_not_half_done(self):
        many = [{"index": i, "id": str(i), "function": {"name": "run", "arguments": '{"command": "echo x >> n"}'}} for i in range(65)]
        run, _ = self.answers(*[self.stream({"tool_calls": many}, stop="tool_calls")] * 3)
        self.assertEqual((run.code, self.changed()), (1, []))

    def test_an_answer_without_an_end_is_broken_off(self):
        run, _ = self.answers(self.stream({"content": "x" * (17 << 20)}))
        self.assertEqual((run.code, run.final["class"]), (1, "limit_output"))


class Stops(Case):
    def stop(self, turns, faults, ready, number, *options):
        self.lay(turns, faults)
        child = subprocess.Popen(self.command("chat", *options), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.work,
                                 env=self.environment() | {"MARK": self.work})
        child.stdin.write("Do it.")
        child.stdin.close()
        self.wait_for(ready)
        child.send_signal(number)
        sent = time.monotonic()
        out, err = child.stdout.read(), child.stderr.read()
        code = child.wait(30)
        self.assertLess(time.monotonic() - sent, 20)  # every other wait here is longer
        child.stdout.close()
        child.stderr.close()
        self.assertNotIn("Sanitizer", err)
        run = Run(code, out, err)
        self.assertEqual((run.final["type"], run.final["ok"], run.final["class"]), ("final", False, "cancelled"))
        self.assertEqual(code, 128 + number)
        self.assertEqual(self.left(), [])
        return run

    def left(self):
        """Processes of this run that are still there, wherever they went."""
        found, mark = [], f"MARK={self.work}\0".encode()
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/environ", "rb") as file:
                    if mark in file.read() + b"\0":
                        found.append(pid)
            except OSError:
                pass
        return found

    def test_a_signal_ends_a_command_with_all_that_it_started(self):
        command = "(setsid sh -c 'sleep 300 & sleep 300') & touch started; sleep 300"
        for number in (signal.SIGINT, signal.SIGTERM):
            self.stop([shell(command), {"say": "Done."}], [], lambda: os.path.exists(os.path.join(self.work, "started")), number)

    def test_a_command_that_takes_too_long_ends_with_all_that_it_started(self):
        self.lay([shell("setsid sleep 300 & echo $! > pid; sleep 300", seconds=1), shell("kill -0 $(cat pid) && touch lives"), {"say": "Done."}])
        self.assertEqual(self.run_agent().code, 0)
        self.assertFalse(os.path.exists(os.path.join(self.work, "lives")))

    def test_a_signal_ends_a_wait_for_the_server(self):
        asked = lambda: len(self.asked()) >= 1  # noqa: E731
        self.stop([{"say": "Done, after a while."}], [{"fault": "stall"}], asked, signal.SIGTERM)
        self.stop([{"say": "Done, after a while."}], [{"fault": "status", "status": 500}], asked, signal.SIGINT, "--backoff-ms=60000")

    def test_what_a_command_leaves_behind_lives_until_the_end_and_no_longer(self):
        self.lay([shell("sleep 300 & setsid sleep 300 & echo $! > pid"), shell("kill -0 $(cat pid) && touch lives"), {"say": "Done."}])
        done = subprocess.run(self.command("chat"), input="Do it.", capture_output=True, text=True, cwd=self.work, timeout=30,
                              env=self.environment() | {"MARK": self.work})
        run = Run(done.returncode, done.stdout, done.stderr)
        self.assertEqual(run.code, 0)
        self.assertTrue(os.path.exists(os.path.join(self.work, "lives")))
        self.assertEqual(self.left(), [])
        self.assertIn("left running", run.of("warn")[0]["text"])


class Tools(Case):
    def test_edit_changes_one_place_or_nothing_and_says_why(self):
        told = self.tools(call("edit", path="src/twice.txt", old="one", new="1"), call("edit", path="src/calc.py", old="    return a - b", new="x"),
                          call("edit", path="src/calc.py", old="nowhere", new="x"), call("edit", path="src/calc.py", old="", new="x"),
                          call("edit", path="src/calc.py", old="a", new="a"), call("edit", path="missing", old="a", new="b"),
                          call("edit", path="windows.txt", old="first\nsecond\n", new="first\nbetween\nsecond\n"),
                          call("edit", path="src/twice.txt", old="one\ntwo", new="1\ntwo"), call("edit", path="picture.bin", old="needle", new="x"),
                          call("edit", path="link.py", old="a - b", new="a + b"))
        self.assertIn("2 times (lines 1, 3)", told[0])
        self.assertIn("at line 2 stands the same with other spaces or tabs", told[1])
        self.assertIn("is not in src/calc.py", told[2])
        self.assertIn("is empty. To make a file, use write", told[3])
        self.assertIn("the same", told[4])
        self.assertIn("No such file", told[5])
        self.assertIn("changed at line 1", told[6])
        self.assertIn("is no text", told[8])
        self.assertIn("symbolic link", told[9])
        self.assertEqual(self.read("windows.txt"), "first\r\nbetween\r\nsecond\r\n")
        self.assertEqual(self.read("src/twice.txt"), "1\ntwo\none\n")
        self.assertEqual(self.changed(), [" M src/twice.txt", " M windows.txt"])

    def test_nothing_leads_out_of_the_folder(self):
        outside = os.path.join(self.folder, "outside.txt")
        told = self.tools(call("read", path="/etc/passwd"), call("read", path="../outside.txt"), call("read", path="out"), call("write", path=outside, content="x"),
                          call("write", path="../outside.txt", content="x"), call("write", path="out", content="x"), call("write", path=".git/hooks/pre-commit", content="x"),
                          call("write", path="./.git/config", content="x"), call("write", path="src/../.git/config", content="x"), call("write", path="src/../.GIT/x", content="x"),
                          call("edit", path=".git/HEAD", old="ref", new="x"),
                          call("write", path="new/../../outside.txt", content="x"), call("search", pattern=".", path="/etc"), call("list", path=".."))
        for text in told:
            self.assertRegex(text, r"outside of the folder|leads out|not to be touched|symbolic link|No such file")
        self.assertFalse(os.path.exists(outside))
        self.assertEqual([name for name in self.changed() if name != "?? new/"], [])
        subprocess.run(["git", "-C", self.work, "fsck"], check=True, capture_output=True)

    def test_write_makes_folders_and_keeps_modes(self):
        os.chmod(os.path.join(self.seed, "README.md"), 0o755)
        told = self.tools(call("write", path="a/b/c.txt", content="deep\n"), call("write", path="README.md", content="new\n"), call("write", path="src", content="x"),
                          call("write", path=os.path.join("a", "b"), content="x"))
        os.chmod(os.path.join(self.seed, "README.md"), 0o644)
        self.assertIn("a/b/c.txt was made (5 bytes)", told[0])
        self.assertIn("replaced", told[1])
        self.assertIn("a folder", told[2])
        self.assertEqual(self.read("a/b/c.txt"), "deep\n")
        self.assertEqual(os.stat(os.path.join(self.work, "README.md")).st_mode & 0o777, 0o755)
        self.assertEqual([name for name in os.listdir(self.work) if ".tmp." in name], [])

    def test_read_has_ranges_numbers_and_limits(self):
        told = self.tools(shell("seq 1 2000 > many; printf 'a\\377b\\n' > bytes; : > empty; mkfifo pipe"), call("read", path="many", **{"from": 10, "to": 12}),
                          call("read", path="many", **{"from": 3000}), call("read", path="picture.bin"), call("read", path="bytes"), call("read", path="empty"),
                          call("read", path="src"), call("read", path="many"), call("read", path="pipe"), call("read", path="link.py"))
        self.assertEqual(told[1], "    10\t10\n    11\t11\n    12\t12\n[many: lines 10 to 12 of 2000]")
        self.assertIn("has the lines 1 to 2000", told[2])
        self.assertIn("is no text", told[3])
        self.assertIn("a\ufffdb", told[4])
        self.assertIn("is empty", told[5])
        self.assertIn("is a folder", told[6])
        self.assertIn("lines 1 to 500 of 2000", told[7])
        self.assertIn("not a file", told[8])
        self.assertIn("def add", told[9])

    def test_search_finds_in_texts_and_explains_a_wrong_pattern(self):
        told = self.tools(call("search", pattern=r"^def \w+\("), call("search", pattern="def add(", fixed=True), call("search", pattern="def add("),
                          call("search", pattern="needle"), call("search", pattern="SEED", ignore_case=True), call("search", pattern="one", path="src/twice.txt"),
                          shell("printf 'a%.0s' $(seq 5000) > long"), call("search", pattern="(a|aa)+[b-d]", path="long"),
                          shell(": > empty"), call("search", pattern="x", path="empty"), call("edit", path="empty", old="x", new="y"))
        self.assertIn("src/calc.py:1: def add(a, b):", told[0])
        self.assertNotIn(".git", told[0])
        self.assertIn("src/calc.py:1", told[1])
        self.assertRegex(told[2], r"at character \d+: .*parenthes")
        self.assertIn("Nothing was found", told[3])
        self.assertIn("README.md:1: # Seed", told[4])
        self.assertIn("src/twice.txt:3: one", told[5])
        self.assertIn("took too long", told[7])
        self.assertIn("Nothing was found in 1 files", told[9])
        self.assertIn("is not in empty", told[10])

    def test_list_shows_two_levels(self):
        told = self.tools(call("list"), call("list", path="src"), call("list", path="README.md"))
        self.assertIn("src/\nsrc/calc.py (29 bytes)", told[0])
        self.assertIn("out (a link)", told[0])
        self.assertNotIn(".git", told[0])
        self.assertEqual(told[1], "calc.py (29 bytes)\ntwice.txt (12 bytes)\n")
        self.assertIn("is no folder", told[2])

    def test_run_tells_output_and_status_within_bounds(self):
        self.lay([shell("echo out; echo err >&2; exit 3"), shell("kill -9 $$"), shell("sleep 100", seconds=1), shell("yes | head -c 300000; echo end"),
                  shell("echo \"key=$BUNSHIN_MODEL_KEY\"; cat"), shell("printf 'a\\0b\\377c'"), {"say": "Done."}])
        run = self.run_agent()
        told = self.results()
        self.assertEqual(told[0], "out\nerr\n[exit status 3]")
        self.assertIn("signal 9", told[1])
        self.assertIn("ended after 1 seconds", told[2])
        self.assertIn("bytes are left out here", told[3])
        self.assertIn("end\n[exit status 0]", told[3])
        self.assertLess(len(told[3]), 33000)
        self.assertEqual(told[4], "key=\n[exit status 0]")
        self.assertEqual(told[5], "a\0b\ufffdc\n[exit status 0]")
        self.assertEqual([line.get("exit") for line in run.of("tool_end")], [3, 137, 137, 0, 0, 0])

    def test_options_that_cannot_be_understood_are_named(self):
        self.lay([{"say": "Done."}])
        for options, word in ((["--turns=0"], "from 1 to"), (["--wire=smoke"], "chat, ollama"), (["--fly=1"], "one of the options"), (["--temperature=9"], "0 to 2"),
                              (["--model="], "a model's name"), (["--endpoint=ftp://x"], "http://"), (["--turns"], "like --turns=20")):
            done = subprocess.run(self.command("chat") + options, input="x", capture_output=True, text=True, cwd=self.work, env=self.environment())
            self.assertEqual((done.returncode, done.stdout), (2, ""), options)
            self.assertIn(word, done.stderr)
        done = subprocess.run(self.command("chat"), input="", capture_output=True, text=True, cwd=self.work, env=self.environment())
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("no task", done.stderr)


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
