#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The workspace in a real network: repositories come in, tasks change them, results are merged and go out, and each change of a ref is on the
trail once, whoever is killed meanwhile.

usage: workspace_test.py BUNSHIN BUNSHIN_VERIFY SOURCE_DIR
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import uuid

import zmq

BUNSHIN, VERIFY, SOURCE = sys.argv[1:4]
CONF = """
network {{ heartbeat = 300ms  restart_max = 50  restart_window = 1m }}
clone shadow {{ slots = 3 }}
clone sigma {{ }}
clone notice {{ command = "/usr/bin/python3 {source}/examples/notice.py" }}
route code-change {{ destination = shadow  timeout = 60s  retries = 1 }}
route documentation {{ destination = sigma  timeout = 60s }}
route notice {{ destination = notice  timeout = 60s  retries = 0 }}
"""
CLEAN = {"GIT_CONFIG_NOSYSTEM": "1", "HOME": "/nonexistent", "GIT_AUTHOR_NAME": "Person", "GIT_AUTHOR_EMAIL": "person@example.org",
         "GIT_COMMITTER_NAME": "Person", "GIT_COMMITTER_EMAIL": "person@example.org"}


def run(*words, code=0, cwd=None, env=None):
    done = subprocess.run(words, capture_output=True, text=True, cwd=cwd, env={**os.environ, **CLEAN, **(env or {})}, timeout=120)
    if code is not None and done.returncode != code:
        raise AssertionError(f"{' '.join(words)}: exit {done.returncode}, not {code}\n{done.stdout}\n{done.stderr}")
    return done


def git(folder, *words):
    return run("git", "-C", folder, *words).stdout.strip()


class Network:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="bunshin-workspace-")
        self.state = os.path.join(self.folder, "state")
        self.routes = os.path.join(self.folder, "routing.conf")
        self.repository = os.path.join(self.folder, "project")
        with open(self.routes, "w", encoding="utf-8") as file:
            file.write(CONF.format(source=SOURCE))
        run("sh", os.path.join(SOURCE, "examples/sample/make.sh"), self.repository)
        self.bunshin("up")

    def bunshin(self, *words, code=0, cwd=None):
        return run(BUNSHIN, *words, code=code, cwd=cwd or self.repository,
                   env={"BUNSHIN_STATE": self.state, "BUNSHIN_ROUTES": self.routes, "BUNSHIN_TIMEOUT": "20s", "PYTHONDONTWRITEBYTECODE": "1"})

    def json(self, *words, **more):
        return json.loads(self.bunshin(*words, "--json", **more).stdout)

    def workspace(self, *words, **more):
        return self.json("workspace", *words, **more)

    def refs(self):
        return {row["ref"]: row for row in self.workspace("refs")["refs"]}

    def change(self, script, commit="main", code=0):
        """Sends a task that changes something; its outcome."""
        return self.json("task", "send", "code-change", "--commit", commit, "--param", "command:=" + json.dumps(["sh", "-c", script]),
                         "--wait", code=code)

    def process(self, name):
        with open(os.path.join(self.state, "run/supervisor.json"), encoding="utf-8") as file:
            return next(child for child in json.load(file)["children"] if child["name"] == name)

    def changes(self):
        """(ref, version) of each change that the trail holds as taken, in its order."""
        found = []
        for line in self.bunshin("audit", "log", "--type", "RefChanged", "--json").stdout.splitlines():
            row = json.loads(line)
            if not row["verdict"]:
                found.append((row["note"].split(" ")[1].rstrip(":"), int(row["note"].rsplit("version ", 1)[1].rstrip(")"))))
        return found

    def close(self):
        self.bunshin("down", code=None)
        log = os.path.join(self.state, "log/workspace.log")
        with open(log, encoding="utf-8") as file:
            said = file.read()
        run(VERIFY, os.path.join(self.state, "trail.db"), "--key", os.path.join(self.state, "keys/log.pub"))
        shutil.rmtree(self.folder)
        if "ERROR: " in said or "runtime error" in said or "ThreadSanitizer" in said:
            raise AssertionError(said)


class Socket:
    """What a clone in another language does: a DEALER, JSON there and back. A workspace that ends meanwhile is asked again."""

    def __init__(self, network):
        self.network = network
        self.context = zmq.Context.instance()
        self.socket = None

    def connect(self):
        if self.socket:
            self.socket.close(0)
        with open(os.path.join(self.network.state, "run/workspace"), encoding="utf-8") as file:
            endpoint = file.read().strip()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.connect(endpoint)

    def close(self):
        self.socket.close(0)

    def ask_raw(self, text, wait_ms=20000):
        if not self.socket:
            self.connect()
        self.socket.send(text if isinstance(text, bytes) else text.encode())
        return json.loads(self.socket.recv()) if self.socket.poll(wait_ms) else None

    def ask(self, wait_ms=20000, **request):
        return self.ask_raw(json.dumps(request), wait_ms)

    def ask_until_answered(self, until, **request):
        while time.monotonic() < until:
            try:
                reply = self.ask(1500, **request)
            except OSError:
                reply = None
            if reply:
                return reply
            self.connect()
        return None


class Workspace(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.network = Network()
        cls.addClassCleanup(cls.network.close)
        cls.first = cls.network.workspace("import")

    def test_1_a_repository_comes_in_and_its_commits_are_the_same(self):
        network = self.network
        self.assertEqual(self.first["path"], network.repository)
        self.assertEqual(network.refs()["refs/heads/main"]["id"], git(network.repository, "rev-parse", "main"))
        again = network.workspace("import")
        self.assertEqual((again["objects"], again["change_count"]), (0, 0))
        self.assertEqual([row["id"] for row in network.workspace("log")["commits"]],
                         git(network.repository, "log", "--format=%H").splitlines())
        self.assertEqual(network.bunshin("workspace", "show", "main:README.md").stdout,
                         git(network.repository, "show", "main:README.md") + "\n")
        run("git", "apply", "--check", "-R", cwd=network.repository, code=None)
        self.assertEqual([row["name"] for row in network.workspace("list")["repositories"]], [self.first["repository"]])
        self.assertIn(("refs/heads/main", 1), network.changes())

    def test_2_two_changes_of_one_commit_are_merged_and_the_third_conflicts(self):
        network = self.network
        first = network.change("echo more >> README.md")
        second = network.change("sed -i 's/30s/28s/' src/report.c; mkdir -p new && echo 1 > new/file && chmod +x new/file")
        third = network.change("sed -i 's/30s/26s/' src/report.c")
        parts = [outcome["result"]["change"] for outcome in (first, second, third)]
        base = git(network.repository, "rev-parse", "main")
        for outcome, part in zip((first, second, third), parts):
            self.assertEqual(outcome["completeness"], "complete")
            self.assertEqual(part["ref"], f"refs/bunshin/{outcome['task_id']}/1")
            self.assertEqual(part["base"], base)
            self.assertEqual(network.refs()[part["ref"]]["id"], part["commit"])
        self.assertEqual([row["new_path"] for row in parts[1]["changes"]], ["new/file", "src/report.c"])
        self.assertEqual(parts[1]["changes"][0]["new_mode"], "100755")
        self.assertEqual(network.workspace("merge", parts[0]["ref"], "--into", "main")["kind"], "fast-forward")
        merged = network.workspace("merge", parts[1]["ref"], "--into", "main", "--message", "Both")
        self.assertEqual(merged["kind"], "merge")
        self.assertEqual(network.workspace("merge", parts[1]["ref"], "--into", "main")["kind"], "nothing")

        refused = network.bunshin("workspace", "merge", parts[2]["ref"], "--into", "main", code=6)
        self.assertEqual(refused.stdout, "src/report.c\tcontent\tline 14\tline 14\n")
        self.assertIn("nothing has changed", refused.stderr)
        self.assertIn("checkout BRANCH FOLDER --merge", refused.stderr)
        conflict = network.workspace("merge", parts[2]["ref"], "--into", "main", code=6)["conflicts"][0]
        self.assertEqual((conflict["path"], conflict["kind"]), ("src/report.c", "content"))
        self.assertEqual(conflict["places"][0]["ours"], {"line": 14, "lines": 1})
        self.assertEqual(network.refs()["refs/heads/main"]["id"], merged["new"])

        # A person puts it right.
        folder = os.path.join(network.folder, "resolve")
        written = network.workspace("checkout", "main", folder, "--merge", parts[2]["ref"])
        self.assertEqual(written["conflicts"], ["src/report.c"])
        with open(os.path.join(folder, "src/report.c"), encoding="utf-8") as file:
            text = file.read()
        self.assertIn("<<<<<<< main\n", text)
        with open(os.path.join(folder, "src/report.c"), "w", encoding="utf-8") as file:
            file.write("".join(line for line in text.splitlines(True) if not line.startswith(("<<<<<<<", "=======", ">>>>>>>")) and "28s" not in line))
        harvested = network.workspace("harvest", folder, "--base", "main", "--merged", parts[2]["ref"], "--to", "resolved")
        self.assertEqual([row["new_path"] for row in harvested["changes"]], ["src/report.c"])
        again = network.workspace("harvest", folder, "--base", "main", "--merged", parts[2]["ref"], "--to", "resolved")
        self.assertEqual(again["new"], harvested["new"])
        self.assertEqual(network.workspace("merge", "resolved", "--into", "main")["kind"], "fast-forward")

        # And out it goes; git agrees with what was merged.
        out = os.path.join(network.folder, "out.git")
        network.bunshin("workspace", "export", out, "--bare")
        fsck = run("git", "-C", out, "fsck", "--full", "--strict")
        self.assertEqual(fsck.stdout + "".join(line for line in fsck.stderr.splitlines(True) if "Checking" not in line), "")
        self.assertEqual(git(out, "rev-parse", "main"), harvested["new"])
        self.assertEqual(git(out, "rev-parse", merged["new"] + "^{tree}"),
                         git(out, "merge-tree", "--write-tree", parts[0]["commit"], parts[1]["commit"]))
        self.assertEqual(git(out, "log", "-1", "--format=%an <%ae>%n%s", merged["new"]), "Person <person@example.org>\nBoth")
        self.assertEqual(git(out, "for-each-ref", "refs/hidden"), "")
        self.assertFalse(git(network.repository, "status", "--porcelain"), "the repository on the disk was only read")

        # The trail knows why.
        tale = network.json("audit", "task", second["task_id"])
        told = [event for event in tale["events"] if event["what"] == "changed"]
        self.assertEqual(len(told), 1)
        self.assertEqual((told[0]["who"], told[0]["attempt"]), ("workspace/1", 1))
        self.assertIn(f"harvest of attempt 1: {self.first['repository']} {parts[1]['ref']}: made at {parts[1]['commit'][:12]} (version 1); 2 files",
                      told[0]["text"])
        self.assertIn(("refs/heads/main", 4), network.changes())
        type(self).result = parts[1]["ref"]

    def test_3_specialists_look_at_what_the_workspace_has(self):
        network = self.network
        outcome = network.json("task", "send", "documentation", "--repo", "project", "--workspace", "--commit", self.result, "--wait")
        self.assertEqual(outcome["result"]["target"]["commit"], network.refs()[self.result]["id"])
        self.assertEqual(outcome["result"]["target"]["dirty"], False)
        unknown = network.json("task", "send", "documentation", "--repo", "elsewhere", "--workspace", "--wait", code=2)
        self.assertEqual(unknown["error"], "invalid_parameters")

    def test_3_a_clone_in_another_language_hands_in_too(self):
        network = self.network
        outcome = network.json("task", "send", "notice", "--repo", network.repository, "--commit", "main~1", "--param", "notice=Who may use this",
                               "--wait")
        self.assertEqual(outcome["result"]["ref"], f"refs/bunshin/{outcome['task_id']}/1")
        changed = network.bunshin("workspace", "diff", "main~1", outcome["result"]["ref"], "--names").stdout
        self.assertEqual(changed, "M\tscripts/prices.py\t\nM\ttests/test_prices.py\t\n")
        self.assertTrue(network.bunshin("workspace", "show", outcome["result"]["ref"] + ":scripts/prices.py").stdout.startswith("# Who may use this\n"))

    def test_4_a_command_that_fails_or_changes_nothing_is_said_to(self):
        network = self.network
        failed = network.change("echo broken > README.md; exit 3", code=6)
        self.assertEqual((failed["completeness"], failed["result"]["change"]), ("blocked", None))
        self.assertIn("ended with 3", failed["result"]["status_reason"])
        nothing = network.change("true")
        self.assertIsNone(nothing["result"]["change"])
        self.assertIn("changed nothing", nothing["summary"])
        self.assertEqual([ref for ref in network.refs() if failed["task_id"] in ref or nothing["task_id"] in ref], [])
        wrong = network.json("task", "send", "code-change", "--param", "command=ls", "--wait", code=2)
        self.assertEqual(wrong["error"], "invalid_parameters")

    def test_5_requests_that_are_wrong_are_explained(self):
        socket = Socket(self.network)
        self.addCleanup(socket.close)
        cases = [
            (b"nonsense", "malformed", "no JSON"),
            (b"[]", "malformed", "no JSON object"),
            (b'{"verb": "list", "verb": "list"}', "malformed", "duplicate"),
            (b'{"verb": "fly"}', "usage", "there are list, import, refs"),
            (b'{"verb": "list", "colour": 1}', "usage", "no member colour"),
            (b'{"verb": "merge", "repository": "project", "into": "main"}', "usage", "the member from is missing"),
            (b'{"verb": "log", "repository": "project", "count": -1}', "usage", "a number from 0"),
            (b'{"verb": "log", "repository": "elsewhere"}', "not_found", "no repository elsewhere"),
            (b'{"verb": "log", "repository": "a/b"}', "usage", "neither an absolute path nor the name"),
            (b'{"verb": "log", "repository": "project", "revision": "nowhere"}', "not_found", "nowhere"),
            (b'{"verb": "import", "path": "relative"}', "usage", "absolute"),
            (b'{"verb": "import", "path": "/nonexistent"}', "not_found", "/nonexistent"),
            (b'{"verb": "delete", "repository": "project", "ref": "refs/hidden/x"}', "usage", "own"),
            (b'{"verb": "delete", "repository": "project", "ref": "refs/heads/none"}', "not_found", "refs/heads/none"),
            (b'{"verb": "checkout", "repository": "project", "folder": "' + self.network.repository.encode() + b'"}', "usage", "empty"),
            (b'{"verb": "harvest", "repository": "project", "folder": "/tmp", "base": "main"}', "usage", "either task and attempt"),
        ]
        for request, code, words in cases:
            error = socket.ask_raw(request)["error"]
            self.assertEqual(error["code"], code, request)
            self.assertIn(words, error["sentence"], request)
        self.assertIn("result", socket.ask(verb="list"), "it goes on all the same")
        self.assertEqual(os.listdir(os.path.join(self.network.state, "workspace")), [self.first["repository"]])

    def test_6_what_changes_while_omega_is_away_is_told_when_it_is_back(self):
        network = self.network
        before = network.refs()
        omega = network.process("omega")["pid"]
        os.kill(omega, signal.SIGSTOP)
        try:
            late = network.bunshin("workspace", "delete", "refs/heads/resolved", "--timeout", "1s", code=None)
            self.assertIn(late.returncode, (7, 9))
            self.assertIn("the change is made and stands", late.stderr)
            self.assertNotIn("refs/heads/resolved", network.refs())
            os.kill(network.process("workspace")["pid"], signal.SIGKILL)
        finally:
            os.kill(omega, signal.SIGCONT)
        wanted = ("refs/heads/resolved", before["refs/heads/resolved"]["version"] + 1)
        until = time.monotonic() + 30
        while wanted not in network.changes():
            self.assertLess(time.monotonic(), until, "it was never told")
            time.sleep(0.2)
        self.assertEqual(network.changes().count(wanted), 1)

    def test_7_killed_in_the_middle_nothing_that_was_answered_is_lost_and_nothing_told_twice(self):
        network = self.network
        folders = []
        for i in range(4):
            folder = os.path.join(network.folder, f"work{i}")
            network.workspace("checkout", "main", folder, "--files-only")
            folders.append(folder)
        tasks = [str(uuid.UUID(int=(0x0190 << 112) | (7 << 76) | (8 << 60) | (i + 1))) for i in range(4)]
        answered, kills, until, lock = [], [], time.monotonic() + 60, threading.Lock()

        def note(ref, reply):
            with lock:
                answered.append((ref, reply))
                if len(answered) % 17 == 10 and len(kills) < 4:
                    kills.append(network.process("workspace")["pid"])
                    os.kill(kills[-1], signal.SIGKILL)

        def work(i):
            socket = Socket(network)
            for attempt in range(1, 21):
                with open(os.path.join(folders[i], "file"), "w", encoding="utf-8") as file:
                    file.write(f"{i} {attempt}\n")
                note(f"refs/bunshin/{tasks[i]}/{attempt}",
                     socket.ask_until_answered(until, verb="harvest", repository="project", folder=folders[i], base="main", task=tasks[i],
                                               attempt=attempt, timeout_ms=20000))
            socket.close()

        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(set(kills)), 4, "it was killed while the others waited for it")
        refs, told = network.refs(), network.changes()
        self.assertEqual(len(answered), 80)
        for ref, reply in answered:
            self.assertIsNotNone(reply, ref)
            self.assertIn("result", reply, reply)
            self.assertEqual(refs[ref]["id"], reply["result"]["new"], ref)
        while network.workspace("list")["repositories"][0]["owes"]:
            self.assertLess(time.monotonic(), until)
            time.sleep(0.1)
        told = network.changes()
        self.assertEqual(len(told), len(set(told)), "each version of a ref stands there once")
        for ref, row in refs.items():
            self.assertEqual([version for name, version in told if name == ref], list(range(1, row["version"] + 1)), ref)
        network.bunshin("audit", "verify")
        network.bunshin("audit", "replay")


if __name__ == "__main__":
    del sys.argv[1:]
    unittest.main(verbosity=2, failfast=True)
