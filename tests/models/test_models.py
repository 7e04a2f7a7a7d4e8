#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does the scripted model server say, byte for byte, what the servers it stands for would say, and fail as it is told to?"""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

import answers
import script
import server
import toolbox

HERE = os.path.dirname(os.path.abspath(__file__))
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}, "content": {"type": "string"}}, "required": ["path", "content"]}
CHAT_TOOLS = [{"type": "function", "function": {"name": "write", "parameters": SCHEMA}}]
WIRES = {  # name: path, what every request has, tools, the messages of a user
    "anthropic": ("/v1/messages", {"model": "m", "stream": True}, {"tools": [{"name": "write", "input_schema": SCHEMA}]},
                  {"messages": [{"role": "user", "content": "hi"}]}),
    "responses": ("/v1/responses", {"model": "m", "stream": True}, {"tools": [{"type": "function", "name": "write", "parameters": SCHEMA}]},
                  {"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}]}),
    "chat": ("/v1/chat/completions", {"model": "m", "stream": True, "stream_options": {"include_usage": True}}, {"tools": CHAT_TOOLS},
             {"messages": [{"role": "user", "content": "hi"}]}),
    "gemini": ("/v1beta/models/m:streamGenerateContent?alt=sse", {},
               {"tools": [{"functionDeclarations": [{"name": "write", "parametersJsonSchema": SCHEMA}]}]},
               {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
    "ollama": ("/api/chat", {"model": "m"}, {"tools": CHAT_TOOLS}, {"messages": [{"role": "user", "content": "hi"}]}),
}
USAGE = {"input": 100, "output": 7, "cached": 40}
TALK = {"turns": [{"say": "Hello", "usage": USAGE}]}
WORK = {"turns": [{"say": "Now.", "write": {"path": "a.txt", "content": "é\n"}, "usage": USAGE}, {"say": "Done here.", "usage": USAGE}]}
LONG = {"turns": [{"say": "A long answer that takes more than a single piece to be told.", "usage": USAGE}]}
STREAM_END = {"anthropic": b'data: {"type":"message_stop"}\n\n', "chat": b"data: [DONE]\n\n", "responses": b"event: response.completed\n",
              "gemini": b'"finishReason":"STOP"', "ollama": b'"done":true'}

HELLO = {
    "anthropic": b"""event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,\
"stop_sequence":null,"usage":{"input_tokens":60,"cache_creation_input_tokens":0,"cache_read_input_tokens":40,"output_tokens":1}}}

event: ping
data: {"type":"ping"}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":7}}

event: message_stop
data: {"type":"message_stop"}

""",
    "chat": b"""\
data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"m","choices":[{"index":0,"delta":{"role":"assistant",\
"content":""},"finish_reason":null}]}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"m","choices":[{"index":0,"delta":{"content":"Hello"},\
"finish_reason":null}]}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"m","choices":[{"index":0,"delta":{},\
"finish_reason":"stop"}]}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"m","choices":[],"usage":{"prompt_tokens":100,\
"completion_tokens":7,"total_tokens":107,"prompt_tokens_details":{"cached_tokens":40}}}

data: [DONE]

""",
    "gemini": b"""\
data: {"candidates":[{"content":{"role":"model","parts":[{"text":"Hello"}]},"index":0}],"modelVersion":"m","responseId":"1"}

data: {"candidates":[{"content":{"role":"model","parts":[{"text":""}]},"index":0,"finishReason":"STOP"}],"modelVersion":"m",\
"responseId":"1","usageMetadata":{"promptTokenCount":100,"candidatesTokenCount":7,"totalTokenCount":107,"cachedContentTokenCount":40}}

""".replace(b"\n", b"\r\n"),
    "ollama": b"""\
{"model":"m","created_at":"2026-01-01T00:00:00.000000000Z","message":{"role":"assistant","content":"Hello"},"done":false}
{"model":"m","created_at":"2026-01-01T00:00:00.000000000Z","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop",\
"total_duration":5000000000,"load_duration":1000000000,"prompt_eval_count":100,"prompt_eval_duration":1000000000,"eval_count":7,\
"eval_duration":3000000000}
""",
}
RESPONSES_HELLO = ["response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
                   "response.output_text.delta", "response.output_text.done", "response.content_part.done", "response.output_item.done",
                   "response.completed"]


class Got:
    """An answer as it came over the line. `complete`: the end was said, not just reached."""

    def __init__(self, raw):
        self.raw = raw
        head, _, rest = raw.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split()[1]) if raw else None
        self.headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        if self.headers.get("transfer-encoding") == "chunked":
            self.body, self.complete = unchunked(rest)
        else:
            self.body, self.complete = rest, len(rest) == int(self.headers.get("content-length", -1))

    def json(self):
        return json.loads(self.body)

    def events(self):
        """The data of each event."""
        blocks = self.body.replace(b"\r\n", b"\n").decode().split("\n\n")[:-1]
        data = [block.split("data: ", 1)[1] for block in blocks]
        return [json.loads(one) for one in data if one != "[DONE]"]

    def lines(self):
        return [json.loads(line) for line in self.body.splitlines()]


def unchunked(rest):
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        size = int(size, 16)
        if size == 0:
            return body, rest == b"\r\n"
        body, rest = body + rest[:size], rest[size + 2:]
    return body, False


class Case(unittest.TestCase):
    def serve(self, value, address=("127.0.0.1", 0), **more):
        self.log = tempfile.TemporaryFile("w+", encoding="utf-8")
        self.server = server.Server(address, script.lanes_of(value), self.log, **more)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.002}, daemon=True).start()
        self.addCleanup(self.log.close)
        self.addCleanup(self.server.stop)
        return self.server

    def connect(self):
        link = socket.socket(self.server.address_family)
        link.settimeout(10)
        link.connect(self.server.server_address)
        self.addCleanup(link.close)
        return link

    def send(self, path, body=None, method=None, headers=()):
        text = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        head = [f"{method or ('GET' if body is None else 'POST')} {path} HTTP/1.1", "host: x", "connection: close", f"content-length: {len(text)}", *headers]
        link = self.connect()
        link.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + text)
        return link

    def ask(self, path, body=None, method=None, headers=()):
        link, raw = self.send(path, body, method, headers), b""
        try:
            while data := link.recv(65536):
                raw += data
        except ConnectionResetError:
            self.was_reset = True
        return Got(raw)

    def put_question(self, wire, tools=False, lane="", **more):
        path, common, offered, messages = WIRES[wire]
        return self.ask(lane + path, {**common, **(offered if tools else {}), **messages, **more})

    def logged(self, event):
        self.log.seek(0)
        return [entry for entry in map(json.loads, self.log) if entry["event"] == event]


class Answers(Case):
    def test_a_text_is_told_in_exactly_these_bytes(self):
        for wire, bytes_wanted in HELLO.items():
            with self.subTest(wire):
                self.serve(TALK)
                got = self.put_question(wire)
                self.assertEqual((got.status, got.complete), (200, True))
                self.assertEqual(got.body, bytes_wanted)

    def test_the_events_of_responses_come_named_numbered_and_in_order(self):
        self.serve(TALK)
        got = self.put_question("responses")
        names = [line[7:] for line in got.body.decode().split("\n") if line.startswith("event: ")]
        events = got.events()
        self.assertEqual(names, RESPONSES_HELLO)
        self.assertEqual([event["type"] for event in events], names)
        self.assertEqual([event["sequence_number"] for event in events], list(range(len(names))))
        last = events[-1]["response"]
        self.assertEqual(last["output"][0]["content"], [{"type": "output_text", "text": "Hello", "annotations": []}])
        self.assertEqual(last["usage"], {"input_tokens": 100, "input_tokens_details": {"cached_tokens": 40}, "output_tokens": 7,
                                         "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 107})

    def test_an_answer_that_is_not_streamed_says_the_same(self):
        self.serve(TALK)
        chat = self.put_question("chat", stream=False).json()
        self.assertEqual(chat["choices"], [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}])
        self.assertEqual(chat["usage"]["total_tokens"], 107)
        anthropic = self.put_question("anthropic", stream=False).json()
        self.assertEqual((anthropic["content"], anthropic["stop_reason"]), ([{"type": "text", "text": "Hello"}], "end_turn"))
        self.assertEqual(self.put_question("responses", stream=False).json()["status"], "completed")
        ollama = self.put_question("ollama", stream=False).json()
        self.assertEqual((ollama["message"]["content"], ollama["done"], ollama["eval_count"]), ("Hello", True, 7))
        gemini = self.ask("/v1beta/models/m:generateContent", WIRES["gemini"][3]).json()
        self.assertEqual(gemini["candidates"][0]["content"]["parts"], [{"text": "Hello"}])
        listed = self.ask("/v1beta/models/m:streamGenerateContent", WIRES["gemini"][3])
        self.assertEqual([part["responseId"] for part in listed.json()], ["6", "6"])

    def test_chat_tells_the_usage_only_to_those_who_ask(self):
        self.serve(TALK)
        self.assertNotIn(b"usage", self.put_question("chat", stream_options=None).body)

    def test_ollama_generates_too(self):
        self.serve(TALK)
        lines = self.ask("/api/generate", {"model": "m", "prompt": "hi"}).lines()
        self.assertEqual([line["response"] for line in lines], ["Hello", ""])

    def test_all_is_served_on_a_unix_socket_too(self):
        with tempfile.TemporaryDirectory() as folder:
            self.serve(TALK, os.path.join(folder, "model"))
            self.assertEqual(self.put_question("chat").body, HELLO["chat"])

    def test_probes_are_answered_kindly(self):
        self.serve({**TALK, "models": ["a", "b"]})
        self.assertEqual([one["id"] for one in self.ask("/v1/models").json()["data"]], ["a", "b"])
        self.assertEqual([one["name"] for one in self.ask("/api/tags").json()["models"]], ["a", "b"])
        self.assertRegex(self.ask("/api/version").json()["version"], r"^\d+\.\d+\.\d+$")
        self.assertEqual(self.ask("/api/show", {"model": "a"}).status, 200)
        self.assertEqual(self.ask("/whatever").json(), {})
        head = self.ask("/", method="HEAD")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(self.ask("/whatever", {}).status, 404)

    def test_tokens_are_counted_before_they_are_spent(self):
        self.serve(TALK)
        self.assertGreater(self.ask("/v1/messages/count_tokens", WIRES["anthropic"][3]).json()["input_tokens"], 1)
        self.assertGreater(self.ask("/v1beta/models/m:countTokens", WIRES["gemini"][3]).json()["totalTokens"], 1)

    def test_a_body_in_chunks_is_read_and_one_that_is_not_json_refused(self):
        self.serve(TALK)
        body = json.dumps({**WIRES["chat"][1], **WIRES["chat"][3]}).encode()
        link = self.connect()
        link.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n")
        for part in (body[:10], body[10:]):
            link.sendall(b"%x\r\n%s\r\n" % (len(part), part))
        link.sendall(b"0\r\n\r\n")
        self.assertEqual(Got(b"".join(iter(lambda: link.recv(65536), b""))).body, HELLO["chat"])
        self.assertEqual(self.ask("/v1/messages", b"{").status, 400)


CALLS = {  # the first call of a stream as (name, arguments, id)
    "anthropic": lambda got: ([e["content_block"] for e in got.events() if e["type"] == "content_block_start"][1],
                              "".join(e["delta"].get("partial_json", "") for e in got.events() if e["type"] == "content_block_delta")),
    "responses": lambda got: (got.events()[-1]["response"]["output"][1], "".join(e["delta"] for e in got.events() if "arguments.delta" in e["type"])),
    "chat": lambda got: ([c for e in got.events() for c in (e["choices"] or [{}])[0].get("delta", {}).get("tool_calls", []) if "id" in c][0],
                         "".join(c["function"]["arguments"] for e in got.events() for c in (e["choices"] or [{}])[0].get("delta", {}).get("tool_calls", []))),
    "gemini": lambda got: ((call := [p["functionCall"] for e in got.events() for p in e["candidates"][0]["content"]["parts"] if "functionCall" in p][0]),
                           json.dumps(call["args"])),
    "ollama": lambda got: ((call := [c for line in got.lines() for c in line["message"].get("tool_calls", [])][0]), json.dumps(call["function"]["arguments"])),
}


def history(wire, call):
    """What a program sends after it has done what the first call asked for."""
    arguments = '{"path":"a.txt","content":"x"}'
    user = WIRES[wire][3]
    if wire == "anthropic":
        return {"messages": user["messages"] + [{"role": "assistant", "content": [{"type": "tool_use", "id": call["id"], "name": "write", "input": {}}]},
                                                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call["id"], "content": "ok"}]}]}
    if wire == "responses":
        return {"input": user["input"] + [call, {"type": "function_call_output", "call_id": call["call_id"], "output": "ok"}]}
    if wire == "gemini":
        return {"contents": user["contents"] + [{"role": "model", "parts": [{"functionCall": {"name": "write", "args": {}}}]},
                                                {"role": "user", "parts": [{"functionResponse": {"name": "write", "response": {}}}]}]}
    asked = {"role": "assistant", "content": "", "tool_calls": [{**call, "function": {"name": "write", "arguments": arguments}}]}
    return {"messages": user["messages"] + [asked, {"role": "tool", "content": "ok"}]}


class Conversations(Case):
    def test_a_tool_is_called_and_its_result_brings_the_next_turn(self):
        for wire, first_call in CALLS.items():
            with self.subTest(wire):
                self.serve(WORK)
                got = self.put_question(wire, tools=True)
                call, arguments = first_call(got)
                self.assertEqual(json.loads(arguments), {"path": "a.txt", "content": "é\n"})
                again = self.put_question(wire, tools=True)
                self.assertEqual(len(again.body), len(got.body), "a request that is tried again gets the same turn")
                path, common, offered, _ = WIRES[wire]
                self.assertIn(b"Done here.", self.ask(path, {**common, **offered, **history(wire, call)}).body)
                self.assertEqual([entry["turn"] for entry in self.logged("asked")], [0, 0, 1])

    def test_a_call_is_named_as_the_reason_to_stop(self):
        self.serve(WORK)
        for wire, said in {"anthropic": b'"stop_reason":"tool_use"', "chat": b'"finish_reason":"tool_calls"', "responses": b'"type":"function_call"'}.items():
            self.assertIn(said, self.put_question(wire, tools=True).body)

    def test_a_side_question_without_tools_does_not_move_the_story(self):
        self.serve({**WORK, "faults": [{"fault": "status", "status": 500, "at": 2}]})
        self.assertIn(b'"ok"', self.put_question("chat").body)
        self.assertEqual(self.put_question("chat", tools=True).status, 200)
        self.assertEqual([entry["request"] for entry in self.logged("asked")], [0, 1])
        self.assertEqual(self.put_question("chat", tools=True).status, 500)

    def test_a_script_may_go_round_for_ever(self):
        turns = script.Script("s", {"turns": [{"shell": "true"}, {"shell": "false"}], "loop": True})
        self.assertEqual(turns.turn(turns.position([("", ["call_t7_0_r9"])])).calls[0][1], {"command": "true"})
        self.assertEqual(turns.turn(turns.position([("", ["call_t8_0_r9"])])).calls[0][1], {"command": "false"})

    def test_calls_that_follow_one_another_are_one_answer_until_somebody_replies(self):
        call, result = {"type": "function_call", "call_id": "x"}, {"type": "function_call_output", "call_id": "x"}
        for items, wanted in (([call, call, result, result], 1), ([call, result, call, result], 2), ([{"type": "reasoning"}, call, result], 1)):
            history = answers.wire_for("/v1/responses").read("", {"input": items}).history
            self.assertEqual(script.Script("s", WORK | {"loop": True}).position(history), wanted)

    def test_calls_carry_their_turn_so_that_a_shortened_history_is_understood(self):
        turns = script.Script("s", {"turns": [{"shell": str(i)} for i in range(9)]})
        self.assertEqual(turns.position([("", ["call_t5_0_r7", "call_t5_1_r7"])]), 6)

    def test_a_conversation_goes_on_after_its_end(self):
        turns = script.Script("s", {"turns": [{"shell": "a"}, {"say": "One."}, {"shell": "b"}, {"say": "Two."}]})
        self.assertEqual(turns.position([("", ["x"]), ("One.", [])]), 2)
        self.assertEqual(turns.position([("", ["x"]), ("a greeting of the program", [])]), 1)

    def test_lanes_have_stories_and_counts_of_their_own(self):
        self.serve({**TALK, "lanes": {"bad": {"faults": [{"fault": "status", "status": 401}]}}})
        self.assertEqual(self.put_question("chat", lane="/lane/bad").status, 401)
        self.assertEqual(self.put_question("chat").body, HELLO["chat"].replace(b"chatcmpl-1", b"chatcmpl-2"))
        none = self.put_question("chat", lane="/lane/none")
        self.assertEqual((none.status, none.json()["error"]["message"]), (404, 'no lane "none"; there are: bad'))
        stats = self.ask("/stats").json()
        self.assertEqual((stats["requests"], stats["input_tokens"], stats["lanes"]["bad"]["faults"]), (2, 100, 1))

    def test_a_lane_can_be_laid_while_the_server_runs(self):
        self.serve(TALK)
        self.assertEqual(self.ask("/lane/new", {"turns": [{"say": "Fresh."}]}, "PUT").status, 200)
        self.assertIn(b"Fresh.", self.put_question("chat", lane="/lane/new").body)
        wrong = self.ask("/lane/new", {"turns": []}, "PUT")
        self.assertEqual(wrong.status, 400)
        self.assertIn("at least one turn", wrong.json()["error"])

    def test_only_one_key_opens_if_one_is_set(self):
        self.serve(TALK, key="right")
        self.assertEqual(self.put_question("anthropic").json()["error"]["type"], "authentication_error")
        path, common, _, user = WIRES["anthropic"]
        for header in ("x-api-key: right", "authorization: Bearer right", "x-goog-api-key: right"):
            self.assertEqual(self.ask(path, {**common, **user}, headers=[header]).status, 200)

    def test_the_log_tells_who_asked_what_and_how_it_ended(self):
        self.serve(WORK, bodies=True)
        self.put_question("anthropic", tools=True)
        asked, answered = self.logged("asked")[0], self.logged("answered")[0]
        self.assertEqual({key: asked[key] for key in ("wire", "model", "stream", "tools", "calls", "turn", "missing", "fault")},
                         {"wire": "anthropic", "model": "m", "stream": True, "tools": ["write"], "calls": ["write"], "turn": 0, "missing": [], "fault": None})
        self.assertEqual(asked["body"]["messages"], WIRES["anthropic"][3]["messages"])
        self.assertEqual((answered["status"], answered["end"], answered["input_tokens"], answered["output_tokens"]), (200, "complete", 100, 7))


STATUSES = {  # what a refused key and a limit look like on each wire
    "anthropic": (["error", "type"], "authentication_error", "rate_limit_error"), "responses": (["error", "code"], "invalid_api_key", "rate_limit_exceeded"),
    "chat": (["error", "code"], "invalid_api_key", "rate_limit_exceeded"), "gemini": (["error", "status"], "UNAUTHENTICATED", "RESOURCE_EXHAUSTED"),
    "ollama": (["error"], "invalid x-api-key", "rate limit exceeded, try again later"),
}
STREAM_ERRORS = {
    "anthropic": b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n',
    "responses": b'"status":"failed","output":[],"error":{"code":"server_error","message":"Overloaded"}}}\n\n',
    "chat": b'data: {"error":{"message":"Overloaded","type":"server_error","param":null,"code":500}}\n\n',
    "gemini": b'data: {"error":{"code":500,"message":"Overloaded","status":"INTERNAL"}}\r\n\r\n', "ollama": b'{"error":"Overloaded"}\n',
}
REFUSALS = {"anthropic": b'"stop_reason":"refusal"', "responses": b'"refusal":"I cannot help with that."', "chat": b'"finish_reason":"content_filter"',
            "gemini": b'"finishReason":"SAFETY"', "ollama": b"I cannot help "}
LENGTHS = {"anthropic": b'"stop_reason":"max_tokens"', "responses": b'"incomplete_details":{"reason":"max_output_tokens"}', "chat": b'"finish_reason":"length"',
           "gemini": b'"finishReason":"MAX_TOKENS"', "ollama": b'"done_reason":"length"'}


class Faults(Case):
    def each(self, *faults, story=None):
        """Every wire with its first answer (spoiled) and a function that asks again."""
        for wire in WIRES:
            self.wire = wire
            self.serve({**(story or LONG), "faults": list(faults)})
            self.was_reset = False
            yield wire, self.put_question(wire, tools=bool(story))

    def _formatMessage(self, msg, standardMsg):
        return f"{getattr(self, 'wire', '')}: {super()._formatMessage(msg, standardMsg)}"

    def test_every_status_is_told_in_the_words_of_its_wire(self):
        for status in (400, 401, 403, 404, 429, 500, 529):
            for wire, got in self.each({"fault": "status", "status": status, "at": 1}):
                self.assertEqual((got.status, got.headers["content-type"], got.complete), (status, "application/json", True))
                self.assertIn(answers.MESSAGES[status], got.body.decode())
                self.assertEqual(self.put_question(wire).status, 200, "only the first request fails")

    def test_programs_find_the_kind_of_error_where_they_look_for_it(self):
        for place, status in ((1, 401), (2, 429)):
            for wire, got in self.each({"fault": "status", "status": status, "retry_after": 3}):
                value = got.json()
                for key in STATUSES[wire][0]:
                    value = value[key]
                self.assertEqual(value, STATUSES[wire][place])
                self.assertEqual(got.headers["retry-after"], "3")

    def test_an_empty_answer_has_no_byte(self):
        for _, got in self.each({"fault": "empty"}):
            self.assertEqual((got.status, got.body, got.complete), (200, b"", True))

    def test_a_blank_answer_is_well_formed_and_says_nothing(self):
        for wire, got in self.each({"fault": "blank"}):
            self.assertIn(STREAM_END[wire], got.body)
            self.assertNotIn(b"long", got.body)

    def test_html_comes_where_a_stream_was_due(self):
        for _, got in self.each({"fault": "html"}):
            self.assertEqual((got.status, got.headers["content-type"]), (200, "text/html; charset=utf-8"))
            self.assertTrue(got.body.startswith(b"<!DOCTYPE html>"))

    def test_garbage_is_no_text(self):
        for _, got in self.each({"fault": "garbage"}):
            self.assertEqual((got.status, len(got.body)), (200, 777))
            self.assertRaises(UnicodeDecodeError, got.body.decode)

    def test_a_dropped_stream_ends_within_an_event(self):
        for wire, got in self.each({"fault": "drop", "at": 1}):
            whole = self.put_question(wire).body
            self.assertEqual((got.status, got.complete), (200, False))
            self.assertTrue(abs(len(got.body) - len(whole) // 2) <= 1 and whole[:12] == got.body[:12])
            self.assertNotIn(STREAM_END[wire], got.body)
            self.assertEqual(self.logged("answered")[0]["end"], "dropped")

    def test_a_connection_can_be_reset_before_a_word_is_said(self):
        for _, got in self.each({"fault": "drop", "when": "before", "reset": True}):
            self.assertEqual(got.raw, b"")
            self.assertTrue(self.was_reset)

    def test_a_drop_before_the_answer_says_nothing(self):
        for _, got in self.each({"fault": "drop", "when": "before"}):
            self.assertEqual((got.raw, self.was_reset), (b"", False))

    def test_a_drop_after_the_headers_says_only_those(self):
        for _, got in self.each({"fault": "drop", "when": "headers"}):
            self.assertEqual((got.status, got.body, got.complete), (200, b"", False))

    def test_a_stall_stops_in_the_middle_until_somebody_leaves(self):
        for wire in WIRES:
            self.serve({**LONG, "faults": [{"fault": "stall"}]})
            path, common, _, user = WIRES[wire]
            link, said = self.send(path, {**common, **user}), b""
            while b"A long answer" not in said:
                said += link.recv(65536)
            link.settimeout(0.02)
            with self.assertRaises(TimeoutError):
                while said := said + link.recv(65536):
                    pass
            self.assertNotIn(STREAM_END[wire], said)
            self.assertEqual(self.logged("answered"), [])
            link.close()
            self.wait_for_end("client left")

    def wait_for_end(self, how):
        for _ in range(1000):
            if ended := self.logged("answered"):
                return self.assertEqual(ended[0]["end"], how)
            threading.Event().wait(0.005)
        self.fail("the answer never ended")

    def test_a_stall_before_the_answer_ends_after_its_seconds(self):
        for _, got in self.each({"fault": "stall", "when": "before", "seconds": 0.02}):
            self.assertEqual(got.raw, b"")

    def test_an_error_may_come_within_a_stream(self):
        for wire, got in self.each({"fault": "error"}):
            self.assertEqual((got.status, got.complete), (200, True))
            self.assertTrue(got.body.endswith(STREAM_ERRORS[wire]))
            self.assertIn(b"A long answer", got.body)
            self.assertNotIn(STREAM_END[wire], got.body)

    def test_an_error_is_a_status_where_nothing_is_streamed(self):
        self.serve({**LONG, "faults": [{"fault": "error"}]})
        self.assertEqual(self.put_question("chat", stream=False).status, 500)

    def test_a_refusal_says_so_and_calls_nothing(self):
        for wire, got in self.each({"fault": "refusal"}, story=WORK):
            self.assertIn(REFUSALS[wire], got.body)
            self.assertNotIn(b"a.txt", got.body)

    def test_a_truncated_answer_names_the_length_as_its_reason(self):
        for wire, got in self.each({"fault": "truncated"}):
            self.assertIn(LENGTHS[wire], got.body)
            self.assertIn(b"A long answer", got.body)
            self.assertNotIn(b"be told.", got.body)

    def test_slow_tokens_say_the_same_in_more_pieces(self):
        for wire, got in self.each({"fault": "slow", "delay_ms": 1, "bytes": 100, "at": 1}):
            swift = self.put_question(wire)
            self.assertEqual(got.body.replace(b"resp_1", b"resp_2").replace(b"msg_1", b"msg_2").replace(b"-1", b"-2").replace(b'"1"', b'"2"'), swift.body)
            self.assertGreater(got.raw.count(b"\r\n64\r\n"), 2)

    def test_a_fault_may_last_for_a_span_of_requests(self):
        self.serve({**TALK, "faults": [{"fault": "status", "status": 500, "at": "2-3"}, {"fault": "status", "status": 401, "at": "5-"}]})
        self.assertEqual([self.put_question("chat").status for _ in range(6)], [200, 500, 500, 200, 401, 401])


class Tools(unittest.TestCase):
    def test_a_wish_takes_the_names_that_a_tool_gives_its_arguments(self):
        tool = toolbox.Tool("write", {"properties": {"filePath": {}, "content": {}}})
        self.assertEqual(toolbox.call([tool], None, "write", {"path": "a", "content": "b"}).arguments, {"filePath": "a", "content": "b"})

    def test_arguments_that_are_required_get_something_harmless(self):
        tool = toolbox.Tool("run_shell_command", {"properties": {"command": {}, "is_background": {"type": "boolean"}}, "required": ["command", "is_background"]})
        self.assertEqual(toolbox.call([tool], None, "shell", {"command": "ls"}).arguments, {"command": "ls", "is_background": False})
        listed = toolbox.Tool("shell", {"properties": {"command": {"type": "array"}}})
        self.assertEqual(toolbox.call([listed], None, "shell", {"command": "ls"}).arguments, {"command": ["bash", "-lc", "ls"]})

    def test_a_path_becomes_absolute_where_the_program_says_where_it_works(self):
        for text in ("Primary working directory: /repo\n", "<cwd>/repo</cwd>", "I'm currently working in the directory: /repo\n"):
            self.assertEqual(toolbox.working_folder(text), "/repo")
        call = toolbox.call([toolbox.Tool("Write")], "/repo", "write", {"path": "a", "content": ""})
        self.assertEqual(call.arguments["file_path"], "/repo/a")

    def test_codex_gets_a_patch_in_free_text(self):
        call = toolbox.call([toolbox.Tool("apply_patch", kind="custom")], "/repo", "edit", {"path": "a", "old": "x\n", "new": "y\nz\n"})
        self.assertEqual((call.kind, call.arguments), ("custom", "*** Begin Patch\n*** Update File: a\n@@\n-x\n+y\n+z\n*** End Patch\n"))

    def test_a_shell_is_enough_for_everything(self):
        with tempfile.TemporaryDirectory() as folder:
            for kind, fields in (("write", {"path": "d/it's", "content": "a 'b' $c\n"}), ("edit", {"path": "d/it's", "old": "'b'", "new": '"B"'})):
                command = toolbox.call([toolbox.Tool("bash")], None, kind, fields).arguments["command"]
                subprocess.run(["bash", "-c", command], cwd=folder, check=True)
            read = toolbox.call([toolbox.Tool("bash")], None, "read", {"path": "d/it's"}).arguments["command"]
            self.assertEqual(subprocess.run(["bash", "-c", read], cwd=folder, capture_output=True, check=True).stdout, b'a "B" $c\n')

    def test_without_any_tool_nothing_is_called(self):
        self.assertIsNone(toolbox.call([toolbox.Tool("glob")], None, "shell", {"command": "ls"}))


class BadScripts(unittest.TestCase):
    def test_a_bad_script_is_told_where_it_is_bad(self):
        for value, said in (
            ({"turn": []}, 's: found "turn"; accepted is faults, lanes, loop, models, turns'),
            ({"turns": []}, "s.turns: found []; accepted is a list of at least one turn"),
            ({"turns": [{"write": {"path": "a"}}]}, "s.turns[0].write.content: found null; accepted is a text"),
            ({"turns": [{"do": [{"jump": 1}]}]}, 's.turns[0].do[0]: found "jump"'),
            ({"faults": [{"fault": "fire"}]}, 's.faults[0].fault: found "fire"; accepted is status, empty,'),
            ({"faults": [{"fault": "status"}]}, "s.faults[0]: found no status"),
            ({"faults": [{"fault": "drop", "at": 0}]}, 's.faults[0].at: found 0; accepted is 3, "2-4" or "2-"'),
            ({"faults": [{"fault": "drop", "at": "3-2"}]}, "s.faults[0].at: found \"3-2\"; accepted is a last request that is not before the first"),
            ({"faults": [{"fault": "stall", "when": "later"}]}, 's.faults[0].when: found "later"; accepted is before, headers, middle'),
            ({"lanes": {"a/b": {}}}, 's.lanes: found "a/b"'),
            ({"lanes": {"a": {"lanes": {}}}}, 's.lanes.a: found "lanes"'),
        ):
            with self.assertRaises(script.ScriptError) as caught:
                script.lanes_of(value, "s")
            self.assertIn(said, str(caught.exception))

    def test_the_examples_are_good(self):
        for name in os.listdir(os.path.join(HERE, "scripts")):
            self.assertTrue(script.load(os.path.join(HERE, "scripts", name)))


class Program(unittest.TestCase):
    def start(self, *words):
        child = subprocess.Popen([sys.executable, os.path.join(HERE, "server.py"), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(self.end, child)
        return child

    def end(self, child):
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout, child.stderr):
            pipe.close()

    def test_it_prints_where_it_listens_and_ends_when_told(self):
        child = self.start()
        url = child.stdout.readline().decode().strip()
        self.assertRegex(url, r"^http://127\.0\.0\.1:\d+$")
        socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1]))).close()
        child.send_signal(signal.SIGTERM)
        self.assertEqual((child.wait(10), child.stderr.read()), (0, b""))

    def test_it_ends_with_the_test_that_started_it_and_takes_its_socket_along(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model")
            child = self.start("--unix", path, "--until-eof")
            self.assertEqual(child.stdout.readline().decode().strip(), f"unix:{path}")
            child.stdin.close()
            self.assertEqual((child.wait(10), os.path.exists(path)), (0, False))

    def test_a_place_where_it_cannot_listen_is_said(self):
        child = self.start("--unix", "/nonexistent/model")
        self.assertEqual(child.wait(10), 1)
        self.assertEqual(child.stderr.read(), b"server.py: cannot listen on /nonexistent/model: No such file or directory\n")

    def test_a_script_that_is_not_there_is_said_and_nothing_served(self):
        child = self.start("--script", "/nonexistent.json")
        self.assertEqual(child.wait(10), 1)
        self.assertIn(b"/nonexistent.json: No such file or directory", child.stderr.read())


if __name__ == "__main__":
    unittest.main()
