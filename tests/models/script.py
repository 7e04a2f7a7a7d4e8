# SPDX-License-Identifier: MIT
"""What the model of a test says and where it fails: one small JSON file. README.md here is its manual.

A script answers from what a request carries: how many of its own answers stand in the history decides which turn comes
next. So a request that is tried again gets the same turn again, and side questions of a program do not move the story.
"""
import json
import re

CALLS = {"write": ("path", "content"), "edit": ("path", "old", "new"), "read": ("path",), "shell": ("command",), "call": ("name", "arguments")}
TURN_KEYS = {"say", "usage", "do", *CALLS}
USAGE_KEYS = {"input", "output", "cached"}
SCRIPT_KEYS = {"turns", "faults", "loop", "models"}
FAULTS = {  # kind: what may be said beside it
    "status": {"status", "retry_after", "message"},
    "empty": set(),
    "blank": set(),
    "html": set(),
    "garbage": set(),
    "drop": {"when", "reset"},
    "stall": {"when", "seconds"},
    "error": {"message"},
    "refusal": {"message"},
    "truncated": set(),
    "slow": {"delay_ms", "bytes"},
}
WHEN = ("before", "headers", "middle")
OUR_CALL = re.compile(r"_t(\d+)_\d+_")


class ScriptError(Exception):
    """The script cannot be used; the text says where, what was found and what would be accepted."""


def fail(where, found, accepted):
    raise ScriptError(f"{where}: {found}; accepted is {accepted}")


def known(where, value, keys):
    if not isinstance(value, dict):
        fail(where, f"found {json.dumps(value)[:60]}", "an object")
    for key in value:
        if key not in keys:
            fail(where, f'found "{key}"', ", ".join(sorted(keys)))


def number(where, value, key, least=0):
    if key in value and (isinstance(value[key], bool) or not isinstance(value[key], (int, float)) or value[key] < least):
        fail(f"{where}.{key}", f"found {json.dumps(value[key])[:60]}", f"a number of at least {least}")


def call_of(where, kind, value):
    """One call as (kind, fields): a single text stands for a call's only field."""
    fields = CALLS[kind]
    if isinstance(value, str) and len(fields) == 1:
        value = {fields[0]: value}
    known(where, value, set(fields))
    for field in fields:
        wanted = dict if field == "arguments" else str
        if not isinstance(value.get(field), wanted):
            fail(f"{where}.{field}", f"found {json.dumps(value.get(field))[:60]}", "an object" if wanted is dict else "a text")
    return kind, value


class Turn:
    """One answer of the model: text, calls of tools, or both. An answer without calls ends the task."""

    def __init__(self, where, value):
        known(where, value, TURN_KEYS)
        self.say = value.get("say", "")
        if not isinstance(self.say, str):
            fail(f"{where}.say", f"found {json.dumps(self.say)[:60]}", "a text")
        self.calls = [call_of(f"{where}.{kind}", kind, value[kind]) for kind in CALLS if kind in value]
        for index, item in enumerate(value.get("do", [])):
            here = f"{where}.do[{index}]"
            known(here, item, CALLS)
            self.calls += [call_of(f"{here}.{kind}", kind, item[kind]) for kind in item]
        self.usage = value.get("usage", {})
        known(f"{where}.usage", self.usage, USAGE_KEYS)
        for key in self.usage:
            number(f"{where}.usage", self.usage, key)


class Fault:
    """What goes wrong, and at which requests of a lane (counted from 1; a side question is not counted)."""

    def __init__(self, where, value):
        kind = value.get("fault") if isinstance(value, dict) else None
        if kind not in FAULTS:
            fail(f"{where}.fault", f"found {json.dumps(kind)}", ", ".join(FAULTS))
        known(where, value, {"fault", "at"} | FAULTS[kind])
        for key, least in (("status", 400), ("retry_after", 0), ("seconds", 0), ("delay_ms", 0), ("bytes", 1)):
            number(where, value, key, least)
        if kind == "status" and "status" not in value:
            fail(where, "found no status", "a status of HTTP from 400 on")
        if value.get("when", "middle") not in WHEN:
            fail(f"{where}.when", f"found {json.dumps(value['when'])}", ", ".join(WHEN))
        self.kind, self.options = kind, value
        self.first, self.last = span(f"{where}.at", value.get("at", "1-"))

    def __getitem__(self, key):
        return self.options.get(key)


def span(where, at):
    """3, "3", "2-4" and "2-" (from the second on) as first and last."""
    found = re.fullmatch(r"([1-9]\d*)(-([1-9]\d*)?)?", str(at))
    if not found or isinstance(at, bool):
        fail(where, f"found {json.dumps(at)}", '3, "2-4" or "2-" (requests are counted from 1)')
    first = int(found[1])
    last = int(found[3]) if found[3] else (float("inf") if found[2] else first)
    if last < first:
        fail(where, f"found {json.dumps(at)}", "a last request that is not before the first")
    return first, last


class Script:
    def __init__(self, where, value):
        known(where, value, SCRIPT_KEYS | {"lanes"})
        turns = value.get("turns", [{"say": "Done."}])
        if not isinstance(turns, list) or not turns:
            fail(f"{where}.turns", f"found {json.dumps(turns)[:60]}", "a list of at least one turn")
        self.turns = [Turn(f"{where}.turns[{i}]", turn) for i, turn in enumerate(turns)]
        faults = value.get("faults", [])
        if not isinstance(faults, list):
            fail(f"{where}.faults", f"found {json.dumps(faults)[:60]}", "a list")
        self.faults = [Fault(f"{where}.faults[{i}]", fault) for i, fault in enumerate(faults)]
        self.loop = value.get("loop", False)
        self.models = value.get("models", ["scripted-model"])

    def calls_tools(self):
        return any(turn.calls for turn in self.turns)

    def turn(self, position):
        if self.loop:
            return self.turns[position % len(self.turns)]
        if position < len(self.turns):
            return self.turns[position]
        last = self.turns[-1]
        return Turn("", {"say": "Done."}) if last.calls else last

    def position(self, history):
        """Which turn comes next. `history`: the answers in a request, each (text, ids of its calls)."""
        place = 0
        for text, ids in history:
            ours = [int(found[1]) for found in map(OUR_CALL.search, ids) if found]
            if ids:
                place = ours[-1] + 1 if ours else place + 1
            elif text.strip() and text.strip() == self.turn(place).say.strip():
                place += 1
        return place

    def fault(self, request):
        for fault in self.faults:
            if fault.first <= request <= fault.last:
                return fault
        return None


def lanes_of(value, where="script"):
    """All lanes of a script's JSON; "" is the one without a name."""
    lanes = {"": Script(where, value)}
    named = value.get("lanes", {})
    if not isinstance(named, dict):
        fail(f"{where}.lanes", f"found {json.dumps(named)[:60]}", "an object, one script for each name")
    for name, script in named.items():
        if not re.fullmatch(r"[A-Za-z0-9._-]+", name):
            fail(f"{where}.lanes", f'found "{name}"', "names of letters, digits, '.', '_' and '-'")
        known(f"{where}.lanes.{name}", script, SCRIPT_KEYS)
        lanes[name] = Script(f"{where}.lanes.{name}", script)
    return lanes


def parse(text, where):
    try:
        return json.loads(text)
    except ValueError as error:
        raise ScriptError(f"{where}: not JSON: {error}") from error


def load(path):
    try:
        with open(path, encoding="utf-8") as file:
            return lanes_of(parse(file.read(), path), path)
    except OSError as error:
        raise ScriptError(f"{path}: {error.strerror}; accepted is a file with a script (README.md in tests/models)") from error
