#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a race asks of the workspace, in a real network and held against real git: changes measured, combined, picked, a branch moved only
from where it was, and snapshots of running attempts that leave no trace.

usage: workspace_race_test.py BUNSHIN BUNSHIN_VERIFY SOURCE_DIR
"""
import hashlib
import os
import shutil
import sys
import tempfile
import unittest
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from workspace_test import Network, Socket, git  # noqa: E402

LINES = [f"line {number}\n" for number in range(1, 61)]


def changed(*edits):
    """LINES with "line N" replaced; an edit is (N, text), where None takes the line away."""
    lines = list(LINES)
    for number, text in edits:
        lines[number - 1] = text
    return "".join(line for line in lines if line is not None)


class Race(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.network = Network()
        cls.addClassCleanup(cls.network.close)
        cls.socket = Socket(cls.network)
        cls.addClassCleanup(cls.socket.close)
        cls.repository = os.path.join(cls.network.folder, "race")
        cls.make()
        cls.ask_ok("import", path=cls.repository, repository=None)

    @classmethod
    def write(cls, path, content, mode=None):
        whole = os.path.join(cls.repository, path)
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        with open(whole, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        if mode:
            os.chmod(whole, mode)

    @classmethod
    def commit(cls, branch, files, base="main", remove=()):
        git(cls.repository, "checkout", "-q", "-b", branch, base)
        for path in remove:
            git(cls.repository, "rm", "-q", path)
        for path, content in files.items():
            cls.write(path, content)
        git(cls.repository, "add", "-A")
        git(cls.repository, "commit", "-q", "-m", branch)
        git(cls.repository, "checkout", "-q", "main")

    @classmethod
    def make(cls):
        os.mkdir(cls.repository)
        git(cls.repository, "-c", "init.defaultBranch=main", "init", "-q")
        cls.write("text", changed())
        cls.write("other", "one\ntwo\n")
        cls.write("picture", b"\0\1\2")
        cls.write("run", "#!/bin/sh\n", 0o755)
        git(cls.repository, "add", "-A")
        git(cls.repository, "commit", "-q", "-m", "first")
        cls.commit("a", {"text": changed((3, "three of a\n"), (30, "thirty of a\n"), (58, None)), "new": "of a\n"})
        cls.commit("b", {"text": changed((3, "three of b\n"), (45, "forty-five of b\nand one more\n")), "picture": b"\0b"}, remove=["other"])
        cls.commit("c", {"text": changed((12, "twelve of c\n")), "picture": b"\0c", "sub/deep": "no end"})

    @classmethod
    def ask(cls, verb, **members):
        members.setdefault("repository", cls.repository)
        return cls.socket.ask(verb=verb, **{name: value for name, value in members.items() if value is not None})

    @classmethod
    def ask_ok(cls, verb, **members):
        reply = cls.ask(verb, **members)
        if "result" not in reply:
            raise AssertionError(f"{verb}: {reply}")
        return reply["result"]

    def refused(self, verb, code, **members):
        reply = self.ask(verb, **members)
        self.assertIn("error", reply, reply)
        self.assertEqual(reply["error"]["code"], code, reply)
        return reply["error"]

    def id(self, revision):
        return self.ask_ok("log", revision=revision, count=1)["commits"][0]["id"]

    def text(self, revision, path):
        shown = self.ask_ok("show", revision=revision, path=path)
        return shown["text"]

    def tree(self, revision):
        return self.ask_ok("show", revision=revision)["tree"]

    def ref(self, name):
        return next((row for row in self.ask_ok("refs")["refs"] if row["ref"] == name), None)

    # ---- measure ----

    def test_a_change_is_measured_as_git_does(self):
        for branch in "abc":
            said = self.ask_ok("measure", **{"from": "main", "to": branch})
            told = {}
            for line in git(self.repository, "diff", "-M", "--numstat", "main", branch).splitlines():
                plus, minus, path = line.split("\t")
                told[path] = (plus, minus)
            self.assertEqual({row["path"]: ("-", "-") if row["binary"] else (str(row["additions"]), str(row["deletions"])) for row in said["paths"]},
                             told)
            self.assertEqual(said["files"], len(told))
            self.assertEqual(said["tree"], git(self.repository, "rev-parse", branch + "^{tree}"))
            self.assertEqual(said["additions"], sum(int(plus) for plus, _ in told.values() if plus != "-"))
        row = next(row for row in self.ask_ok("measure", **{"from": "main", "to": "b"})["paths"] if row["path"] == "text")
        self.assertEqual(row["added"], [[3, 3], [45, 46]])

    def test_characters_that_nobody_sees_are_named_with_line_and_column(self):
        shown = "fine\nif (admin\u202e \u2066) {\nzero\u200bwidth\nsoft\u00ad\n\u3164filler\ntags\U000e0041\nemoji \u2764\ufe0f \U0001f468\u200d\U0001f469 fine\nselectors x\ufe0f\nend\u2028\n"
        self.commit("hidden", {"hidden.c": shown, "bom.txt": "\ufeffa mark is fine\nin here \ufeff it is not\n", "latin": b"caf\xe9 \x80\x8b\n",
                               "na\u202eme": "x\n", "binary": b"\0\xe2\x80\xae\n"})
        self.ask_ok("import", path=self.repository, repository=None)
        hidden = self.ask_ok("measure", **{"from": "main", "to": "hidden"})["hidden"]
        self.assertEqual({(row["path"], row["line"], row["column"], row["character"]) for row in hidden},
                         {("hidden.c", 2, 10, "U+202E"), ("hidden.c", 2, 12, "U+2066"), ("hidden.c", 3, 5, "U+200B"), ("hidden.c", 4, 5, "U+00AD"),
                          ("hidden.c", 5, 1, "U+3164"), ("hidden.c", 6, 5, "U+E0041"), ("hidden.c", 8, 12, "U+FE0F"), ("hidden.c", 9, 4, "U+2028"),
                          ("bom.txt", 2, 9, "U+FEFF"), ("na\u202eme", 0, 3, "U+202E")})
        self.assertEqual(self.ask_ok("measure", **{"from": "hidden", "to": "main"})["hidden"], [], "what is taken away harms nobody")

    # ---- combine and advance ----

    def test_a_combination_is_what_git_merge_makes_and_conflicts_change_nothing(self):
        done = self.ask_ok("combine", onto="a", **{"from": "c"}, to="refs/bunshin/one/merged", author="Person <person@example.org>")
        self.assertEqual(done["kind"], "merge")
        self.assertEqual(self.tree(done["new"]), done["tree"])
        git(self.repository, "checkout", "-q", "-b", "a-c", "a")
        git(self.repository, "merge", "-q", "-m", "x", "c")
        self.assertEqual(done["tree"], git(self.repository, "rev-parse", "HEAD^{tree}"))
        git(self.repository, "checkout", "-q", "main")
        commit = self.ask_ok("log", revision=done["new"], count=1)["commits"][0]
        self.assertEqual(commit["parents"], [self.id("a"), self.id("c")])
        self.assertEqual(commit["author"], "Person")
        again = self.ask_ok("combine", onto="a", **{"from": "c"}, to="refs/bunshin/one/merged", author="Person <person@example.org>")
        self.assertEqual(again["new"], done["new"], "asked again, nothing is made twice")
        error = self.refused("combine", "conflict", onto="a", **{"from": "b"}, to="refs/bunshin/one/other")
        self.assertEqual([(row["path"], row["kind"]) for row in error["conflicts"]], [("text", "content")])
        self.assertIsNone(self.ref("refs/bunshin/one/other"))
        error = self.refused("combine", "state", onto="a", **{"from": "main"}, to="refs/bunshin/one/merged")
        self.assertEqual(error["id"], done["new"])
        error = self.refused("combine", "moved", onto="a", **{"from": "main"}, to="refs/bunshin/one/merged", replaces=self.id("b"))
        self.assertEqual(error["id"], done["new"])
        moved = self.ask_ok("combine", onto="a", **{"from": "main"}, to="refs/bunshin/one/merged", replaces=done["new"])
        self.assertEqual((moved["kind"], moved["new"]), ("nothing", self.id("a")))
        ahead = self.ask_ok("combine", onto="main", **{"from": "a"}, to="refs/bunshin/one/ahead")
        self.assertEqual((ahead["kind"], ahead["new"]), ("fast-forward", self.id("a")))

    def test_theirs_stands_where_both_changed_the_same_as_with_git(self):
        for ours, theirs in (("a", "b"), ("b", "a"), ("b", "c"), ("c", "b")):
            done = self.ask_ok("combine", onto=ours, **{"from": theirs}, to=f"refs/bunshin/two/{ours}{theirs}", favour="theirs")
            git(self.repository, "checkout", "-q", "-b", f"favour-{ours}{theirs}", ours)
            git(self.repository, "merge", "-q", "-X", "theirs", "-m", "x", theirs)
            self.assertEqual(done["tree"], git(self.repository, "rev-parse", "HEAD^{tree}"))
            git(self.repository, "checkout", "-q", "main")
            self.assertEqual(done["favoured"], [{"path": "picture" if "c" in (ours, theirs) else "text", "places": 1}])
        self.refused("combine", "usage", onto="a", **{"from": "b"}, to="refs/bunshin/two/x", favour="ours")
        self.assertIn("error", self.ask("combine", onto="a", **{"from": "b"}, to="refs/live/x/1"))

    def test_a_change_is_taken_back_as_git_revert_does(self):
        git(self.repository, "checkout", "-q", "-b", "later", "a")
        self.write("after", "more\n")
        git(self.repository, "add", "-A")
        git(self.repository, "commit", "-q", "-m", "later")
        git(self.repository, "checkout", "-q", "-b", "reverted")
        git(self.repository, "revert", "--no-edit", "HEAD~1")
        git(self.repository, "checkout", "-q", "main")
        self.ask_ok("import", path=self.repository, repository=None)
        done = self.ask_ok("combine", base="a", onto="later", **{"from": "main"}, to="refs/bunshin/three/back")
        self.assertEqual(done["tree"], git(self.repository, "rev-parse", "reverted^{tree}"))
        self.assertEqual(self.ask_ok("log", revision=done["new"], count=1)["commits"][0]["parents"], [self.id("later")])
        again = self.ask_ok("combine", base="a", onto=done["new"], **{"from": "main"}, to="refs/bunshin/three/nothing")
        self.assertEqual((again["kind"], again["new"]), ("nothing", done["new"]))

    def test_a_ref_moves_only_from_where_it_was(self):
        task = str(uuid.uuid4())
        main, first = self.id("main"), self.id("a")
        made = self.ask_ok("advance", ref="refs/bunshin/four/before", new=main, task=task)
        self.assertEqual((made["old"], made["new"], made["version"]), (None, main, 1))
        self.assertEqual(self.ask_ok("advance", ref="refs/bunshin/four/before", new=main, task=task)["version"], 1, "asked again: it is there")
        branch = "refs/heads/moving"
        self.ask_ok("advance", ref=branch, new=main)
        error = self.refused("advance", "moved", ref="moving", old=self.id("b"), new=first)
        self.assertEqual(error["id"], main)
        self.assertEqual(self.ask_ok("advance", ref="moving", old=main, new=first)["new"], first)
        self.refused("advance", "conflict", ref="moving", old=first, new=main)
        self.refused("advance", "conflict", ref="moving", old=first, new=self.id("b"))
        self.assertEqual(self.ask_ok("advance", ref="moving", old=first, new=main, back=True)["new"], main)
        self.refused("advance", "moved", ref="refs/heads/nowhere", old=main, new=first)
        self.refused("advance", "usage", ref="refs/hidden/x", new=main)
        self.assertEqual([version for name, version in self.network.changes() if name == branch], [1, 2, 3])
        self.assertIn(("refs/bunshin/four/before", 1), self.network.changes())

    # ---- radar ----

    def test_the_radar_sees_what_would_conflict_and_writes_nothing(self):
        def journal():
            name = next(row["name"] for row in self.ask_ok("list", repository=None)["repositories"] if row["path"] == self.repository)
            folder, found = os.path.join(self.network.state, "workspace", name, "journal"), {}
            for file in os.listdir(folder):
                with open(os.path.join(folder, file), "rb") as content:
                    found[file] = hashlib.sha256(content.read()).hexdigest()
            return found
        before, told = journal(), self.network.changes()
        seen = self.ask_ok("radar", onto="main", refs=["a", "b", "c"])
        self.assertEqual([(row["ref"], row["commit"], row["files"], row["onto_conflicts"]) for row in seen["refs"]],
                         [("a", self.id("a"), 2, []), ("b", self.id("b"), 3, []), ("c", self.id("c"), 3, [])])
        self.assertEqual(seen["pairs"], [{"a": "a", "b": "b", "conflicts": [{"path": "text", "places": 1}]}, {"a": "a", "b": "c", "conflicts": []},
                                         {"a": "b", "b": "c", "conflicts": [{"path": "picture", "places": 1}]}])
        self.assertEqual(self.ask_ok("radar", onto="a", refs=["b"])["refs"][0]["onto_conflicts"], ["text"])
        self.assertEqual(self.ask_ok("radar", onto="main", prefix="refs/nothing/"), {"refs": [], "pairs": []})
        self.assertEqual((journal(), self.network.changes()), (before, told))
        self.refused("radar", "usage", onto="main")
        self.refused("radar", "limit", onto="main", refs=["a"] * 17)

    # ---- hunks and pick ----

    def test_hunks_are_those_of_git_diff(self):
        for branch in "abc":
            patch = ""
            for file in self.ask_ok("hunks", **{"from": "main", "to": branch})["files"]:
                for number, hunk in enumerate(file["hunks"], 1):
                    self.assertEqual(hunk["number"], number)
                    patch += hunk["header"] + "\n" + "".join(line + "\n" for line in hunk["lines"])
            told = [line for line in git(self.repository, "diff", "--no-renames", "main", branch).splitlines()
                    if line[:1] in "@ -+" and not line.startswith(("--- ", "+++ "))]
            self.assertEqual(patch.splitlines(), told)

    def test_any_hunks_can_be_picked_and_together_they_are_the_change(self):
        whole = self.ask_ok("pick", base="main", to="refs/bunshin/five/whole",
                            picks=[{"from": "a", "path": "text", "hunks": [1, 2, 3]}, {"from": "a", "path": "new"}])
        self.assertEqual(whole["tree"], git(self.repository, "rev-parse", "a^{tree}"))
        mixed = self.ask_ok("pick", base="main", to="refs/bunshin/five/mixed", picks=[
            {"from": "a", "path": "text", "hunks": [2]}, {"from": "b", "path": "text", "hunks": [1, 2]}, {"from": "c", "path": "text", "hunks": [1]},
            {"from": "b", "path": "other"}, {"from": "c", "path": "sub/deep", "hunks": [1]}, {"from": "b", "path": "picture"}])
        self.assertEqual(self.text(mixed["new"], "text"), changed((3, "three of b\n"), (12, "twelve of c\n"), (30, "thirty of a\n"),
                                                                  (45, "forty-five of b\nand one more\n")))
        self.assertEqual(self.text(mixed["new"], "sub/deep"), "no end")
        self.assertEqual({entry["name"] for entry in self.ask_ok("show", revision=mixed["new"], path="")["entries"]}, {"text", "picture", "run", "sub"})
        self.assertEqual([(row["from"], row["hunk"], row["old_from"], row["new_from"], row["new_count"]) for row in mixed["provenance"] if row["path"] == "text"],
                         [("b", 1, 3, 3, 1), ("c", 1, 12, 12, 1), ("a", 2, 30, 30, 1), ("b", 2, 45, 45, 2)])
        self.assertEqual(self.ask_ok("log", revision=mixed["new"], count=1)["commits"][0]["parents"], [self.id("main")])
        twice = self.ask_ok("pick", base="main", to="refs/bunshin/five/twice",
                            picks=[{"from": "a", "path": "text", "hunks": [1]}, {"from": "a", "path": "text", "hunks": [1, 3]}])
        self.assertEqual(self.text(twice["new"], "text"), changed((3, "three of a\n"), (58, None)))

    def test_picks_that_overlap_are_named(self):
        error = self.refused("pick", "conflict", base="main", to="refs/bunshin/six/x",
                             picks=[{"from": "a", "path": "text", "hunks": [1]}, {"from": "b", "path": "text", "hunks": [1]}])
        self.assertEqual(error["conflicts"], [{"path": "text", "picks": [{"from": "a", "hunk": 1}, {"from": "b", "hunk": 1}]}])
        self.refused("pick", "conflict", base="main", to="refs/bunshin/six/x", picks=[{"from": "b", "path": "picture"}, {"from": "c", "path": "picture"}])
        self.refused("pick", "conflict", base="main", to="refs/bunshin/six/x", picks=[{"from": "a", "path": "text", "hunks": [2]}, {"from": "b", "path": "text"}])
        self.refused("pick", "conflict", base="main", to="refs/bunshin/six/x", picks=[{"from": "b", "path": "text"}, {"from": "a", "path": "text", "hunks": [2]}])
        self.assertIn("no hunk 9", self.refused("pick", "not_found", base="main", to="refs/bunshin/six/x",
                                                picks=[{"from": "a", "path": "text", "hunks": [9]}])["sentence"])
        self.refused("pick", "not_found", base="main", to="refs/bunshin/six/x", picks=[{"from": "a", "path": "run"}])
        self.refused("pick", "usage", base="main", to="refs/bunshin/six/x", picks=[{"from": "a", "path": "text", "hunks": [0]}])
        self.refused("pick", "usage", base="main", to="refs/bunshin/six/x", picks=[{"from": "a", "path": "text", "lines": [1]}])
        self.refused("pick", "usage", base="main", to="refs/bunshin/six/x", picks=["a"])
        self.assertIsNone(self.ref("refs/bunshin/six/x"))

    # ---- clones ----

    def test_clones_of_one_commit_are_copies_that_share_nothing(self):
        def clone(revision="main"):
            place = tempfile.mkdtemp(dir=self.network.folder)
            self.addCleanup(shutil.rmtree, place)
            self.ask_ok("checkout", revision=revision, folder=place, history=True)
            self.assertEqual(git(place, "status", "--porcelain"), "")
            self.assertEqual(git(place, "fsck", "--full", "--strict"), "")
            self.assertEqual(git(place, "rev-parse", "HEAD"), self.id(revision))
            return place

        def packs(place):
            folder = os.path.join(place, ".git/objects/pack")
            return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
        first, second = clone(), clone()
        self.assertEqual([os.path.basename(path) for path in packs(first)], [os.path.basename(path) for path in packs(second)])
        for one, other in zip(packs(first), packs(second)):
            self.assertNotEqual(os.stat(one).st_ino, os.stat(other).st_ino)
            self.assertEqual((os.stat(one).st_nlink, os.path.islink(one)), (1, False))
        for path in packs(first):
            os.chmod(path, 0o644)
            with open(path, "r+b") as file:
                file.write(b"spoilt by an attempt")
        clone()
        git(self.repository, "tag", "-f", "later", "main")
        self.ask_ok("import", path=self.repository, repository=None)
        self.assertEqual(git(clone(), "tag", "--list", "later"), "later", "tags that came since are there")
        for revision in ("a", "b", "c", "main~0"):
            clone(revision)
        kept = os.path.join(self.network.state, "workspace", next(name for name in os.listdir(os.path.join(self.network.state, "workspace"))
                                                                  if name.startswith("race-")), "clones")
        self.assertLessEqual(len(os.listdir(kept)), 4)
        os.kill(self.network.process("workspace")["pid"], 9)
        self.network.workspace("refs", "--repo", self.repository)
        self.socket.connect()
        self.assertFalse(os.path.exists(kept), "what an earlier life has left is not believed")
        clone()

    # ---- what attempts leave ----

    def folder(self, files):
        place = tempfile.mkdtemp(dir=self.network.folder)
        self.addCleanup(shutil.rmtree, place)
        self.ask_ok("checkout", revision="main", folder=place)
        for path, content in files.items():
            with open(os.path.join(place, path), "w", encoding="utf-8") as file:
                file.write(content)
        return place

    def test_snapshots_come_and_go_untold_and_the_result_takes_their_place(self):
        task = str(uuid.uuid4())
        live = f"refs/live/{task}/1"
        place = self.folder({"new": "one\n"})
        first = self.ask_ok("harvest", folder=place, base="main", to=live)
        self.assertEqual((first["ref"], first["version"]), (live, 1))
        with open(os.path.join(place, "new"), "a", encoding="utf-8") as file:
            file.write("two\n")
        self.assertEqual(self.refused("harvest", "state", folder=place, base="main", to=live)["id"], first["new"])
        second = self.ask_ok("harvest", folder=place, base="main", to=live, replaces=first["new"])
        self.assertEqual(self.refused("harvest", "moved", folder=self.folder({"x": "y\n"}), base="main", to=live, replaces=first["new"])["id"],
                         second["new"])
        self.assertEqual(self.ask_ok("radar", onto="main", prefix="refs/live/" + task)["refs"][0]["commit"], second["new"])
        result = self.ask_ok("harvest", folder=place, base="main", task=task, attempt=1)
        self.assertEqual(result["tree"], second["tree"])
        self.assertIsNone(self.ref(live), "the result is there")
        self.assertEqual(self.ref(f"refs/bunshin/{task}/1")["id"], result["new"])
        self.refused("harvest", "state", folder=place, base="main", to=live)
        told = [name for name, _ in self.network.changes()]
        self.assertIn(f"refs/bunshin/{task}/1", told)
        self.assertFalse([name for name in told if name.startswith("refs/live/")])

    def test_what_a_failed_attempt_left_is_kept_apart(self):
        task = str(uuid.uuid4())
        live, kept = f"refs/live/{task}/2", f"refs/bunshin/kept/{task}/2"
        place = self.folder({"half": "done\n"})
        self.ask_ok("harvest", folder=place, base="main", to=live)
        done = self.ask_ok("harvest", folder=place, base="main", task=task, attempt=2, kept=True)
        self.assertEqual(done["ref"], kept)
        self.assertIsNone(self.ref(live))
        self.assertIsNone(self.ref(f"refs/bunshin/{task}/2"))
        self.assertIn((kept, 1), self.network.changes())
        self.refused("harvest", "usage", folder=place, base="main", to="refs/heads/x", kept=True)
        other = self.folder({})
        self.ask_ok("harvest", folder=place, base="main", to=f"refs/live/{task}/3")
        self.assertIsNone(self.ask_ok("harvest", folder=other, base="main", task=task, attempt=3, kept=True)["new"])
        self.assertIsNone(self.ref(f"refs/live/{task}/3"), "an attempt that leaves nothing leaves no snapshot")

    def test_snapshots_do_not_outlive_the_process(self):
        task = str(uuid.uuid4())
        live = f"refs/live/{task}/1"
        place = self.folder({"new": "one\n"})
        first = self.ask_ok("harvest", folder=place, base="main", to=live)
        os.kill(self.network.process("workspace")["pid"], 9)
        rows = self.network.workspace("refs", "--repo", self.repository)["refs"]
        self.socket.connect()
        self.assertFalse([row for row in rows if row["ref"].startswith("refs/live/")])
        with open(os.path.join(place, "new"), "a", encoding="utf-8") as file:
            file.write("two\n")
        self.assertEqual(self.ask_ok("harvest", folder=place, base="main", to=live, replaces=first["new"])["ref"], live, "it still runs, and goes on")


if __name__ == "__main__":
    del sys.argv[1:]
    unittest.main(verbosity=2, failfast=True)
