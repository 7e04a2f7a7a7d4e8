#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Five hundred canaries, made known as secrets, go through every channel of a real network in every encoding: afterwards no file under the state
folder but the keys holds one in any encoding. Markers that are not secret go the same ways, and are found, so the ways are real.

usage: secrets_test.py BUNSHIN [SEED]
"""
import base64
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.parse

import msgpack
import zmq
import zmq.auth

HELLO, WELCOME, REFUSAL, HEARTBEAT, GOODBYE = 1, 2, 3, 4, 5
REQUEST, ACCEPTED, ASSIGNMENT, STARTED, PROGRESS, COMPLETION, FAILURE, CANCEL = 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17
STATUS_RESPONSE, ACTION, ACTION_RESULT, ESCALATION, PUT, GET = 0x21, 0x22, 0x23, 0x24, 0x28, 0x29
OVERLOADED, SECRET, TASK_FAILED, VERB_RESOLVE = 7, 14, 33, 4
CANARIES = 500

CONF = """
network {{ heartbeat = 300ms  restart_max = 50 }}
clone canary {{ command = "{command}" }}
route canary {{ destination = canary  timeout = 60s  heartbeat = 30s  retries = 0 }}
"""

# ---- encodings, by other means than the program's ----


def json_unicode(text):
    return "".join(f"\\u{unit:04x}" for unit in memoryview(text.encode("utf-16-le")).cast("H"))


def json_mixed(text):
    return json.dumps(text)[1:-1].replace("/", "\\/")


def percent_all(text):
    return "".join(f"%{byte:02X}" for byte in text.encode())


def base64_at(phase):
    return lambda text: base64.b64encode(b"xyz"[:phase] + text.encode() + b"!tail").decode()


def base64url_at(phase):
    return lambda text: base64.urlsafe_b64encode(b"xyz"[:phase] + text.encode() + b"!tail").decode()


ENCODINGS = {
    "raw": lambda text: text,
    "base64 0": base64_at(0),
    "base64 1": base64_at(1),
    "base64 2": base64_at(2),
    "base64url 0": base64url_at(0),
    "base64url 1": base64url_at(1),
    "base64url 2": base64url_at(2),
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
    "percent": lambda text: urllib.parse.quote(text, safe=""),
    "percent all": percent_all,
    "json": json_mixed,
    "json unicode": json_unicode,
    "json in json": lambda text: json_mixed(json_unicode(text)),
    "hex in percent": lambda text: percent_all(text.encode().hex()),
}


def traces(text):
    """What of a canary must be nowhere: each encoding, without the characters of base64 that it shares with its neighbours."""
    found = set()
    for name, encode in ENCODINGS.items():
        form = encode(text)
        if name.startswith("base64"):
            phase, length = int(name[-1]), len(text.encode())
            form = form[-(-phase * 8 // 6) : (phase + length) * 8 // 6]
        found.add(form.encode())
        # The trail keeps JSON inside strings as it came; exports would escape it once more.
        found.add(json.dumps(form)[1:-1].encode())
    return {form for form in found if len(form) >= 8}


def make_canary(rng):
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    text = "".join(rng.choice(letters + "/+&=%<>\"' ä€") for _ in range(rng.randint(8, 40)))
    return "".join(rng.choice(letters) for _ in range(6)) + text.strip() + rng.choice(letters)


# ---- a peer that says what no client of ours would ----


def new_id():
    r = os.urandom(10)
    return int(time.time() * 1000).to_bytes(6, "big") + bytes([0x70 | r[0] & 15, r[1], 0x80 | r[2] & 63]) + r[3:]


class Peer:
    def __init__(self, state, key, name, role):
        self.name, self.role, self.state = name, role, state
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.curve_publickey, self.socket.curve_secretkey = zmq.auth.load_certificate(key)
        self.socket.curve_serverkey = zmq.auth.load_certificate(state + "/keys/omega.pub")[0]
        while not os.path.exists(state + "/run/endpoint"):
            time.sleep(0.05)
        with open(state + "/run/endpoint", encoding="ascii") as file:
            self.socket.connect(file.read().strip())
        self.seq, self.heard, self.pending = 0, [], []

    def hello(self, software="canary", name=None):
        self.seq = 0
        return self.say(HELLO, [self.role, name or self.name, os.urandom(16), "", 8, 1, 1, b"", software])

    def say(self, kind, facts, task=None, payload=None, traceparent=None):
        loose = kind in (HEARTBEAT, PUT, GET)
        self.seq += not loose
        header = [new_id(), None, task, self.name, "omega", 0 if loose else self.seq, int(time.time() * 1000), traceparent]
        self.socket.send(msgpack.packb([1, kind, header, facts, payload]))
        return header[0]

    def hear(self, seconds):
        """What has come; waits for the first of it."""
        messages = []
        while self.socket.poll(0 if messages else int(seconds * 1000)):
            frame = msgpack.Unpacker(strict_map_key=False)
            frame.feed(self.socket.recv())
            messages += frame
        return messages

    def wait(self, accept, seconds=20):
        """The next message that is accepted; those before it have been heard."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.pending += self.hear(0.05)
            while self.pending:
                message = self.pending.pop(0)
                self.heard.append(message)
                if accept(message):
                    return message
        raise TimeoutError(f"{self.name} waited in vain; it heard {[m[1] for m in self.heard[-12:]]}")

    def answer_to(self, message_id, kinds):
        return self.wait(lambda m: m[2][1] == message_id and m[1] in kinds)


# ---- the clone: says what its task tells it to, through the channel it names ----


def run_clone():
    name = os.environ["BUNSHIN_PEER"]
    peer = Peer(os.environ["BUNSHIN_STATE"], os.environ["BUNSHIN_KEY"], name, name.split("/", maxsplit=1)[0])
    peer.hello()
    spoke = 0
    while True:
        for message in peer.hear(0.1):
            if message[1] == WELCOME and "BUNSHIN_NOTIFY_FD" in os.environ:
                os.write(int(os.environ.pop("BUNSHIN_NOTIFY_FD")), b"\n")
            elif message[1] == ASSIGNMENT:
                do_task(peer, message)
        if time.monotonic() - spoke > 0.3:
            peer.say(HEARTBEAT, [8, 0, 0, 0])
            spoke = time.monotonic()


def do_task(peer, message):
    task, attempt, lease = message[2][2], message[3][1], message[3][2]
    # What to say comes by a file beside the state folder: through Omega it would arrive masked.
    channel = text = ""
    if os.path.exists(path := os.environ["CANARY_ERRANDS"] + "/" + task.hex()):
        with open(path, encoding="utf-8") as file:
            channel, text = json.load(file)
    peer.say(STARTED, [attempt, lease], task)
    done = {"summary": "done"}
    if channel in ("stage", "line"):
        peer.say(PROGRESS, [attempt, lease, 100, False], task, {channel: text})
    elif channel == "summary":
        done["summary"] = text
    elif channel == "result":
        done["result"] = json.dumps({"a": [text, {"b": text}]})
    elif channel == "result as it is":
        done["result"] = '{"a": "' + text.replace('"', "'") + '"}'
    elif channel == "artefact list":
        done["artefacts"] = json.dumps([{"name": text}])
    elif channel in ("sentence", "evidence"):
        said = {"sentence": text if channel == "sentence" else "on purpose"}
        if channel == "evidence":
            said["evidence"] = json.dumps({"log": text})
        peer.say(FAILURE, [attempt, lease, TASK_FAILED], task, said)
        return
    elif channel in ("tried", "asked"):
        peer.say(ESCALATION, [3, 0, None, TASK_FAILED, 1], None, {channel: text})
    elif channel == "status":
        peer.say(STATUS_RESPONSE, [2, "x"], None, {"status": json.dumps({"x": text})})
    elif channel == "action result":
        peer.say(ACTION_RESULT, [17, 0], None, {"sentence": text})
    elif channel == "log line":
        print(text, flush=True)
    elif channel == "log in pieces":
        raw = (text + "\n").encode()
        for at in range(0, len(raw), 5):
            os.write(2, raw[at : at + 5])
            time.sleep(0.001)
    peer.say(COMPLETION, [attempt, lease], task, done)


CLONE_CHANNELS = ["stage", "line", "summary", "result", "result as it is", "artefact list", "sentence", "evidence", "tried", "asked", "status",
                  "action result", "log line", "log in pieces"]  # fmt: skip

# ---- the client's channels: each returns True if it was refused ----


def ask(peer, task_type="canary", payload=None, task=None, traceparent=None):
    task = task or new_id()
    while True:
        said = peer.say(REQUEST, [task_type], task, payload or {"parameters": "{}"}, traceparent)
        answer = peer.answer_to(said, (ACCEPTED, REFUSAL))
        if answer[1] == REFUSAL and answer[3][0] == OVERLOADED:  # too many refusals in one second
            time.sleep(0.3)
            continue
        return answer[1] == REFUSAL


def put_artefact(peer, rng, content):
    digest = hashlib.sha256(content).digest()
    said = peer.say(PUT, [digest, 0, len(content)])
    peer.answer_to(said, (GET,))
    at = 0
    while at < len(content):
        piece = content[at : at + rng.choice((1, 7, 100, 4000))]
        peer.say(PUT, [digest, at, len(content)], payload={"data": piece})
        at += len(piece)
    answer = peer.wait(lambda m: m[2][1] == said and (m[1] == REFUSAL or (m[1] == GET and m[3][1] == len(content))))
    return answer[1] == REFUSAL and answer[3][0] == SECRET


def client_channels(peer, rng):
    def artefact(text):
        return put_artefact(peer, rng, rng.randbytes(rng.randint(0, 9000)) + b" " + text.encode() + b" " + rng.randbytes(rng.randint(0, 9000)))

    def simple(kind, facts, payload, task=None):
        peer.say(kind, facts, task, payload)
        return None

    return {
        "parameters": lambda text: ask(peer, payload={"parameters": json.dumps({"a": [text]})}) and None,
        "parameters as they are": lambda text: ask(peer, payload={"parameters": '{"a": "' + text.replace('"', "'") + '"}'}) and None,
        "cancel": lambda text: simple(CANCEL, [0, None, 0], {"reason": text}, new_id()),
        "action": lambda text: simple(ACTION, [VERB_RESOLVE, ""], {"reason": text}, new_id()),
        "unknown member": lambda text: ask(peer, payload={"parameters": "{}", "more": text}) and None,
        "type": lambda text: ask(peer, task_type=text[:47]),
        "trace": lambda text: ask(peer, traceparent=text[:55]),
        "key": lambda text: ask(peer, payload={"parameters": "{}", "idempotency_key": text}),
        "member name": lambda text: ask(peer, payload={"parameters": "{}", text: "x"}),
        "nested member": lambda text: ask(peer, payload={"parameters": "{}", "more": {"x": [text]}}),
        "artefact": artefact,
    }


FACTS = ("type", "trace", "key", "member name", "nested member", "artefact")  # refused as a whole

# ---- the test ----


class Network:
    def __init__(self, bunshin, folder):
        self.bunshin, self.folder, self.state = bunshin, folder, os.path.join(folder, "state")
        self.errands = os.path.join(folder, "errands")
        os.mkdir(self.errands)
        routes = os.path.join(folder, "routing.conf")
        with open(routes, "w", encoding="ascii") as file:
            file.write(CONF.format(command=f"/usr/bin/python3 {os.path.abspath(__file__)} --clone"))
        self.environment = dict(os.environ, BUNSHIN_STATE=self.state, BUNSHIN_ROUTES=routes, CANARY_ERRANDS=self.errands, PYTHONDONTWRITEBYTECODE="1")

    def run(self, *arguments, code=0, stdin=b""):
        done = subprocess.run([self.bunshin, *arguments], env=self.environment, capture_output=True, input=stdin, timeout=120, check=False)
        if done.returncode != code:
            sys.exit(f"bunshin {' '.join(arguments)} ended with {done.returncode} instead of {code}:\n{done.stdout}{done.stderr}")
        return done.stdout.decode()


def do_errand(network, peer, channel, text):
    task = new_id()
    with open(f"{network.errands}/{task.hex()}", "w", encoding="utf-8") as file:
        json.dump([channel, text], file)
    assert not ask(peer, task=task), f"the task for {channel} was refused"
    peer.wait(lambda m: m[2][2] == task and m[1] in (COMPLETION, FAILURE))


def files_with(state, patterns):
    """Which files but the keys hold any of these bytes, and how many lines."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"\n".join(sorted(patterns)) + b"\n")
        file.flush()
        command = ["grep", "-r", "-a", "-c", "-F", "-f", file.name, "--exclude-dir=keys", state]
        done = subprocess.run(command, env={"LC_ALL": "C"}, capture_output=True, check=False)
    assert done.returncode < 2, done.stderr
    counts = (line.rpartition(b":") for line in done.stdout.splitlines())
    return {name.decode(): int(count) for name, _, count in counts if int(count)}


def add_secrets(network, canaries):
    folder = os.path.join(network.state, "keys/secrets")
    for i, canary in enumerate(canaries):
        if i % 50 == 0:
            network.run("secret", "add", f"canary-{i}", stdin=canary.encode() + b"\n")
            continue
        path = os.path.join(folder, f".canary-{i}")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
            file.write(canary)
        os.rename(path, os.path.join(folder, f"canary-{i}"))


def main():
    rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    canaries = [make_canary(rng) for _ in range(CANARIES)]
    with tempfile.TemporaryDirectory(prefix="bunshin-canary-") as folder:
        network = Network(os.path.abspath(sys.argv[1]), folder)
        network.run("up")
        try:
            check(network, rng, canaries)
        finally:
            network.run("down")
        look(network, canaries)


def check(network, rng, canaries):
    add_secrets(network, canaries)
    listed = json.loads(network.run("secret", "list", "--json"))["secrets"]
    assert len(listed) == CANARIES, len(listed)
    key = network.run("peer", "add", "canary", "--roles", "client,operator").splitlines()[0]
    peer = Peer(network.state, key, "operator/canary/1", "operator")
    peer.answer_to(peer.hello(), (WELCOME,))
    client = client_channels(peer, rng)
    channels = [*client, *CLONE_CHANNELS]
    # Markers first: each way is a way, and what is no secret passes.
    for channel in channels:
        if channel in client:
            assert not client[channel](f"MARKER {channel}"[:40]) or channel == "type", f"the marker through {channel} was refused"
        else:
            do_errand(network, peer, channel, f"MARKER {channel}")
    pairs = [(channel, encoding) for channel in channels for encoding in ENCODINGS]
    rng.shuffle(pairs)
    for i in range(max(CANARIES, len(pairs))):
        channel, encoding = pairs[i % len(pairs)]
        text = ENCODINGS[encoding](canaries[i % CANARIES])
        if channel in ("type", "trace"): # they have little room
            text = ENCODINGS["raw"](next(c for c in canaries[i % CANARIES :] + canaries if len(c.encode()) < 40))
        if channel in client:
            refused = client[channel](text)
            assert refused is None or refused == (channel in FACTS), f"{channel}, {encoding}: {text!r}: refused is {refused}"
        else:
            do_errand(network, peer, channel, text)
        if i % 20 == 0:
            peer.say(HEARTBEAT, [0, 0, 0, 0])
    peer.say(GOODBYE, [False], payload={"reason": canaries[0]})
    time.sleep(0.3)
    print(f"{max(CANARIES, len(pairs))} messages with canaries through {len(channels)} channels in {len(ENCODINGS)} encodings")


def look(network, canaries):
    state = network.state
    markers = {f"MARKER {channel}"[:40].encode() for channel in CLONE_CHANNELS} | {b"MARKER parameters", b"MARKER cancel", b"MARKER action", b"MARKER artefact"}
    for marker in markers:
        assert files_with(state, {marker}), f"{marker.decode()} is nowhere: that way leads nowhere"
    every = set().union(*(traces(canary) for canary in canaries))
    found = files_with(state, every)
    assert not found, f"canaries stand in {found}"
    assert files_with(os.path.join(state, "keys/secrets"), {canaries[0].encode()}), "nothing would be found"
    partial = os.listdir(os.path.join(state, "artefacts/partial"))
    assert not partial, f"{partial} was left of refused artefacts"
    network.run("audit", "verify")
    replay = json.loads(network.run("audit", "replay", "--json"))
    assert replay["ok"] and replay["compared"] > CANARIES, replay
    marked = [json.loads(line) for line in network.run("audit", "log", "--json", "--type", "TaskCompletion").splitlines()]
    assert sum("masked" in row.get("note", "") for row in marked) > 20, "nobody is told that something was masked"
    print(f"{len(every)} forms of {len(canaries)} canaries are in no file under the state folder; {replay['compared']} records replayed")


if "--clone" in sys.argv:
    run_clone()
else:
    main()
