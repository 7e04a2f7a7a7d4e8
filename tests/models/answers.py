# SPDX-License-Identifier: MIT
"""From a question to bytes: which turn answers it, what it costs, and how a fault spoils it.

An answer is a `Plan`: a status, headers, pieces of a body, and what happens on the way. The server only carries it out.
"""
import json

import toolbox
import wire_anthropic
import wire_chat
import wire_gemini
import wire_ollama
import wire_responses
from wires import Reply, compact

WIRES = (wire_anthropic, wire_responses, wire_chat, wire_gemini, wire_ollama)
MESSAGES = {
    400: "prompt is too long: 205000 tokens > 200000 maximum",
    401: "invalid x-api-key",
    403: "this key may not use that model",
    404: "model not found: it does not exist or you have no access to it",
    429: "rate limit exceeded, try again later",
    500: "internal server error",
    529: "Overloaded",
}
REFUSAL = "I cannot help with that."
HTML = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><h1>Sign in to the network</h1></body></html>\n"
GARBAGE = bytes((i * 73 + 41) % 256 for i in range(777))


class Plan:
    """What goes over the line. `pieces` are written one by one; after `cut` bytes of them comes `then` ("drop" or "stall")."""

    def __init__(self, status, content_type, pieces, chunked=False, headers=()):
        self.status, self.content_type, self.pieces, self.chunked = status, content_type, list(pieces), chunked
        self.headers, self.cut, self.then, self.reset, self.seconds = dict(headers), None, None, False, None
        self.delay_ms = 0
        self.tokens_in = self.tokens_out = 0

    def size(self):
        return sum(map(len, self.pieces))


def wire_for(path):
    return next((wire for wire in WIRES if wire.find(path)), None)


def object_plan(value, status=200, headers=()):
    return Plan(status, "application/json", [compact(value).encode()], headers=headers)


def is_side_question(script, question):
    """A title, a summary, a check of the mood: asked without tools while the script works with tools."""
    return getattr(question, "wants_json", False) or (script.calls_tools() and not question.tools)


def reply_of(script, question, body_text, number):
    """The turn that comes next, in the words of the tools that the request offers. (reply, turn or None, wishes not granted)"""
    position = script.position(question.history)
    side = is_side_question(script, question)
    turn = None if side else script.turn(position)
    folder = toolbox.working_folder(body_text)
    wishes = [] if side else turn.calls
    calls = [toolbox.call(question.tools, folder, kind, fields) for kind, fields in wishes]
    missing = [kind for (kind, _), call in zip(wishes, calls) if call is None]
    calls = [call for call in calls if call]
    for index, call in enumerate(calls):
        call.id = f"call_t{position}_{index}_r{number}"
    text = ("{}" if getattr(question, "wants_json", False) else "ok") if side else turn.say
    usage = {} if side else turn.usage
    written = len(text) + sum(len(compact(call.arguments)) for call in calls)
    reply = Reply(text, calls, "tools" if calls else "end", int(usage.get("input", max(1, len(body_text) // 4))),
                  int(usage.get("output", max(1, written // 4))), int(usage.get("cached", 0)))
    reply.id = str(number)
    return reply, None if side else position, missing


def spoil_reply(fault, reply):
    """Faults that are still good answers of a wire: nothing said, refused, cut off by length."""
    if fault.kind in ("blank", "refusal", "truncated"):
        reply.calls = []
        reply.text = {"blank": "", "refusal": fault["message"] or REFUSAL}.get(fault.kind, reply.text[:len(reply.text) // 2])
        reply.stop = {"blank": "end", "refusal": "refusal"}.get(fault.kind, "length")
        reply.tokens_out = max(1, len(reply.text) // 4) if reply.text else 0


def answer_plan(wire, question, reply, wants_events):
    if not question.stream:
        plan = object_plan(wire.whole(question, reply))
    elif wire is wire_gemini and not wants_events:
        plan = Plan(200, "application/json", wire_gemini.array(wire.stream(question, reply)), chunked=True)
    else:
        plan = Plan(200, wire.content_type, wire.stream(question, reply), chunked=True)
    plan.tokens_in, plan.tokens_out = reply.tokens_in, reply.tokens_out
    return plan


def refusal_plan(wire, status, message, headers=()):
    return object_plan(wire.refuse(status, message), status, headers)


def spoil_status(fault, wire, plan):
    status = int(fault["status"])
    headers = {"retry-after": str(fault["retry_after"])} if fault["retry_after"] is not None else {}
    return refusal_plan(wire, status, fault["message"] or MESSAGES.get(status, f"error {status}"), headers)


def spoil_error(fault, wire, plan):
    message = fault["message"] or MESSAGES[529]
    if not plan.chunked:
        return refusal_plan(wire, 500, message)
    said = wire.stream_error(message)
    if plan.content_type == "application/json":
        said = b",\r\n" + said[len(b"data: "):].strip() + b"]"
    plan.pieces = plan.pieces[:max(1, len(plan.pieces) // 2)] + [said]
    return plan


def spoil_slow(fault, _wire, plan):
    plan.delay_ms = 20 if fault["delay_ms"] is None else fault["delay_ms"]
    if fault["bytes"]:
        size, body = int(fault["bytes"]), b"".join(plan.pieces)
        plan.pieces = [body[i:i + size] for i in range(0, len(body), size)]
    elif not plan.chunked:
        body = plan.pieces[0]
        plan.pieces = [body[i:i + 64] for i in range(0, len(body), 64)]
    return plan


def spoil_line(fault, _wire, plan):
    """Drop and stall: half of the bytes arrive, which is in the midst of an event, or only the headers, or nothing at all."""
    plan.then, plan.reset, plan.seconds = fault.kind, bool(fault["reset"]), fault["seconds"]
    plan.cut = 0 if fault["when"] in ("before", "headers") else max(1, plan.size() // 2)
    if fault["when"] == "before":
        plan.status = None
    return plan


def spoil_body(fault, _wire, plan):
    bodies = {"empty": (plan.content_type, []), "html": ("text/html; charset=utf-8", [HTML]), "garbage": (plan.content_type, [GARBAGE])}
    content_type, pieces = bodies[fault.kind]
    return Plan(200, content_type, pieces, plan.chunked)


SPOILERS = {"status": spoil_status, "error": spoil_error, "slow": spoil_slow, "drop": spoil_line, "stall": spoil_line,
            "empty": spoil_body, "html": spoil_body, "garbage": spoil_body}


def plan_for(wire, question, reply, fault, wants_events):
    if fault:
        spoil_reply(fault, reply)
    plan = answer_plan(wire, question, reply, wants_events)
    return SPOILERS[fault.kind](fault, wire, plan) if fault and fault.kind in SPOILERS else plan


def count_plan(path, body):
    """Both ways to ask how many tokens a request has; None if the path asks nothing of the kind."""
    tokens = max(1, len(json.dumps(body)) // 4)
    if path.endswith("/messages/count_tokens"):
        return object_plan({"input_tokens": tokens})
    if path.endswith(":countTokens"):
        return object_plan({"totalTokens": tokens})
    return None


def ollama_plan(path, models):
    listed = [{"name": m, "model": m, "modified_at": "2026-01-01T00:00:00Z", "size": 1, "digest": "0" * 64,
               "details": {"format": "gguf", "family": "scripted", "parameter_size": "1B", "quantization_level": "Q4_0"}} for m in models]
    known = {
        "/api/tags": {"models": listed},
        "/api/ps": {"models": listed},
        "/api/version": {"version": "0.30.0"},
        "/api/show": {"details": {"family": "scripted"}, "model_info": {}, "capabilities": ["completion", "tools"]},
        "/api/pull": {"status": "success"},
    }
    return object_plan(known[path]) if path in known else None


def probe_plan(path, models):
    """What programs ask before they ask anything: answered kindly, whatever it is."""
    plan = ollama_plan(path, models)
    if plan:
        return plan
    if path.endswith("/models"):
        listed = [{"id": m, "object": "model", "type": "model", "display_name": m, "created": 1700000000, "owned_by": "test",
                   "name": f"models/{m}", "max_model_len": 200000} for m in models]
        return object_plan({"object": "list", "data": listed, "models": [], "has_more": False})
    return object_plan({})
