#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`bunshin race` and its commands as a person has them: a real network, agents that are scripts, a repository that somebody works in.

usage: race_commands_test.py BUNSHIN SOURCE_DIR
"""
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

BUNSHIN, SOURCE = sys.argv[1:3]
HOW = ('adapter = jsonl  text = "/text"  tool = "/tool"  path = "/path"  usage_in = "/in"  usage_out = "/out"  '
       'final = "/type=result"  final_ok = "/ok=true"  error = "/error"  price_in = 3  price_out = 15')
AGENTS = {
    "one": r"write path=one.txt text=eins",
    "two": r"write path=two.txt text=zwei\\\\nzwei",
    "rival": r"write path=one.txt text=uno",
    "editor": r"write path=text.txt text=first\\\\nSECOND\\\\nthird",
    "liar": "liar",
    "smuggler": r"write path=.github/workflows/ci.yml text=curl",
    "hanger": "hanger",
}
CONF = """
network { heartbeat = 300ms }
clone shadow { slots = 4 }
clone judge { slots = 4 }
clone delta { slots = 4 }
""" + "".join(f'agent {name} {{ {HOW}  command = "/usr/bin/python3 @/agents/scripted.py {words}" }}\n' for name, words in AGENTS.items()) + """
route code-change { destination = shadow  timeout = 60s }
route check { destination = delta  timeout = 60s }
route race { destination = judge  timeout = 2m  timeout_max = 1h }
"""
CLEAN = {"GIT_CONFIG_NOSYSTEM": "1", "HOME": "/nonexistent", "GIT_AUTHOR_NAME": "Person", "GIT_AUTHOR_EMAIL": "person@example.org",
         "GIT_COMMITTER_NAME": "Person", "GIT_COMMITTER_EMAIL": "person@example.org", "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1", "TERM": "xterm"}
GATES = ("--gates", "change,text,protected", "--check", "ls *.txt")  # enough for a verdict, and quick


class Races(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="bunshin-races-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.repository = os.path.join(cls.folder, "project")
        cls.env = {**os.environ, **CLEAN, "BUNSHIN_STATE": os.path.join(cls.folder, "state"), "BUNSHIN_TIMEOUT": "30s",
                   "BUNSHIN_ROUTES": os.path.join(cls.folder, "routing.conf")}
        os.makedirs(os.path.join(cls.folder, "agents"))
        shutil.copy(os.path.join(SOURCE, "tests/agents/scripted.py"), os.path.join(cls.folder, "agents"))
        with open(cls.env["BUNSHIN_ROUTES"], "w", encoding="utf-8") as file:
            file.write(CONF.replace("@", cls.folder))
        os.mkdir(cls.repository)
        cls.git("-c", "init.defaultBranch=main", "init", "-q")
        cls.write("text.txt", "first\nsecond\nthird\n")
        cls.git("add", "-A")
        cls.git("commit", "-q", "-m", "base")
        hook = os.path.join(cls.repository, ".git/hooks/post-checkout")
        with open(hook, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\ntouch {cls.folder}/hook-has-run\n")
        os.chmod(hook, 0o755)
        cls.base = cls.git("rev-parse", "HEAD")
        cls.run_it("up")
        cls.addClassCleanup(cls.run_it, "down")
        # One that several tests look at: nothing of it is merged.
        done = cls.run_it("race", "Write numbers down.", "--agents", "one,rival,two,editor", *GATES)
        cls.many, cls.many_said = done.stdout[:36], done.stdout

    @classmethod
    def git(cls, *words):
        return subprocess.run(("git", "-C", cls.repository, "-c", "core.hooksPath=/dev/null") + words, env=cls.env, check=True, text=True,
                              capture_output=True, timeout=60).stdout.strip()

    @classmethod
    def write(cls, path, text):
        with open(os.path.join(cls.repository, path), "w", encoding="utf-8") as file:
            file.write(text)

    @classmethod
    def run_it(cls, *words, code=0, stdin=subprocess.DEVNULL):
        done = subprocess.run((BUNSHIN,) + words, cwd=cls.repository, env=cls.env, capture_output=True, text=True, stdin=stdin, timeout=150)
        if done.returncode != code:
            raise AssertionError(f"bunshin {' '.join(words)}: exit {done.returncode}, not {code}\n{done.stdout}\n{done.stderr}")
        return done

    def setUp(self):
        self.git("reset", "-q", "--hard", self.base)
        self.git("clean", "-q", "-d", "-f")

    def tearDown(self):
        self.assertFalse(os.path.exists(os.path.join(self.folder, "hook-has-run")), "a hook of the repository was run")

    def race(self, agents, *words, code=0):
        done = self.run_it("race", "Write a number down.", "--agents", agents, *GATES, *words, code=code)
        self.assertRegex(done.stdout, r"\A[0-9a-f-]{36}\n", "the id comes first")
        return done.stdout[:36], done

    def show(self, race):
        return json.loads(self.run_it("race", "show", race, "--json").stdout)

    def tree(self):
        return self.git("status", "--porcelain"), self.git("rev-parse", "HEAD"), sorted(name for name in os.listdir(self.repository) if name != ".git")

    # ---- merged and brought here ----

    def test_the_best_is_merged_and_brought_into_the_folder_and_taken_back(self):
        race, done = self.race("one,two,liar", "--merge", "auto")
        self.assertIn("one was merged", done.stdout)
        self.assertIn("done, not so", done.stdout)
        self.assertIn("liar: changed nothing", done.stderr)
        self.assertIn("and 1 file in", done.stderr)
        status, _, names = self.tree()
        self.assertEqual((status, names), ("", ["one.txt", "text.txt"]))
        self.assertIn(f"bunshin: race {race}", self.git("reflog", "-1", "main"))
        shown = self.run_it("race", "show", "last").stdout
        for words in ("Write a number down.", race, "The choice", "verified", "not so: It says"):
            self.assertIn(words, shown)
        self.assertIn("The choice", self.run_it("task", "show", race).stdout)
        self.assertIn(f"{race}\tcompleted\tone\tverified\tmerged\t3\t", self.run_it("race", "list").stdout)
        both = self.run_it("race", "compare", race).stdout
        self.assertRegex(both, r"one\.txt +\+1 -0 +-")
        self.assertIn("+zwei", self.run_it("race", "compare", race, "one", "two").stdout)
        page = os.path.join(self.folder, "page.html")
        self.run_it("race", "report", race, "--output", page)
        with open(page, encoding="utf-8") as file:
            text = file.read()
        self.assertIn('<span class="add">+eins</span>', text)
        self.assertNotIn("<script", text)
        self.assertEqual(self.run_it("race", "report", race, "--output", page, code=6).stdout, "")
        self.run_it("race", "undo", race)
        self.assertEqual(self.tree(), ("", self.base, ["text.txt"]))
        again = self.run_it("race", "undo", race, code=6)
        self.assertIn("nothing to take back", again.stderr)

    def test_a_commit_that_was_amended_is_where_the_next_race_begins(self):
        first, _ = self.race("one", "--merge", "auto")
        merged = self.git("rev-parse", "HEAD")
        self.git("commit", "-q", "--amend", "-m", "amended")
        amended = self.git("rev-parse", "HEAD")
        _, done = self.race("two", "--merge", "auto")
        self.assertIn("main was set back here", done.stderr)
        self.assertEqual(self.git("rev-parse", "HEAD^"), amended)
        self.assertIn(f"refs/bunshin/{first}/merged\t{merged}", self.run_it("workspace", "refs").stdout, "what was merged before is still there")
        self.run_it("workspace", "merge", merged, "--into", "main")
        there = self.run_it("workspace", "log", "main", "--count", "1", "--json").stdout
        self.git("commit", "-q", "--amend", "-m", "amended again")
        done = self.run_it("race", "Write a number down.", "--agents", "two", *GATES, "--merge", "auto", code=6)
        self.assertIn(f"bunshin workspace export {self.repository} --ref refs/heads/main --prefix refs/remotes/workspace/", done.stderr)
        self.assertEqual(self.run_it("workspace", "log", "main", "--count", "1", "--json").stdout, there, "nothing is dropped")
        self.run_it("workspace", "delete", "refs/heads/main")
        self.race("editor", "--merge", "auto")

    def test_the_last_race_is_the_one_that_has_the_attempt_which_is_named(self):
        race, _ = self.race("one,editor")
        self.assertIn("one was merged", self.run_it("race", "accept", "last").stdout)
        self.assertIn("editor was merged", self.run_it("race", "accept", "last", "editor").stdout, "not of the race that has merged")
        self.assertIn(race, self.run_it("race", "compare", "last", "--json").stdout)
        self.run_it("race", "undo", "last")
        self.assertEqual(self.git("ls-files"), "one.txt\ntext.txt")
        self.assertIn(race, self.run_it("race", "show", race[:13]).stdout, "its attempts begin with the same digits, and are no races")
        self.run_it("race", "accept", "last", "nobody", code=5)

    def test_what_a_person_has_edited_is_never_touched(self):
        self.assertIn("is prepared", self.many_said)
        self.assertEqual(self.tree()[:2], ("", self.base))
        self.write("text.txt", "mine\n")
        before = self.tree()
        refused = self.run_it("race", "accept", self.many, "editor", code=6)
        self.assertIn("changed      text.txt", refused.stderr)
        self.assertEqual(self.tree(), before)
        self.git("checkout", "-q", "text.txt")
        self.run_it("race", "accept", "last")
        with open(os.path.join(self.repository, "text.txt"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "first\nSECOND\nthird")
        self.assertEqual(self.tree()[0], "")

    def test_only_the_files_change_if_that_is_what_is_asked_for(self):
        self.run_it("race", "accept", self.many, "two", "--patch")
        status, head, _ = self.tree()
        self.assertEqual((status, head), ("?? two.txt", self.base))

    # ---- a branch that moves ----

    def test_a_branch_that_has_moved_on_is_merged_with(self):
        race, done = self.race("one", "--merge", "auto", "--no-apply")
        self.assertEqual(self.tree()[1], self.base)
        self.assertIn(f"bunshin race accept {race}", done.stderr)
        self.write("news.txt", "news\n")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "news")
        apart = self.run_it("race", "Write more down.", "--agents", "two", *GATES, code=6)
        self.assertIn(f"bunshin race accept {race} merges it with what is here", apart.stderr)
        done = self.run_it("race", "accept", race)
        self.assertIn("judged again", done.stderr)
        self.assertEqual(self.tree()[::2], ("", ["news.txt", "one.txt", "text.txt"]))
        self.assertEqual(len(self.git("log", "-1", "--format=%P").split()), 2)
        self.run_it("race", "undo", "last")
        self.assertEqual(self.tree()[::2], ("", ["news.txt", "text.txt"]))

    def test_what_came_later_stays_when_a_race_is_taken_back(self):
        race, _ = self.race("editor", "--merge", "theirs")
        self.write("news.txt", "news\n")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "news")
        self.run_it("race", "undo", race)
        with open(os.path.join(self.repository, "text.txt"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "first\nsecond\nthird\n")
        self.assertEqual(self.tree()[::2], ("", ["news.txt", "text.txt"]))

    def test_conflicts_are_listed_and_change_nothing(self):
        race = self.many
        self.write("text.txt", "first\nother\nthird\n")
        self.git("commit", "-q", "-a", "-m", "other")
        before = self.tree()
        done = self.run_it("race", "accept", race, "editor", code=6)
        self.assertRegex(done.stdout, r"text\.txt +content")
        self.assertEqual(self.tree(), before)
        self.run_it("race", "accept", race, "editor", "--theirs")
        with open(os.path.join(self.repository, "text.txt"), encoding="utf-8") as file:
            self.assertIn("SECOND", file.read())
        self.write("text.txt", "first\nlater\nthird\n")
        self.git("commit", "-q", "-a", "-m", "later")
        before = self.tree()
        self.assertIn("text.txt", self.run_it("race", "undo", "last", code=6).stdout)
        self.assertEqual(self.tree(), before)

    # ---- parts, approvals, the radar ----

    def test_parts_of_several_attempts_are_judged_like_one(self):
        race = self.many
        self.assertIn("rival:one.txt#1", self.run_it("race", "combine", race).stdout)
        radar = json.loads(self.run_it("race", "radar", race, "--json").stdout)
        self.assertEqual([(pair["a"], pair["b"]) for pair in radar["pairs"] if pair["conflicts"]], [("one", "rival")])
        self.assertEqual([row["label"] for row in radar["attempts"]], ["one", "rival", "two", "editor"])
        overlap = self.run_it("race", "combine", race, "--from", "one:one.txt", "--from", "rival:one.txt", code=6)
        self.assertIn("one.txt: these change the same lines: one", overlap.stderr)
        done = self.run_it("race", "combine", race, "--from", "rival:one.txt#1", "--from", "two:two.txt", "--merge", "auto")
        self.assertRegex(done.stdout, r"two\.txt +whole file +two")
        self.assertEqual(self.tree()[::2], ("", ["one.txt", "text.txt", "two.txt"]))
        provenance = self.show("last")["task"]["parameters"]["candidates"][0]["provenance"]
        self.assertEqual([row["path"] for row in provenance], ["one.txt", "two.txt"])

    def test_protected_paths_wait_for_an_approval_of_that_very_tree(self):
        race, done = self.race("smuggler", "--merge", "auto", code=1)
        self.assertIn(f"bunshin race approve {race} smuggler", done.stderr)
        shown = self.run_it("race", "approve", race, "smuggler", code=2)
        self.assertIn("+curl", shown.stdout)
        self.assertIn("nobody can be asked here", shown.stderr)
        self.run_it("race", "approve", race, "smuggler", "--tree", "0" * 40, code=6)
        self.assertEqual(self.tree()[1], self.base)
        tree = self.show(race)["result"]["attempts"][0]["change"]["tree"]
        self.run_it("race", "approve", race, "smuggler", "--tree", tree)
        self.assertTrue(os.path.exists(os.path.join(self.repository, ".github/workflows/ci.yml")))

    # ---- looking on ----

    def test_lines_of_json_from_begin_to_end(self):
        done = self.run_it("race", "Write a number down.", "--agents", "one", *GATES, "--merge", "auto", "--json")
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(lines[0]["event"], "accepted")
        self.assertEqual([line["event"] for line in lines[-2:]], ["ended", "applied"])
        self.assertEqual((lines[-2]["exit"], lines[-2]["result"]["choice"]["label"]), (0, "one"))
        attempts = [line for line in lines if line["event"] == "attempt"]
        self.assertEqual((attempts[-1]["label"], attempts[-1]["state"], attempts[-1]["files"]), ("one", "judged", 1))
        self.assertEqual(lines[-1]["new"], self.git("rev-parse", "HEAD"))
        self.assertEqual(done.stderr, "")

    def test_ctrl_c_detaches_and_the_race_can_be_found_again_and_ended(self):
        with subprocess.Popen((BUNSHIN, "race", "Write a number down.", "--agents", "hanger", *GATES), cwd=self.repository, env=self.env,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            race = process.stdout.readline().strip()
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130)
        self.assertIn(f"bunshin race resume {race}", err)
        self.assertIn(self.show(race)["task"]["state"], ("assigned", "running", "accepted", "waiting"))
        self.run_it("race", "cancel", race, "--wait")
        done = self.run_it("race", "resume", race, code=1)
        self.assertIn("cancelled", done.stdout)
        self.run_it("race", "cancel", race, code=6)
        self.run_it("race", "accept", race, code=6)

    def test_a_terminal_gets_a_line_for_each_attempt_drawn_in_place(self):
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.repository)
            os.execve(BUNSHIN, (BUNSHIN, "race", "Write a number down.", "--agents", "one,two", *GATES), self.env)
        text = b""
        while select.select([terminal], [], [], 120)[0]:
            try:
                piece = os.read(terminal, 65536)
            except OSError:
                break
            if not piece:
                break
            text += piece
        os.close(terminal)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
        self.assertIn(b"2 attempts, ", text)
        self.assertIn(b"\033[", text)
        last = text.rpartition(b"\033[J")[2].decode()
        self.assertRegex(last, r"  one +judged .*\r\n  two +judged ")
        self.assertIn("The choice", last)

    def test_the_same_key_is_the_same_race_and_edits_that_are_not_committed_take_no_part(self):
        self.write("text.txt", "mine\n")
        first, done = self.race("one", "--detach", "--key", "nightly", "--merge", "auto")
        self.assertIn("1 file here differs from that commit and takes no part", done.stderr)
        second, done = self.race("one", "--detach", "--key", "nightly", "--merge", "auto")
        self.assertEqual(first, second)
        self.assertIn("there already", done.stderr)
        self.run_it("race", "resume", first)
        self.assertEqual(self.tree(), ("M text.txt", self.base, ["text.txt"]))
        self.run_it("race", "accept", first)
        self.assertEqual(self.tree()[::2], ("M text.txt", ["one.txt", "text.txt"]))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
