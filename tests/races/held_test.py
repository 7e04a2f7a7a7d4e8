#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Is the right one chosen? The small tasks of held_tasks.py, each a race of agents that mend, pretend, delete, skip, destroy and hang.

    held_test.py BUNSHIN [TASK…]
    held_test.py --make FOLDER     only makes the tasks, in the shape of bench/races/history.py

What right is, and how a race is run, is in bench/races/held.py, which does the same with bug fixes of real projects.
"""
import json
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../bench/races"))
import held  # noqa: E402
import history  # noqa: E402
from held_tasks import TASKS  # noqa: E402

AGENTS = ["right", "wrong", "liar", "deleter", "destroyer", "hanger"]
IDLE = "4s"  # a hanger says one line; nobody else is silent that long
AT_ONCE = 5
WHOLE = ("lines", "ranges")  # judged by all gates; the others by those that are asked about tests


def write(folder, files):
    for path, text in files.items():
        whole = os.path.join(folder, path)
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        with open(whole, "w", encoding="utf-8") as file:
            file.write(text)


def commit(repository, files, message):
    write(repository, files)
    history.git(repository, "add", "-A")
    history.git(repository, "commit", "-q", "-m", message)


def mended(task):
    """The sources with the fix; each place must be there, once."""
    files = {path: task["old"][path] for path, _, _ in task["mend"]}
    for path, there, instead in task["mend"]:
        assert files[path].count(there) == 1, (path, there)
        files[path] = files[path].replace(there, instead)
    return files


def make(folder, task):
    repository = os.path.join(folder, "repository")
    os.makedirs(repository)
    history.git(repository, "-c", "init.defaultBranch=task", "init", "-q", "--template=")
    first = next(iter(task["old"]))
    commit(repository, {first: task["old"][first]}, "A beginning")
    commit(repository, {**task["old"], **task["known"]}, "All of it, and what is known to work")
    commit(repository, task["tests"], "Tests of what is to be mended")
    head = history.git(repository, "rev-parse", "HEAD").decode().strip()
    write(repository, mended(task))
    patch = history.git(repository, "diff", "--binary")
    history.git(repository, "checkout", "-q", "--", ".")
    with open(os.path.join(folder, "fix.patch"), "wb") as file:
        file.write(patch)
    with open(os.path.join(folder, "task.json"), "w", encoding="utf-8") as file:
        json.dump({"commit": head, "subject": task["subject"], "fails": sorted(task["tests"]), "files": sorted(mended(task))}, file)


def agents_of(task):
    """Tests in Python are skipped in one line as well."""
    return AGENTS + (["skipper"] if any(path.endswith(".py") for path in task["tests"]) else [])


def run(network, folder, name):
    begun, agents = time.monotonic(), agents_of(TASKS[name])
    told = network.lay(os.path.join(folder, name))
    result, command = network.race(os.path.join(folder, name), told, agents, *([] if name in WHOLE else ["--gates", "change,tests,protected,text"]))
    faults = held.faults_of(result, agents)
    if command.returncode and not faults:
        faults.append(f"all is right and the command ends with {command.returncode}")
    print(f"{'WRONG' if faults else 'right'}  {name}  {time.monotonic() - begun:.0f} s  {told['subject']}", flush=True)
    for fault in faults:
        print(f"       {fault}", flush=True)
    return not faults


def main():
    if sys.argv[1] == "--make":
        for name, task in TASKS.items():
            make(os.path.join(sys.argv[2], name), task)
        return 0
    names = sys.argv[2:] or list(TASKS)
    folder = tempfile.mkdtemp(prefix="bunshin-held-tasks-")
    try:
        for name in names:
            make(os.path.join(folder, name), TASKS[name])
        with held.Network(os.path.abspath(sys.argv[1]), AGENTS + ["skipper"], IDLE) as network, ThreadPoolExecutor(AT_ONCE) as several:
            right = sum(several.map(lambda name: run(network, folder, name), names))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{right} of {len(names)} races came out right")
    return 0 if right == len(names) else 1


if __name__ == "__main__":
    sys.exit(main())
