#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A commit comes to a repository that a person works in: what changes, what may not, and what is left after a kill at every moment. Real git says
what came of it; everything else is compared byte for byte.

usage: apply_test.py APPLY_PROBE TRACED [TEST…]

  APPLY_KILLS   "all": every moment, else some of them
"""
import hashlib
import json
import os
import random
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

PROBE, TRACED = sys.argv[1:3]
KILLS_ALL = os.environ.get("APPLY_KILLS") == "all"
CLEAN = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": "/nonexistent", "GIT_AUTHOR_NAME": "Person",
         "GIT_AUTHOR_EMAIL": "person@example.org", "GIT_COMMITTER_NAME": "Person", "GIT_COMMITTER_EMAIL": "person@example.org",
         "GIT_OPTIONAL_LOCKS": "0"}
ENVIRONMENT = {**os.environ, **CLEAN}
FOLDER = tempfile.mkdtemp(prefix="bunshin-apply-test-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
unittest.addModuleCleanup(shutil.rmtree, FOLDER)

OLD = {"text": "one\ntwo\nthree\n", "dir/a": "a\n", "dir/b": "b\n", "gone/deep/x": "x\n", "run": ("#!/bin/sh\n", 0o755), "plain": "#!/bin/sh\n",
       "link": ("->", "text"), "becomes-folder": "file\n", "becomes-file/in": "in\n", "keep/one": "1\n", "keep/two": "2\n", ".gitignore": "*.ignored\n",
       "ends": "a\nb\n"}
NEW = {**OLD, "text": "one\nTWO\nthree\nfour\n", "dir/a": "A\n", "dir/new": "new\n", "fresh/in/depth": "deep\n", "run": "#!/bin/sh\n",
       "plain": ("#!/bin/sh\n", 0o755), "link": ("->", "dir/a"), "becomes-folder/inside": "folder\n", "becomes-file": "file\n", "ends": "a\nc\n"}
for name in ("gone/deep/x", "becomes-folder", "becomes-file/in"):
    del NEW[name]


def git(folder, *words, code=0, stdin=None):
    done = subprocess.run(("git", "-C", folder) + words, capture_output=True, text=True, env=ENVIRONMENT, timeout=120, input=stdin)
    if code is not None and done.returncode != code:
        raise AssertionError(f"git {' '.join(words)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout.rstrip("\n")


def put(folder, name, content):
    path = os.path.join(folder, name)
    if os.path.lexists(path):
        os.unlink(path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if isinstance(content, tuple) and content[0] == "->":
        os.symlink(content[1], path)
        return
    text, mode = content if isinstance(content, tuple) else (content, 0o644)
    with open(path, "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    os.chmod(path, mode)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def commit(folder, files, message):
    for name in os.listdir(folder):
        if name != ".git":
            path = os.path.join(folder, name)
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
    for name, content in files.items():
        put(folder, name, content)
    git(folder, "add", "-A", "-f")
    git(folder, "commit", "-q", "-m", message)
    return git(folder, "rev-parse", "HEAD")


def seen(folder, inside_git=False):
    """Every name below a folder: kind, mode, bytes. Of .git all but objects, which only come, and what looking at it changes."""
    found = {}
    for place, folders, files in os.walk(folder):
        relative = os.path.relpath(place, folder)
        if not inside_git and relative == "." and ".git" in folders:
            folders.remove(".git")
        if inside_git and "objects" in folders:
            folders.remove("objects")
        for name in files + [name for name in folders if os.path.islink(os.path.join(place, name))]:
            path = os.path.join(place, name)
            status = os.lstat(path)
            content = os.readlink(path).encode() if stat.S_ISLNK(status.st_mode) else read(path)
            found[os.path.normpath(os.path.join(relative, name))] = (stat.S_IFMT(status.st_mode), stat.S_IMODE(status.st_mode), hashlib.sha1(content).hexdigest())
        if not folders and not files:
            found[relative + "/"] = "empty"
    return found


def everything(repository):
    return seen(repository), seen(os.path.join(repository, ".git"), True)


class Pair:
    """The person's repository, at `old`, and another one that has `new`."""

    def __init__(self, old=None, new=None, name="pair"):
        self.place = tempfile.mkdtemp(prefix=name + "-", dir=FOLDER)
        self.repository = os.path.join(self.place, "repository")
        self.source = os.path.join(self.place, "source")
        os.mkdir(self.repository)
        git(self.repository, "-c", "init.defaultBranch=main", "init", "-q", "--template=")
        self.old = commit(self.repository, old or OLD, "old")
        subprocess.run(("cp", "-a", self.repository, self.source), check=True)
        self.new = commit(self.source, new or NEW, "new")

    def copy(self):
        other = object.__new__(Pair)
        other.place = tempfile.mkdtemp(prefix="copy-", dir=FOLDER)
        other.repository, other.source = os.path.join(other.place, "repository"), self.source
        other.old, other.new = self.old, self.new
        subprocess.run(("cp", "-a", self.repository, other.repository), check=True)
        return other

    def paths(self, old=None, new=None):
        rows = git(self.source, "diff", "--no-renames", "--raw", "-z", old or self.old, new or self.new).split("\0")
        return "".join(f"{row.split()[1]} {path}\0" for row, path in zip(rows[::2], rows[1::2]))

    def words(self, *more, old=None, new=None, ref="refs/heads/main", repository=None):
        return ("run", repository or self.repository, ref, old or self.old, new or self.new, "--from", os.path.join(self.source, ".git")) + more

    def run(self, *more, old=None, new=None, ref="refs/heads/main", repository=None, paths=None, bare=False):
        words = self.words(*more, old=old, new=new, ref=ref, repository=repository)
        if bare:
            words = words[:5] + words[7:]
        return probe(*words, stdin=self.paths(old, new) if paths is None else paths)

    def drop(self):
        shutil.rmtree(self.place)


def probe(*words, stdin=""):
    done = subprocess.run((PROBE,) + words, capture_output=True, text=True, env=ENVIRONMENT, input=stdin, timeout=120)
    if done.returncode not in (0, 1) or done.stderr:
        raise AssertionError(f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return json.loads(done.stdout)


class Apply(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = Pair()

    def setUp(self):
        self.pair = self.model.copy()
        self.repository = self.pair.repository
        self.addCleanup(self.pair.drop)

    def assert_whole(self, repository=None, status=""):
        repository = repository or self.repository
        self.assertEqual(git(repository, "status", "--porcelain=v1", "--untracked-files=all"), status)
        self.assertEqual(git(repository, "fsck", "--full", "--strict", "--no-dangling"), "")
        own = git(repository, "rev-parse", "--absolute-git-dir")
        self.assertEqual([name for name in os.listdir(own) if "lock" in name or "bunshin" in name], [])

    def assert_refused(self, code, word=None, pair=None, more=(), **wish):
        pair = pair or self.pair
        before = everything(pair.repository)
        said = pair.run(*more, **wish)
        self.assertEqual(said["code"], code, said)
        self.assertEqual(everything(pair.repository), before, "nothing has changed")
        if word:
            self.assertIn(word, [what for _, what in said["edits"]] + [said["sentence"]], said)
        return said

    # ---- what it does ----

    def test_a_checked_out_branch_moves_and_its_files_are_those_of_git(self):
        said = self.pair.run()
        self.assertEqual((said["code"], said["kind"]), ("", "files"), said)
        self.assertEqual(git(self.repository, "rev-parse", "HEAD", "main").split(), [self.pair.new] * 2)
        self.assert_whole()
        git(self.repository, "diff", "--exit-code", "HEAD")
        for ref in ("HEAD", "main"):
            self.assertIn("bunshin: race for a test", git(self.repository, "reflog", "-1", ref))
        self.assertEqual(git(self.repository, "rev-parse", "main@{1}"), self.pair.old)
        clone = os.path.join(self.pair.place, "clone")
        git(FOLDER, "clone", "-q", self.pair.source, clone)
        self.assertEqual(seen(self.repository), seen(clone))
        self.assertEqual(self.pair.run()["kind"], "nothing", "asked again, it is there")

    def test_it_goes_back_byte_for_byte(self):
        before = seen(self.repository)
        self.pair.run()
        said = self.pair.run(old=self.pair.new, new=self.pair.old)
        self.assertEqual(said["code"], "state", "that is no fast-forward")
        said = self.pair.run("--back", old=self.pair.new, new=self.pair.old)
        self.assertEqual((said["code"], said["kind"]), ("", "files"), said)
        self.assertEqual(seen(self.repository), before)
        self.assertEqual(git(self.repository, "rev-parse", "HEAD"), self.pair.old)
        self.assert_whole()

    def test_a_branch_that_is_not_checked_out_only_moves(self):
        def other():
            git(self.repository, "checkout", "-q", "-b", "other")

        def detached():
            git(self.repository, "checkout", "-q", "--detach")
        for prepare in (other, detached):
            prepare()
            put(self.repository, "text", "an edit of a file that changes on main\n")
            files, inside = everything(self.repository)
            said = self.pair.run()
            self.assertEqual((said["code"], said["kind"]), ("", "ref"), said)
            after = everything(self.repository)
            self.assertEqual(after[0], files)
            changed = {name for name in set(inside) | set(after[1]) if inside.get(name) != after[1].get(name)}
            self.assertEqual(changed, {"refs/heads/main", "logs/refs/heads/main"})
            self.assertEqual(git(self.repository, "rev-parse", "main"), self.pair.new)
            git(self.repository, "update-ref", "refs/heads/main", self.pair.old)
            git(self.repository, "checkout", "-q", "-f", "main")

    def test_a_bare_repository_has_only_the_branch(self):
        bare = os.path.join(self.pair.place, "bare.git")
        git(FOLDER, "clone", "-q", "--bare", self.repository, bare)
        said = self.pair.run(repository=bare)
        self.assertEqual((said["code"], said["kind"]), ("", "ref"), said)
        self.assertEqual(git(bare, "rev-parse", "main"), self.pair.new)
        self.assertEqual(git(bare, "fsck", "--full"), "")

    def test_a_patch_changes_files_and_nothing_else(self):
        git(self.repository, "checkout", "-q", "-b", "elsewhere")
        put(self.repository, "keep/one", "mine\n")
        git(self.repository, "add", "keep/one")
        inside = seen(os.path.join(self.repository, ".git"), True)
        said = self.pair.run("--patch")
        self.assertEqual((said["code"], said["kind"]), ("", "patch"), said)
        self.assertEqual(seen(os.path.join(self.repository, ".git"), True), inside)
        git(self.repository, "stash", "list")
        self.assertEqual(git(self.repository, "diff", "--cached", "--name-only"), "keep/one")
        put(self.repository, "keep/one", OLD["keep/one"])
        git(self.repository, "add", "-A", "-f")
        self.assertEqual(git(self.repository, "write-tree"), git(self.pair.source, "rev-parse", self.pair.new + "^{tree}"))

    def test_a_thousand_edits_stay_as_they_are(self):
        source = random.Random(27)
        many = {f"src/{number % 40}/{number}.c": f"int f{number}(void);\n" * 3 for number in range(1200)}
        pair = Pair({**OLD, **many}, {**NEW, **many, "src/3/3.c": "changed\n", "src/4/new.c": "new\n"}, "many")
        self.addCleanup(pair.drop)
        names = [name for name in many if name != "src/3/3.c"]
        for name in source.sample(names, 1000):
            path = os.path.join(pair.repository, name)
            kind = source.randrange(7)
            if kind == 0:
                os.unlink(path)
            elif kind == 1:
                put(pair.repository, name, f"edited {name}\n")
                git(pair.repository, "add", name) if source.random() < 0.1 else None
            elif kind == 2:
                os.chmod(path, 0o755)
            elif kind == 3:
                put(pair.repository, name, ("->", "../../../outside"))
            elif kind == 4:
                put(pair.repository, name + ".untracked", bytes(source.randrange(256) for _ in range(99)))
            elif kind == 5:
                put(pair.repository, name + ".ignored", "x")
            else:
                put(pair.repository, name, b"\r\nmixed\n\0")
        git(pair.repository, "rm", "-q", "--cached", "src/5/5.c")
        status = git(pair.repository, "status", "--porcelain=v1", "--ignored", "--untracked-files=all")
        put(pair.repository, "dir/a", "in the way\n")
        self.assert_refused("conflict", "changed", pair=pair)
        put(pair.repository, "dir/a", OLD["dir/a"])
        before = seen(pair.repository)
        touched = {row.split(" ", 1)[1] for row in pair.paths().split("\0") if row}
        self.assertEqual(pair.run()["code"], "")
        after = seen(pair.repository)
        changed = {name for name in set(before) | set(after) if before.get(name) != after.get(name)}
        self.assertEqual(changed, touched, "only what the change touches differs")
        self.assertEqual(git(pair.repository, "status", "--porcelain=v1", "--ignored", "--untracked-files=all"), status)
        self.assertEqual(git(pair.repository, "diff", "--cached", "--name-only", "HEAD", "--", "src/3/3.c", "src/4/new.c"), "")

    # ---- what stands in the way ----

    def test_what_is_not_committed_refuses_the_whole_and_stays(self):
        def staged(name, content):
            put(self.repository, name, content)
            git(self.repository, "add", "-f", name)

        def staged_then_back():
            staged("text", "staged\n")
            put(self.repository, "text", OLD["text"])

        def parent_link():
            shutil.rmtree(os.path.join(self.repository, "dir"))
            os.symlink("/tmp", os.path.join(self.repository, "dir"))

        def conflict():
            blob = git(self.repository, "rev-parse", "HEAD:text")
            git(self.repository, "update-index", "--index-info",
                stdin=f"0 {'0' * 40} 0\ttext\n" + "".join(f"100644 {blob} {stage}\ttext\n" for stage in (1, 2, 3)))
        cases = {
            "a changed file": (lambda: put(self.repository, "text", "one\ntwo\nthree\nmine\n"), "changed"),
            "a file that is gone": (lambda: os.unlink(os.path.join(self.repository, "text")), "deleted"),
            "a changed file that goes": (lambda: put(self.repository, "gone/deep/x", "mine\n"), "changed"),
            "something staged": (lambda: staged("dir/a", "staged\n"), "staged"),
            "something staged, the file as it was": (staged_then_back, "staged"),
            "something staged to go": (lambda: git(self.repository, "rm", "-q", "--cached", "text"), "staged"),
            "another mode": (lambda: os.chmod(os.path.join(self.repository, "text"), 0o755), "changed"),
            "a link instead of a file": (lambda: put(self.repository, "text", ("->", "dir/a")), "changed"),
            "a link elsewhere": (lambda: put(self.repository, "link", ("->", "/etc/passwd")), "changed"),
            "a new file in the way": (lambda: put(self.repository, "dir/new", "mine\n"), "untracked"),
            "a new file with the very content": (lambda: put(self.repository, "dir/new", NEW["dir/new"]), "untracked"),
            "an ignored file in the way": (lambda: (put(self.repository, ".git/info/exclude", "new\n"), put(self.repository, "dir/new", "mine\n")), "ignored"),
            "a file staged in the way": (lambda: staged("fresh/in/depth", "mine\n"), "staged"),
            "a file where a folder comes": (lambda: put(self.repository, "fresh", "mine\n"), "untracked"),
            "a link where a folder comes": (lambda: put(self.repository, "fresh", ("->", "/tmp")), "untracked"),
            "a folder where a file comes": (lambda: put(self.repository, "dir/new/mine", "x"), "untracked"),
            "a file in a folder that becomes a file": (lambda: put(self.repository, "becomes-file/mine", "x"), "untracked"),
            "an ignored one there": (lambda: put(self.repository, "becomes-file/mine.ignored", "x"), "ignored"),
            "a link in the place of the folder": (parent_link, "untracked"),
            "a conflict in the index": (conflict, "in conflict"),
            "a name that is meant to come": (lambda: (put(self.repository, "dir/new", "x"), git(self.repository, "add", "-N", "dir/new")), "staged"),
        }
        for name, (prepare, word) in cases.items():
            with self.subTest(name):
                self.setUp()
                prepare()
                self.assert_refused("conflict", word)
                said = self.pair.run("--late")
                self.assertEqual(said["code"], "conflict", "also where it is seen only after the commit has come")
                self.assertFalse(os.path.exists(os.path.join(self.repository, ".git/bunshin-apply")))

    def test_all_that_is_in_the_way_is_named(self):
        put(self.repository, "text", "x\n")
        put(self.repository, "dir/new", "y\n")
        said = self.assert_refused("conflict")
        self.assertEqual(sorted(said["edits"]), [["dir/new", "untracked"], ["text", "changed"]])
        self.assertIn("2 paths", said["sentence"])

    def test_what_is_under_way_is_not_disturbed(self):
        def merging():
            git(self.repository, "checkout", "-q", "-b", "side")
            put(self.repository, "keep/one", "side\n")
            git(self.repository, "commit", "-qam", "side")
            git(self.repository, "checkout", "-q", "main")
            git(self.repository, "merge", "--no-commit", "--no-ff", "side")

        def conflicting():
            git(self.repository, "checkout", "-q", "-b", "side")
            put(self.repository, "keep/one", "side\n")
            git(self.repository, "commit", "-qam", "side")
            git(self.repository, "checkout", "-q", "-b", "onto", "main")
            put(self.repository, "keep/one", "onto\n")
            git(self.repository, "commit", "-qam", "onto")
            git(self.repository, "checkout", "-q", "side")

        def rebasing():
            git(self.repository, "checkout", "-q", "-b", "onto")
            put(self.repository, "keep/one", "onto\n")
            git(self.repository, "commit", "-qam", "onto")
            git(self.repository, "checkout", "-q", "main")
            put(self.repository, "keep/one", "main\n")
            git(self.repository, "commit", "-qam", "main")
            git(self.repository, "rebase", "-q", "onto", code=1)

        def cherry():
            conflicting()
            git(self.repository, "branch", "-f", "main", "side")
            git(self.repository, "checkout", "-q", "main")
            git(self.repository, "cherry-pick", "onto", code=1)

        def bisecting():
            git(self.repository, "commit", "-q", "--allow-empty", "-m", "x")
            git(self.repository, "bisect", "start", "HEAD", "HEAD~1")
            git(self.repository, "checkout", "-q", "main")
        for prepare, word in ((merging, "a merge"), (rebasing, "a rebase"), (cherry, "a cherry-pick"), (bisecting, "a bisection")):
            with self.subTest(word):
                self.setUp()
                prepare()
                said = self.assert_refused("state")
                self.assertIn(word, said["sentence"])

    def test_another_working_tree_that_has_the_branch_is_left_alone(self):
        git(self.repository, "checkout", "-q", "-b", "other")
        tree = os.path.join(self.pair.place, "tree")
        git(self.repository, "worktree", "add", "-q", tree, "main")
        files = seen(tree)
        said = self.assert_refused("state")
        self.assertIn("another working tree", said["sentence"])
        self.assertEqual(seen(tree), files)
        said = self.pair.run(repository=tree)
        self.assertEqual((said["code"], said["kind"]), ("", "files"), said)
        self.assert_whole(tree)
        self.assertEqual(git(tree, "rev-parse", "HEAD"), self.pair.new)
        git(tree, "checkout", "-q", "--detach")
        git(self.repository, "checkout", "-q", "main")
        said = self.pair.run("--back", repository=tree, old=self.pair.new, new=self.pair.old)
        self.assertEqual(said["code"], "state", "the main working tree has it now")

    def test_locks_of_others_are_respected(self):
        put(self.repository, ".git/index.lock", "")
        said = self.assert_refused("locked")
        self.assertIn("index.lock", said["sentence"])
        os.unlink(os.path.join(self.repository, ".git/index.lock"))
        put(self.repository, ".git/refs/heads/main.lock", "")
        self.assert_refused("locked")
        os.unlink(os.path.join(self.repository, ".git/refs/heads/main.lock"))
        holder = subprocess.Popen((PROBE, "hold", self.repository), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.assertEqual(holder.stdout.readline(), b"held\n")
        said = self.assert_refused("locked")
        self.assertIn("another bunshin", said["sentence"])
        holder.communicate()
        self.assertEqual(self.pair.run()["code"], "")
        self.assert_whole()

    def test_a_branch_that_has_moved_says_where_it_is(self):
        put(self.repository, "keep/two", "somebody\n")
        git(self.repository, "commit", "-qam", "meanwhile")
        self.assert_refused("moved")
        git(self.repository, "checkout", "-q", "-b", "x")
        git(self.repository, "branch", "-q", "-m", "main", "renamed")
        said = self.assert_refused("moved")
        self.assertIn("gone", said["sentence"])

    def test_names_that_git_checks_out_nowhere_are_refused(self):
        blob = git(self.pair.source, "hash-object", "-w", "--stdin", stdin="x")
        for name in (".git", ".GIT", "git~1", ".git\u200c", ".."):
            inner = git(self.pair.source, "mktree", stdin=f"100644 blob {blob}\thooks\n")
            tree = git(self.pair.source, "mktree", stdin=f"040000 tree {inner}\t{name}\n100644 blob {blob}\ttext\n")
            bad = git(self.pair.source, "commit-tree", "-p", self.pair.old, "-m", "bad", tree)
            before = everything(self.repository)
            said = self.pair.run("--late", new=bad)
            self.assertEqual(said["code"], "malformed", (name, said))
            self.assertEqual(everything(self.repository), before)

    def test_commits_that_did_not_come_are_missed(self):
        self.assert_refused("not_found", bare=True, new="1" * 40, paths="")
        self.assertEqual(probe("run", FOLDER, "refs/heads/main", "1" * 40, "1" * 40)["code"], "not_found")

    # ---- how repositories are set up ----

    def test_line_ends_are_those_of_the_repository(self):
        git(self.repository, "config", "core.autocrlf", "true")
        git(self.repository, "rm", "-q", "--cached", "-r", ".")
        git(self.repository, "reset", "-q", "--hard")
        with open(os.path.join(self.repository, "text"), "rb") as file:
            self.assertIn(b"\r\n", file.read())
        self.assertEqual(self.pair.run()["code"], "")
        with open(os.path.join(self.repository, "text"), "rb") as file:
            self.assertEqual(file.read(), b"one\r\nTWO\r\nthree\r\nfour\r\n")
        self.assert_whole()

    def test_attributes_that_come_along_count_for_what_comes_with_them(self):
        new = commit(self.pair.source, {**NEW, ".gitattributes": "dir/* text eol=crlf\n"}, "attributes")
        self.assertEqual(self.pair.run(new=new)["code"], "")
        with open(os.path.join(self.repository, "dir/a"), "rb") as file:
            self.assertEqual(file.read(), b"A\r\n")
        self.assert_whole()

    def test_no_program_is_run_because_of_us(self):
        canary = os.path.join(self.pair.place, "canary")
        script = f"#!/bin/sh\necho \"$0\" >> {canary}\ncat\n"
        runner = os.path.join(self.pair.place, "runner")
        put(self.pair.place, "runner", (script, 0o755))
        for hook in ("post-checkout", "post-merge", "pre-commit", "post-commit", "reference-transaction", "post-index-change", "pre-merge-commit", "update",
                     "post-rewrite", "fsmonitor-watchman", "pre-auto-gc", "sendemail-validate"):
            put(self.repository, ".git/hooks/" + hook, (script, 0o755))
        put(self.repository, ".git/info/attributes", "keep/* filter=evil diff=evil merge=evil\n")
        for name in ("core.fsmonitor", "core.editor", "core.pager", "core.sshCommand", "core.askPass", "core.gitProxy", "diff.external", "diff.evil.command",
                     "diff.evil.textconv", "merge.evil.driver", "filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "gpg.program",
                     "credential.helper", "uploadpack.packObjectsHook"):
            git(self.repository, "config", name, runner)
        trace = os.path.join(self.pair.place, "trace")
        done = subprocess.run((TRACED, trace, "0", PROBE) + self.pair.words(), input=self.pair.paths(), capture_output=True, text=True, env=ENVIRONMENT)
        self.assertEqual(json.loads(done.stdout)["code"], "", done.stdout + done.stderr)
        with open(trace, encoding="utf-8") as file:
            programs = [line.split(" ", 1)[1].strip() for line in file if line.startswith("exec ")]
        self.assertEqual(programs, [os.path.realpath(PROBE)], "one program has run: ours")
        self.assertFalse(os.path.exists(canary))
        new = commit(self.pair.source, {**NEW, "text": "evil\n", "late/.gitattributes": "one filter=evil\n", "late/one": "evil\n"}, "evil")
        before = seen(self.repository)
        said = self.pair.run(old=self.pair.new, new=new)
        self.assertEqual(said["code"], "conflict", "also where the attributes come along")
        self.assertEqual(seen(self.repository), before)
        self.assertEqual(git(self.repository, "-c", "core.fsmonitor=false", "rev-parse", "main"), self.pair.new)
        put(self.repository, ".git/info/attributes", "dir/* filter=evil\n")
        self.assert_refused("conflict", "made by a filter, a program that is not run here", more=("--back",), old=self.pair.new, new=self.pair.old)
        self.assertFalse(os.path.exists(canary))

    def test_what_a_sparse_checkout_leaves_out_stays_out(self):
        git(self.repository, "update-index", "-q", "--refresh")
        git(self.repository, "sparse-checkout", "set", "--skip-checks", "keep", "fresh", "gone", "becomes-file", "becomes-folder")
        self.assertFalse(os.path.exists(os.path.join(self.repository, "dir")))
        self.assertEqual(self.pair.run()["code"], "")
        self.assertFalse(os.path.exists(os.path.join(self.repository, "dir/a")))
        self.assertEqual(git(self.repository, "rev-parse", ":dir/a"), git(self.pair.source, "rev-parse", self.pair.new + ":dir/a"))
        self.assertEqual(git(self.repository, "status", "--porcelain=v1"), "")

    def test_submodules_are_named_and_not_entered(self):
        def with_submodule(folder, number, files):
            commit(folder, files, f"module {number}")
            git(folder, "update-index", "--add", "--cacheinfo", f"160000,{number * 40},module")
            git(folder, "commit", "-q", "--amend", "-m", "module")
            return git(folder, "rev-parse", "HEAD")
        pair = Pair(name="module")
        self.addCleanup(pair.drop)
        first = with_submodule(pair.source, "1", {**NEW, ".gitmodules": '[submodule "module"]\n\tpath = module\n\turl = ext::sh -c touch% canary\n'})
        git(pair.source, "reset", "-q", "--hard")
        self.assertEqual(pair.run(new=first)["code"], "")
        self.assertEqual(os.listdir(os.path.join(pair.repository, "module")), [])
        put(pair.repository, "module/mine", "edit\n")
        second = with_submodule(pair.source, "2", {**NEW, "text": "again\n"})
        said = pair.run(old=first, new=second)
        self.assertEqual(said["code"], "", said)
        self.assertEqual(git(pair.repository, "rev-parse", ":module"), "2" * 40)
        self.assertTrue(os.path.exists(os.path.join(pair.repository, "module/mine")))

    def test_indexes_that_only_git_can_write_are_left_to_git(self):
        git(self.repository, "update-index", "--split-index")
        said = self.assert_refused("state")
        self.assertIn("index", said["sentence"])
        self.setUp()
        git(self.repository, "update-index", "--index-version", "4")
        git(self.repository, "update-index", "--untracked-cache")
        git(self.repository, "update-index", "--assume-unchanged", "keep/one")
        put(self.repository, "keep/one", "behind its back\n")
        self.assertEqual(self.pair.run()["code"], "")
        self.assert_whole()
        self.assertEqual(git(self.repository, "ls-files", "-v", "keep/one"), "h keep/one")
        self.setUp()
        git(self.repository, "pack-refs", "--all")
        git(self.repository, "repack", "-q", "-a", "-d")
        self.assertEqual(self.pair.run()["code"], "")
        self.assert_whole()

    # ---- at every moment ----

    def edits(self, repository):
        put(repository, "keep/one", "mine, not committed\n")
        put(repository, "notes", "mine, untracked\n")
        put(repository, "staged", "mine, staged\n")
        git(repository, "add", "staged")

    def outcome(self, repository):
        return seen(repository), git(repository, "rev-parse", "HEAD", "main"), git(repository, "ls-files", "-s")

    def sweep(self, more, prepare):
        """Kills before each change of the file system; then what is there has to be one of two things, after the next command at the latest."""
        trace = os.path.join(self.pair.place, "trace")
        prepare(self.repository)
        before = self.outcome(self.repository)
        whole = self.pair.copy()
        self.addCleanup(whole.drop)

        def run(pair, number):
            return subprocess.run((TRACED, trace, str(number), PROBE) + pair.words(*more), input=pair.paths(), capture_output=True, text=True, env=ENVIRONMENT)
        self.assertEqual(json.loads(run(whole, 0).stdout)["code"], "")
        after = self.outcome(whole.repository)
        self.assertNotEqual(before, after)
        with open(trace, encoding="utf-8") as file:
            count = int([line for line in file if line.startswith("changes")][0].split()[1])
        self.assertGreater(count, 30)
        results = {"before": 0, "after": 0, "told": 0, "back": 0, "forward": 0}
        for number in range(1, count + 1, 1 if KILLS_ALL else 7):
            pair = self.pair.copy()
            done = run(pair, number)
            self.assertEqual(done.returncode, 137, f"kill {number}: {done.stdout}{done.stderr}")
            self.assertEqual(git(pair.repository, "fsck", "--full", "--strict", "--no-dangling"), "", f"kill {number}")
            self.assertEqual(seen(pair.repository).get("notes"), before[0]["notes"])
            self.assertEqual(seen(pair.repository).get("keep/one"), before[0]["keep/one"])
            left = os.path.exists(os.path.join(pair.repository, ".git/bunshin-apply/intent"))
            if not left:
                there = self.outcome(pair.repository)
                self.assertTrue(there in (before, after), f"kill {number}: neither before nor after, and nothing says so")
                results["before" if there == before else "after"] += 1
            else:
                results["told"] += 1
            if number % 2:
                said = probe("recover", pair.repository)
                self.assertEqual((said["code"], said["edits"]), ("", []), (number, said))
                there = self.outcome(pair.repository)
                self.assertTrue(there in (before, after), f"kill {number}: {said}")
                if said["kind"] != "nothing":
                    results[said["kind"]] += 1
                    self.assertEqual(there, after if said["kind"] == "forward" else before, number)
                git(pair.repository, "status")
            said = probe(*pair.words(*more), stdin=pair.paths())
            if "--patch" not in more or said["code"] != "conflict": # a patch that was done already is in its own way
                self.assertEqual(said["code"], "", (number, said))
            self.assertEqual(self.outcome(pair.repository), after, number)
            own = os.path.join(pair.repository, ".git")
            self.assertEqual([name for name in os.listdir(own) if "lock" in name or "bunshin" in name], [], number)
            self.assertEqual([name for name in os.listdir(own + "/refs/heads") if "lock" in name], [], number)
            pair.drop()
        return count, results

    def test_whoever_is_killed_leaves_one_of_two_states_or_a_note(self):
        count, results = self.sweep((), self.edits)
        print(f"{count} moments: {results}", file=sys.stderr)
        for word in ("before", "told", "back"):
            self.assertGreater(results[word], 0, results)

    def test_whoever_is_killed_in_a_patch_leaves_the_files_as_they_were(self):
        git(self.repository, "checkout", "-q", "-b", "elsewhere")
        self.sweep(("--patch",), self.edits)

    def test_what_somebody_writes_at_any_moment_is_not_lost(self):
        trace = os.path.join(self.pair.place, "trace")
        codes = {}
        for number in range(1, 140, 1 if KILLS_ALL else 5):
            pair = self.pair.copy()
            mine = f"written by somebody at {number}\n"
            path, spare = os.path.join(pair.repository, "text"), os.path.join(pair.place, "spare")
            put(pair.place, "spare", mine)
            done = subprocess.run((TRACED, trace, str(number), PROBE) + pair.words(), input=pair.paths(), capture_output=True, text=True,
                                  env={**ENVIRONMENT, "TRACED_FROM": spare, "TRACED_TO": path})
            said = json.loads(done.stdout)
            if not os.path.exists(spare):
                self.assertEqual(read(path).decode(), mine, (number, said))
                codes[said["code"]] = codes.get(said["code"], 0) + 1
            if said["code"]:
                self.assertEqual(git(pair.repository, "rev-parse", "HEAD"), pair.old)
                self.assertEqual(git(pair.repository, "status", "--porcelain=v1"), " M text", "all else is as it was")
            pair.drop()
        self.assertEqual(set(codes), {"", "conflict"}, codes)


if __name__ == "__main__":
    del sys.argv[1:3]
    unittest.main(verbosity=2, failfast=True)
