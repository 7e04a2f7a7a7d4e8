#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What an attempt costs besides its work: a clone of a repository of 1,000 files, and handing in what was changed, through the real process with Omega's
record on the disk. Beside it what git needs for a clone of its own and a commit in it.

usage: overhead.py BUNSHIN [--rounds N] [--commits N] [--files N] [--folder FOLDER]
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid

import zmq

CLEAN = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": "/nonexistent", "GIT_AUTHOR_NAME": "Bench", "GIT_AUTHOR_EMAIL": "bench@localhost",
         "GIT_COMMITTER_NAME": "Bench", "GIT_COMMITTER_EMAIL": "bench@localhost"}
CONF = "network { heartbeat = 300ms }\nclone sigma { }\nroute documentation { destination = sigma }\n"


def run(*words, stdin=None, env=None, cwd=None):
    return subprocess.run(words, check=True, capture_output=True, input=stdin, env={**os.environ, **CLEAN, **(env or {})}, cwd=cwd).stdout


def make_repository(folder, files, commits):
    """A history in which each commit changes three files, of 1 to 4 KB, in folders of folders."""
    run("git", "-c", "init.defaultBranch=main", "init", "-q", folder)
    stream = bytearray()
    paths = [f"src/{number % 10}/{number // 10 % 10}/file{number}.c" for number in range(files)]

    def content(number, version):
        return "".join(f"/* {number} {line} {version if line == version % 40 else 0} */ int value_{number}_{line};\n" for line in range(20 + number % 60)).encode()
    for commit in range(commits):
        stream += b"commit refs/heads/main\nmark :%d\ncommitter Bench <bench@localhost> %d +0000\ndata 6\nchange\n" % (commit + 1, 1600000000 + commit * 3600)
        if commit:
            stream += b"from :%d\n" % commit
        for step in range(files if commit == 0 else 3):
            number = step if commit == 0 else (commit * 7 + step * 331) % files
            data = content(number, commit)
            stream += b"M 100644 inline %s\ndata %d\n%s\n" % (paths[number].encode(), len(data), data)
    run("git", "-C", folder, "fast-import", "--quiet", stdin=bytes(stream))
    run("git", "-C", folder, "reset", "-q", "--hard", "main")
    run("git", "-C", folder, "gc", "-q")


class Asked:
    def __init__(self, state):
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        with open(os.path.join(state, "run/workspace"), encoding="utf-8") as file:
            self.socket.connect(file.read().strip())

    def __call__(self, verb, **members):
        self.socket.send(json.dumps({"verb": verb, **members}).encode())
        reply = json.loads(self.socket.recv())
        if "result" not in reply:
            sys.exit(f"{verb}: {reply}")
        return reply["result"]


def processor_ms(state):
    """What the workspace's process has had of the processors: unlike the time on the clock it does not depend on who else is there."""
    with open(os.path.join(state, "run/supervisor.json"), encoding="utf-8") as file:
        pid = next(child["pid"] for child in json.load(file)["children"] if child["name"] == "workspace")
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def edit(folder):
    for number in (3, 500, 977):
        path = os.path.join(folder, f"src/{number % 10}/{number // 10 % 10}/file{number}.c")
        with open(path, "a", encoding="utf-8") as file:
            file.write("int changed;\n")


def measured(times, name, work):
    begin = time.perf_counter()
    result = work()
    times.setdefault(name, []).append((time.perf_counter() - begin) * 1000)
    return result


def attempts(ask, state, repository, folder, rounds):
    times = {}
    before = 0
    base = ask("log", repository=repository, count=1)["commits"][0]["id"]
    for number in range(rounds):
        place = os.path.join(folder, f"clone{number}")
        task = str(uuid.uuid4())
        os.mkdir(place)
        begin = time.perf_counter()
        measured(times, "clone", lambda: ask("checkout", repository=repository, revision=base, folder=place, history=True))
        edit(place)
        measured(times, "hand in", lambda: ask("harvest", repository=repository, folder=place, base=base, task=task, attempt=1))
        times.setdefault("both", []).append((time.perf_counter() - begin) * 1000)
        if number == 0:
            print(run("git", "-C", place, "status", "--short").decode().count("\n"), "files changed;",
                  run("git", "-C", place, "rev-list", "--count", "HEAD").decode().strip(), "commits in the clone")
            before = processor_ms(state)
        shutil.rmtree(place)
    print(f"processor time of the workspace: {(processor_ms(state) - before) / (rounds - 1):.1f} ms an attempt, without the first")
    for number in range(rounds):
        place = os.path.join(folder, f"files{number}")
        os.mkdir(place)
        measured(times, "files alone", lambda: ask("checkout", repository=repository, revision=base, folder=place))
        shutil.rmtree(place)
    return times


def git_attempts(repository, folder, rounds):
    times = {}
    for number in range(rounds):
        place = os.path.join(folder, f"git{number}")

        def commit():
            run("git", "-C", place, "add", "-A")
            run("git", "-C", place, "commit", "-qm", "x")
            run("git", "-C", place, "push", "-q", "origin", f"HEAD:refs/results/{uuid.uuid4()}")
        begin = time.perf_counter()
        measured(times, "git clone --no-hardlinks", lambda: run("git", "clone", "-q", "--no-hardlinks", repository, place))
        edit(place)
        measured(times, "git add, commit, push", commit)
        times.setdefault("git: both", []).append((time.perf_counter() - begin) * 1000)
        shutil.rmtree(place)
    return times


def main():
    words = argparse.ArgumentParser()
    words.add_argument("bunshin")
    words.add_argument("--rounds", type=int, default=30)
    words.add_argument("--commits", type=int, default=3000)
    words.add_argument("--files", type=int, default=1000)
    words.add_argument("--folder")
    words = words.parse_args()
    folder = tempfile.mkdtemp(prefix="bunshin-overhead-", dir=words.folder)
    repository, state, routes = (os.path.join(folder, name) for name in ("repository", "state", "routing.conf"))
    environment = {"BUNSHIN_STATE": state, "BUNSHIN_ROUTES": routes}
    with open(routes, "w", encoding="utf-8") as file:
        file.write(CONF)
    make_repository(repository, words.files, words.commits)
    run(words.bunshin, "up", env=environment)
    try:
        ask = Asked(state)
        imported = ask("import", path=repository)
        print(f"{words.files} files, {words.commits} commits, {imported['objects']} objects, in {folder}")
        rows = {**attempts(ask, state, repository, folder, words.rounds), **git_attempts(repository, folder, max(3, words.rounds // 4))}
        for name, times in rows.items():
            times.sort()
            print(f"{name:28} p50 {statistics.median(times):8.1f} ms   p95 {times[int(len(times) * 0.95) - 1]:8.1f}   most {times[-1]:8.1f}")
    finally:
        subprocess.run((words.bunshin, "down"), env={**os.environ, **environment}, check=False, capture_output=True)
        shutil.rmtree(folder)


main()
