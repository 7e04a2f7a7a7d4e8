#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Folders as an agent could leave them that wants somebody to run something, on their whole way: handed in by the real process, combined, and brought to a
repository that a person works in. Each is there byte for byte or refused with a reason; a tracer sees every program that is started.

And what went wrong elsewhere with work that people had: each incident, what happened there, and what happens here.

usage: hostile_test.py BUNSHIN BUNSHIN_VERIFY SOURCE_DIR HOSTILE_LIST APPLY_PROBE TRACED
"""
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import unittest
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from workspace_test import BUNSHIN, CLEAN, Network, Socket, git, run  # noqa: E402

HOSTILE, PROBE, TRACED = sys.argv[4:7]
CANARIES = ("post-checkout", "post-merge", "pre-commit", "post-commit", "reference-transaction", "post-index-change", "fsmonitor-watchman")


def blob(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def held(folder):
    """path: (mode, id) of all that git can hold."""
    found = {}
    top = os.fsencode(folder)
    for place, folders, files in os.walk(top):
        if place == top:
            folders[:] = [name for name in folders if name != b".git"]
            files = [name for name in files if name != b".git"]
        for name in files + [name for name in folders if os.path.islink(os.path.join(place, name))]:
            path = os.path.join(place, name)
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode):
                found[os.path.relpath(path, top)] = ("120000", blob(os.readlink(path)))
            elif stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    found[os.path.relpath(path, top)] = ("100755" if status.st_mode & 0o100 else "100644", blob(file.read()))
    found.pop(b".git", None)
    return found


def tree(repository, commit):
    rows = subprocess.run(("git", "-C", repository, "ls-tree", "-r", "-z", commit), capture_output=True, check=True, env={**os.environ, **CLEAN}).stdout
    found = {}
    for row in rows.split(b"\0")[:-1]:
        facts, path = row.split(b"\t", 1)
        mode, _, oid = facts.decode().split(" ")
        found[path] = (mode, oid)
    return found


class Here(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.network = Network()
        cls.addClassCleanup(cls.network.close)
        cls.socket = Socket(cls.network)
        cls.addClassCleanup(cls.socket.close)
        cls.repository = cls.network.repository
        cls.ask_ok("import", path=cls.repository, repository=None)
        cls.main = git(cls.repository, "rev-parse", "main")

    @classmethod
    def ask(cls, verb, **members):
        members.setdefault("repository", cls.repository)
        return cls.socket.ask(60000, verb=verb, **{name: value for name, value in members.items() if value is not None})

    @classmethod
    def ask_ok(cls, verb, **members):
        reply = cls.ask(verb, **members)
        if "result" not in reply:
            raise AssertionError(f"{verb}: {reply}")
        return reply["result"]

    def folder(self, name="place"):
        place = tempfile.mkdtemp(prefix=name + "-", dir=self.network.folder)
        self.addCleanup(lambda: subprocess.run(("sh", "-c", 'chmod -R u+rwX "$0"; rm -rf "$0"', place), check=False, capture_output=True))
        return place

    def clone(self, **more):
        place = self.folder("clone")
        self.ask_ok("checkout", revision="main", folder=place, **more)
        return place

    def person(self):
        """A person's repository, where everything that git could be made to run says so."""
        place = os.path.join(self.folder("person"), "repository")
        subprocess.run(("cp", "-a", self.repository, place), check=True)
        canary = os.path.join(os.path.dirname(place), "canary")
        for hook in CANARIES:
            path = os.path.join(place, ".git/hooks", hook)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(f"#!/bin/sh\ntouch {canary}\n")
            os.chmod(path, 0o755)
        for name in ("core.fsmonitor", "filter.e.clean", "filter.e.smudge", "diff.e.textconv", "diff.external", "merge.e.driver", "core.sshCommand"):
            subprocess.run(("git", "config", "--file", os.path.join(place, ".git/config"), name, f"touch {canary}"), check=True)
        return place, canary

    def accept(self, place, new, old=None):
        """As the command line does: nothing comes before the paths were looked at."""
        changes = self.ask_ok("diff", **{"from": old or self.main, "to": new})["changes"]
        paths = ""
        for change in changes:
            if change["status"] in "DR":
                paths += f"000000 {change['old_path']}\0"
            if change["status"] != "D":
                paths += f"{change['new_mode']} {change['new_path']}\0"
        trace = place + ".trace"
        self.ask_ok("export", path=place, refs=[ref["ref"] for ref in self.ask_ok("refs", prefix="refs/bunshin/")["refs"] if ref["id"] == new], force=True)
        done = subprocess.run((TRACED, trace, "0", PROBE, "run", place, "refs/heads/main", old or self.main, new), input=paths.encode(), capture_output=True,
                              env={**os.environ, **CLEAN})
        with open(trace, encoding="utf-8") as file:
            programs = [line.split(" ", 1)[1].strip() for line in file if line.startswith("exec ")]
        self.assertEqual(programs, [os.path.realpath(PROBE)])
        self.assertEqual(done.stderr, b"")
        return json.loads(done.stdout.decode(errors="replace"))


class Hostile(Here):
    def test_hostile_folders_come_byte_for_byte_or_not_and_nothing_is_run(self):
        words = subprocess.run((HOSTILE,), capture_output=True, check=True).stdout.split(b"\0")[:-1]
        cases = list(zip(words[::3], words[1::3], words[2::3]))
        watched = os.path.join(self.network.folder, "watched")
        watcher = subprocess.Popen((TRACED, watched, "watch", str(self.network.process("workspace")["pid"])), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(watcher.stdout.close)
        self.assertEqual(watcher.stdout.readline(), b"watching\n")
        model, canary = self.person()
        person = model + "-of-one"
        counts = {"refused": 0, "handed in": 0, "accepted": 0, "not accepted": 0, "not made here": 0}
        for what, make, code in cases:
            with self.subTest(what.decode()):
                shutil.rmtree(person, ignore_errors=True)
                subprocess.run(("cp", "-a", model, person), check=True)
                self.addCleanup(shutil.rmtree, person, True)
                self.one(person, what, make, code.decode(), counts)
        self.assertFalse(os.path.exists(canary))
        watcher.stdin.close()
        watcher.wait()
        with open(watched, encoding="utf-8") as file:
            self.assertEqual(file.read(), "", "the workspace has started no program and no process, and each of its threads was watched")
        self.assertEqual(subprocess.run(("find", self.network.folder, "-name", "pwned*"), capture_output=True, check=True).stdout, b"")
        print(f"{len(cases)} folders: {counts}", file=sys.stderr)
        self.assertGreaterEqual(counts["refused"] + counts["handed in"], 40)
        self.assertGreaterEqual(counts["accepted"], 15)

    def one(self, person, what, make, code, counts):
        top = self.folder("hostile")
        place = os.path.join(top, "f")
        os.mkdir(place)
        made = subprocess.run(("sh", "-c", make), cwd=place, capture_output=True, env={**os.environ, **CLEAN})
        if made.returncode == 77:
            counts["not made here"] += 1
            return
        task = str(uuid.uuid4())
        reply = self.ask("harvest", folder=place, base="main", task=task, attempt=1)
        self.addCleanup(subprocess.run, ("umount", os.path.join(place, "a")), capture_output=True, check=False)
        if code:
            self.assertEqual(reply.get("error", {}).get("code"), code, (what, reply))
            self.assertTrue(reply["error"]["sentence"].isprintable())
            self.assertEqual([row for row in self.ask_ok("refs", prefix="refs/bunshin/" + task)["refs"]], [])
            counts["refused"] += 1
            return
        self.assertIn("result", reply, what)
        counts["handed in"] += 1
        new = reply["result"]["new"]
        combined = self.ask_ok("combine", onto="main", **{"from": new}, to=f"refs/bunshin/{task}/merged", task=task)
        self.assertEqual(combined["new"], new)
        said = self.accept(person, new)
        self.assertEqual(tree(person, new), held(place), what)
        if said["code"]:
            self.assertEqual(git(person, "rev-parse", "main"), self.main)
            self.assertEqual(tree(person, "main"), held(person), "everything is as it was")
            self.assertTrue(said["sentence"])
            counts["not accepted"] += 1
            return
        counts["accepted"] += 1
        self.assertEqual(held(person), held(place), what)


class Incidents(Here):
    """Each is told in design notes of others' trackers; the number says which."""

    def hand_in(self, place, task=None, **more):
        return self.ask_ok("harvest", folder=place, base="main", task=task or str(uuid.uuid4()), attempt=1, **more)

    def test_01_an_agent_that_began_at_the_last_commit_does_not_overwrite_days_of_uncommitted_work(self):
        # There (claude-code 39514): files of a working tree were copied over those that had been edited and not committed.
        person, _ = self.person()
        path = os.path.join(person, "README.md")
        with open(path, "a", encoding="utf-8") as file:
            file.write("days of work\n")
        clone = self.clone()
        with open(os.path.join(clone, "README.md"), "a", encoding="utf-8") as file:
            file.write("the agent's\n")
        before = held(person)
        said = self.accept(person, self.hand_in(clone)["new"])
        self.assertEqual((said["code"], said["edits"]), ("conflict", [["README.md", "changed"]]))
        self.assertEqual(held(person), before)
        self.assertEqual(git(person, "rev-parse", "main"), self.main)

    def test_02_what_was_not_tracked_is_kept_before_its_folder_goes(self):
        # There (claude-code 58885): a stale working tree was removed with rm -rf, with code in it that no commit had, while a job still wrote.
        clone, task = self.clone(), str(uuid.uuid4())
        with open(os.path.join(clone, "never-added.c"), "w", encoding="utf-8") as file:
            file.write("int work;\n")
        kept = self.hand_in(clone, task, kept=True)
        shutil.rmtree(clone)
        self.assertEqual(self.ask_ok("show", revision=f"refs/bunshin/kept/{task}/1", path="never-added.c")["text"], "int work;\n")
        self.ask_ok("gc", now=True)
        self.assertEqual(self.ask_ok("show", revision=kept["new"], path="never-added.c")["text"], "int work;\n", "nobody collects it")

    def test_03_results_that_were_not_merged_stay_whatever_is_collected(self):
        # There (claude-code 38287, 79899): a cleanup deleted branches whose commits were neither merged nor pushed.
        clone, task = self.clone(), str(uuid.uuid4())
        with open(os.path.join(clone, "unmerged"), "w", encoding="utf-8") as file:
            file.write("x\n")
        new = self.hand_in(clone, task)["new"]
        for _ in range(3):
            self.ask_ok("gc", now=True)
        os.kill(self.network.process("workspace")["pid"], 9)
        self.assertIn(f"refs/bunshin/{task}/1", self.network.refs())
        self.socket.connect()
        self.assertEqual(self.ask_ok("log", revision=new, count=1)["commits"][0]["id"], new)
        git(self.repository, "branch", "-q", "mine", "main")
        self.ask_ok("import", path=self.repository, repository=None)
        git(self.repository, "branch", "-q", "-d", "mine")
        self.ask_ok("import", path=self.repository, repository=None)
        self.assertIn("refs/heads/mine", self.network.refs(), "what is gone there is not deleted here")

    def test_04_a_folder_that_somebody_has_is_not_given_to_anybody_else(self):
        # There (claude-code 78350, 77268): a pool gave a working tree away that a running agent still had.
        clone = self.clone()
        with open(os.path.join(clone, "mine"), "w", encoding="utf-8") as file:
            file.write("x\n")
        before = held(clone)
        self.assertEqual(self.ask("checkout", revision="main", folder=clone)["error"]["code"], "usage")
        self.assertEqual(held(clone), before)
        task = str(uuid.uuid4())
        first = self.hand_in(clone, task)
        with open(os.path.join(clone, "mine"), "a", encoding="utf-8") as file:
            file.write("somebody else's\n")
        again = self.ask("harvest", folder=clone, base="main", task=task, attempt=1)
        self.assertEqual(again["error"]["code"], "state", "what an attempt has handed in is not replaced by another's")
        self.assertEqual(again["error"]["id"], first["new"])

    def test_05_nothing_outside_of_its_folder_goes_when_a_clone_does(self):
        # There (claude-code 93099): rm -rf "$HOME" in a cleanup took 57,235 files.
        outside = self.folder("outside")
        for number in range(50):
            with open(os.path.join(outside, f"file{number}"), "w", encoding="utf-8") as file:
                file.write("x")
        before = held(outside)
        done = self.network.change(f'ln -s {outside} out; ln -s / root; rm -rf "$HOME"/* {outside}/* out/* 2>/dev/null; rm -rf "$HOME" 2>/dev/null; echo done > done')
        self.assertTrue(done)
        self.assertEqual(held(outside), before)

    def test_06_untracked_files_of_a_person_outlive_every_accept_and_undo(self):
        # There (claude-code 45974): git clean -fd deleted what was not tracked.
        person, _ = self.person()
        for name in ("notes.txt", "scratch/deep/a", "ignored.o"):
            os.makedirs(os.path.dirname(os.path.join(person, name)), exist_ok=True)
            with open(os.path.join(person, name), "w", encoding="utf-8") as file:
                file.write(name)
        clone = self.clone()
        shutil.rmtree(os.path.join(clone, "web"))
        new = self.hand_in(clone)["new"]
        mine = {path: row for path, row in held(person).items() if path in (b"notes.txt", b"scratch/deep/a", b"ignored.o")}
        self.assertEqual(self.accept(person, new)["code"], "")
        self.assertLessEqual(mine.items(), held(person).items())
        back = subprocess.run((PROBE, "run", person, "refs/heads/main", new, self.main, "--back", "--late"), capture_output=True, env={**os.environ, **CLEAN}).stdout
        self.assertEqual(json.loads(back)["code"], "")
        self.assertLessEqual(mine.items(), held(person).items())

    def test_07_what_happens_to_a_clone_does_not_happen_to_the_repository(self):
        # There (vibe-kanban 3406): a working tree was deleted, and .git/objects of the repository was empty.
        clone = self.clone(history=True)
        self.assertFalse(os.path.exists(os.path.join(clone, ".git/objects/info/alternates")))
        self.assertFalse(os.path.exists(os.path.join(clone, ".git/commondir")))
        before = git(self.repository, "count-objects", "-v")
        for place, _, files in os.walk(os.path.join(clone, ".git")):
            for name in files:
                path = os.path.join(place, name)
                self.assertEqual(os.stat(path).st_nlink, 1, path)
                os.chmod(path, 0o600)
                os.truncate(path, 0)
        shutil.rmtree(clone)
        self.assertEqual(git(self.repository, "count-objects", "-v"), before)
        self.assertEqual(git(self.repository, "fsck", "--full"), "")
        self.assertEqual(git(self.clone(history=True), "fsck", "--full"), "")

    def test_08_nobody_can_ask_for_force_where_work_would_be_lost(self):
        # There (worktrunk 2939 and others): worktree remove --force and branch -D, by design. tests/guards/removal.py looks for those words.
        person, _ = self.person()
        clone = self.clone()
        with open(os.path.join(clone, "new"), "w", encoding="utf-8") as file:
            file.write("x\n")
        new = self.hand_in(clone)["new"]
        git(person, "config", "user.name", "P")
        with open(os.path.join(person, "theirs"), "w", encoding="utf-8") as file:
            file.write("committed meanwhile\n")
        subprocess.run(("git", "-C", person, "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "add", "theirs"), check=True, env={**os.environ, **CLEAN})
        subprocess.run(("git", "-C", person, "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "commit", "-qm", "theirs"), check=True, env={**os.environ, **CLEAN})
        ahead = git(person, "rev-parse", "main")
        self.assertEqual(self.accept(person, new)["code"], "moved")
        self.assertEqual(git(person, "rev-parse", "main"), ahead)
        exported = self.ask("export", path=person, refs=["refs/heads/main"], force=True)
        self.assertIn(exported["error"]["code"], ("state", "conflict"), "also an export does not touch what is checked out")
        self.assertEqual(git(person, "rev-parse", "main"), ahead)
        self.ask_ok("advance", ref="refs/heads/kept-main", new=new)
        self.assertEqual(self.ask("advance", ref="refs/heads/kept-main", old=new, new=self.main)["error"]["code"], "conflict")

    def test_09_nine_attempts_at_once_all_get_their_clones(self):
        # There (claude-code 34645, openagents 5818): parallel git worktree add raced for .git/config.lock, and 8 of 9 workers failed.
        places = [self.folder("parallel") for _ in range(9)]
        replies = {}
        config = os.path.join(self.repository, ".git/config")
        before = os.stat(config).st_mtime_ns

        def work(place):
            socket = Socket(self.network)
            replies[place] = socket.ask(60000, verb="checkout", repository=self.repository, revision="main", folder=place, history=True)
            socket.close()
        threads = [threading.Thread(target=work, args=(place,)) for place in places]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for place in places:
            self.assertIn("result", replies[place])
            self.assertEqual(git(place, "status", "--porcelain"), "")
        self.assertEqual(os.stat(config).st_mtime_ns, before, "the repository itself is not touched for it")

    def test_10_a_hook_that_an_agent_plants_never_comes_to_a_repository(self):
        # There (codex 37081): a repository within the repository, with a hook, was planted in the sandbox and ran outside of it later.
        clone = self.clone()
        run("git", "init", "-q", os.path.join(clone, "vendor"))
        hook = os.path.join(clone, "vendor/.git/hooks/post-checkout")
        os.makedirs(os.path.dirname(hook), exist_ok=True)
        with open(hook, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\ntouch /tmp/pwned\n")
        os.chmod(hook, 0o755)
        reply = self.ask("harvest", folder=clone, base="main", task=str(uuid.uuid4()), attempt=1)
        self.assertEqual(reply["error"]["code"], "malformed")
        self.assertIn("vendor/.git", reply["error"]["sentence"])
        clone = self.clone(history=True)
        with open(os.path.join(clone, ".git/hooks-are-here"), "w", encoding="utf-8") as file:
            file.write("x")
        os.makedirs(os.path.join(clone, ".git/hooks"), exist_ok=True)
        shutil.copy(hook, os.path.join(clone, ".git/hooks/post-checkout"))
        self.assertIsNone(self.hand_in(clone)["new"], "what is below the clone's own .git is not looked at")
        self.assertNotIn("hooks", os.listdir(os.path.join(self.clone(history=True), ".git")))


if __name__ == "__main__":
    del sys.argv[1:]
    unittest.main(verbosity=2)
