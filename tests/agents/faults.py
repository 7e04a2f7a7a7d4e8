# SPDX-License-Identifier: MIT
"""Each program through a model that fails, as an attempt of a race that would merge it if it were taken for a success.

Whatever happens: what is merged or handed in is the whole work, and only if the model came to the end of its story; what was edited before is kept;
no process is left; and the class of the error is one of those that are true.
"""
import time

import bench
import stories

TIMERS = "first = 30s  idle = 6s"
SLEEP = "/usr/bin/python3 -c 'import time; time.sleep(1000777)'"  # programs know what `sleep` is, and do not wait for it
STORY = [stories.READ, stories.MEND, {"shell": "wc -l " + stories.SOURCE}, stories.DONE]
ASLEEP = [stories.READ, stories.MEND, {"shell": SLEEP}, stories.DONE]
FETCHERS = {"claude": ("WebFetch", {"url": "http://127.0.0.1:1/", "prompt": "x"}), "gemini": ("web_fetch", {"prompt": "http://127.0.0.1:1/"}),
            "opencode": ("webfetch", {"url": "http://127.0.0.1:1/", "format": "text"}), "qwen": ("web_fetch", {"url": "http://127.0.0.1:1/", "prompt": "x"}),
            "codex": ("shell_command", {"command": "true"})}


class Case:
    """`end`: the fault is an end. `classes`: what it may be called; "none" where the program may get over it."""

    def __init__(self, classes, turns=None, fault=None, at=None, words=(), act=None, end=False, **more):
        self.classes, self.words, self.act, self.end, self.turns = set(classes.split()), words, act, end, turns or STORY
        self.faults = [{"fault": fault, **({"at": at} if at else {}), **more}] if fault else []

    def script(self, name):
        turns = self.turns(name) if callable(self.turns) else self.turns
        return {"turns": turns, "faults": self.faults}


def fetching(name):
    tool, arguments = FETCHERS[bench.program_of(name)]
    return [stories.READ, stories.MEND, {"call": {"name": tool, "arguments": arguments}}, stories.DONE]


def after(classes, fault, **more):
    return Case(classes, fault=fault, at="3-", **more)


ENDLESS = "timeout_idle timeout_wall"
BROKEN = f"network server truncated protocol overloaded {ENDLESS}"
CASES = {
    "ok": Case("none"),
    "401": Case("auth", fault="status", status=401),
    "429": Case("rate_limit", fault="status", status=429),
    "429-wait": Case("rate_limit", fault="status", status=429, retry_after=2),
    "429-once": Case("none", fault="status", status=429, retry_after=1, at=1),
    "500": Case("server overloaded", fault="status", status=500),
    "500-late": after("server overloaded", "status", status=500),
    "drop": after(BROKEN, "drop"),
    "reset": after(BROKEN, "drop", when="before", reset=True),
    "garbage": after(BROKEN, "garbage"),
    "html": after(BROKEN, "html"),
    "empty": after(BROKEN, "empty"),
    # An answer without a word is the end of the work for all of them, and for us: real models end so. What was done is judged anyway.
    "blank": after("none crash", "blank", end=True),
    "hang": after(f"network {ENDLESS}", "stall", when="before"),
    "stall": after(f"network truncated {ENDLESS}", "stall"),
    "stream-error": after(BROKEN, "error"),
    "refusal": Case("refused no_change", fault="refusal", at=1),
    "refusal-late": after("refused", "refusal"),
    "truncated": Case("truncated none", fault="truncated", at="4-"),
    "denied": Case("denied none", turns=fetching),
    "budget": Case("limit_budget", words=("--attempt-tokens", "12000"), turns=[stories.READ, stories.MEND] + [{"shell": "wc -c " + stories.SOURCE}] * 50),
    "daemon": Case("none", turns=[stories.READ, stories.MEND, {"shell": f"nohup setsid {SLEEP} >/dev/null 2>&1 & echo started"}, stories.DONE]),
    "cancel": Case("cancelled", turns=ASLEEP, act="cancel"),
    "sigterm": Case("cancelled crash none", turns=ASLEEP, act="sigterm"),
}


class Cell:
    """What became of one program in one case."""

    def __init__(self, net, name, case, attempt):
        self.name, self.case = name, case
        tries = [one for one in attempt["tries"] if one.get("class")]
        self.kind = "none" if attempt["ended"] == "handed-in" else (tries[-1]["class"] if tries else attempt["ended"])
        self.why, self.ended, self.verdict = attempt["why"], attempt["ended"], attempt["verdict"]
        self.seconds, self.attempt = (attempt["wall_ms"] or 0) / 1000, attempt
        change = attempt["change"] or attempt["kept"] or {}
        self.text = net.file_at(change["commit"] or net.refs()[change["ref"]]) if change else None
        lane = [entry for entry in net.entries() if entry["lane"] == name]
        asked = [entry for entry in lane if entry["event"] == "asked" and entry["request"]]
        self.requests = len(asked)
        self.told = case.end or net.told_its_end(name, len(case.script(name)["turns"]))
        self.edit_asked = any("turn" in entry and entry["turn"] is not None and entry["turn"] >= 2 for entry in asked)

    def complaints(self, result):
        if self.kind not in self.case.classes:
            yield f"it is called {self.kind} ({self.why}), not one of {' '.join(sorted(self.case.classes))}"
        if self.ended == "handed-in" and not self.told:
            yield "it was handed in, and the model never came to the end of its story"
        if self.ended == "handed-in" and (not self.text or stories.MENDED not in self.text):
            yield "what was handed in is not the whole work"
        if self.ended != "handed-in" and self.edit_asked and (not self.text or stories.MENDED not in self.text):
            yield "what it had edited is lost"
        if self.ended != "handed-in" and self.verdict != "not verified":
            yield f"its verdict is {self.verdict}"
        if result["merging"]["state"] == "merged" and result["choice"]["label"] == self.name and not self.told:
            yield "it was merged"

    def words(self):
        kept = "in" if self.ended == "handed-in" else "kept" if self.attempt["kept"] else "-"
        return f"{self.kind:13} {self.seconds:5.1f}s {self.requests:3} {kept:4}"


def child_of(net, row):
    """An attempt of a race that has no result, from its own task."""
    outcome = net.json("task", "wait", row["task"], code=None)
    evidence = outcome.get("result") or outcome.get("evidence") or {}
    kept = evidence.get("kept")
    return {"label": row["label"], "ended": outcome["state"], "verdict": "not verified", "why": outcome.get("summary", ""), "wall_ms": row["took_ms"], "change": None,
            "kept": {"commit": net.refs()[kept]} if kept else None, "tries": [{"class": ((evidence.get("agent") or {}).get("verdict") or {}).get("class")}]}


def result_of(net, race):
    shown = net.json("race", "show", race, code=None)
    if shown["result"]:
        return shown["result"]
    return {"attempts": [child_of(net, row) for row in shown["attempts"]], "merging": {"state": "nothing"}, "choice": {"label": None}}


def wait_until(what, seconds):
    until = time.monotonic() + seconds
    while not (found := what()) and time.monotonic() < until:
        time.sleep(0.1)
    return found


def asleep(net):
    """Whoever is at the command that sleeps, in the sandboxes."""
    words = [bench.read(f"/proc/{pid}/cmdline", "rb") for pid in net.inside()]
    return [line for line in words if line.startswith(b"/usr/bin/python3\0-c\0") and b"1000777" in line]


def acted(net, case, words):
    """A race in which something is done to the attempts once all of them sleep. (result, exit code, seconds)"""
    start = time.monotonic()
    net.server.books.call(net.names, 3)  # some give a command ten seconds: they go to sleep together
    race = net.bunshin("race", stories.PROMPT, "--agents", ",".join(net.names), *words, "--detach").stdout.strip()
    if not wait_until(lambda: len(asleep(net)) >= len(net.names), 90):
        raise AssertionError(f"{len(asleep(net))} came to the command that sleeps\n{net.bunshin('race', 'show', race, code=None).stdout}")
    if case.act == "cancel":
        net.bunshin("race", "cancel", race, "--wait", code=None)
    else:
        bench.terminate(net.attempts())
    done = net.bunshin("race", "resume", race, code=None)
    return result_of(net, race), done.returncode, time.monotonic() - start


def run_case(net, name, wall):
    case = CASES[name]
    base = net.project(f"project-{name}")
    words = ("--merge", "auto", "--retries", "0", "--gates", "change", "--check", "true", "--attempt-time", f"{3 * wall if case.act else wall}s", *case.words)
    net.set_timers(bench.PATIENT if case.act else TIMERS)
    for lane in net.names:
        net.lay(lane, case.script(lane))
    result, code, seconds = acted(net, case, words) if case.act else net.race(*words)
    cells = [Cell(net, attempt["label"], case, attempt) for attempt in result["attempts"]]
    wrong = [f"{name}, {cell.name}: {text}" for cell in cells for text in cell.complaints(result)]
    wrong += [f"{name}: left behind: {process}" for process in net.left()]
    moved = stories.git(net.repository, "rev-parse", "HEAD") != base
    if moved != (result["merging"]["state"] == "merged") or (code == 0) != moved:
        wrong.append(f"{name}: exit {code}, merging {result['merging']['state']}, and the checkout has {'' if moved else 'not '}moved")
    print(f"{name:13}" + " | ".join(cell.words() for cell in cells) + f" | {seconds:4.0f} s{'  WRONG' if wrong else ''}", flush=True)
    return wrong


def run(net, cases, wall):
    wrong = []
    print(" " * 13 + " | ".join(f"{name:28}" for name in net.names))
    for name in cases:
        wrong += run_case(net, name, wall)
    return wrong
