# SPDX-License-Identifier: MIT
"""A network in a folder of its own with the real programs as its agents and a scripted model behind them, and what must hold whatever they do."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "models"))
# pylint: disable=wrong-import-position
import agents  # noqa: E402
import script  # noqa: E402
import server  # noqa: E402
import stories  # noqa: E402

KEY = "model-key-that-nobody-may-see-4711-0815"
MODELS = {"claude": "claude-sonnet-4-5", "codex": "gpt-5.5", "gemini": "gemini-2.5-flash", "opencode": "fake-model", "qwen": "qwen3-coder"}
PATIENT = "first = 60s  idle = 60s"
PRICE = "price_in = 2  price_cached = 0.2  price_out = 8"


def program_of(name):
    """claude-2 is another section for claude."""
    return name.partition("-")[0]


def read(path, kind="r"):
    return agents.read(path, kind)


class Meeting(server.Books):
    """Books in which lanes wait for each other at a request: all of them under way at once, or it is told."""

    def __init__(self, file):
        super().__init__(file, True)
        self.gate, self.members, self.request = None, set(), 1

    def call(self, lanes, request=1):
        self.members, self.gate, self.request = set(lanes), threading.Barrier(len(lanes)), request

    def asked(self, entry, body):
        super().asked(entry, body)
        if self.gate and entry["lane"] in self.members and entry["request"] == self.request:
            self.members.discard(entry["lane"])
            try:
                self.gate.wait(90)
            except threading.BrokenBarrierError:
                pass

    def met(self):
        return not self.members and not self.gate.broken


def outside_of_work(folder):
    """Where the sandbox can show the programs, and the folder to remove for that: inside, everything below /work is the agent's own."""
    if os.path.commonpath([os.path.realpath(folder), "/work"]) != "/work":
        return folder, None
    copied = tempfile.mkdtemp(prefix="bunshin-programs-")
    return shutil.copytree(folder, os.path.join(copied, "programs"), symlinks=True), copied


class Bench:
    def __init__(self, bunshin, folder, names, keep=False):
        self.bunshin_path, self.names, self.keep = os.path.abspath(bunshin), names, keep
        self.programs, self.copied = outside_of_work(os.path.abspath(folder))
        self.folder = tempfile.mkdtemp(prefix="bunshin-real-")
        self.state, self.routes = os.path.join(self.folder, "state"), os.path.join(self.folder, "routing.conf")
        self.log = open(os.path.join(self.folder, "asked.jsonl"), "a+", encoding="utf-8")
        self.server = server.Server(("127.0.0.1", 0), {"": script.Script("", {})}, self.log, True, KEY)
        self.server.books = Meeting(self.log)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        self.key = os.path.join(self.folder, "key")
        with open(os.open(self.key, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
            file.write(KEY + "\n")
        self.set_timers(PATIENT)
        self.repository, self.begun = None, 0
        self.said = []  # all that the product has printed
        self.bunshin("up", cwd=self.folder)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.bunshin("down", cwd=self.folder, code=None)
        self.server.stop()
        self.log.close()
        if self.keep:
            print(f"kept in {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
        if self.copied:
            shutil.rmtree(self.copied, ignore_errors=True)

    # ---- the product ----

    def set_timers(self, timers):
        """Writes routing.conf: ours, and a section for each program. Attempts read it when they begin."""
        text = read(os.path.join(ROOT, "routing.conf"))
        for name in self.names:
            kind = program_of(name)
            text += (f'agent {name} {{ adapter = {kind}  program = "{agents.program(self.programs, kind)}"  model = {MODELS[kind]}'
                     f'  endpoint = "{self.server.url()}/lane/{name}"  key = "file:{self.key}"  {PRICE}  {timers} }}\n')
        with open(self.routes + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(self.routes + ".new", self.routes)

    def environment(self):
        more = {**stories.GIT, "PATH": os.environ["PATH"], "BUNSHIN_STATE": self.state, "BUNSHIN_ROUTES": self.routes, "BUNSHIN_TIMEOUT": "60s", "NO_COLOR": "1"}
        return {**os.environ, **more}

    def bunshin(self, *words, code=0, cwd=None):
        done = subprocess.run((self.bunshin_path, *words), cwd=cwd or self.repository, env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=600)
        self.said.append(done.stdout + done.stderr)
        if code is not None and done.returncode != code:
            raise AssertionError(f"bunshin {' '.join(words)}: exit {done.returncode}, not {code}\n{done.stdout}\n{done.stderr}")
        return done

    def json(self, *words, **more):
        return json.loads(self.bunshin(*words, "--json", **more).stdout)

    def project(self, name):
        """A new repository, in which the commands that follow are run."""
        self.repository = os.path.join(self.folder, name)
        return stories.make_project(self.repository)

    def lay(self, lane, value):
        with open(self.log.name, "rb") as file:
            self.begun = sum(1 for _ in file)
        self.server.lanes[lane] = script.Script(lane, value)
        with self.server.books.lock:
            self.server.books.lanes.pop(lane, None)

    def race(self, *words, agents_given=None):
        """Runs a race to its end. (its result, exit code, seconds)"""
        start = time.monotonic()
        done = self.bunshin("race", stories.PROMPT, "--agents", ",".join(agents_given or self.names), *words, "--json", code=None)
        ended = next((line for line in map(json.loads, done.stdout.splitlines()) if line["event"] == "ended"), None)
        if not ended or not ended.get("result"):
            raise AssertionError(f"the race has no result: exit {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr}")
        return ended["result"], done.returncode, time.monotonic() - start

    def refs(self):
        return {row["ref"]: row["id"] for row in self.json("workspace", "refs")["refs"]}

    def file_at(self, commit, path=stories.SOURCE):
        return self.bunshin("workspace", "show", f"{commit}:{path}").stdout

    def evidence(self, task):
        """What the attempt of a task said of its agent, or {}."""
        outcome = self.json("task", "wait", task, code=None)
        return (outcome.get("result") or outcome.get("evidence") or {}).get("agent") or {}

    # ---- the model's side ----

    def entries(self, everything=False):
        """What the server has logged, since scripts were laid last or from the beginning."""
        with open(self.log.name, encoding="utf-8") as file:
            return [json.loads(line) for line in list(file)[0 if everything else self.begun:]]

    def tokens(self, lane):
        """What the server says it has sent and been sent in this lane since its script was laid."""
        with self.server.books.lock:
            count = dict(self.server.books.lanes.get(lane, {}))
        return count.get("input_tokens", 0) + count.get("output_tokens", 0)

    def told_its_end(self, lane, turns):
        """Did the model get to say its last turn, whole and unspoiled, since its script was laid? The log knows, whatever the program says."""
        entries = [entry for entry in self.entries() if entry["lane"] == lane]
        good = {entry["n"] for entry in entries if entry["event"] == "answered" and entry["end"] == "complete" and entry["fault"] in (None, "slow")}
        return any(entry["event"] == "asked" and entry.get("turn") == turns - 1 and entry["n"] in good for entry in entries)

    # ---- what must hold ----

    def inside(self):
        """Processes in our sandboxes: what they see is mounted from this folder, whatever session they are in."""
        mark = os.path.basename(self.folder).encode()
        return [int(pid) for pid in filter(str.isdigit, os.listdir("/proc")) if mark in read(f"/proc/{pid}/mountinfo", "rb")]

    def left(self, patience=5):
        until = time.monotonic() + patience
        while (pids := self.inside()) and time.monotonic() < until:
            time.sleep(0.1)
        return [f"{pid} {read(f'/proc/{pid}/cmdline').replace(chr(0), ' ')[:80]}" for pid in pids]

    def attempts(self):
        """Processes of ours that run attempts."""
        with open(os.path.join(self.state, "run/supervisor.json"), encoding="utf-8") as file:
            clone = next(child["pid"] for child in json.load(file)["children"] if child["name"] == "shadow/1")
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
            if len(fields) > 1 and int(fields[1]) == clone and b"attempt" in read(f"/proc/{pid}/cmdline", "rb").split(b"\0")[1:2]:
                found.append(int(pid))
        return found

    def places_of_the_key(self):
        """Everywhere it must not be: files of ours, the person's repositories, what was printed, what agents told the model."""
        mine = {self.key, self.log.name}
        for folder, _, names in os.walk(self.folder):
            for path in (os.path.join(folder, name) for name in names):
                if path not in mine and KEY.encode() in read(path, "rb"):
                    yield path
        if any(KEY in text for text in self.said):
            yield "what bunshin printed"
        for entry in self.entries(everything=True):
            if KEY in json.dumps(entry.get("body")):
                yield f"a request of {entry['lane']}"
            if entry["event"] == "asked" and entry["key"] != KEY:
                yield f"instead of the key there was \"{entry['key']}\" in a request of {entry['lane']}"

    def complaints(self):
        """All that does not hold at the end, with the network down."""
        self.bunshin("audit", "verify", cwd=self.folder)
        self.bunshin("down", cwd=self.folder)
        verify = os.path.join(os.path.dirname(os.path.dirname(self.bunshin_path)), "verifier", "bunshin-verify")
        done = subprocess.run((verify, os.path.join(self.state, "trail.db"), "--key", os.path.join(self.state, "keys/log.pub")), capture_output=True, text=True)
        if done.returncode != 0:
            yield f"bunshin-verify: {done.stdout}{done.stderr}"
        yield from (f"the key is in {place}" for place in self.places_of_the_key())
        yield from (f"left behind: {process}" for process in self.left())
        mark = self.folder.encode()
        for pid in filter(str.isdigit, os.listdir("/proc")):
            if int(pid) != os.getpid() and mark in read(f"/proc/{pid}/environ", "rb") + read(f"/proc/{pid}/cmdline", "rb"):
                yield f"left behind: {pid} {read(f'/proc/{pid}/cmdline')[:80]}"
        for name in os.listdir(os.path.join(self.state, "log")):
            text = read(os.path.join(self.state, "log", name))
            if "ERROR: " in text or "runtime error" in text:
                yield f"log/{name}: {text[-2000:]}"


def terminate(pids):
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
