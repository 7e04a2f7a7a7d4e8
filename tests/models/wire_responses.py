# SPDX-License-Identifier: MIT
"""OpenAI Responses: POST …/responses, numbered events from response.created to response.completed, incomplete or failed."""
import toolbox
from wires import Question, compact, event, merged, pieces, text_of
from wire_chat import refuse  # noqa: F401  the same errors

NAME = "responses"
content_type = "text/event-stream; charset=utf-8"
CALLS = ("function_call", "custom_tool_call", "local_shell_call")


def find(path):
    return path.endswith("/responses")


def answer_of(item):
    if item.get("type") in CALLS:
        return "", [item.get("call_id") or ""]
    if item.get("role") == "assistant":
        return text_of(item.get("content")), []
    return None


def read(_path, body):
    items = body.get("input", [])
    items = [{"role": "user", "content": items}] if isinstance(items, str) else items
    tools = []
    for tool in body.get("tools") or []:
        name = tool.get("name") or tool.get("type", "")
        tools.append(toolbox.Tool(name, tool.get("parameters"), "custom" if tool.get("type") == "custom" else "function"))
    answers = [answer_of(item) for item in items if item.get("type") != "reasoning"]
    return Question(body.get("model", ""), bool(body.get("stream")), tools, merged(answers), len(items))


def usage(reply):
    return {"input_tokens": reply.tokens_in, "input_tokens_details": {"cached_tokens": reply.cached},
            "output_tokens": reply.tokens_out, "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": reply.tokens_in + reply.tokens_out}


def message_item(reply):
    part = {"type": "refusal", "refusal": reply.text} if reply.stop == "refusal" else {"type": "output_text", "text": reply.text, "annotations": []}
    return {"type": "message", "id": f"msg_{reply.id}", "role": "assistant", "status": "completed", "content": [part]}


def call_item(call):
    item = {"id": f"fc_{call.id}", "call_id": call.id, "name": call.name, "status": "completed"}
    if call.kind == "custom":
        return {"type": "custom_tool_call", **item, "input": call.arguments}
    return {"type": "function_call", **item, "arguments": compact(call.arguments)}


def items_of(reply):
    return ([message_item(reply)] if reply.text else []) + [call_item(call) for call in reply.calls]


def response(question, reply, status, items):
    value = {"id": f"resp_{reply.id}", "object": "response", "created_at": 1700000000, "status": status, "model": question.model,
             "output": items, "error": None, "incomplete_details": None, "usage": None}
    if status == "incomplete":
        value["incomplete_details"] = {"reason": "max_output_tokens"}
    if status in ("completed", "incomplete"):
        value["usage"] = usage(reply)
    return value


def item_events(index, item):
    """One item as (event, fields) from its beginning to its end."""
    if item["type"] == "message":
        part = item["content"][0]
        field = "refusal" if part["type"] == "refusal" else "text"
        name = "response.refusal" if field == "refusal" else "response.output_text"
        place = {"item_id": item["id"], "output_index": index, "content_index": 0}
        yield "response.output_item.added", {"output_index": index, "item": {**item, "status": "in_progress", "content": []}}
        yield "response.content_part.added", {**place, "part": {**part, field: ""}}
        for piece in pieces(part[field]):
            yield f"{name}.delta", {**place, "delta": piece}
        yield f"{name}.done", {**place, field: part[field]}
        yield "response.content_part.done", {**place, "part": part}
    else:
        field, name = ("input", "response.custom_tool_call_input") if item["type"] == "custom_tool_call" else ("arguments", "response.function_call_arguments")
        place = {"item_id": item["id"], "output_index": index}
        yield "response.output_item.added", {"output_index": index, "item": {**item, "status": "in_progress", field: ""}}
        for piece in pieces(item[field], 64):
            yield f"{name}.delta", {**place, "delta": piece}
        yield f"{name}.done", {**place, field: item[field]}
    yield "response.output_item.done", {"output_index": index, "item": item}


def events(question, reply):
    items = items_of(reply)
    yield "response.created", {"response": response(question, reply, "in_progress", [])}
    yield "response.in_progress", {"response": response(question, reply, "in_progress", [])}
    for index, item in enumerate(items):
        yield from item_events(index, item)
    status = "incomplete" if reply.stop == "length" else "completed"
    yield f"response.{status}", {"response": response(question, reply, status, items)}


def stream(question, reply):
    for number, (name, fields) in enumerate(events(question, reply)):
        yield event({"type": name, "sequence_number": number, **fields}, name)


def whole(question, reply):
    return response(question, reply, "incomplete" if reply.stop == "length" else "completed", items_of(reply))


def stream_error(message):
    failed = {"id": "resp_failed", "object": "response", "status": "failed", "output": [], "error": {"code": "server_error", "message": message}}
    return event({"type": "response.failed", "sequence_number": 99, "response": failed}, "response.failed")
