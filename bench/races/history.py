#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Bug fixes out of the history of a real repository, as tasks: the old sources with the new tests.

    history.py REPOSITORY FOLDER [--count N] [--commits N] [--kind pytest|make|cmake]

A commit that changes sources and tests becomes a task if the new tests fail with the old sources and pass with the new ones, which is tried
here, twice. FOLDER gets a folder for each task:

    repository/   a git repository: the history up to the fix, and one commit more that brings its tests
    fix.patch     what the commit did to the sources
    task.json     {"commit", "subject", "fails": [tests], "files": [paths of the fix]}

The tests of strangers run here without a sandbox: only give it a repository that you would build by hand.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

TIMEOUT_S = 120


def git(folder, *words, check=True, **more):
    run = subprocess.run(["git", "-C", folder, "-c", "core.hooksPath=/dev/null", "-c", "user.name=history",
                          "-c", "user.email=history@localhost", *words], capture_output=True, check=False, **more)
    if check and run.returncode:
        raise RuntimeError(f"git {' '.join(words)}: {run.stderr.decode(errors='replace')[-400:]}")
    return run.stdout


def is_test(path):
    return bool(re.search(r"(^|/)(tests?|testing)/|(^|/)test_[^/]*$|_test\.[^/]*$", path))


def is_source(path):
    return bool(re.search(r"\.(py|c|h|js)$", path)) and not is_test(path) and not re.search(r"(^|/)(docs?|examples)/", path)


# ---- running tests: names of those that failed, or None if that cannot be told ----

def cases_of(junit):
    try:
        root = xml.etree.ElementTree.parse(junit).getroot()
    except (OSError, xml.etree.ElementTree.ParseError):
        return None, None
    failed, passed = set(), set()
    for case in root.iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        bad = case.find("failure") is not None or case.find("error") is not None
        (failed if bad else passed).add(name)
    return failed, passed


def run_tests(kind, folder, tests):
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1",
                   "PYTHONPATH": f"{folder}:{folder}/src"}
    with tempfile.TemporaryDirectory(prefix="bunshin-history-") as out:
        junit = os.path.join(out, "junit.xml")
        if kind == "pytest":
            words = ["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml", junit,
                     *[test for test in tests if test.endswith(".py") and os.path.exists(os.path.join(folder, test))]]
        else:
            words = ["sh", "-c", f"cmake -S {folder} -B {out}/b >/dev/null && cmake --build {out}/b -j2 >/dev/null 2>&1 && "
                                 f"ctest --test-dir {out}/b --output-junit {junit} -j2"]
        try:
            subprocess.run(words, cwd=folder, env=environment, capture_output=True, timeout=TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired:
            return None, None
        return cases_of(junit)


# ---- a commit as a task ----

def candidates(repository, most):
    """Newest first: commits of one parent that change few sources and at least one test."""
    log = git(repository, "log", "--no-merges", f"-{most}", "--format=%x00%H%x01%s", "--name-only",
              "--diff-filter=AM", "HEAD").decode(errors="replace")
    for entry in log.split("\0")[1:]:
        head, _, paths = entry.partition("\n")
        commit, _, subject = head.partition("\1")
        paths = [path for path in paths.split("\n") if path]
        sources, tests = [p for p in paths if is_source(p)], [p for p in paths if is_test(p)]
        if 1 <= len(sources) <= 3 and 1 <= len(tests) <= 3 and len(paths) <= 10:
            yield commit, subject, sources, tests


def make_task(repository, folder, kind, commit, subject, sources, tests):
    """True if it is one; then `folder` holds it."""
    clone = os.path.join(folder, "repository")
    git(".", "clone", "-q", "--no-tags", "--shared", repository, clone)
    git(clone, "checkout", "-q", "--detach", commit + "^")
    git(clone, "checkout", "-q", commit, "--", *tests)
    failed_old, passed_old = run_tests(kind, clone, tests)
    if not failed_old or not passed_old:
        return False
    git(clone, "checkout", "-q", commit, "--", *sources, check=False)
    failed_new, passed_new = run_tests(kind, clone, tests)
    fails = failed_old & (passed_new or set())
    if failed_new is None or failed_new or not fails or len(fails) > 20:
        return False
    patch = git(clone, "diff", "--binary", commit + "^", commit, "--", *sources)
    git(clone, "checkout", "-q", "-f", "--detach", commit + "^")
    git(clone, "clean", "-qfdx")
    git(clone, "checkout", "-q", commit, "--", *tests)
    git(clone, "commit", "-qm", "Tests of what is to be mended")
    git(clone, "branch", "-q", "-f", "task")
    git(clone, "checkout", "-q", "task")
    git(clone, "repack", "-qad")
    os.remove(os.path.join(clone, ".git/objects/info/alternates"))
    with open(os.path.join(folder, "fix.patch"), "wb") as file:
        file.write(patch)
    with open(os.path.join(folder, "task.json"), "w", encoding="utf-8") as file:
        json.dump({"commit": commit, "subject": subject, "fails": sorted(fails), "files": sources}, file, indent=1)
    return True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("repository")
    parser.add_argument("folder")
    parser.add_argument("--count", type=int, default=5)
    parser.add_argument("--commits", type=int, default=1500)
    parser.add_argument("--kind", choices=["pytest", "cmake"], default="pytest")
    options = parser.parse_args()
    made = tried = 0
    for commit, subject, sources, tests in candidates(options.repository, options.commits):
        if made >= options.count:
            break
        tried += 1
        folder = os.path.join(options.folder, commit[:10])
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        if make_task(options.repository, folder, options.kind, commit, subject, sources, tests):
            made += 1
            print(f"{commit[:10]} {subject}", flush=True)
        else:
            shutil.rmtree(folder)
    print(f"{made} tasks of {tried} commits", file=sys.stderr)
    return 0 if made else 1


if __name__ == "__main__":
    sys.exit(main())
