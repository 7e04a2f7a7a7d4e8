#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A model server for tests that says what a script tells it to, on loopback or on a Unix socket.

    server.py [--script FILE] [--log FILE] [--bodies] [--key KEY] [--unix PATH | --port N]

Prints one line, http://127.0.0.1:PORT or unix:PATH, and serves until it gets SIGTERM, SIGINT, or with --until-eof the end of its
standard input. README.md beside this file tells about scripts, faults, lanes and the log.
"""
import argparse
import http.server
import json
import os
import re
import select
import signal
import socket
import socketserver
import struct
import sys
import threading
import time
import traceback

import answers
import script as scripts

ENDS = (signal.SIGTERM, signal.SIGINT)
LANE = re.compile(r"^/lane/([A-Za-z0-9._-]+)(/.*)?$")


class Books:
    """Counts and the log: one JSON object a line, "asked" when a request is there and "answered" when it is done with."""

    def __init__(self, file, bodies):
        self.lock, self.file, self.bodies = threading.Lock(), file, bodies
        self.lanes, self.sequence = {}, 0

    def lane(self, name):
        return self.lanes.setdefault(name, {"requests": 0, "side": 0, "faults": 0, "input_tokens": 0, "output_tokens": 0})

    def write(self, value):
        if self.file:
            self.file.write(json.dumps(value, ensure_ascii=False) + "\n")
            self.file.flush()

    def number(self, lane, side):
        """The number of this request in all and in its lane (0 for a side question)."""
        with self.lock:
            self.sequence += 1
            count = self.lane(lane)
            count["side" if side else "requests"] += 1
            return self.sequence, 0 if side else count["requests"]

    def asked(self, entry, body):
        with self.lock:
            self.write({"event": "asked", **entry, **({"body": body} if self.bodies else {})})

    def answered(self, entry, plan, sent, end):
        with self.lock:
            count = self.lane(entry["lane"])
            count["faults"] += bool(entry["fault"])
            count["input_tokens"] += plan.tokens_in
            count["output_tokens"] += plan.tokens_out
            self.write({"event": "answered", "n": entry["n"], "lane": entry["lane"], "request": entry["request"], "status": plan.status,
                        "fault": entry["fault"], "input_tokens": plan.tokens_in, "output_tokens": plan.tokens_out, "bytes": sent, "end": end})

    def totals(self):
        with self.lock:
            total = {key: sum(lane[key] for lane in self.lanes.values()) for key in self.lane("")}
            return {**total, "lanes": {name: dict(lane) for name, lane in self.lanes.items()}}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "scripted-models", ""

    def setup(self):
        self.disable_nagle_algorithm = self.request.family == socket.AF_INET
        super().setup()

    def log_message(self, *_):
        pass

    def body(self):
        if "chunked" in self.headers.get("transfer-encoding", ""):
            parts = []
            while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def place(self):
        """Lane, path and query of the request."""
        path, _, query = self.path.partition("?")
        found = LANE.match(path)
        return (found[1], found[2] or "/", query) if found else ("", path, query)

    def key(self):
        bearer = self.headers.get("authorization", "").removeprefix("Bearer ").strip()
        return bearer or self.headers.get("x-api-key") or self.headers.get("x-goog-api-key") or ""

    # Sending

    def head(self, plan):
        self.send_response(plan.status)
        self.send_header("content-type", plan.content_type)
        for name, value in plan.headers.items():
            self.send_header(name, value)
        if plan.chunked:
            self.send_header("transfer-encoding", "chunked")
        else:
            self.send_header("content-length", str(plan.size()))
        self.end_headers()

    def piece(self, data, chunked):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data) if chunked else data)
        self.wfile.flush()

    def drop(self, reset):
        """Hang up: with a FIN, or with a RST as a broken machine would."""
        self.close_connection = True
        if reset and self.connection.family == socket.AF_INET:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.server.hang_up.add(self.connection)

    def stall(self, seconds):
        """Say nothing until the other side leaves, the time is over or the server stops."""
        until = None if seconds is None else time.monotonic() + seconds
        while not self.server.stopping.is_set() and (until is None or time.monotonic() < until):
            if select.select([self.connection], [], [], 0.1)[0] and not self.connection.recv(1, socket.MSG_PEEK):
                return "client left"
        self.close_connection = True
        return "stalled"

    def carry_out(self, plan):
        """Write the plan. Returns the bytes of the body that were sent, and how it ended."""
        sent = 0
        if plan.status is not None:
            self.head(plan)
        for data in plan.pieces if self.command != "HEAD" else []:
            data = data if plan.cut is None else data[:max(0, plan.cut - sent)]
            if data:
                self.piece(data, plan.chunked)
                sent += len(data)
                time.sleep(plan.delay_ms / 1000)
        if plan.then == "stall":
            return sent, self.stall(plan.seconds)
        if plan.then == "drop":
            self.drop(plan.reset)
            return sent, "dropped"
        if plan.chunked:
            self.wfile.write(b"0\r\n\r\n")
            self.wfile.flush()
        return sent, "complete"

    def finish_with(self, entry, plan):
        sent, end = 0, "client left"
        try:
            sent, end = self.carry_out(plan)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        self.server.books.answered(entry, plan, sent, end)

    # Asking

    def entry(self, lane, path, side=False, **more):
        total, request = self.server.books.number(lane, side)
        return {"n": total, "lane": lane, "request": request, "method": self.command, "path": path, "key": self.key(), "fault": None, **more}

    def simple(self, lane, path, plan, body=None):
        """A request that is no part of a conversation."""
        entry = self.entry(lane, path, side=True, wire=None)
        self.server.books.asked(entry, body)
        self.finish_with(entry, plan)

    def converse(self, lane, path, query, wire, raw, body):
        script = self.server.lanes[lane]
        question = wire.read(path, body)
        side = answers.is_side_question(script, question)
        entry = self.entry(lane, path, side, wire=wire.NAME, model=question.model, stream=question.stream,
                           tools=[tool.name for tool in question.tools], messages=question.messages)
        fault = script.fault(entry["request"]) if not side else next((f for f in script.faults if (f.first, f.last) == (1, float("inf"))), None)
        reply, entry["turn"], entry["missing"] = answers.reply_of(script, question, raw.decode(errors="replace").replace("\\n", "\n"), entry["n"])
        entry["fault"] = fault.kind if fault else None
        entry["calls"] = [call.name for call in reply.calls]
        self.server.books.asked(entry, body)
        self.finish_with(entry, answers.plan_for(wire, question, reply, fault, "alt=sse" in query))

    def refused(self, path, status, message):
        """What would keep a request from being answered at all, said in the words of its wire."""
        wire = answers.wire_for(path) or answers.wire_chat
        return answers.refusal_plan(wire, status, message)

    def do_POST(self):
        lane, path, query = self.place()
        raw = self.body()
        script = self.server.lanes.get(lane)
        if script is None:
            known = ", ".join(sorted(name for name in self.server.lanes if name)) or "none"
            return self.simple(lane, path, self.refused(path, 404, f'no lane "{lane}"; there are: {known}'))
        if self.server.key and self.key() != self.server.key:
            return self.simple(lane, path, self.refused(path, 401, answers.MESSAGES[401]))
        try:
            body = json.loads(raw or b"{}")
        except ValueError as error:
            return self.simple(lane, path, self.refused(path, 400, f"the body is not JSON: {error}"))
        wire = answers.wire_for(path)
        if wire:
            return self.converse(lane, path, query, wire, raw, body)
        plan = answers.count_plan(path, body) or answers.ollama_plan(path, script.models)
        return self.simple(lane, path, plan or self.refused(path, 404, f"nothing is served at {path}"), body)

    def do_GET(self):
        lane, path, _ = self.place()
        if path == "/stats":
            self.carry_out(answers.object_plan(self.server.books.totals()))
            return
        script = self.server.lanes.get(lane) or self.server.lanes[""]
        self.simple(lane, path, answers.probe_plan(path, script.models))

    do_HEAD = do_GET

    def do_PUT(self):
        """PUT /lane/NAME lays a script; its requests are counted from 1 again."""
        lane, path, _ = self.place()
        text = self.body().decode(errors="replace")
        try:
            if not lane or path != "/":
                raise scripts.ScriptError(f"{self.path}: cannot be put; accepted is /lane/NAME")
            self.server.lanes[lane] = scripts.Script(lane, scripts.parse(text, lane))
            with self.server.books.lock:
                self.server.books.lanes.pop(lane, None)
            plan = answers.object_plan({"lane": lane})
        except scripts.ScriptError as error:
            plan = answers.object_plan({"error": str(error)}, 400)
        self.carry_out(plan)


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads, block_on_close, allow_reuse_address, request_queue_size = True, False, True, 128

    def __init__(self, address, lanes, log=None, bodies=False, key=None):
        self.lanes, self.key, self.hang_up = lanes, key, set()
        self.books, self.stopping = Books(log, bodies), threading.Event()
        self.address_family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        super().__init__(address, Handler)

    def url(self):
        return f"unix:{self.server_address}" if self.address_family == socket.AF_UNIX else "http://127.0.0.1:%d" % self.server_address[1]

    def get_request(self):
        connection, address = super().get_request()
        return connection, address or ("local", 0)

    def shutdown_request(self, request):
        if request in self.hang_up:
            self.hang_up.discard(request)
            request.close()
        else:
            super().shutdown_request(request)

    def handle_error(self, request, client_address):
        """A client that hangs up is everyday; anything else is a bug of ours and is shown."""
        if not isinstance(sys.exc_info()[1], OSError):
            traceback.print_exc()

    def stop(self):
        self.stopping.set()
        self.shutdown()
        self.server_close()


def arguments():
    parser = argparse.ArgumentParser(description="A model server for tests that says what a script tells it to.")
    parser.add_argument("--script", metavar="FILE", help='the script; without it every answer is "Done."')
    parser.add_argument("--log", metavar="FILE", help="append what was asked, one JSON object a line")
    parser.add_argument("--bodies", action="store_true", help="keep the bodies of requests in the log")
    parser.add_argument("--key", help="refuse every other key with 401")
    parser.add_argument("--unix", metavar="PATH", help="listen on a Unix socket")
    parser.add_argument("--port", type=int, default=0, help="listen on this port of 127.0.0.1 (default: one that is free)")
    parser.add_argument("--until-eof", action="store_true", help="also stop when standard input ends, so that no server outlives its test")
    return parser.parse_args()


def end_with_input():
    while os.read(0, 65536):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main():
    options = arguments()
    try:
        lanes = scripts.load(options.script) if options.script else scripts.lanes_of({})
    except scripts.ScriptError as error:
        sys.exit(f"server.py: {error}")
    try:
        log = open(options.log, "a", encoding="utf-8") if options.log else None
    except OSError as error:
        sys.exit(f"server.py: {options.log}: {error.strerror}")
    address = options.unix or ("127.0.0.1", options.port)
    try:
        server = Server(address, lanes, log, options.bodies, options.key)
    except OSError as error:
        sys.exit(f"server.py: cannot listen on {options.unix or 'port %d' % options.port}: {error.strerror or error}")
    # Blocked before any thread is there and waited for in one place: a handler could meet a lock that its own thread holds.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    if options.until_eof:
        threading.Thread(target=end_with_input, daemon=True).start()
    print(server.url(), flush=True)
    signal.sigwait(ENDS)
    server.stop()
    if options.unix:
        os.unlink(options.unix)


if __name__ == "__main__":
    main()
