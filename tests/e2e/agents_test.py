#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Attempts by agents in a real network. The agents are scripted and do what agents do on bad days; whatever they do, the attempt ends as it must,
no process is left, the repository on the disk is as it was, and what they changed is either handed in or kept.

usage: agents_test.py BUNSHIN BUNSHIN_VERIFY SOURCE_DIR
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

BUNSHIN, VERIFY, SOURCE = sys.argv[1:4]
CLEAN = {"GIT_CONFIG_NOSYSTEM": "1", "HOME": "/nonexistent", "GIT_AUTHOR_NAME": "Person", "GIT_AUTHOR_EMAIL": "person@example.org",
         "GIT_COMMITTER_NAME": "Person", "GIT_COMMITTER_EMAIL": "person@example.org"}
LINES = ('session = "/session" text = "/text" tool = "/tool" path = "/path" usage_in = "/in" usage_out = "/out" final = "/type=result"'
         ' final_ok = "/ok=true" error = "/error" status = "/status"')
SCRIPTED = {"write": "path=new.txt text=new", "wrong": "file=README.md", "liar": "", "destroyer": "", "swapper": "where=/tmp/executed", "crasher": "",
            "failer": "error=later status=429", "flooder": "bytes=12000000", "forker": "count=5", "hanger": "", "silent": "", "stubborn": "",
            "reader": "path=seen.txt read=.env", "noter": "path=new.txt note=look-at-main.c"}
SHELL = {  # what a program does that is no more than a line of shell
    "half": "cat > /dev/null; echo half > half.txt; echo '{{\"text\": \"half of it\"}}'; exec sleep 600",
    "talker": "cat > /dev/null; echo '{{\"text\": \"the key is {secret}\", \"type\": \"result\", \"ok\": true, \"in\": 10, \"out\": 10}}'; echo {secret} >&2; echo x > x.txt",
    "curious": "cat > prompt.txt; cat /context/status.json > seen.txt; ls / /home > places.txt; env > env.txt; echo '{{\"type\": \"result\", \"ok\": true, \"in\": 10, \"out\": 10}}'",
}
# Asks its model twice and says that it is done, whatever came back.
ASKER = """import urllib.request
open("x.txt", "w").write("half of it")
body = b'{"model": "m", "messages": [{"role": "user", "content": "go on"}]}'
request = urllib.request.Request("http://127.0.0.1:8099/v1/chat/completions", body, {"content-type": "application/json"})
for _ in range(2):
    try:
        urllib.request.urlopen(request).read()
    except Exception:
        pass
print('{"type": "result", "ok": true, "text": "done"}')
"""
LAST_WORDS = {"told": None, "refused": {"fault": "refusal"}, "cut": {"fault": "truncated"}, "empty": {"fault": "empty"}, "broken": {"fault": "drop"},
              "failing": {"fault": "status", "status": 500}}
SECRET, KEY = "canary-secret-0815-4711", "model-key-abcdefgh-12345"
STORY = {"turns": [{"say": "I write it.", "write": {"path": "hello.txt", "content": "Hello\n"}}, {"shell": "env > env.txt; cat /proc/self/environ >> env.txt"},
                   {"say": "All done."}],
         "lanes": {"greedy": {"turns": [{"shell": "echo more >> more.txt", "usage": {"input": 5000, "output": 500}}], "loop": True},
                   **{name: {"turns": [{"say": "It is done."}], "faults": [{**fault, "at": 2}] if fault else []} for name, fault in LAST_WORDS.items()},
                   "busy": {"turns": [{"say": "x"}], "faults": [{"fault": "status", "status": 429, "retry_after": 2}]}}}


def run(*words, code=0, cwd=None, env=None, text=None):
    done = subprocess.run(words, capture_output=True, text=True, cwd=cwd, env={**os.environ, **CLEAN, **(env or {})}, timeout=120, input=text)
    if code is not None and done.returncode != code:
        raise AssertionError(f"{' '.join(words)}: exit {done.returncode}, not {code}\n{done.stdout}\n{done.stderr}")
    return done


def read(path, kind="r"):
    try:
        with open(path, kind, **({} if "b" in kind else {"encoding": "utf-8", "errors": "replace"})) as file:
            return file.read()
    except OSError:
        return b"" if "b" in kind else ""


class Network:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="bunshin-agents-")
        self.state = os.path.join(self.folder, "state")
        self.repository = os.path.join(self.folder, "project")
        self.routes = os.path.join(self.folder, "routing.conf")
        for name, text in SHELL.items():
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                file.write(text.format(secret=SECRET) + "\n")
        with open(os.path.join(self.folder, "asker.py"), "w", encoding="utf-8") as file:
            file.write(ASKER)
        shutil.copy(os.path.join(SOURCE, "tests/agents/scripted.py"), self.folder)
        with open(os.path.join(self.folder, "story.json"), "w", encoding="utf-8") as file:
            json.dump(STORY, file)
        self.model = subprocess.Popen([sys.executable, os.path.join(SOURCE, "tests/models/server.py"), "--script", os.path.join(self.folder, "story.json"),
                                       "--log", os.path.join(self.folder, "asked.jsonl"), "--key", KEY, "--until-eof"],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self.model.stdout.readline().strip()
        run("sh", os.path.join(SOURCE, "examples/sample/make.sh"), self.repository)
        self.commit({".gitignore": ".env\nbuilt/\n", ".worktreeinclude": "# for agents\n.env\nlocal.conf\n"})
        for name, text in ((".env", "DATABASE=here\n"), ("local.conf", "not ignored\n")):
            with open(os.path.join(self.repository, name), "w", encoding="utf-8") as file:
                file.write(text)
        self.write_routes()
        self.bunshin("up")
        self.bunshin("secret", "add", "canary", text=SECRET)
        self.bunshin("secret", "add", "model", text=KEY)
        self.bunshin("workspace", "import")

    def commit(self, files):
        for name, text in files.items():
            with open(os.path.join(self.repository, name), "w", encoding="utf-8") as file:
                file.write(text)
        run("git", "-C", self.repository, "add", "-f", *files)
        run("git", "-C", self.repository, "commit", "-qm", "For agents")

    def write_routes(self):
        with open(self.routes, "w", encoding="utf-8") as file:
            file.write("network { heartbeat = 300ms  restart_max = 50  restart_window = 1m }\nclone shadow { slots = 4 }\n"
                       "route code-change { destination = shadow  timeout = 60s  retries = 1 }\n")
            for name, options in SCRIPTED.items():
                behaviour = {"reader": "write", "noter": "write"}.get(name, name)
                file.write(f"agent {name} {{ adapter = jsonl  command = \"/usr/bin/python3 {self.folder}/scripted.py {behaviour} {options}\""
                           f"  {LINES}  price_in = 3  price_out = 15 }}\n")
            for name in SHELL:
                file.write(f"agent {name} {{ adapter = jsonl  command = \"/bin/sh {self.folder}/{name}\"  {LINES}"
                           " environment = { \"GIVEN={key}\" }  key = \"secret:model\" }\n")
            for name in LAST_WORDS:
                file.write(f"agent last-{name} {{ adapter = jsonl  command = \"/usr/bin/python3 {self.folder}/asker.py\"  endpoint = \"{self.url}/lane/{name}\""
                           "  wire = chat  key = \"secret:model\"  text = \"/text\"  final = \"/type=result\"  final_ok = \"/ok=true\" }\n")
            for name, lane, key in (("house", "", "secret:model"), ("greedy", "/lane/greedy", "secret:model"), ("busy", "/lane/busy", "secret:model"),
                                    ("keyless", "", "secret:nobody")):
                file.write(f"agent {name} {{ adapter = local  endpoint = \"{self.url}{lane}\"  key = \"{key}\"  model = m  price_in = 2  price_out = 4 }}\n")
            file.write("agent claude { program = /nonexistent/claude }\n")

    def bunshin(self, *words, code=0, text=None):
        return run(BUNSHIN, *words, code=code, cwd=self.repository, text=text,
                   env={"BUNSHIN_STATE": self.state, "BUNSHIN_ROUTES": self.routes, "BUNSHIN_TIMEOUT": "20s"})

    def json(self, *words, **more):
        return json.loads(self.bunshin(*words, "--json", **more).stdout)

    def words(self, agent, more):
        parameters = {"agent": agent, "prompt": "Do what is to be done.", **more.pop("parameters", {})}
        words = ["task", "send", "code-change", "--commit", "main", "--params", json.dumps(parameters)]
        return words + [word for name, value in more.items() for word in ("--" + name.replace("_", "-"), value)]

    def ask(self, agent, code=0, **more):
        return self.json(*self.words(agent, more), "--wait", code=code)

    def begin(self, agent, **more):
        return self.bunshin(*self.words(agent, more)).stdout.strip()

    def refs(self, of=""):
        return {row["ref"]: row["id"] for row in self.json("workspace", "refs")["refs"] if of in row["ref"]}

    def files_of(self, commit):
        return {(row["status"], row["new_path"] or row["old_path"]) for row in self.json("workspace", "diff", "main", commit)["changes"]}

    def show(self, commit, path):
        return self.bunshin("workspace", "show", f"{commit}:{path}").stdout

    def clone_pid(self):
        with open(os.path.join(self.state, "run/supervisor.json"), encoding="utf-8") as file:
            return next(child["pid"] for child in json.load(file)["children"] if child["name"] == "shadow/1")

    def attempt_pids(self):
        """Attempts, which are children of the clone."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
            if fields and int(fields[1]) == self.clone_pid() and b"attempt" in read(f"/proc/{pid}/cmdline", "rb").split(b"\0")[1:2]:
                found.append(int(pid))
        return found

    def processes(self):
        """Whatever an attempt started: it carries the name of this network's work folder, or the number of seconds that only a test sleeps."""
        mark = self.folder.encode()
        return [pid for pid in filter(str.isdigit, os.listdir("/proc"))
                if (line := read(f"/proc/{pid}/cmdline", "rb")) and (b"7331" in line.split(b"\0") or (mark in line and b"scripted.py" in line))]

    def wait_for(self, what, seconds=30):
        until = time.monotonic() + seconds
        while not (found := what()):
            if time.monotonic() > until:
                raise AssertionError("it did not come to pass")
            time.sleep(0.1)
        return found

    def close(self):
        self.bunshin("down", code=None)
        self.model.stdin.close()
        self.model.wait()
        said = "".join(read(os.path.join(self.state, "log", name)) for name in os.listdir(os.path.join(self.state, "log")))
        run(VERIFY, os.path.join(self.state, "trail.db"), "--key", os.path.join(self.state, "keys/log.pub"))
        shutil.rmtree(self.folder)
        if "ERROR: " in said or "runtime error" in said:
            raise AssertionError(said)


class Agents(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.network = Network()
        cls.addClassCleanup(cls.network.close)
        cls.before = run("git", "-C", cls.network.repository, "status", "--porcelain", "--ignored").stdout
        cls.head = run("git", "-C", cls.network.repository, "rev-parse", "HEAD").stdout

    def tearDown(self):
        self.network.wait_for(lambda: not self.network.processes(), 5)
        after = run("git", "-C", self.network.repository, "status", "--porcelain", "--ignored").stdout
        self.assertEqual((after, run("git", "-C", self.network.repository, "rev-parse", "HEAD").stdout), (self.before, self.head))

    def failed(self, outcome, kind, retry=False):
        """The evidence of an attempt whose agent failed: nothing of it is handed in."""
        self.assertEqual((outcome["state"], outcome["completeness"]), ("completed", "blocked"))
        result = outcome["result"]
        self.assertIsNone(result["change"])
        self.assertEqual((result["agent"]["verdict"]["class"], result["agent"]["verdict"]["retry"]), (kind, retry), result["agent"])
        self.assertFalse(result["agent"]["verdict"]["ok"])
        self.assertEqual(self.network.refs(f"refs/bunshin/{outcome['task_id']}/"), {})
        return result

    def test_what_an_agent_has_changed_becomes_a_commit_with_its_evidence(self):
        outcome = self.network.ask("write")
        result, agent = outcome["result"], outcome["result"]["agent"]
        self.assertEqual(outcome["completeness"], "complete")
        self.assertEqual(result["change"]["ref"], f"refs/bunshin/{outcome['task_id']}/1")
        self.assertEqual(self.network.files_of(result["change"]["commit"]), {("A", "new.txt")})
        self.assertEqual((result["change"]["files"], result["kept"]), (1, None))
        self.assertEqual(agent["claim"], {"ok": True, "text": "new.txt is written."})
        self.assertEqual(agent["verdict"], {"ok": True, "class": "none", "retry": False, "status": 0, "why": ""})
        self.assertEqual((agent["usage"]["in"], agent["usage"]["out"], agent["usage"]["by"]), (1000, 100, "program"))
        self.assertEqual((agent["cost_microusd"], agent["stop"], agent["name"], agent["adapter"]), (4500, "none", "write", "jsonl"))
        self.assertEqual((outcome["tokens"], outcome["cost_microusd"]), (1100, 4500))
        self.assertIn("agent.jsonl", [row["name"] for row in result["artefacts"]])

    def test_a_wrong_one_is_not_told_from_a_right_one_here_but_a_liar_is(self):
        self.assertEqual(self.network.files_of(self.network.ask("wrong")["result"]["change"]["commit"]), {("M", "README.md")})
        result = self.failed(self.network.ask("liar", code=6), "no_change")
        self.assertEqual((result["kept"], result["agent"]["claim"]["ok"]), (None, True))

    def test_one_that_destroys_all_it_can_reach_reaches_its_own_copy_only(self):
        outcome = self.network.ask("destroyer")
        changed = self.network.files_of(outcome["result"]["change"]["commit"])
        self.assertEqual({status for status, _ in changed}, {"D"})
        self.assertTrue(os.path.exists(os.path.join(self.network.folder, "scripted.py")))

    def test_what_stands_in_the_place_of_its_git_folder_is_neither_run_nor_taken(self):
        change = self.network.ask("swapper")["result"]["change"]
        self.assertEqual(self.network.files_of(change["commit"]), {("A", ".gitattributes")})
        self.assertFalse(os.path.exists("/tmp/executed"))

    def test_what_a_failed_one_has_left_is_kept_and_not_handed_in(self):
        outcome = self.network.ask("crasher", code=6)
        result = self.failed(outcome, "crash", retry=True)
        self.assertEqual(result["kept"]["ref"], f"refs/bunshin/kept/{outcome['task_id']}/1")
        self.assertEqual(self.network.show(result["kept"]["commit"], "half.txt"), "half of the work\n")
        result = self.failed(self.network.ask("failer", code=6), "rate_limit", retry=True)
        self.assertEqual((result["agent"]["verdict"]["status"], result["kept"]), (429, None))

    def test_one_that_floods_and_one_that_forks_cost_no_more_than_they_may(self):
        outcome = self.network.ask("flooder", code=6)
        result = self.failed(outcome, "no_change")
        self.assertGreater(result["agent"]["printed_bytes"], 12000000)
        log = next(row for row in result["artefacts"] if row["name"] == "agent.jsonl")
        self.assertLess(log["bytes"], (8 << 20) + 300)
        outcome = self.network.ask("forker")
        self.assertIsNotNone(outcome["result"]["change"])
        self.assertEqual(self.network.processes(), [])

    def test_those_that_say_nothing_any_more_are_stopped_whatever_they_think_of_it(self):
        timers = {"first_ms": 700, "idle_ms": 900}
        for name, stop in (("silent", "first"), ("hanger", "idle"), ("stubborn", "idle")):
            result = self.failed(self.network.ask(name, code=6, parameters={"timers": timers}, attempt_time="20s"), "timeout_idle", retry=True)
            self.assertEqual(result["agent"]["stop"], stop, name)
        result = self.failed(self.network.ask("stubborn", code=6, attempt_time="10s"), "timeout_wall")
        self.assertEqual(result["agent"]["stop"], "wall")

    def test_a_cancelled_one_is_gone_and_what_it_had_is_kept_and_snapshots_were_there_before(self):
        task = self.network.begin("half")
        live = self.network.wait_for(lambda: self.network.refs(f"refs/live/{task}/1"))
        self.assertEqual(self.network.show(live[f"refs/live/{task}/1"], "half.txt"), "half\n")
        self.assertIn("half: says: half of it · 1 event · 0 tokens · ", self.network.bunshin("task", "logs", task).stdout)
        self.network.bunshin("task", "cancel", task)
        outcome = self.network.json("task", "wait", task, code=None)
        kept = f"refs/bunshin/kept/{task}/1"
        self.assertEqual((outcome["state"], outcome["evidence"]["kept"], outcome["evidence"]["processes_left"]), ("cancelled", kept, 0))
        self.assertEqual(outcome["evidence"]["agent"]["stop"], "cancelled")
        self.assertEqual(self.network.show(self.network.refs(kept)[kept], "half.txt"), "half\n")
        self.assertEqual(self.network.refs(f"refs/live/{task}"), {})

    def killed(self, victim):
        task = self.network.begin("half")
        self.network.wait_for(lambda: "half of it" in self.network.bunshin("task", "logs", task).stdout)
        os.kill(victim(), signal.SIGKILL)
        kept = f"refs/bunshin/kept/{task}/1"
        self.network.wait_for(lambda: self.network.refs(kept))
        self.assertEqual(self.network.show(self.network.refs(kept)[kept], "half.txt"), "half\n")
        self.network.wait_for(lambda: not os.listdir(os.path.join(self.network.state, "salvage")))
        self.network.bunshin("task", "cancel", task)
        self.network.json("task", "wait", task, code=None)

    def test_what_an_attempt_has_that_is_killed_is_salvaged(self):
        self.killed(lambda: self.network.attempt_pids()[0])

    def test_what_the_attempts_of_a_clone_have_that_is_killed_is_salvaged(self):
        self.killed(self.network.clone_pid)

    def test_files_that_git_ignores_are_brought_and_never_handed_in_and_setup_runs_before(self):
        outcome = self.network.ask("reader", parameters={"setup": ["mkdir built && echo ready > built/flag", "test -f .env"]})
        result = outcome["result"]
        self.assertEqual(self.network.files_of(result["change"]["commit"]), {("A", "seen.txt")})
        self.assertEqual(result["agent"]["copied"], [".env"])
        result = self.failed(self.network.ask("reader", code=6, parameters={"setup": ["echo this is why; exit 3"]}), "config")
        self.assertIn("setup line 1 (echo this is why; exit 3) ended with 3", result["agent"]["verdict"]["why"])

    def test_attempts_of_a_race_read_its_status_and_leave_notes_for_each_other(self):
        race = str(uuid.UUID(int=(0x0190 << 112) | (7 << 76) | (8 << 60) | 1))
        context = os.path.join(self.network.state, "races", race, "context")
        outcome = self.network.ask("noter", parameters={"race": race, "label": "one", "notes": True})
        self.assertEqual(outcome["result"]["agent"]["label"], "one")
        self.assertEqual(read(os.path.join(context, "notes/one.md")), "look-at-main.c\n")
        with open(os.path.join(context, "status.json"), "w", encoding="utf-8") as file:
            file.write('{"running": 2}\n')
        commit = self.network.ask("curious", parameters={"race": race, "label": "two", "notes": True})["result"]["change"]["commit"]
        self.assertEqual(self.network.show(commit, "seen.txt"), '{"running": 2}\n')
        self.assertIn("/notes/note.md", self.network.show(commit, "prompt.txt"))
        self.assertEqual(self.network.show(commit, "places.txt").split("/home:")[1].split(), ["agent"])
        self.assertIn("GIVEN=the-proxy-has-the-key\n", self.network.show(commit, "env.txt"))
        names = {line.split("=")[0] for line in self.network.show(commit, "env.txt").splitlines()}
        self.assertFalse({name for name in names if name.startswith("BUNSHIN")}, names)

    def test_a_secret_that_an_agent_prints_is_in_no_file_but_its_own(self):
        outcome = self.network.ask("talker")
        self.assertEqual(outcome["result"]["agent"]["claim"]["text"], "the key is " + "*" * len(SECRET))
        self.assertEqual({row["name"] for row in outcome["artefacts"] if row.get("hash")}, {"agent.jsonl", "agent.err", "report.md"}, "none was refused")
        self.assertEqual(self.places_of(SECRET), ["keys/secrets/canary"])

    def places_of(self, text):
        found = []
        for folder, _, names in os.walk(self.network.state):
            found += [os.path.relpath(os.path.join(folder, name), self.network.state) for name in names
                      if text.encode() in read(os.path.join(folder, name), "rb")]
        return found

    def test_the_model_gets_the_key_and_the_agent_never_has_it(self):
        outcome = self.network.ask("house")
        result = outcome["result"]
        with open(os.path.join(self.network.folder, "asked.jsonl"), encoding="utf-8") as file:
            asked = [entry for entry in map(json.loads, file) if entry["event"] == "asked" and entry["lane"] == ""]
        self.assertEqual({entry["key"] for entry in asked}, {KEY})
        self.assertEqual(self.network.show(result["change"]["commit"], "hello.txt"), "Hello\n")
        self.assertNotIn(KEY, self.network.show(result["change"]["commit"], "env.txt"))
        self.assertEqual(self.places_of(KEY), ["keys/secrets/model"])
        self.assertEqual((result["agent"]["usage"]["by"], result["agent"]["requests"], result["agent"]["model"]), ("proxy", 3, "m"))
        usage = result["agent"]["usage"]
        self.assertEqual(result["agent"]["cost_microusd"], 2 * usage["in"] + 4 * usage["out"])

    def test_one_that_spends_too_much_is_stopped_and_a_busy_server_is_said_to_be(self):
        result = self.failed(self.network.ask("greedy", code=6, parameters={"budget_microusd": 60000}), "limit_budget")
        self.assertEqual(result["agent"]["stop"], "budget")
        self.assertLessEqual(result["agent"]["cost_microusd"], 60000)
        self.assertGreater(result["kept"]["files"], 0)
        result = self.failed(self.network.ask("busy", code=6), "rate_limit", retry=True)
        self.assertEqual(result["agent"]["retry_after_ms"], 2000)
        self.assertGreater(result["agent"]["rate_limited"], 0)

    def test_who_says_that_it_is_done_is_not_believed_if_the_last_answer_of_the_model_was_none(self):
        self.assertIsNotNone(self.network.ask("last-told")["result"]["change"])
        for name, kind, words in (("refused", "refused", "a refusal"), ("cut", "truncated", "cut by its length"), ("empty", "truncated", "broke off"),
                                  ("broken", "truncated", "broke off"), ("failing", "server", "was an error")):
            result = self.failed(self.network.ask("last-" + name, code=6), kind, retry=kind != "refused")
            self.assertIn(words, result["agent"]["verdict"]["why"])
            self.assertEqual((result["agent"]["claim"]["ok"], result["kept"]["files"]), (True, 1))

    def test_what_is_missing_is_said_with_how_to_get_it(self):
        result = self.failed(self.network.ask("claude", code=6), "not_installed")
        self.assertIn("npm install -g @anthropic-ai/claude-code", result["agent"]["verdict"]["why"])
        result = self.failed(self.network.ask("keyless", code=6), "auth")
        self.assertIn("`bunshin secret add nobody`", result["agent"]["verdict"]["why"])
        for parameters, words in (({"agent": "nobody"}, 'no agent "nobody"'), ({"prompt": ""}, "parameters.prompt"), ({"setup": [""]}, "line 1 of parameters.setup"),
                                  ({"command": ["ls"]}, "exclude each other"), ({"race": "x"}, "parameters.race"), ({"temperature": 3}, "from 0 to 2")):
            refused = self.network.ask("write", code=2, parameters=parameters)
            self.assertEqual(refused["error"], "invalid_parameters", parameters)
            self.assertIn(words, refused["summary"], parameters)

    def test_one_that_is_not_named_is_chosen_with_a_reason(self):
        agent = self.network.ask("auto", code=None, parameters={"prompt": "Fix a typo."})["result"]["agent"]
        self.assertEqual(agent["name"], "curious", "it costs nothing, and is the first of those by name")
        self.assertIn("curious is good for", agent["chosen"])

    def test_z_agents_are_listed_probed_and_counted(self):
        rows = {row["agent"]: row for row in self.network.json("agent", "list")["agents"]}
        self.assertEqual((rows["house"]["key"], rows["keyless"]["key"], rows["write"]["key"]), ("there", "missing", "none needed"))
        self.assertEqual((rows["claude"]["installed"], rows["gemini"]["adapter"], rows["house"]["program"]), (False, "gemini", "bunshin"))
        self.assertEqual(rows["write"]["price"], {"in": 3000000, "cached": 3000000, "cache_write": 3000000, "out": 15000000})
        house = self.network.json("agent", "probe", "house", "--ask")["agents"][0]
        self.assertEqual((house["usable"], house["lacks"], house["answer"] is None), (True, [], False))
        claude = self.network.json("agent", "probe", "claude", code=6)["agents"][0]
        self.assertIn("npm install -g", claude["lacks"][0])
        rows = {row["agent"]: row for row in self.network.json("agent", "stats")["agents"] if row["kind"] == "task"}
        self.assertEqual((rows["write"]["attempts"], rows["write"]["handed_in"], rows["write"]["tokens"]), (1, 1, 1100))
        self.assertEqual(rows["failer"]["failures"], {"rate_limit": 1})
        self.assertEqual(rows["stubborn"]["failures"], {"timeout_idle": 1, "timeout_wall": 1})
        self.assertNotIn(KEY, self.network.bunshin("agent", "list").stdout)


if __name__ == "__main__":
    del sys.argv[1:]
    unittest.main(verbosity=2)
