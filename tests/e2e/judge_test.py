#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A race in a real network, with agents that are scripts: whoever is killed while it runs, it comes to the same end, and nothing is run twice.

usage: judge_test.py BUNSHIN BUNSHIN_VERIFY SOURCE_DIR
"""
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

BUNSHIN, VERIFY, SOURCE = sys.argv[1:4]
CONF = """
network {{ heartbeat = 300ms  restart_max = 200  restart_window = 1m  lost_max = 10  breaker_failures = 20 }}
clone shadow {{ slots = 4 }}
clone judge {{ instances = 2  slots = 4 }}
clone delta {{ slots = 2 }}
agent one {{ {how}  command = "/usr/bin/python3 {folder}/agents/scripted.py write path=one.txt text=eins" }}
agent two {{ {how}  command = "/usr/bin/python3 {folder}/agents/scripted.py write path=two.txt text=zwei\\\\\\\\nzwei\\\\\\\\nzwei" }}
agent slow {{ {how}  command = "/usr/bin/python3 {folder}/agents/scripted.py write path=slow.txt text=langsam seconds=60" }}
route code-change {{ destination = shadow  timeout = 60s  retries = 3  backoff_initial = 20ms  backoff_max = 20ms }}
route check {{ destination = delta  timeout = 60s  retries = 3  backoff_initial = 20ms  backoff_max = 20ms }}
route race {{ destination = judge  timeout = 2m  retries = 5  heartbeat = 5s  backoff_initial = 20ms  backoff_max = 20ms }}
"""
HOW = ('adapter = jsonl  text = "/text"  tool = "/tool"  path = "/path"  usage_in = "/in"  usage_out = "/out"  '
       'final = "/type=result"  final_ok = "/ok=true"  error = "/error"')
CLEAN = {"GIT_CONFIG_NOSYSTEM": "1", "HOME": "/nonexistent", "GIT_AUTHOR_NAME": "Person", "GIT_AUTHOR_EMAIL": "person@example.org",
         "GIT_COMMITTER_NAME": "Person", "GIT_COMMITTER_EMAIL": "person@example.org", "PYTHONDONTWRITEBYTECODE": "1"}
# Two attempts, a check of each, and of the best once more where it was merged; whoever wins, the winner is a fast-forward.
RACE = {"branch": "refs/heads/main", "prompt": "Write a number down.", "merge": "auto", "gates": ["change", "text", "protected"],
        "agents": [{"label": "one", "agent": "one"}, {"label": "two", "agent": "two"}], "checks": [{"name": "is-there", "command": "ls *.txt"}]}
# What may differ between two runs of the same race: ids, times, commits, whose date is part of them, and what is reckoned from the runs before.
VOLATILE = {"set_aside", "race", "task", "started", "ended", "wall_ms", "ref", "commit", "text", "before", "sentence", "session", "why"}


def run(*words, code=0, cwd=None, env=None):
    done = subprocess.run(words, capture_output=True, text=True, cwd=cwd, env={**os.environ, **CLEAN, **(env or {})}, timeout=180)
    if code is not None and done.returncode != code:
        raise AssertionError(f"{' '.join(words)}: exit {done.returncode}, not {code}\n{done.stdout}\n{done.stderr}")
    return done


def settled(json_value):
    """A result without what may differ."""
    if isinstance(json_value, dict):
        return {name: settled(value) for name, value in json_value.items() if name not in VOLATILE}
    return [settled(value) for value in json_value] if isinstance(json_value, list) else json_value


class Network:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="bunshin-judge-")
        self.state = os.path.join(self.folder, "state")
        self.routes = os.path.join(self.folder, "routing.conf")
        self.repository = os.path.join(self.folder, "project")
        os.mkdir(os.path.join(self.folder, "agents"))
        shutil.copy(os.path.join(SOURCE, "tests/agents/scripted.py"), os.path.join(self.folder, "agents"))
        with open(self.routes, "w", encoding="utf-8") as file:
            file.write(CONF.format(folder=self.folder, how=HOW))
        run("sh", os.path.join(SOURCE, "examples/sample/make.sh"), self.repository)
        self.commit = run("git", "-C", self.repository, "rev-parse", "HEAD").stdout.strip()
        self.bunshin("up")

    def bunshin(self, *words, code=0):
        return run(BUNSHIN, *words, code=code, cwd=self.repository,
                   env={"BUNSHIN_STATE": self.state, "BUNSHIN_ROUTES": self.routes, "BUNSHIN_TIMEOUT": "30s"})

    def json(self, *words, **more):
        return json.loads(self.bunshin(*words, "--json", **more).stdout)

    def begin(self, race=None, **changed):
        parameters = {"repo": self.repository, "commit": self.commit, **(race or RACE), **changed}
        path = os.path.join(self.folder, "race.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(parameters, file)
        return self.json("task", "send", "race", "--params", "@" + path)["task_id"]

    def outcome(self, task):
        return self.json("task", "wait", task, "--timeout", "120s", code=None)

    def refs(self):
        """Of a workspace that may be on its way back: one that was killed often is started again later each time."""
        deadline = time.monotonic() + 90
        while True:
            done = self.bunshin("workspace", "refs", "--json", code=None)
            if done.returncode == 0:
                return {row["ref"]: row["id"] for row in json.loads(done.stdout)["refs"]}
            if time.monotonic() > deadline:
                raise AssertionError(done.stderr)

    def restore_branch(self):
        """The next race begins where this one began."""
        refs = self.refs()
        if refs["refs/heads/main"] != self.commit:
            self.bunshin("workspace", "delete", "refs/heads/main")
            self.bunshin("workspace", "import", self.repository)

    def process(self, name):
        with open(os.path.join(self.state, "run/supervisor.json"), encoding="utf-8") as file:
            return next(child["pid"] for child in json.load(file)["children"] if child["name"] == name)

    def query(self, words, *values):
        with sqlite3.connect(f"file:{self.state}/trail.db?mode=ro", uri=True, timeout=20) as trail:
            return trail.execute(words, values).fetchall()

    def close(self):
        self.bunshin("down", code=None)
        said = ""
        for name in os.listdir(os.path.join(self.state, "log")):
            with open(os.path.join(self.state, "log", name), encoding="utf-8", errors="replace") as file:
                said += file.read()
        run(VERIFY, os.path.join(self.state, "trail.db"), "--key", os.path.join(self.state, "keys/log.pub"))
        shutil.rmtree(self.folder)
        if "ERROR: " in said or "runtime error" in said:
            raise AssertionError(said)


REQUEST, ASSIGNMENT, RECEIVED, SENT = 0x10, 0x12, 1, 2
POINTS = [int(word) for word in os.environ.get("JUDGE_POINTS", "10 40").split()]


def children(pid):
    """Processes that this one has started, by their words."""
    found = {}
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                parent = int(file.read().rsplit(")", 1)[1].split()[1])
            if parent == pid:
                with open(f"/proc/{name}/cmdline", encoding="utf-8", errors="replace") as file:
                    found[int(name)] = file.read().split("\0")
        except (OSError, ValueError, IndexError):
            continue
    return found


class Judge(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.network = Network()
        task = cls.network.begin()
        cls.undisturbed = cls.network.outcome(task)["result"]
        cls.network.restore_branch()

    @classmethod
    def tearDownClass(cls):
        cls.network.close()

    def number(self, task):
        return self.network.query("SELECT request_seq FROM tasks WHERE task_id = ?", bytes.fromhex(task.replace("-", "")))[0][0]

    def tasks_since(self, number):
        return self.network.query("SELECT request_seq, task_id, key_hash FROM tasks WHERE request_seq >= ? ORDER BY 1", number)

    def records_since(self, number):
        return self.network.query("SELECT count(*) FROM records WHERE seq >= ? AND type != 0x66", number)[0][0]

    def reaches(self, task, records):
        """Waits until so many records were made since the race was asked for; False: it has ended before."""
        number = self.number(task)
        while self.records_since(number) < records:
            if self.network.query("SELECT end_seq FROM tasks WHERE request_seq = ?", number)[0][0]:
                return False
            time.sleep(0.005)
        return True

    def check_end(self, task, what):
        outcome = self.network.outcome(task)
        self.assertEqual(outcome["state"], "completed", what)
        self.assertEqual(settled(outcome["result"]), settled(self.undisturbed), what)
        rows = self.tasks_since(self.number(task))
        self.assertEqual(len(rows), self.undisturbed_tasks(), what)
        self.assertEqual(len({row[2] for row in rows[1:]}), len(rows) - 1, what)
        refs = self.network.refs()
        self.assertEqual(refs["refs/heads/main"], outcome["result"]["merging"]["commit"], what)
        # What the shadows handed in is there once each, and nothing else was made.
        handed_in = [attempt["change"]["ref"] for attempt in outcome["result"]["attempts"]]
        self.assertTrue(all(ref in refs for ref in handed_in), what)
        return outcome

    def undisturbed_tasks(self):
        return 1 + sum(len([gate for gate in attempt["gates"] if gate["task"]]) + 1 for attempt in self.undisturbed["attempts"]) \
            + len({gate["task"] for gate in self.undisturbed["merging"]["gates"] if gate["task"]})

    def assignments(self, task):
        """How often each child was handed out."""
        numbers = [row[0] for row in self.tasks_since(self.number(task))[1:]]
        return [self.network.query("SELECT count(*) FROM records WHERE task_number = ? AND type = ? AND direction = ?", number, ASSIGNMENT, SENT)[0][0]
                for number in numbers]

    def kill_attempt(self):
        for name in ("judge/1", "judge/2"):
            for pid, words in children(self.network.process(name)).items():
                if "attempt" in words:
                    os.kill(pid, signal.SIGKILL)

    def kill(self, name):
        os.kill(self.network.process(name), signal.SIGKILL)

    def disturb(self, name, strike, again=True):
        reached = 0
        for records in POINTS:
            task = self.network.begin()
            if self.reaches(task, records):
                reached += 1
                strike()
            self.check_end(task, f"{name} killed at record {records}")
            if not again:
                self.assertEqual(set(self.assignments(task)), {1}, f"{name} killed at record {records}")
            self.network.restore_branch()
        self.assertGreater(reached, len(POINTS) // 2)

    def test_what_is_verified_is_merged(self):
        self.assertEqual(self.undisturbed["merging"]["state"], "merged", self.undisturbed["text"])
        self.assertEqual([attempt["ended"] for attempt in self.undisturbed["attempts"]], ["handed-in", "handed-in"])
        # Nothing that depends on how quick somebody was.
        self.assertEqual(self.undisturbed["choice"]["steps"][0]["by"], "size", self.undisturbed["choice"])

    def test_a_killed_attempt_is_followed_by_one_that_finds_everything(self):
        self.disturb("the attempt", self.kill_attempt, again=False)

    def test_a_killed_clone_is_followed_by_another_instance(self):
        def both():
            self.kill("judge/1")
            self.kill("judge/2")
        self.disturb("judge", both, again=False)

    def test_omega_may_be_killed(self):
        self.disturb("Omega", lambda: self.kill("omega"))

    def test_the_workspace_may_be_killed(self):
        self.disturb("the workspace", lambda: self.kill("workspace"))

    def test_a_cancelled_race_leaves_no_child_running(self):
        task = self.network.begin(agents=[{"label": "slow", "agent": "slow"}])
        self.reaches(task, 12)
        number = self.number(task)
        while len(self.tasks_since(number)) < 2:
            time.sleep(0.01)
        self.network.bunshin("task", "cancel", task)
        self.assertEqual(self.network.outcome(task)["state"], "cancelled")
        deadline = time.monotonic() + 20
        while any(row[0] == 0 for row in self.network.query("SELECT end_seq FROM tasks WHERE request_seq >= ?", number)):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)

    def test_a_repository_that_the_workspace_does_not_have_is_brought(self):
        other = os.path.join(self.network.folder, "other")
        run("git", "clone", "-q", self.network.repository, other)
        outcome = self.network.outcome(self.network.begin(repo=other))
        self.assertEqual(outcome["result"]["merging"]["state"], "merged", outcome["result"]["text"])

    def test_bad_parameters_are_refused_in_words(self):
        outcome = self.network.outcome(self.network.begin(agents=[{"label": "one"}]))
        self.assertEqual((outcome["state"], outcome["error"]), ("failed", "invalid_parameters"))
        self.assertIn("agents[0]", json.dumps(outcome))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
