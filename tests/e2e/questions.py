#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What auditors ask, on a real network in which everything goes wrong once: each answer is compared with what this program computes from the
database by itself, the views are read with the plain sqlite3 tool while Omega writes, and no byte that a terminal obeys gets out of any command.

usage: questions.py BUNSHIN SOURCE_DIR
"""
import collections
import hashlib
import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
import unicodedata
import uuid

import msgpack

HERE = os.path.dirname(os.path.abspath(__file__))
HOSTILE = re.search(r"HOSTILE = \((.*?)\)\n", open(os.path.join(HERE, "questions_clone.py"), encoding="utf-8").read(), re.S).group(1)
HOSTILE = eval("(" + HOSTILE + ")")  # noqa: S307, the text in the file beside this one
TYPED = HOSTILE.replace("\x00", "")  # what can stand in an argument

CONF = """
network {{ heartbeat = 2s  breaker_failures = 100 }}
clone sore {{ command = "/usr/bin/python3 {clone}" }}
clone flaky {{ command = "/usr/bin/python3 {clone}" }}
route fails {{ destination = sore  fallbacks = {{ {fallbacks} }}  retries = 1  backoff_initial = 20ms  start = 2s  timeout = {timeout} }}
route works {{ destination = flaky  retries = 0 }}
{more}
"""


class Network:
    def __init__(self, bunshin, folder):
        self.bunshin, self.folder = bunshin, folder
        self.state, self.routes = os.path.join(folder, "state"), os.path.join(folder, "routing.conf")
        self.environment = dict(os.environ, BUNSHIN_STATE=self.state, BUNSHIN_ROUTES=self.routes, PYTHONDONTWRITEBYTECODE="1", TZ="UTC")
        self.write_routes("flaky", "5s", "")

    def write_routes(self, fallbacks, timeout, more):
        text = CONF.format(clone=os.path.join(HERE, "questions_clone.py"), fallbacks=fallbacks, timeout=timeout, more=more)
        with open(self.routes, "w", encoding="ascii") as file:
            file.write(text)
        return hashlib.sha256(text.encode()).hexdigest()

    def raw(self, *arguments, codes=(0,)):
        done = subprocess.run([self.bunshin, *arguments], env=self.environment, capture_output=True, timeout=60, check=False)
        if codes and done.returncode not in codes:
            sys.exit(f"bunshin {arguments} ended with {done.returncode}:\n{done.stdout.decode(errors='replace')}{done.stderr.decode(errors='replace')}")
        return done.stdout, done.stderr

    def run(self, *arguments, codes=(0,)):
        return self.raw(*arguments, codes=codes)[0].decode()

    def ask(self, *arguments):
        return json.loads(self.run(*arguments, "--json"))

    def send(self, task_type, codes=(0,), **parameters):
        return self.run("task", "send", task_type, "--params", json.dumps(parameters), codes=codes).strip()

    def wait(self, task):
        self.run("task", "wait", task, codes=(0, 1, 2, 7))


# ---- the trail, read without the program ----

class Trail:
    """Rows of the database, with facts and payloads as MessagePack has them."""

    def __init__(self, path):
        self.db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self.db.row_factory = sqlite3.Row
        self.rows = self.db.execute("SELECT r.*, p.body FROM records r LEFT JOIN payloads p ON p.seq = r.payload_seq ORDER BY r.seq").fetchall()

    @staticmethod
    def facts(row):
        return msgpack.unpackb(row["facts"], strict_map_key=False)

    @staticmethod
    def body(row):
        return msgpack.unpackb(row["body"]) if row["body"] else {}


def definitions(source, name, pattern):
    with open(os.path.join(source, "protocol", name), encoding="utf-8") as file:
        return re.findall(pattern, file.read(), re.M)


class Names:
    def __init__(self, source):
        self.messages = {int(code, 16): name for name, code in definitions(source, "messages.def", r"^MESSAGE\(\w+, \w+, (\w+), (0x\w+),")}
        self.errors = {int(code): name.lower() for name, code in definitions(source, "errors.def", r"^ERROR\((\w+),\s*(\d+),")}
        self.states = {int(code): name for name, code in definitions(source, "names.def", r'^VALUE\(state, \w+,\s*"(\w+)",\s*(\d+)\)')}


def id_text(blob):
    return str(uuid.UUID(bytes=blob)) if blob else None


# ---- everything goes wrong once ----

def make_history(network):
    made = {}
    made["fallback"] = network.send("fails", sore="fail", flaky="ok", note="about aardvarks " + TYPED)
    network.wait(made["fallback"])
    made["dead"] = network.send("fails", do="fail")
    network.wait(made["dead"])
    made["plea"] = network.send("works", do=["ask", "ok"])
    while not any(row["task_id"] == made["plea"] for row in network.ask("recover", "list")["tasks"]):
        time.sleep(0.02)
    network.run("recover", "resolve", made["plea"], "--reason", "the key is there " + TYPED)
    network.wait(made["plea"])
    made["parent"] = network.send("works", do="child")
    network.wait(made["parent"])
    made["hash"] = network.write_routes("flaky, sore2", "7s", "clone sore2 { external = yes }\nroute extra { destination = sore  non_retryable = { lost } }")
    network.run("route", "reload", "--reason", "more time " + TYPED)
    network.run("recover", "replay", made["dead"], "--reason", "once more")
    network.wait(made["dead"])
    made["cancelled"] = network.send("works", do="hang")
    network.run("task", "cancel", made["cancelled"], "--wait", "--reason", "not needed " + TYPED, codes=(0, 6))
    network.send("nonsense" + TYPED[:20], codes=(5, 2))
    network.run("peer", "add", "carol", "--roles", "client")
    network.run("--identity", "carol", "clone", "drain", "sore", "--reason", "mischief " + TYPED, codes=(4,))
    made["carol"] = network.run("--identity", "carol", "task", "send", "works", "--params", '{"do": "ok"}').strip()
    network.wait(made["carol"])
    return made


# ---- answers ----

def expected_failures(trail, names):
    """(kind, reason) of every record that tells of one, by the facts of messages.def."""
    found = []
    for row in trail.rows:
        facts, name = trail.facts(row), names.messages[row["type"]]
        if row["verdict"]:
            found.append((row["seq"], "refused", names.errors[row["verdict"]]))
        elif name == "TaskFailure" and row["direction"] == 1:
            found.append((row["seq"], "attempt failed", names.errors[facts[2]]))
        elif name == "TaskFailure" and row["end_state"]:
            found.append((row["seq"], "task " + names.states[row["end_state"]], names.errors[facts[2]]))
        elif name == "RetryScheduled":
            found.append((row["seq"], "goes on", names.errors.get(facts[0], "settled")))
        elif name == "ErrorEscalation" and row["direction"] == 2:
            found.append((row["seq"], "needs a person", names.errors[facts[3]]))
        elif name == "Presence" and facts[1] == 3:
            found.append((row["seq"], "clone lost", "lost"))
        elif name == "Counted" and facts[3]:
            found.append((row["seq"], "counted", names.errors[facts[3]]))
    return found


def check_failures(network, trail, names, made):
    answer = network.ask("audit", "failures")
    expected = expected_failures(trail, names)
    last = trail.rows[-1]["seq"]
    assert [(f["seq"], f["kind"], f["reason"]) for f in answer["failures"] if f["seq"] <= last] == expected
    assert {"attempt failed", "goes on", "task failed", "needs a person", "refused", "task cancelled"} <= {kind for _, kind, _ in expected}
    counts = collections.Counter((f["kind"], f["reason"]) for f in answer["failures"])
    assert {(c["kind"], c["reason"]): c["count"] for c in answer["counts"]} == counts
    assert [c["count"] for c in answer["counts"]] == sorted(counts.values(), reverse=True)
    only = network.ask("audit", "failures", "--type", "works", "--role", "flaky")["failures"]
    assert {f["task_id"] for f in only} == {made["plea"], made["cancelled"]}, only
    sore = [f for f in network.ask("audit", "failures", "--role", "sore")["failures"] if f["task_id"]]
    assert sore and all(f["task_type"] == "fails" for f in sore)
    # A period is what the clock of each record says.
    middle = trail.rows[len(trail.rows) // 2]["wall_ms"]
    inside = {row["seq"] for row in trail.rows if row["wall_ms"] >= middle}
    since = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(middle // 1000)) + f".{middle % 1000:03d}Z"
    later = [f["seq"] for f in network.ask("audit", "failures", "--since", since)["failures"] if f["seq"] <= last]
    assert later == [seq for seq, _, _ in expected if seq in inside]


def check_actions(network, trail, names):
    def expected(*identities):
        def fits(name):
            return any(name == one or name.startswith(one + "/") for one in identities)
        about = {"RoutesLoaded": 2, "Erased": 2, "Restored": 5, "Counted": 0}
        for row in trail.rows:
            name, facts = names.messages[row["type"]], trail.facts(row)
            if (row["direction"] == 1 and fits(row["peer"])) or (row["direction"] == 3 and name in about and fits(facts[about[name]] or "")):
                yield row["seq"]

    last = trail.rows[-1]["seq"]
    for asked, identities in {"carol": ("carol", "client/carol", "operator/carol", "auditor/carol"), "client/carol": ("client/carol",),
                              "operator": ("operator", "client/operator", "operator/operator", "auditor/operator"), "sore/1": ("sore/1",),
                              "flaky/": ("flaky", "client/flaky", "operator/flaky", "auditor/flaky"), "client/car": ("client/car",)}.items():
        lines = network.run("audit", "actions", asked, "--json").splitlines()
        assert [r["seq"] for r in map(json.loads, lines) if r["seq"] <= last] == list(expected(*identities)), asked
        assert lines or asked == "client/car", asked
    refused = [r for r in map(json.loads, network.run("audit", "actions", "carol", "--json").splitlines()) if r["verdict"]]
    assert [(r["type"], r["verdict"]) for r in refused] == [("RecoveryAction", "not_allowed")]


def check_routes(network, made):
    first, second = network.ask("audit", "routes")["tables"]
    assert (first["version"], first["who"], second["version"]) == (1, "start", 2) and second["who"].startswith("operator/")
    assert second["file_hash"] == made["hash"]
    assert second["reason"].startswith("more time") and first["reason"] is None
    changed = {d["field"]: (d["before"], d["after"]) for d in second["differences"]}
    assert changed.pop("route fails fallbacks") == ("flaky", "flaky, sore2")
    assert changed.pop("route fails timeout") == ("5s", "7s") and changed.pop("route fails timeout_max") == ("5s", "7s")
    assert changed.pop("route extra destination") == (None, "sore") and changed["route extra non_retryable"] == (None, "lost")
    assert all(field.startswith("route extra ") and before is None for field, (before, _) in changed.items()), changed
    whole = network.ask("audit", "routes", "--version", "1")
    fails = next(route for route in whole["table"]["routes"] if route["task_type"] == "fails")
    assert fails["destinations"] == ["sore", "flaky"] and fails["timeout_ms"] == 5000 and fails["backoff"]["initial_ms"] == 20
    assert "no table of version 9" in network.raw("audit", "routes", "--version", "9", codes=(5,))[1].decode()


def check_sample(network, trail, names):
    def draw(seqs, count):
        return sorted(sorted(seqs, key=lambda seq: hashlib.sha256(f"lottery-1:{seq}".encode()).digest())[:count])

    last = trail.rows[-1]["seq"]
    requests = [r for r in trail.rows if names.messages[r["type"]] == "TaskRequest" and not r["verdict"] and r["seq"] == r["task_number"]]
    answer = network.ask("audit", "sample", "3", "--seed", "lottery-1", "--through", str(last))
    assert [t["seq"] for t in answer["tasks"]] == draw([r["seq"] for r in requests], 3) and answer["population"] == len(requests)
    works = [r["seq"] for r in requests if trail.facts(r)[0] == "works"]
    answer = network.ask("audit", "sample", "2", "--seed", "lottery-1", "--type", "works", "--through", str(last))
    assert [t["seq"] for t in answer["tasks"]] == draw(works, 2)
    answer = network.ask("audit", "sample", "7", "--seed", "lottery-1", "--records", "--through", str(last))
    assert [t["seq"] for t in answer["records"]] == draw([r["seq"] for r in trail.rows], 7)
    again = network.ask("audit", "sample", "5", "--seed", "lottery-1")
    assert network.ask(*again["again"].split()[1:])["tasks"] == again["tasks"]
    other = network.ask("audit", "sample", "20", "--seed", "lottery-2", "--records", "--through", str(last))
    assert other["records"] != network.ask("audit", "sample", "20", "--seed", "lottery-1", "--records", "--through", str(last))["records"]


def words_of(value):
    if isinstance(value, dict):
        return [word for name, item in value.items() for word in [*words_of(name), *words_of(item)]]
    if isinstance(value, list):
        return [word for item in value for word in words_of(item)]
    plain = "".join(c for c in unicodedata.normalize("NFD", str(value)) if not unicodedata.combining(c)).lower()
    return "".join(c if unicodedata.category(c)[0] in "LN" or unicodedata.category(c) == "Co" else " " for c in plain).split()


def texts_of(trail, names):
    for row in trail.rows:
        if row["payload_seq"] == row["seq"] and names.messages[row["type"]] not in ("Snapshot", "ArtefactPut"):
            body = trail.body(row)
            for name in ("parameters", "result", "artefacts", "evidence", "status"):
                if name in body:
                    body[name] = json.loads(body[name])
            yield row["seq"], words_of(body)


def check_search(network, trail, names):
    texts = dict(texts_of(trail, names))
    last = trail.rows[-1]["seq"]

    def search(*words):
        answer = network.ask("audit", "search", "--limit", "100000", *words)
        assert answer["total"] == len(answer["found"])
        return sorted(row["seq"] for row in answer["found"] if row["seq"] <= last)

    def having(test):
        found = sorted(seq for seq, words in texts.items() if test(words))
        assert found
        return found

    assert search("wombats") == having(lambda w: "wombats" in w)
    assert search("WOMB*") == having(lambda w: any(word.startswith("womb") for word in w))
    assert search("it", "hurts") == having(lambda w: "it" in w and "hurts" in w)
    assert search('"counted wombats"') == [] and search('"wombats were counted"') == having(lambda w: "wombats" in w)
    assert search("aardvarks", "OR", '"the key is there"') == having(lambda w: "aardvarks" in w or ("key" in w and "there" in w))
    assert search("evidence.txt", "NOT", "wombats") == []
    assert search("nul") == having(lambda w: "nul" in w), "what stands behind a NUL is found"
    status = os.stat(os.path.join(network.state, "search.db"))
    assert status.st_mode & 0o777 == 0o600
    for bad, sentence in {"a AND": "missing after AND", '"a': "has no end", "(a": "not closed", "a)": "never opened", "--": "nothing to look for",
                          "OR a": "between two words"}.items():
        assert sentence in network.raw("audit", "search", "--", bad, codes=(2,))[1].decode(), bad
    # What is appended later is found without a new index.
    built = status.st_ino
    task = network.send("works", do="ok", word="quokka")
    network.wait(task)
    assert [row["task_id"] for row in network.ask("audit", "search", "quokka")["found"]] == [task]
    assert os.stat(os.path.join(network.state, "search.db")).st_ino == built


def check_task(network, trail, names, made):
    def rows(task):
        return [r for r in trail.rows if id_text(r["task_id"]) == task]

    for task in made.values():
        if not re.fullmatch(r"[0-9a-f-]{36}", task):
            continue
        answer = network.ask("audit", "task", task)
        given = [r for r in rows(task) if names.messages[r["type"]] == "TaskAssignment"]
        assert [(a["attempt"], a["clone"], a["seq"]) for a in answer["attempts"]] == [(r["attempt"], r["peer"], r["seq"]) for r in given]
        for attempt, row in zip(answer["attempts"], given):
            facts = trail.facts(row)
            assert (attempt["route_version"], attempt["destination"]) == (facts[8], facts[9])
        told = {event["seq"] for event in answer["events"]}
        untold = [names.messages[r["type"]] for r in rows(task) if r["seq"] not in told]
        assert len(untold) == answer["repeated"] and set(untold) <= {"TaskProgress", "TaskCompletion", "TaskFailure", "ErrorEscalation"}, untold
        assert [event["seq"] for event in answer["events"]] == sorted(told)
        assert answer["asked_by"]["peer"] == rows(task)[0]["peer"] and answer["asked_by"]["joined"]["role"] in ("client", "operator", "flaky")
    dead = network.ask("audit", "task", made["dead"])
    went = [(a["route_version"], a["destination"], a["skipped"]) for a in dead["attempts"]]
    assert [where for _, where, _ in went[:4]] == [0, 0, 1, 1] and {version for version, _, _ in went} == {1, 2}, (went, dead["events"])
    assert [(i["action"], i["reason"]) for i in dead["interventions"]] == [("replay", "once more")]
    assert [r["version"] for r in dead["routes"]] == [1, 2] and dead["task"]["state"] == "failed"
    kinds = {event["what"] for event in dead["events"]}
    assert {"asked", "accepted", "assigned", "started", "failed", "retry", "fallback", "escalated", "intervened", "ended"} <= kinds, kinds
    done = network.ask("audit", "task", made["fallback"])
    evidence = {(e["kind"], (e["name"] or "")[:6]): e for e in done["evidence"]}
    assert evidence["artefact", "eviden"]["sha256"] == "ab" * 32 and evidence["run", "looker"]["sha256"] == "cd" * 32
    assert evidence["verdict", "findin"]["text"] == "1 high, 2 low" and evidence["verdict", "status"]["text"] == "partial"
    assert (done["attempts"][-1]["tokens"], done["attempts"][-1]["cost_microusd"], done["attempts"][-1]["cpu_ms"]) == (1200, 3400, 56)
    assert done["asked_by"]["key_allows"] == "client,operator,auditor"
    parent = network.ask("audit", "task", made["parent"])
    assert [child["task_type"] for child in parent["children"]] == ["works"]
    assert network.ask("audit", "task", parent["children"][0]["task_id"])["parent"] == made["parent"]


def check_sealed(network, made):
    """Once the network is down, everything is sealed."""
    with sqlite3.connect(f"file:{network.state}/trail.db?mode=ro", uri=True) as db:
        for task in (made["fallback"], made["carol"]):
            answer = network.ask("audit", "task", task)
            covering = db.execute("SELECT number, size FROM checkpoints WHERE size >= ? ORDER BY number LIMIT 1", (answer["last_seq"],)).fetchone()
            assert (answer["sealed"]["checkpoint"], answer["sealed"]["size"]) == covering
    db.close()


# ---- views ----

def tool(network, sql):
    done = subprocess.run(["sqlite3", "-readonly", "-json", os.path.join(network.state, "trail.db"), sql], capture_output=True, check=True)
    return json.loads(done.stdout or b"[]")


def check_views(network, trail, names):
    for view, expected in {"message_names": names.messages, "error_names": names.errors, "state_names": names.states}.items():
        assert {row["code"]: row["name"] for row in tool(network, f"SELECT * FROM {view}")} == expected, f"{view} has fallen behind protocol/*.def"
    last = trail.rows[-1]["seq"]
    records = [json.loads(line) for line in network.run("audit", "log", "--json").splitlines()]
    words = {"in": "from", "out": "to", "own": "own"}
    lines = tool(network, f"SELECT * FROM timeline WHERE seq <= {last}")
    assert len(lines) == len(trail.rows)
    for line, record, row in zip(lines, records, trail.rows):
        assert (line["seq"], line["time"], line["direction"], line["peer"] or None, line["type"], line["refused"], line["attempt"], line["task"]) == \
            (record["seq"], record["at"], words[record["direction"]], record["peer"], record["type"], record["verdict"], record["attempt"], record["task_id"])
        assert line["ended"] == names.states.get(row["end_state"]) and line["task_number"] == (row["task_number"] or None)
        assert line["text"] == (None if not row["payload_seq"] else "here" if row["payload_seq"] == row["seq"] else f"record {row['payload_seq']}")
    tasks = {task["task_id"]: task for task in network.ask("task", "list")["tasks"]}
    seen = tool(network, "SELECT * FROM task_list")
    assert {t["task"] for t in seen} == set(tasks)
    for task in seen:
        other = tasks[task["task"]]
        assert (task["type"], task["client"], task["attempts"], task["took_ms"], task["accepted"], task["ended"]) == \
            (other["task_type"], other["client"], other["attempts"], other["took_ms"], other["accepted_at"], other["ended_at"]), (task, other)
        assert task["state"] == other["state"]
    seen = [(row["seq"], row["kind"], row["reason"]) for row in tool(network, f"SELECT * FROM failures WHERE seq <= {last} ORDER BY seq")]
    assert seen == [(seq, kind, None if reason == "settled" else reason) for seq, kind, reason in expected_failures(trail, names)
                    if kind not in ("clone lost", "counted")]
    checkpoints = tool(network, "SELECT * FROM checkpoint_list")
    notes = trail.db.execute("SELECT number, size, note FROM checkpoints ORDER BY number").fetchall()
    for checkpoint, (number, size, note) in zip(checkpoints, notes):
        ms = int(re.search(r"^time (\d+)$", note, re.M).group(1))
        assert (checkpoint["number"], checkpoint["size"], checkpoint["origin"]) == (number, size, note.split("\n")[0])
        assert checkpoint["time"] == time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000)) + f".{ms % 1000:03d}Z"
    assert checkpoints and checkpoints[0]["records"] == checkpoints[0]["size"]


# ---- what a terminal gets ----

HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]")
OUR_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def check_output(network, arguments, coloured):
    for stream in network.raw(*arguments, codes=None):
        text = stream.decode()  # is UTF-8 at all
        found = HARMFUL.search(OUR_COLOURS.sub("", text) if coloured else text)
        assert not found, f"bunshin {arguments} lets {found.group()!r} out: {text[max(0, found.start() - 60):found.end() + 20]!r}"
        yield text


def commands(network, trail, made):
    plain = [["task", "list"], ["recover", "list"], ["audit", "log"], ["audit", "failures"], ["audit", "routes"], ["audit", "routes", "--version", "2"],
             ["audit", "sample", "100", "--seed", "x", "--records"], ["audit", "sample", "9", "--seed", "x"], ["audit", "verify"], ["status"],
             ["clone", "list"], ["audit", "search", "--limit", "1000", "o*"], ["doctor"],
             ["task", "send", "nonsense" + TYPED], ["audit", "task", TYPED], ["audit", TYPED], [TYPED], ["audit", "search", '"' + TYPED],
             ["audit", "log", "--type", TYPED], ["audit", "log", "--since", TYPED], ["audit", "sample", TYPED, "--seed", TYPED], ["--state", TYPED, "status"]]
    plain += [["audit", "actions", who] for who in ("operator", "carol", "sore", "flaky/1", TYPED)]
    for task in (made["fallback"], made["dead"], made["plea"]):
        plain += [["task", "show", task], ["task", "logs", task], ["audit", "task", task], ["audit", "show", task]]
    return plain + [["task", "wait", made["dead"]], ["task", "wait", made["fallback"]], ["task", "send", "works", "--params", '{"do": "ok"}', "--wait"]]


def one_record_of_each_kind(trail):
    kinds = {(row["type"], row["direction"]): str(row["seq"]) for row in trail.rows if row["payload_seq"]}
    return [["audit", "show", seq] for seq in kinds.values()]


def check_terminal(network, trail, made):
    shown = ""
    for command in commands(network, trail, made):
        shown += "".join(check_output(network, command, False))
        shown += "".join(check_output(network, [*command, "--json"], False))
        if command[1:2] not in (["wait"], ["send"]):  # no tables
            shown += "".join(check_output(network, ["--color", "always", *command], True))
    for command in one_record_of_each_kind(trail):
        shown += "".join(check_output(network, command, False))
    for mark in ("\\x1b]52;c;aGFja2Vk\\x07", "\\u202etxt.exe", "\\u009b31m", "\\u001b]52", "after the nul", "\\x00after the nul"):
        assert mark in shown, f"{mark} is not shown"
    # What stands behind a NUL is not hidden.
    for command in (["audit", "log"], ["task", "logs", made["dead"]], ["audit", "task", made["dead"]], ["task", "show", made["fallback"]], ["audit", "failures"]):
        assert "\\x00after the nul" in network.run(*command), f"bunshin {command} hides something"


def main():
    bunshin, source = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    names = Names(source)
    with tempfile.TemporaryDirectory(prefix="bunshin-q-") as folder:
        network = Network(bunshin, folder)
        network.run("up")
        try:
            while sum(clone["presence"] == "alive" for clone in network.ask("clone", "list")["clones"]) < 2:
                time.sleep(0.02)
            made = make_history(network)
            trail = Trail(os.path.join(network.state, "trail.db"))
            for check in ((check_failures, names, made), (check_actions, names), (check_sample, names), (check_search, names), (check_task, names, made),
                          (check_views, names)):
                check[0](network, trail, *check[1:])
            check_routes(network, made)
            check_terminal(network, trail, made)
            trail.db.close()
        finally:
            network.run("down")
        for check in (["audit", "failures"], ["audit", "task", made["dead"]], ["audit", "search", "wombats"]):
            network.run(*check)  # nobody runs any more
        check_sealed(network, made)
        network.run("audit", "verify")
        print(f"{len(trail.rows)} records: every answer is what the database says, and nothing that a terminal obeys gets out")


main()
