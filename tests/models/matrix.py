#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How do the real programs take it when the model fails? Runs each program through each fault and prints a table.

    matrix.py FOLDER [--only NAME,NAME] [--cases CASE,CASE] [--wall SECONDS] [--json FILE] [--keep]

FOLDER is where clis.py put the programs. Each cell is one run in a sandbox of its own:

    how it ended   exit code, or T if we had to stop it after --wall seconds
    what it says   its own last word: ok, error, or - if it said nothing of the kind
    requests       how often it asked the model (side questions not counted)
    file           + if hello.txt is there and whole, ~ if it is otherwise, - if not
    mark           LIE: exit code 0 and ok, although the model never came to the end of the story; LEFT: processes outlived it

Exit 0 if a story without faults ends well everywhere and nothing was left behind.
"""
import argparse
import json
import os
import sys
import time

import agents
import clis
import script

WRITE = {"say": "Creating the file now.", "write": {"path": "hello.txt", "content": clis.WANTED}}
COUNT = {"shell": "wc -l hello.txt"}
END = {"say": "All done: hello.txt was created."}
STORY = [WRITE, COUNT, END]


def always(kind, **more):
    return {"turns": STORY, "faults": [{"fault": kind, **more}]}


def at(place, kind, **more):
    return always(kind, at=place, **more)


CASES = {
    "ok": {"turns": STORY},
    **{str(status): always("status", status=status) for status in (400, 401, 403, 404)},
    "429": always("status", status=429, retry_after=1),
    "500": always("status", status=500),
    "529": always("status", status=529),
    "429 once": at(1, "status", status=429, retry_after=1),
    "500 once": at(2, "status", status=500),
    "500 after the edit": at("2-", "status", status=500),
    "no byte": at("2-", "empty"),
    "blank": at("2-", "blank"),
    "html": at("2-", "html"),
    "garbage": at("2-", "garbage"),
    "drop": at("2-", "drop"),
    "drop once": at(2, "drop"),
    "reset": at("2-", "drop", when="before", reset=True),
    "hang": at("2-", "stall", when="before"),
    "stall": at("2-", "stall"),
    "stream error": at("2-", "error"),
    "stream error once": at(2, "error"),
    "refusal": at(1, "refusal"),
    "truncated": at(3, "truncated"),
    "slow": always("slow", delay_ms=5, bytes=50),
    "sigterm": {"turns": [WRITE, {"shell": "touch started; sleep 1000"}, END]},
    "daemon": {"turns": [WRITE, {"shell": "nohup setsid sleep 1000 >/dev/null 2>&1 & echo started"}, END]},
}
STOP_WHEN = {"sigterm": "started"}


def lines_of(out):
    for line in out.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


def last_word(out):
    """What a program says of its own work, by its last line that is about the end."""
    word = "-"
    for line in lines_of(out):
        kind = line.get("type")
        if kind == "result":
            word = "error" if line.get("is_error") or line.get("status") == "error" or line.get("subtype", "success") != "success" else "ok"
        elif kind in ("turn.completed", "turn.failed"):
            word = "ok" if kind == "turn.completed" else "error"
        elif kind == "step_finish":
            word = "ok" if line["part"].get("reason") == "stop" else "-"
        elif kind == "error" and "sessionID" in line:
            word = "error"
    return word


def story_ended(bench, lane, turns):
    """Did the model get to say its last turn, whole and unspoiled? The log knows, whatever the program says."""
    with open(bench.log.name, encoding="utf-8") as file:
        entries = [entry for entry in map(json.loads, file) if entry["lane"] == lane]
    good = {entry["n"] for entry in entries if entry["event"] == "answered" and entry["end"] == "complete" and entry["fault"] in (None, "slow")}
    return any(entry["event"] == "asked" and entry.get("turn") == len(turns) - 1 and entry["n"] in good for entry in entries)


class Cell:
    def __init__(self, outcome, requests, made, ended):
        self.outcome, self.requests, self.made, self.ended = outcome, requests, made, ended
        self.word = last_word(outcome.out)

    def lies(self):
        return not self.outcome.stopped and self.outcome.code == 0 and self.word == "ok" and not self.ended

    def text(self):
        code = "T" if self.outcome.stopped else str(self.outcome.code)
        file = "+" if self.made == clis.WANTED else "~" if self.made else "-"
        marks = ("LIE " if self.lies() else "") + ("LEFT" if self.outcome.left else "")
        return f"{code:>4} {self.outcome.seconds:5.1f}s {self.word:5} {self.requests:3} {file} {marks}".rstrip()

    def json(self, case, name):
        return {"case": case, "program": name, "code": self.outcome.code, "stopped": self.outcome.stopped, "seconds": round(self.outcome.seconds, 1),
                "says": self.word, "requests": self.requests, "file": self.made == clis.WANTED, "story_ended": self.ended, "left": self.outcome.left}


def cell(bench, folder, name, case, wall):
    lane = f"{name}-{case}".replace(" ", "-")
    bench.server.lanes[lane] = script.Script(lane, CASES[case])
    run = bench.place(lane)
    outcome = agents.run(folder, name, run, bench.socket, lane, wall=wall, stop_when=STOP_WHEN.get(case), grace=5)
    requests = sum(1 for entry in bench.asked(lane) if entry["request"])
    made = agents.read(os.path.join(run, "work", "hello.txt"))
    return Cell(outcome, requests, made, story_ended(bench, lane, CASES[case]["turns"]))


def row(bench, folder, case, names, wall, keep):
    cells = []
    for name in names:
        one = cell(bench, folder, name, case, wall)
        cells.append(one)
        if keep:
            keep.write(json.dumps(one.json(case, name)) + "\n")
            keep.flush()
    print(f"{case:20}" + "  ".join(f"{one.text():32}" for one in cells).rstrip(), flush=True)
    return [f"{case}, {name}: {one.text()}" for name, one in zip(names, cells)
            if one.outcome.left or (case in ("ok", "slow") and not (one.word == "ok" and one.ended and one.made == clis.WANTED))]


def cases_of(text):
    names = text.split(",") if text else list(CASES)
    for name in names:
        if name not in CASES:
            sys.exit(f'no case "{name}"; there are {", ".join(CASES)}')
    return names


def main():
    parser = argparse.ArgumentParser(description="Runs the real programs through the faults of a model.")
    parser.add_argument("folder", help="where clis.py put the programs")
    parser.add_argument("--only", metavar="NAMES", help=", ".join(agents.AGENTS))
    parser.add_argument("--cases", metavar="CASES", help=", ".join(CASES))
    parser.add_argument("--wall", type=float, default=20, help="seconds until a run is stopped (default 20)")
    parser.add_argument("--json", metavar="FILE", help="write each run as a line of JSON too")
    parser.add_argument("--keep", action="store_true", help="leave what was printed, repositories, homes and the log")
    options = parser.parse_args()
    folder, names, cases = os.path.abspath(options.folder), clis.names_of(options.only), cases_of(options.cases)
    clis.installed(folder, names)
    lines = open(options.json, "w", encoding="utf-8") if options.json else None
    start, bad = time.monotonic(), []
    with clis.Bench(keep=options.keep) as bench:
        print(f"{'':20}" + "  ".join(f"{name:32}" for name in names))
        for case in cases:
            bad += row(bench, folder, case, names, options.wall, lines)
    print(f"{len(cases) * len(names)} runs in {time.monotonic() - start:.0f} s")
    print("\n".join(bad) if bad else "a story without faults ends well everywhere, and nothing was left behind")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
