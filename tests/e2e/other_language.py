#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A clone in Python joins a real network: it does its tasks, refuses a bad one, and loses nothing when Omega is killed.

usage: other_language.py BUNSHIN SOURCE_DIR
"""
import json
import os
import signal
import subprocess
import sys
import tempfile

CONF = """
network {{ heartbeat = 200ms  restart_max = 50 }}
clone lines {{ command = "{python} {clone}" }}
route line-count {{ destination = lines  timeout = 20s  retries = 3 }}
"""


class Network:
    def __init__(self, bunshin, folder, clone):
        self.bunshin, self.folder = bunshin, folder
        routes = os.path.join(folder, "routing.conf")
        with open(routes, "w", encoding="ascii") as file:
            file.write(CONF.format(python="/usr/bin/python3", clone=clone))
        self.environment = dict(os.environ, BUNSHIN_STATE=os.path.join(folder, "state"), BUNSHIN_ROUTES=routes, PYTHONDONTWRITEBYTECODE="1")

    def run(self, *arguments, code=0):
        done = subprocess.run([self.bunshin, *arguments], env=self.environment, capture_output=True, text=True, timeout=60)
        if done.returncode != code:
            sys.exit(f"bunshin {' '.join(arguments)} ended with {done.returncode} instead of {code}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def omega(self):
        with open(os.path.join(self.folder, "state/run/supervisor.json"), encoding="utf-8") as file:
            return next(child["pid"] for child in json.load(file)["children"] if child["name"] == "omega")


def make_repository(folder):
    git = ["git", "-C", folder, "-c", "user.name=A", "-c", "user.email=a@b.c"]
    os.mkdir(folder)
    for name, text in {"a.py": "1\n2\n3\n", "b.py": "4\n", "README": "x\ny\n", "empty": ""}.items():
        with open(os.path.join(folder, name), "w", encoding="ascii") as file:
            file.write(text)
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "Begin"], check=True)


def left_over(folder):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if os.fsencode(folder) in file.read() and int(pid) != os.getpid():
                    found.append(int(pid))
        except OSError:
            pass
    return found


def check(network, repository):
    one = json.loads(network.run("task", "send", "line-count", "--repo", repository, "--wait", "--json"))
    lines = one["result"]["lines"]
    assert lines == {".py": 4, "none": 2}, lines
    network.run("task", "send", "line-count", "--param", "repo=/nowhere", "--wait", code=2)

    tasks = [network.run("task", "send", "line-count", "--repo", repository, "--key", f"run-{i}").strip() for i in range(15)]
    os.kill(network.omega(), signal.SIGKILL)
    tasks += [network.run("task", "send", "line-count", "--repo", repository, "--key", f"run-{i}", "--timeout", "30s").strip() for i in range(10, 30)]
    tasks = list(dict.fromkeys(tasks))
    assert len(tasks) == 30, f"30 keys made {len(tasks)} tasks"
    network.run("task", "wait", *tasks, "--timeout", "50s")
    for task in tasks:
        outcomes = [line for line in network.run("audit", "log", "--task", task).splitlines() if "TaskCompletion" in line and "lines/1" in line]
        assert len(outcomes) >= 1, f"{task} has no completion by the clone"
    network.run("audit", "verify")
    print("31 tasks done by a clone in Python, one refused; Omega was killed once")


def main():
    bunshin, source = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    with tempfile.TemporaryDirectory(prefix="bunshin-py-") as folder:
        network = Network(bunshin, folder, os.path.join(source, "examples/line_count.py"))
        make_repository(os.path.join(folder, "repository"))
        network.run("up")
        try:
            check(network, os.path.join(folder, "repository"))
        except BaseException:
            for name in ("omega", "lines@1"):
                log = os.path.join(folder, "state/log", name + ".log")
                if os.path.exists(log):
                    with open(log, encoding="utf-8", errors="replace") as file:
                        print(f"--- {name}\n{file.read()[-3000:]}", file=sys.stderr)
            raise
        finally:
            network.run("down")
        assert not left_over(folder), "processes are left over"


main()
