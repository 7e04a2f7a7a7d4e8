#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What it is worth to let agents work at the same time, and what an attempt costs besides the agent.

usage: parallel.py BUNSHIN [--seconds S] [--at-least RATIO] [--attempts N] [--files N] [--no-race] [--folder FOLDER]

The race: four agents that think for S seconds each, one after the other and then all at once. RATIO is that of the times from the first attempt's beginning to the last one's
end, of two races in one run; judging, which is done while others still work, comes after. The attempts: N of them, one at a time, by an agent that takes two milliseconds and changes one file of a repository of so many files; from the
request to the end as the trail has it, and what of that is whose.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile
from datetime import datetime

CLEAN = {"GIT_CONFIG_NOSYSTEM": "1", "HOME": "/nonexistent", "GIT_AUTHOR_NAME": "Bench", "GIT_AUTHOR_EMAIL": "bench@localhost",
         "GIT_COMMITTER_NAME": "Bench", "GIT_COMMITTER_EMAIL": "bench@localhost", "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"}
HOW = 'adapter = jsonl  text = "/text"  usage_in = "/in"  usage_out = "/out"  final = "/type=result"  final_ok = "/ok=true"'
NAMES = ("north", "east", "south", "west")
AGENT = """cat > /dev/null
echo {name} > {name}.txt
sleep {seconds}
echo '{{"type": "result", "ok": true, "text": "It is written.", "in": 10, "out": 10}}'
"""


class Network:
    def __init__(self, options, files):
        self.bunshin = options.bunshin
        self.folder = tempfile.mkdtemp(prefix="bunshin-parallel-", dir=options.folder)
        self.repository = os.path.join(self.folder, "project")
        self.env = {**os.environ, **CLEAN, "BUNSHIN_STATE": os.path.join(self.folder, "state"), "BUNSHIN_TIMEOUT": "60s",
                    "BUNSHIN_ROUTES": os.path.join(self.folder, "routing.conf")}
        with open(self.env["BUNSHIN_ROUTES"], "w", encoding="utf-8") as file:
            file.write("clone shadow { slots = 4 }\nclone judge { slots = 2 }\nclone delta { slots = 4 }\nroute check { destination = delta  timeout = 60s }\nroute code-change { destination = shadow  timeout = 5m }\n"
                       "route race { destination = judge  timeout = 10m  timeout_max = 1h }\n")
            for name, seconds in [(name, options.seconds) for name in NAMES] + [("quick", 0)]:
                path = os.path.join(self.folder, name)
                with open(path, "w", encoding="utf-8") as script:
                    script.write(AGENT.format(name=name, seconds=seconds))
                file.write(f'agent {name} {{ {HOW}  command = "/bin/sh {path}" }}\n')
        self.make_repository(files)
        self.run("up")
        self.run("workspace", "import")

    def git(self, *words):
        subprocess.run(("git", "-C", self.repository) + words, env=self.env, check=True, capture_output=True)

    def make_repository(self, files):
        os.mkdir(self.repository)
        self.git("-c", "init.defaultBranch=main", "init", "-q")
        for number in range(files):
            path = os.path.join(self.repository, "src", str(number % 10), f"file{number}.c")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write("".join(f"int value_{number}_{line};\n" for line in range(40 + number % 100)))
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "base")

    def run(self, *words):
        done = subprocess.run((self.bunshin,) + words, cwd=self.repository, env=self.env, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=600)
        if done.returncode:
            raise SystemExit(f"bunshin {' '.join(words)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def close(self):
        self.run("down")
        shutil.rmtree(self.folder)

    def times(self, task):
        shown = json.loads(self.run("task", "show", task, "--json"))["task"]
        return datetime.fromisoformat(shown["accepted_at"]), datetime.fromisoformat(shown["ended_at"])

    def race(self, parallel):
        """Seconds that its attempts take, and the whole race, as the trail has them."""
        shown = self.run("race", "Write your name down.", "--agents", ",".join(NAMES), "--gates", "change,text,protected", "--check", "ls *.txt", "--parallel",
                         str(parallel), "--no-notes")
        result = json.loads(self.run("race", "show", shown[:36], "--json"))["result"]
        handed_in = [attempt["label"] for attempt in result["attempts"] if attempt["ended"] == "handed-in"]
        if len(handed_in) != len(NAMES):
            raise SystemExit(f"only {handed_in} handed something in: {result['text']}")
        begun, ended = zip(*(self.times(attempt["task"]) for attempt in result["attempts"]))
        whole = self.times(shown[:36])
        return (max(ended) - min(begun)).total_seconds(), (whole[1] - whole[0]).total_seconds()

    def attempt(self):
        """Milliseconds of one attempt: from its being accepted to its end, and the part in which the agent's process was there."""
        told = json.loads(self.run("task", "send", "code-change", "--commit", "main", "--params", json.dumps({"agent": "quick", "prompt": "Write."}), "--wait", "--json"))
        began, ended = self.times(told["task_id"])
        return (ended - began).total_seconds() * 1000, told["result"]["agent"]["duration_ms"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bunshin")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--at-least", type=float, default=0)
    parser.add_argument("--attempts", type=int, default=40)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--no-race", action="store_true")
    parser.add_argument("--folder")
    options = parser.parse_args()
    network = Network(options, options.files)
    try:
        if options.attempts:
            network.attempt()  # programs and versions are looked for once
            rows = [network.attempt() for _ in range(options.attempts)]
            whole, agent = zip(*rows)
            ours = [a - b for a, b in rows]
            print(f"an attempt in {options.files} files, median of {options.attempts}: {statistics.median(whole):.1f} ms, of which the agent's process "
                  f"{statistics.median(agent):.1f} ms and ours {statistics.median(ours):.1f} ms (slowest tenth from {sorted(ours)[len(ours) * 9 // 10]:.1f} ms)")
        if not options.no_race:
            (one, one_whole), (at_once, at_once_whole) = network.race(1), network.race(4)
            ratio = one / at_once
            print(f"four agents of {options.seconds:g} s: one after the other {one:.2f} s, at once {at_once:.2f} s, {ratio:.2f} times as fast; the races as wholes, "
                  f"with judging, {one_whole:.2f} s and {at_once_whole:.2f} s, {one_whole / at_once_whole:.2f} times")
            if ratio < options.at_least:
                raise SystemExit(f"at least {options.at_least} times was wanted")
    finally:
        network.close()


if __name__ == "__main__":
    main()
