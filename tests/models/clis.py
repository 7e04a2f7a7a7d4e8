#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Do the real programs do what a scripted model tells them? Installs them from npm, runs each once, and looks at the file.

    clis.py FOLDER [--only NAME,NAME] [--story hello|edit] [--install-only] [--at-once] [--keep]

FOLDER gets one folder a program (1.1 GB for all five); what is there already is not installed again. Each run has a home and a
repository of its own, in bubblewrap, with no network but a way to the scripted server. Exit 0 if every file was really written.
"""
import argparse
import concurrent.futures
import json
import os
import shutil
import sys
import tempfile
import threading
import time

import agents
import script
import server

WANTED = "Hello\nfrom a script\n"
STORIES = {  # a script in scripts/, and the files that must be there after it
    "hello": {"hello.txt": WANTED},
    "edit": {"calc.py": "def add(a, b):\n\treturn a + b\n", "result.txt": "5\n"},
}


class Bench:
    """A server on a Unix socket, a log, and folders for runs, all in one folder that goes away."""

    def __init__(self, lanes=None, keep=False, bodies=False):
        self.folder, self.keep = tempfile.mkdtemp(prefix="bunshin-models-"), keep
        self.log = open(os.path.join(self.folder, "asked.jsonl"), "a+", encoding="utf-8")
        self.socket = os.path.join(self.folder, "model")
        self.server = server.Server(self.socket, lanes or script.lanes_of({}), self.log, bodies)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.stop()
        self.log.close()
        if self.keep:
            print(f"kept in {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def place(self, name):
        """A folder for a run; the name is free to be used once."""
        path = os.path.join(self.folder, name)
        os.makedirs(path)
        return path

    def asked(self, lane):
        """What the log has of a lane, in order."""
        with open(self.log.name, encoding="utf-8") as file:
            return [entry for entry in map(json.loads, file) if entry["lane"] == lane and entry["event"] == "asked"]


def story_script(story):
    return script.load(os.path.join(agents.HERE, "scripts", f"{story}.json"))[""]


def complaints(outcome, run, asked, story):
    """Everything that is not as it should be after a run."""
    if outcome.code != 0 or outcome.stopped:
        yield f"exit code {outcome.code}: {(outcome.err or outcome.out).strip()[-300:]}"
    for name, wanted in STORIES[story].items():
        made = agents.read(os.path.join(run, "work", name))
        if made != wanted:
            yield f"{name} holds {made!r}"
    if agents.changes(run) != [f"?? {name}" for name in STORIES[story]]:
        yield f"git sees {agents.changes(run)}"
    turns = [entry["turn"] for entry in asked if entry["request"]]
    if turns != list(range(len(story_script(story).turns))):
        yield f"turns asked for: {turns}"
    if any(entry.get("missing") for entry in asked):
        yield "a tool of the script is not among those that were offered"
    if outcome.left:
        yield f"processes left: {outcome.left}"


def check(folder, name, bench, story):
    run = bench.place(name)
    outcome = agents.run(folder, name, run, bench.socket, lane=name)
    asked = bench.asked(name)
    main = [entry for entry in asked if entry["request"]]
    wire = main[0]["wire"] if main else "-"
    calls = ",".join(call for entry in main for call in entry["calls"])
    wrong = list(complaints(outcome, run, asked, story))
    row = f"{name:9} {agents.version(folder, name)[:24]:24} {outcome.seconds:6.1f} s  {wire:9} {len(main)}+{len(asked) - len(main)}   {'WRONG' if wrong else 'written':7}  {calls}"
    return row, [f"{name}: {text}" for text in wrong]


def installed(folder, names):
    for needed in ("bwrap", "git", "node", "npm"):
        if not shutil.which(needed):
            sys.exit(f"{needed} is not there; these runs need bubblewrap, git, node and npm")
    for name in names:
        if os.path.exists(agents.program(folder, name)):
            continue
        start = time.monotonic()
        said = agents.install(folder, name)
        if said:
            sys.exit(f"{name}: npm install {agents.AGENTS[name]['package']} failed:\n{said}")
        print(f"{name}: installed in {time.monotonic() - start:.0f} s", flush=True)


def names_of(text):
    names = text.split(",") if text else list(agents.AGENTS)
    for name in names:
        if name not in agents.AGENTS:
            sys.exit(f'no program "{name}"; there are {", ".join(agents.AGENTS)}')
    return names


def main():
    parser = argparse.ArgumentParser(description="Runs the real programs against a scripted model.")
    parser.add_argument("folder", help="where the programs are, or get installed")
    parser.add_argument("--only", metavar="NAMES", help=", ".join(agents.AGENTS))
    parser.add_argument("--story", choices=STORIES, default="hello", help="what the model does (default hello)")
    parser.add_argument("--install-only", action="store_true")
    parser.add_argument("--at-once", action="store_true", help="all at the same time")
    parser.add_argument("--keep", action="store_true", help="leave repositories, homes and the log")
    options = parser.parse_args()
    folder, names = os.path.abspath(options.folder), names_of(options.only)
    installed(folder, names)
    if options.install_only:
        return
    with Bench({"": script.Script("", {}), **{name: story_script(options.story) for name in names}}, options.keep) as bench:
        print(f"{'program':9} {'version':24} {'time':>8}  {'wire':9} asked {'files':7}  tools called")
        with concurrent.futures.ThreadPoolExecutor(len(names) if options.at_once else 1) as pool:
            done = []
            for row, wrong in pool.map(lambda name: check(folder, name, bench, options.story), names):
                print(row, flush=True)
                done += wrong
    print("\n".join(done) if done else "every file was really written")
    sys.exit(1 if done else 0)


if __name__ == "__main__":
    main()
