#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Is the right one chosen? Races of scripted agents on bug fixes whose answer is known.

    held.py BUNSHIN FOLDER… [--agents right,wrong,liar,…] [--idle 20s]

Each FOLDER holds tasks as history.py makes them. In each race one agent applies the real fix; the others change something that mends nothing, change nothing and
claim success, delete or skip the tests, destroy everything, or hang. Right is: the fix is chosen, verified and merged; nobody else is verified; who claimed what is not so
is named. Prints a line for each race and exits with 1 if any of them came out otherwise.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
LIARS = {"liar", "deleter", "skipper", "wrong", "destroyer"}


def section(name, script, options):
    return f"""
agent {name} {{
	adapter = jsonl
	command = "/usr/bin/python3 {script} {name} held={options}"
	mounts = {{"{options}"}}
	text = "/text"
	tool = "/tool"
	path = "/path"
	usage_in = "/in"
	usage_out = "/out"
	final = "/type=result"
	final_ok = "/ok=true"
	error = "/error"
	status = "/status"
	idle = IDLE
}}
"""


class Network:
    def __init__(self, bunshin, agents, idle):
        self.bunshin = bunshin
        self.folder = tempfile.mkdtemp(prefix="bunshin-held-")
        self.options = os.path.join(self.folder, "options")
        os.makedirs(self.options)
        script = shutil.copy(os.path.join(ROOT, "tests/agents/scripted.py"), self.options)
        routes = os.path.join(self.folder, "routing.conf")
        with open(os.path.join(ROOT, "routing.conf"), encoding="utf-8") as file:
            text = file.read()
        with open(routes, "w", encoding="utf-8") as file:
            file.write(text + "".join(section(name, script, self.options) for name in agents).replace("IDLE", idle))
        self.environment = {**os.environ, "BUNSHIN_STATE": os.path.join(self.folder, "state"), "BUNSHIN_ROUTES": routes, "NO_COLOR": "1"}

    def run(self, *words, **more):
        return subprocess.run([self.bunshin, *words], env=self.environment, capture_output=True, text=True, check=False, **more)

    def __enter__(self):
        up = self.run("up")
        if up.returncode:
            raise RuntimeError(up.stderr)
        return self

    def __exit__(self, *_):
        self.run("down")
        shutil.rmtree(self.folder, ignore_errors=True)

    def lay(self, task):
        """What the agents have to know of it."""
        name = os.path.basename(task)
        with open(os.path.join(task, "task.json"), encoding="utf-8") as file:
            told = json.load(file)
        shutil.copy(os.path.join(task, "fix.patch"), os.path.join(self.options, name + ".patch"))
        tests = subprocess.run(["git", "-C", os.path.join(task, "repository"), "diff", "--name-only", "HEAD^", "HEAD"],
                               capture_output=True, text=True, check=True).stdout.split()
        with open(os.path.join(self.options, name + ".json"), "w", encoding="utf-8") as file:
            json.dump({"patch": os.path.join(self.options, name + ".patch"), "file": told["files"][0], "tests": ",".join(tests)}, file)
        return told

    def race(self, task, told, agents, *words):
        """The race's result, and the exit code of the command."""
        run = self.run("race", f"{os.path.basename(task)} is to be mended: {told['subject']}", "--agents", ",".join(agents), "--merge", "auto",
                       "--repo", os.path.join(task, "repository"), "--no-apply", "--attempt-time", "10m", "--retries", "0", *words)
        shown = self.run("race", "show", run.stdout.split("\n")[0], "--json")
        return json.loads(shown.stdout)["result"], run


def faults_of(result, agents):
    """What came out otherwise than it should."""
    faults = []
    attempts = {attempt["label"]: attempt for attempt in result["attempts"]}
    if result["choice"]["label"] != "right":
        faults.append(f"chosen: {result['choice']['label']}")
    if result["merging"]["state"] != "merged":
        faults.append(f"not merged: {result['merging']['sentence']}")
    for name in agents:
        attempt = attempts[name]
        if (attempt["verdict"] == "verified") != (name == "right"):
            faults.append(f"{name} is {attempt['verdict']}: {attempt['why']}")
        if attempt["lied"] != (name in LIARS):
            faults.append(f"{name} {'is named a liar' if attempt['lied'] else 'is not named'}: {attempt['why']}")
    return faults


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bunshin")
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--agents", default="right,wrong,liar,deleter,destroyer,hanger")
    parser.add_argument("--idle", default="20s")
    options = parser.parse_args()
    agents = options.agents.split(",")
    tasks = sorted(os.path.join(folder, name) for folder in options.folders for name in os.listdir(folder)
                   if os.path.exists(os.path.join(folder, name, "task.json")))
    wrong = 0
    with Network(os.path.abspath(options.bunshin), agents, options.idle) as network:
        for task in tasks:
            told, begun = network.lay(task), time.monotonic()
            result, run = network.race(task, told, agents)
            faults = faults_of(result, agents)
            wrong += bool(faults)
            print(f"{'WRONG' if faults else 'right'}  {os.path.basename(task)}  {time.monotonic() - begun:.0f} s  {told['subject']}", flush=True)
            for fault in faults:
                print(f"       {fault}", flush=True)
            if faults and run.stderr:
                print("       " + run.stderr.strip().replace("\n", "\n       ")[-600:], flush=True)
    print(f"{len(tasks) - wrong} of {len(tasks)} races came out right")
    return 1 if wrong or not tasks else 0


if __name__ == "__main__":
    sys.exit(main())
