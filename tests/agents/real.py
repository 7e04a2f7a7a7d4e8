#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The real programs in real races: each edits the same repository at the same time, one of them mends it, and that one has to win.

    real.py BUNSHIN FOLDER [--only claude,codex,gemini,opencode,qwen] [--times N] [--rounds N] [--faults [CASE,CASE]] [--wall SECONDS] [--keep]

FOLDER is where tests/models/clis.py has put the programs; what is missing is installed by npm (1.1 GB for all five). The model is scripted
(tests/models), so nothing is asked of anybody and nothing costs money. In each round another program is given the story that is right; the
others mend nothing, break a test, only talk, or change the build server's file too. --rounds: so many (default: as many as take part; none with
--faults). --times: each program takes part so often. --faults runs each program through a model that fails, and prints a table. Exit 0 if
all is as it should be.
"""
import argparse
import concurrent.futures
import os
import shutil
import sys
import time

import bench
import faults
import stories

CAST = ("right", "wrong", "breaker", "smuggler", "talker")  # of further rounds; the first has one who is right at length instead


def cast_of(names, number):
    """Who plays what: the first of the list is right in round 0, the second in round 1, …"""
    roles = ("right", "wrong", "breaker", "smuggler", "wordy") if number == 0 and len(names) == len(CAST) else CAST
    if len(names) < 2:
        roles = ("right",)
    return {names[(number + i) % len(names)]: roles[i] for i in range(min(len(names), len(roles)))}


class Round:
    def __init__(self, net, number):
        self.net, self.wrong = net, []
        self.cast = cast_of(net.names, number)
        self.right = next(name for name, role in self.cast.items() if role == "right")
        self.base = net.project(f"project-{number}")

    def expect(self, is_so, text):
        if not is_so:
            self.wrong.append(text)

    def run(self):
        for name, role in self.cast.items():
            self.net.lay(name, stories.script_of(role))
        self.net.server.books.call(self.cast)
        self.result, self.code, self.seconds = self.net.race("--merge", "auto", "--retries", "0", agents_given=list(self.cast))
        self.expect(self.net.server.books.met(), "they did not all ask the model at the same time")
        for attempt in self.result["attempts"]:
            self.look_at(attempt)
        self.look_at_the_merge()
        self.look_at_what_is_told()
        self.expect(not (left := self.net.left()), f"processes are left: {left}")
        return self

    def look_at(self, attempt):
        name = attempt["label"]
        ended, verdict, lied, gates = stories.FOUND[self.cast[name]]
        seen = (attempt["ended"], attempt["verdict"], attempt["lied"])
        self.expect(seen == (ended, verdict, lied), f"{name} ({self.cast[name]}): {seen}, not {(ended, verdict, lied)}: {attempt['why']} {attempt['lie']}")
        failed = {row["gate"] for row in attempt["gates"] if row["state"] == "failed"}
        self.expect(failed == gates, f"{name} ({self.cast[name]}): gates that failed: {failed}, not {gates}")
        tokens = self.net.tokens(name)
        self.expect(attempt["tokens"] == tokens > 0, f"{name}: {attempt['tokens']} tokens, and the server says {tokens}")
        usage = self.net.evidence(attempt["task"]).get("usage", {})
        self.expect(usage.get("by") == "proxy", f"{name}: usage {usage}")
        if ended == "handed-in":
            self.expect(self.net.file_at(attempt["change"]["commit"]) != self.net.file_at(self.base), f"{name} has not edited the repository")

    def look_at_the_merge(self):
        result, repository = self.result, self.net.repository
        head = stories.git(repository, "rev-parse", "HEAD")
        self.expect((self.code, result["choice"]["label"], result["merging"]["state"]) == (0, self.right, "merged"),
                    f"exit {self.code}, {result['choice']['sentence']} {result['merging']['sentence']}")
        self.expect(head == result["merging"]["commit"] != self.base, "the checkout is not at what was merged")
        self.expect(stories.git(repository, "status", "--porcelain", "-uall") == "", "the checkout is not clean")
        self.expect(stories.MENDED in self.net.file_at(head), "what was merged does not have the line")
        self.expect(stories.passes(repository), "the tests do not pass where the person works")

    def look_at_what_is_told(self):
        shown = self.net.bunshin("race", "show", "last").stdout
        for name, role in self.cast.items():
            self.expect(name in shown, f"race show says nothing of {name}")
            self.expect((f"{name} lies" in shown or "not so" in shown) or not stories.FOUND[role][2], f"race show does not name {name} a liar")

    def lines(self):
        for attempt in sorted(self.result["attempts"], key=lambda one: one["rank"] or 99):
            name = attempt["label"]
            mark = "merged" if name == self.result["choice"]["label"] else ""
            yield (f"  {name:9} {self.cast[name]:9} {attempt['ended']:10} {attempt['verdict']:13} {'lied' if attempt['lied'] else '':5} {attempt['wall_ms'] / 1000:6.1f} s"
                   f" {attempt['tokens']:8} tokens  {mark}")


def race_all(net, rounds):
    wrong = []
    for number in range(rounds):
        one = Round(net, number).run()
        print(f"round {number + 1}: {one.right} is right; {one.seconds:.0f} s: {'as it should be' if not one.wrong else 'WRONG'}", flush=True)
        print("\n".join(one.lines()), flush=True)
        wrong += [f"round {number + 1}: {text}" for text in one.wrong]
    rows = {row["agent"]: row for row in net.json("agent", "stats")["agents"] if row["kind"] == "race"}
    for name in net.names:
        won = 1 if rounds == len(net.names) else 0
        if name not in rows or rows[name]["attempts"] != rounds or rows[name]["verified"] < won:
            wrong.append(f"agent stats: {name}: {rows.get(name)}")
    return wrong


def install(folder, names):
    """What npm cannot bring is told in a sentence."""
    if not shutil.which("npm"):
        sys.exit("real.py: there is no npm, which brings the programs; on Debian: apt-get install npm")
    missing = [name for name in names if not os.path.exists(bench.agents.program(folder, name))]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for name, said in zip(missing, pool.map(lambda one: bench.agents.install(folder, one, known=True), missing)):
            if said:
                sys.exit(f"npm install {bench.agents.AGENTS[name]['package']} said:\n{said}\n"
                         f"real.py: {name} could not be installed, so nothing was tested. Can this machine reach a registry of npm?")


def main():
    parser = argparse.ArgumentParser(description="Real races of the real programs, with a scripted model.")
    parser.add_argument("bunshin", help="the program")
    parser.add_argument("folder", help="where the programs are, or get installed")
    parser.add_argument("--only", metavar="NAMES", default=",".join(bench.MODELS), help="of " + ", ".join(bench.MODELS))
    parser.add_argument("--times", type=int, default=1, help="each program takes part so often (default 1)")
    parser.add_argument("--rounds", type=int, help="so many races (default: as many as programs)")
    parser.add_argument("--faults", nargs="?", const=",".join(faults.CASES), metavar="CASES", help="of " + ", ".join(faults.CASES))
    parser.add_argument("--wall", type=int, default=60, help="with --faults: seconds that an attempt may take (default 60)")
    parser.add_argument("--keep", action="store_true", help="leave everything")
    options = parser.parse_args()
    programs, start, wrong = options.only.split(","), time.monotonic(), []
    for name in programs:
        if name not in bench.MODELS:
            sys.exit(f'real.py: no program "{name}"; there are {", ".join(bench.MODELS)}')
    install(os.path.abspath(options.folder), programs)
    names = programs + [f"{name}-{number}" for number in range(2, options.times + 1) for name in programs]
    rounds = len(names) if options.rounds is None and not options.faults else options.rounds or 0
    with bench.Bench(options.bunshin, options.folder, names, options.keep) as net:
        if rounds:
            wrong += race_all(net, rounds)
        if options.faults:
            wrong += faults.run(net, options.faults.split(","), options.wall)
        wrong += net.complaints()
    print("\n".join(wrong) if wrong else f"all is as it should be ({time.monotonic() - start:.0f} s)")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
