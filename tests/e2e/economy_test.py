#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What races cost, in a real network: budgets that are set aside and given back, models that are stopped and models that are busy, and who is given work that
names nobody.

usage: economy_test.py BUNSHIN SOURCE_DIR
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from datetime import datetime

BUNSHIN, SOURCE = sys.argv[1:3]
HOW = ('adapter = jsonl  text = "/text"  tool = "/tool"  path = "/path"  usage_in = "/in"  usage_out = "/out"  '
       'final = "/type=result"  final_ok = "/ok=true"  error = "/error"')
# Those that are never to be chosen unnamed are dear.
SCRIPTED = {"one": ("write path=one.txt in=90000 out=1000", "price_in = 3  price_out = 15"),
            "two": ("write path=two.txt in=80000 out=1000", "price_in = 3  price_out = 15"),
            "three": ("write path=three.txt in=80000 out=1000", "price_in = 3  price_out = 15"),
            "dear": ("write path=dear.txt in=90000 out=1000", "price_in = 3  price_out = 15"),
            "lazy": ("liar", "price_in = 0.1  price_out = 0.1"),
            "worker": ("write path=work.txt", "price_in = 0.2  price_out = 0.2")}
LANES = {"busy": 'fallback = calm  price_in = 9  price_out = 9', "calm": "price_in = 9  price_out = 9", "lonely": "price_in = 9  price_out = 9",
         "greedy": "price_in = 9  price_out = 9", "home": "level = 1"}
WRITES = [{"say": "I write it.", "write": {"path": "model.txt", "content": "Hello\n"}}, {"say": "It is written."}]
STORY = {"turns": WRITES, "lanes": {
    "calm": {"turns": WRITES}, "home": {"turns": WRITES},
    "busy": {"turns": WRITES, "faults": [{"fault": "status", "status": 429, "retry_after": 2}]},
    # The program itself asks a second time.
    "lonely": {"turns": WRITES, "faults": [{"fault": "status", "status": 429, "retry_after": 2, "at": "1-2"}]},
    "greedy": {"turns": [{"shell": "echo more >> more.txt", "usage": {"input": 5000, "output": 500}}], "loop": True}}}
CLEAN = {"GIT_CONFIG_NOSYSTEM": "1", "HOME": "/nonexistent", "GIT_AUTHOR_NAME": "Person", "GIT_AUTHOR_EMAIL": "person@example.org",
         "GIT_COMMITTER_NAME": "Person", "GIT_COMMITTER_EMAIL": "person@example.org", "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1", "TERM": "xterm"}
GATES = ("--gates", "change,text,protected", "--check", "ls *.txt", "--no-notes")
SIMPLE, USUAL = "Fix a typo.", "Write down the number that stands in the second line of the file, and the one after it, in words."


class Economy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="bunshin-economy-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.repository = os.path.join(cls.folder, "project")
        cls.env = {**os.environ, **CLEAN, "BUNSHIN_STATE": os.path.join(cls.folder, "state"), "BUNSHIN_TIMEOUT": "30s",
                   "BUNSHIN_ROUTES": os.path.join(cls.folder, "routing.conf")}
        shutil.copy(os.path.join(SOURCE, "tests/agents/scripted.py"), cls.folder)
        with open(os.path.join(cls.folder, "story.json"), "w", encoding="utf-8") as file:
            json.dump(STORY, file)
        cls.model = subprocess.Popen([sys.executable, os.path.join(SOURCE, "tests/models/server.py"), "--script", os.path.join(cls.folder, "story.json"),
                                      "--until-eof"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        cls.addClassCleanup(cls.end_model)
        cls.write_routes(cls.model.stdout.readline().strip())
        os.mkdir(cls.repository)
        cls.git("-c", "init.defaultBranch=main", "init", "-q")
        with open(os.path.join(cls.repository, "text.txt"), "w", encoding="utf-8") as file:
            file.write("first\nsecond\nthird\n")
        cls.git("add", "-A")
        cls.git("commit", "-q", "-m", "base")
        cls.run_it("up")
        cls.addClassCleanup(cls.run_it, "down")
        cls.run_it("workspace", "import")

    @classmethod
    def end_model(cls):
        cls.model.stdin.close()
        cls.model.stdout.close()
        cls.model.wait()

    @classmethod
    def write_routes(cls, url):
        with open(cls.env["BUNSHIN_ROUTES"], "w", encoding="utf-8") as file:
            file.write("network { heartbeat = 300ms }\nclone shadow { slots = 4 }\nclone judge { slots = 4 }\nclone delta { slots = 4 }\n"
                       "route code-change { destination = shadow  timeout = 60s }\nroute check { destination = delta  timeout = 60s }\n"
                       "route race { destination = judge  timeout = 2m  timeout_max = 1h }\n")
            for name, (words, more) in SCRIPTED.items():
                file.write(f'agent {name} {{ {HOW}  command = "/usr/bin/python3 {cls.folder}/scripted.py {words}"  {more} }}\n')
            for name, more in LANES.items():
                file.write(f'agent {name} {{ adapter = local  endpoint = "{url}/lane/{name}"  model = m  {more} }}\n')

    @classmethod
    def git(cls, *words):
        return subprocess.run(("git", "-C", cls.repository) + words, env=cls.env, check=True, text=True, capture_output=True, timeout=60).stdout.strip()

    @classmethod
    def run_it(cls, *words, code=0):
        done = subprocess.run((BUNSHIN,) + words, cwd=cls.repository, env=cls.env, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=150)
        if done.returncode != code:
            raise AssertionError(f"bunshin {' '.join(words)}: exit {done.returncode}, not {code}\n{done.stdout}\n{done.stderr}")
        return done

    def race(self, agents, *words, prompt=SIMPLE, code=0):
        """The race's result; what each attempt spent and was given adds up to what the race did."""
        race = self.run_it("race", prompt, "--agents", agents, *GATES, *words, code=code).stdout[:36]
        result = json.loads(self.run_it("race", "show", race, "--json").stdout)["result"]
        attempts, budget = {attempt["label"]: attempt for attempt in result["attempts"]}, result["budget"]
        for ours, theirs in (("tokens", "tokens"), ("microusd", "cost_microusd")):
            spent = [attempt[theirs] for attempt in attempts.values()]
            aside = [attempt["set_aside"][ours] for attempt in attempts.values()]
            self.assertEqual(budget["spent_" + ours], sum(spent))
            self.assertEqual(budget["refunded_" + ours], sum(max(a - s, 0) for a, s in zip(aside, spent)))
            self.assertEqual(budget["reserved_" + ours], 0)
        return race, attempts, budget

    def send(self, agent, prompt=USUAL, code=0):
        done = self.run_it("task", "send", "code-change", "--commit", "main", "--params", json.dumps({"agent": agent, "prompt": prompt}), "--wait", "--json",
                           code=code)
        return json.loads(done.stdout)["result"]["agent"]

    # ---- budgets ----

    def test_as_many_are_started_as_can_be_paid_and_what_is_left_is_given_back(self):
        race, attempts, budget = self.race("one,two,three", "--budget-tokens", "250000")
        self.assertEqual([attempts[label]["ended"] for label in ("one", "two", "three")], ["handed-in", "handed-in", "budget"])
        likely = attempts["one"]["set_aside"]["likely_tokens"]
        self.assertGreater(3 * likely, 250000, "three of these would not fit")
        self.assertEqual([attempts[label]["set_aside"]["tokens"] for label in ("one", "two", "three")], [likely, likely, 0])
        self.assertEqual((attempts["three"]["task"], attempts["three"]["tokens"]), (None, 0), "it was not begun")
        self.assertIn(f"{likely} tokens", attempts["three"]["why"])
        self.assertIn("1 files and 0 kB", attempts["three"]["set_aside"]["basis"])
        self.assertEqual((budget["spent_tokens"], budget["refunded_tokens"]), (172000, 2 * likely - 172000))
        shown = self.run_it("race", "show", race).stdout
        self.assertIn("Set aside", shown)
        self.assertIn("no run of this agent is known", shown)

    def test_a_budget_in_dollars_is_set_aside_by_prices(self):
        _, attempts, budget = self.race("worker,dear", "--budget", "0.9")
        aside = {label: attempt["set_aside"]["microusd"] for label, attempt in attempts.items()}
        self.assertLessEqual(sum(aside.values()), 900000)
        self.assertGreater(aside["dear"], 10 * aside["worker"], "what is dearer gets more")
        self.assertEqual(budget["spent_microusd"], 90000 * 3 + 1000 * 15 + 1100 // 5)

    def test_a_model_that_goes_on_and_on_is_stopped_by_the_proxy_and_the_race_says_that_it_was_the_budget(self):
        _, attempts, budget = self.race("greedy", "--attempt-tokens", "20000", "--budget-tokens", "50000", code=8)
        attempt = attempts["greedy"]
        self.assertEqual((attempt["ended"], attempt["tries"][-1]["class"]), ("budget", "limit_budget"))
        self.assertEqual(attempt["set_aside"]["tokens"], 20000)
        self.assertGreater(budget["spent_tokens"], 20000 - 5500)
        self.assertLess(budget["spent_tokens"], 20000 + 5500, "a server is stopped between two requests")
        self.assertGreater(attempt["kept"]["files"], 0, "what it had is kept")

    # ---- models that are busy ----

    def test_work_moves_to_another_lane_when_a_model_wants_fewer_requests(self):
        _, attempts, _ = self.race("busy")
        tries = attempts["busy"]["tries"]
        self.assertEqual([(one["agent"], one["class"], one.get("then")) for one in tries], [("busy", "rate_limit", "calm"), ("calm", "none", None)])
        self.assertEqual((tries[0]["wait_ms"], attempts["busy"]["agent"], attempts["busy"]["verdict"]), (0, "calm", "verified"))

    def test_without_another_lane_it_waits_as_the_server_asks(self):
        _, attempts, _ = self.race("lonely")
        first, second = attempts["lonely"]["tries"]
        self.assertEqual([(one["agent"], one["class"]) for one in (first, second)], [("lonely", "rate_limit"), ("lonely", "none")])
        self.assertGreaterEqual(first["wait_ms"], 2000)
        tasks = [json.loads(self.run_it("task", "show", one["task"], "--json").stdout)["task"] for one in (first, second)]
        ended, began = (datetime.fromisoformat(text) for text in (tasks[0]["ended_at"], tasks[1]["accepted_at"]))
        self.assertGreaterEqual((began - ended).total_seconds(), 1.9)
        self.assertEqual(attempts["lonely"]["verdict"], "verified")

    # ---- who ----

    def test_who_is_not_named_is_chosen_by_what_became_of_such_work(self):
        agent = self.send("auto", prompt="Fix a typo in the readme.")
        self.assertEqual((agent["name"], agent["work"]), ("home", 1), "simple work goes to a model at home")
        self.assertIn("costs nothing", agent["chosen"])
        for _ in range(3):
            agent = self.send("auto", code=6)
            self.assertEqual((agent["name"], agent["work"]), ("lazy", 2), "of those that are good for it, the cheapest")
        agent = self.send("auto")
        self.assertEqual(agent["name"], "worker", "who never succeeds is too dear at any price")
        self.assertIn("has not tried such work yet", agent["chosen"])
        agent = self.send("auto")
        self.assertIn("worker is good for usual work, 1 of 1 attempts at such work succeeded", agent["chosen"])
        rows = {(row["agent"], row["work"]): row for row in json.loads(self.run_it("agent", "stats", "--json").stdout)["agents"] if row["kind"] == "task"}
        self.assertEqual((rows[("lazy", "usual")]["attempts"], rows[("lazy", "usual")]["handed_in"], rows[("worker", "usual")]["handed_in"]), (3, 0, 2))
        race, attempts, _ = self.race("auto:2,one", prompt=USUAL)
        self.assertEqual(attempts["auto.1"]["agent"], "worker")
        self.assertNotIn(attempts["auto.2"]["agent"], ("worker", "lazy", "home"), "somebody else, though dearer")
        self.assertIn("2 of 2 attempts", attempts["auto.1"]["chosen"])
        self.assertIsNone(attempts["one"]["chosen"])
        self.assertIn("from 2 past runs", attempts["auto.1"]["set_aside"]["basis"])
        self.assertIn("auto.1: worker is good for usual work", self.run_it("race", "show", race).stdout)
        row = next(row for row in json.loads(self.run_it("agent", "list", "--json").stdout)["agents"] if row["agent"] == "worker")
        self.assertIn("past runs", row["usual_task"]["basis"])


if __name__ == "__main__":
    del sys.argv[1:]
    unittest.main(verbosity=2)
