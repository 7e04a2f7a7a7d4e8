# SPDX-License-Identifier: MIT
"""Gemini: POST …/models/MODEL:generateContent and :streamGenerateContent. A stream of events with ?alt=sse (lines end in CRLF and
no event ends the stream), else the pieces of one JSON array."""
import json
import re

import toolbox
from wires import Question, compact, event, merged, pieces, text_of

NAME = "gemini"
content_type = "text/event-stream"
PATH = re.compile(r"/models/([^/:]+):(streamGenerateContent|generateContent)$")
STOPS = {"end": "STOP", "tools": "STOP", "length": "MAX_TOKENS", "refusal": "SAFETY"}
STATES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED",
          503: "UNAVAILABLE"}


def find(path):
    return bool(PATH.search(path))


def read(path, body):
    found = PATH.search(path)
    contents = body.get("contents", [])
    declared = [one for tool in body.get("tools") or [] for one in tool.get("functionDeclarations") or []]
    tools = [toolbox.Tool(one["name"], one.get("parametersJsonSchema") or one.get("parameters")) for one in declared]
    answers = []
    for content in contents:
        parts = content.get("parts") or []
        ids = [part["functionCall"].get("id") or "" for part in parts if "functionCall" in part]
        answers.append((text_of(parts), ids) if content.get("role") == "model" else None)
    question = Question(found[1], found[2] == "streamGenerateContent", tools, merged(answers), len(contents))
    question.wants_json = (body.get("generationConfig") or {}).get("responseMimeType") == "application/json"
    return question


def usage(reply):
    value = {"promptTokenCount": reply.tokens_in, "candidatesTokenCount": reply.tokens_out, "totalTokenCount": reply.tokens_in + reply.tokens_out}
    return {**value, "cachedContentTokenCount": reply.cached} if reply.cached else value


def chunk(question, reply, parts, stop=None):
    candidate = {"content": {"role": "model", "parts": parts}, "index": 0}
    if stop:
        candidate["finishReason"] = stop
    value = {"candidates": [candidate], "modelVersion": question.model, "responseId": reply.id}
    return {**value, "usageMetadata": usage(reply)} if stop else value


def call_part(call):
    return {"functionCall": {"id": call.id, "name": call.name, "args": call.arguments}}


def stream(question, reply):
    for piece in pieces(reply.text):
        yield event(chunk(question, reply, [{"text": piece}]), end="\r\n\r\n")
    for call in reply.calls:
        yield event(chunk(question, reply, [call_part(call)]), end="\r\n\r\n")
    yield event(chunk(question, reply, [{"text": ""}], STOPS[reply.stop]), end="\r\n\r\n")


def array(events):
    """The same stream for those who do not ask for events."""
    for index, one in enumerate(events):
        yield (b"[" if index == 0 else b",\r\n") + one[len(b"data: "):].strip()
    yield b"]"


def whole(question, reply):
    parts = ([{"text": reply.text}] if reply.text else []) + [call_part(call) for call in reply.calls]
    return chunk(question, reply, parts, STOPS[reply.stop])


def refuse(status, message):
    return {"error": {"code": status, "message": message, "status": STATES.get(status, "INTERNAL")}}


def stream_error(message):
    return event(refuse(500, message), end="\r\n\r\n")


def tokens(body):
    return compact({"totalTokens": max(1, len(json.dumps(body)) // 4)})
