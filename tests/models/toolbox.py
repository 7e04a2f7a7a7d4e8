# SPDX-License-Identifier: MIT
"""Says "write this file" with the tools that a request offers, whatever their names and arguments are.

Every program offers other tools for the same five wishes. A tool is recognised by its name, its arguments by the schema that
came with it, so a new version that renames `file_path` still gets its file. codex edits with patches in free text; a program
that offers nothing but a shell gets shell commands.
"""
import posixpath
import re
import shlex

NAMES = {
    "shell": ("Bash", "bash", "run_shell_command", "shell_command", "exec_command", "shell", "local_shell", "run"),
    "write": ("Write", "write", "write_file"),
    "edit": ("Edit", "edit", "replace", "edit_file"),
    "read": ("Read", "read", "read_file"),
}
FIELDS = {
    "path": ("file_path", "filePath", "absolute_path", "path", "filename"),
    "content": ("content", "contents", "text"),
    "old": ("old_string", "oldString", "old_text", "old"),
    "new": ("new_string", "newString", "new_text", "new"),
    "command": ("command", "cmd"),
}
PLACE = re.compile(r"(?:working directory:?|working in the directory:?|<cwd>|cwd:)\s*`?(/[^\s<>\"`\\]+)", re.IGNORECASE)


class Tool:
    """What a request offers: `kind` is "function", or "custom" for a tool that takes free text."""

    def __init__(self, name, schema=None, kind="function"):
        self.name, self.kind = name, kind
        self.schema = schema if isinstance(schema, dict) else {}


class Call:
    """What the model asks for. `arguments` is an object, or a text for a custom tool."""

    def __init__(self, name, arguments, kind="function"):
        self.name, self.arguments, self.kind, self.id = name, arguments, kind, ""


def working_folder(text):
    """Where the agent says that it works, or None: some tools want absolute paths."""
    found = PLACE.search(text)
    return found[1].rstrip("/.,") if found else None


def patch(kind, fields):
    """The patch format of codex; a change must consist of whole lines."""
    def lines(mark, text):
        return "".join(f"{mark}{line}\n" for line in text.splitlines())
    if kind == "write":
        middle = f"*** Add File: {fields['path']}\n{lines('+', fields['content'])}"
    else:
        middle = f"*** Update File: {fields['path']}\n@@\n{lines('-', fields['old'])}{lines('+', fields['new'])}"
    return f"*** Begin Patch\n{middle}*** End Patch\n"


def as_command(kind, fields):
    """The same wish for a program that has only a shell."""
    if kind == "shell":
        return fields["command"]
    path = shlex.quote(fields["path"])
    if kind == "read":
        return f"cat -- {path}"
    if kind == "write":
        return f"mkdir -p -- $(dirname -- {path}) && printf %s {shlex.quote(fields['content'])} > {path}"
    swap = "import sys; p, o, n = sys.argv[1:]; s = open(p).read(); assert o in s, 'old text not found'; open(p, 'w').write(s.replace(o, n, 1))"
    return shlex.join(["python3", "-c", swap, fields["path"], fields["old"], fields["new"]])


def filler(schema):
    """Something harmless for an argument that is required and says nothing about the wish."""
    kind = schema.get("type")
    if schema.get("enum"):
        return schema["enum"][0]
    return {"boolean": False, "integer": 1, "number": 1, "array": [], "object": {}}.get(kind, "as the task asks")


def fitted(tool, fields):
    """The arguments as the tool's own schema names them."""
    properties = tool.schema.get("properties") or {}
    arguments = {}
    for field, value in fields.items():
        names = FIELDS[field]
        name = next((name for name in names if name in properties), names[0])
        listed = properties.get(name, {}).get("type") == "array"
        arguments[name] = ["bash", "-lc", value] if listed and field == "command" else value
    for name in tool.schema.get("required") or []:
        if name not in arguments:
            arguments[name] = filler(properties.get(name, {}))
    return arguments


def offered(tools, kind):
    return next((tool for name in NAMES[kind] for tool in tools if tool.name == name), None)


def placed(fields, folder):
    if folder and "path" in fields and not posixpath.isabs(fields["path"]):
        return {**fields, "path": posixpath.join(folder, fields["path"])}
    return fields


def call(tools, folder, kind, fields):
    """The call that fulfils a wish, or None if the request offers nothing that could."""
    if kind == "call":
        tool = next((tool for tool in tools if tool.name == fields["name"]), Tool(fields["name"]))
        return Call(tool.name, fields["arguments"], tool.kind)
    tool = offered(tools, kind)
    if tool:
        return Call(tool.name, fitted(tool, placed(fields, folder)), tool.kind)
    patcher = next((tool for tool in tools if tool.name == "apply_patch"), None)
    if patcher and kind in ("write", "edit"):
        text = patch(kind, fields)
        return Call("apply_patch", text if patcher.kind == "custom" else {"input": text}, patcher.kind)
    tool = offered(tools, "shell")
    return Call(tool.name, fitted(tool, {"command": as_command(kind, fields)}), tool.kind) if tool else None
