# SPDX-License-Identifier: MIT
"""The five programs: where npm has them, how they are started without a person, and a sandbox that has only a model in it.

`@URL@` stands for the server, `@WORK@` for the repository, `@OUT@` for a folder outside it. The prompt always comes on standard
input: one in the arguments is visible to everybody and becomes an option when it begins with a dash.
"""
import json
import os
import signal
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"
PROMPT = "Task from the test bench:\ncreate hello.txt with two lines, then count its lines.\n"
GEMINI_SETTINGS = {
    "general": {"enableAutoUpdate": False, "maxAttempts": 2, "retryFetchErrors": False},
    "privacy": {"usageStatisticsEnabled": False}, "telemetry": {"enabled": False},
    "security": {"auth": {"selectedType": "gemini-api-key"}}, "tools": {"shell": {"enableInteractiveShell": False}},
    "model": {"maxSessionTurns": 50},
}
OPENCODE_CONFIG = {
    "autoupdate": False, "share": "disabled", "model": "fake/fake-model", "small_model": "fake/fake-model",
    "enabled_providers": ["fake"],
    "provider": {"fake": {"npm": "@ai-sdk/openai-compatible", "options": {"baseURL": "@URL@/v1", "apiKey": "dummy"},
                          "models": {"fake-model": {"limit": {"context": 128000, "output": 8192}, "cost": {"input": 3, "output": 15}}}}},
    "permission": {"edit": "allow", "bash": "allow", "webfetch": "deny", "external_directory": "deny"},
}
CODEX_PROVIDER = ('model_providers.fake={name="fake",base_url="@URL@/v1",env_key="FAKE_KEY",wire_api="responses",'
                  "request_max_retries=1,stream_max_retries=1,stream_idle_timeout_ms=60000}")
AGENTS = {
    "claude": {
        "package": "@anthropic-ai/claude-code", "known": "2.1.197",
        "environment": {
            "ANTHROPIC_BASE_URL": "@URL@", "ANTHROPIC_API_KEY": "dummy", "CLAUDE_CONFIG_DIR": "/home/agent/.claude",
            "DISABLE_AUTOUPDATER": "1", "DISABLE_TELEMETRY": "1", "DISABLE_ERROR_REPORTING": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "CLAUDE_CODE_MAX_RETRIES": "2", "API_TIMEOUT_MS": "120000", "IS_SANDBOX": "1",
        },
        "arguments": ["-p", "--output-format", "stream-json", "--verbose", "--dangerously-skip-permissions", "--model", "claude-sonnet-4-5",
                      "--setting-sources=user", "--strict-mcp-config", "--disable-slash-commands", "--no-session-persistence",
                      "--tools=Bash,Edit,Read,Write,Glob,Grep"],
    },
    "codex": {
        "package": "@openai/codex", "known": "0.169.0",
        "environment": {"CODEX_HOME": "/home/agent/.codex", "FAKE_KEY": "dummy"},
        "folders": [".codex"],
        "arguments": ["exec", "--json", "--skip-git-repo-check", "--ephemeral", "--color", "never", "-C", "@WORK@",
                      "--dangerously-bypass-approvals-and-sandbox", "-m", "gpt-5.5", "-c", 'model_provider="fake"', "-c", CODEX_PROVIDER,
                      "-c", "check_for_update_on_startup=false", "-c", "analytics.enabled=false", "-o", "@OUT@/last.txt", "-"],
    },
    "gemini": {
        "package": "@google/gemini-cli", "known": "0.61.0",
        "environment": {"GOOGLE_GEMINI_BASE_URL": "@URL@", "GEMINI_API_KEY": "dummy", "GEMINI_CLI_NO_RELAUNCH": "true"},
        "files": {".gemini/settings.json": json.dumps(GEMINI_SETTINGS)},
        "arguments": ["-o", "stream-json", "--approval-mode", "yolo", "--skip-trust", "-m", "gemini-2.5-flash"],
    },
    "opencode": {
        "package": "opencode-ai", "known": "1.18.33",
        "environment": {
            "OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
            "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1", "OPENCODE_DISABLE_PROJECT_CONFIG": "1",
            "OPENCODE_CONFIG_CONTENT": json.dumps(OPENCODE_CONFIG),
        },
        "arguments": ["run", "--format", "json", "--dir", "@WORK@", "--title", "task", "-m", "fake/fake-model"],
    },
    "qwen": {
        "package": "@qwen-code/qwen-code", "known": "0.15.10",
        "environment": {"OPENAI_BASE_URL": "@URL@/v1", "OPENAI_API_KEY": "dummy", "OPENAI_MODEL": "qwen3-coder"},
        "arguments": ["-o", "stream-json", "--approval-mode", "yolo", "--auth-type", "openai", "--bare"],
    },
}
READABLE = ("ssl", "passwd", "group", "hosts", "resolv.conf", "nsswitch.conf", "alternatives")


def program(folder, name):
    return os.path.join(folder, name, "node_modules", ".bin", name)


def install(folder, name, known=False):
    """npm install of one program into a folder of its own: the newest, or the one that was measured. Returns None or what npm said."""
    package = AGENTS[name]["package"] + (f"@{AGENTS[name]['known']}" if known else "")
    own = os.path.join(folder, name)
    os.makedirs(own, exist_ok=True)
    with open(os.path.join(own, "package.json"), "w", encoding="utf-8") as file:
        file.write("{}\n")
    done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", package], cwd=own, capture_output=True, text=True)
    return None if done.returncode == 0 and os.path.exists(program(folder, name)) else done.stdout + done.stderr


def version(folder, name):
    done = subprocess.run([program(folder, name), "--version"], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else "?"


def lay(run):
    """A throw-away home, a repository with one commit, and a folder for what the program says at the end."""
    for name in ("home", "work", "out", "tmp"):
        os.makedirs(os.path.join(run, name))
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@localhost", "-C", os.path.join(run, "work")]
    with open(os.path.join(run, "work", "README.md"), "w", encoding="utf-8") as file:
        file.write("# A repository for one test\n")
    for words in (["init", "-q", "-b", "main"], ["add", "README.md"], ["commit", "-qm", "start"]):
        subprocess.run(git + words, check=True, env={"PATH": "/usr/bin:/bin", "HOME": run})


def fill_home(run, agent):
    for name in agent.get("folders", []):
        os.makedirs(os.path.join(run, "home", name))
    for name, text in agent.get("files", {}).items():
        path = os.path.join(run, "home", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


def sandbox(folder, run, path):
    """bubblewrap: no network but lo, own processes, the system and the programs read only, the repository and the home to write."""
    words = ["bwrap", "--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent", "--new-session"]
    words += ["--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    for link in ("bin", "sbin", "lib", "lib32", "lib64"):
        words += ["--symlink", f"usr/{link}", f"/{link}"]
    for name in READABLE:
        words += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    words += ["--ro-bind", folder, folder, "--ro-bind", HERE, "/bench", "--ro-bind", path, "/model"]
    words += ["--bind", os.path.join(run, "work"), "/repo", "--ro-bind", os.path.join(run, "work", ".git"), "/repo/.git"]
    words += ["--bind", os.path.join(run, "home"), "/home/agent", "--bind", os.path.join(run, "out"), "/out"]
    return words + ["--bind", os.path.join(run, "tmp"), "/tmp/agent", "--chdir", "/repo", PYTHON, "/bench/relay.py", "/model"]


def environment(agent):
    home = "/home/agent"
    base = {"HOME": home, "PATH": "/usr/local/bin:/usr/bin:/bin", "TERM": "dumb", "NO_COLOR": "1", "LANG": "C.UTF-8", "TMPDIR": "/tmp/agent"}
    base |= {f"XDG_{name}_HOME": f"{home}/.{name.lower()}" for name in ("CONFIG", "DATA", "STATE", "CACHE")}
    return base | agent["environment"]


def put(words, lane):
    """Fills in what stands for something; the lane is part of every URL."""
    return [w.replace("@URL@", f"@URL@{lane}").replace("@WORK@", "/repo").replace("@OUT@", "/out") for w in words]


class Outcome:
    """How a program ended: `code` of its end, `stopped` if that was our doing; what it printed; seconds; processes left alive."""

    def __init__(self, code, stopped, out, err, seconds, left):
        self.code, self.stopped, self.out, self.err, self.seconds, self.left = code, stopped, out, err, seconds, left


def read(path, kind="r"):
    try:
        with open(path, kind, **({} if "b" in kind else {"encoding": "utf-8", "errors": "replace"})) as file:
            return file.read()
    except OSError:
        return b"" if "b" in kind else ""


def processes_with(mark):
    """Processes that carry a mark in their environment: nothing that a program starts escapes this by a new session."""
    return [int(pid) for pid in filter(str.isdigit, os.listdir("/proc")) if mark in read(f"/proc/{pid}/environ", "rb")]


def tell_program(mark, number):
    """Send a signal to the program itself, which is what the relay has started."""
    for pid in processes_with(mark):
        if b"/bench/relay.py" in read(f"/proc/{pid}/cmdline", "rb").split(b"\0")[1:2]:
            for task in os.listdir(f"/proc/{pid}/task"):
                for child in read(f"/proc/{pid}/task/{task}/children").split():
                    os.kill(int(child), number)


def ended_within(child, seconds):
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def stop(child, mark, grace):
    """SIGTERM to the program, a while to comply, then bubblewrap with all that is in it."""
    tell_program(mark, signal.SIGTERM)
    if not ended_within(child, grace):
        child.terminate()
        if not ended_within(child, 10):
            child.kill()
            child.wait()


def watch(child, wall, stop_when):
    """Wait for the end. True if it is up to us: the time is over or a file that asks for a stop has appeared."""
    until = time.monotonic() + wall
    while not ended_within(child, 0.05):
        if time.monotonic() > until or (stop_when and os.path.exists(stop_when)):
            return True
    return False


def survivors(mark, patience=2):
    """Who is still there; the kernel may need a moment to clear a sandbox away."""
    until = time.monotonic() + patience
    while (left := processes_with(mark)) and time.monotonic() < until:
        time.sleep(0.05)
    return left


def command_of(folder, name, run_folder, socket_path, lane):
    agent, prefix = AGENTS[name], f"/lane/{lane}" if lane else ""
    names = environment(agent)
    names = dict(zip(names, put(names.values(), prefix))) | {"BENCH_RUN": run_folder}
    return sandbox(folder, run_folder, socket_path) + [program(folder, name)] + put(agent["arguments"], prefix), names


def run(folder, name, run_folder, socket_path, lane="", prompt=PROMPT, wall=60, stop_when=None, grace=5):
    """Run one program in its sandbox until it ends, `wall` seconds are over or the file `stop_when` is in its repository."""
    lay(run_folder)
    fill_home(run_folder, AGENTS[name])
    command, names = command_of(folder, name, run_folder, socket_path, lane)
    mark = b"BENCH_RUN=" + run_folder.encode()
    said = {kind: os.path.join(run_folder, kind) for kind in ("prompt", "stdout", "stderr")}
    with open(said["prompt"], "w+", encoding="utf-8") as given, open(said["stdout"], "wb") as out, open(said["stderr"], "wb") as err:
        given.write(prompt)
        given.seek(0)
        start = time.monotonic()
        child = subprocess.Popen(command, env=names, stdin=given, stdout=out, stderr=err)
        stopped = watch(child, wall, stop_when and os.path.join(run_folder, "work", stop_when))
        if stopped:
            stop(child, mark, grace)
        seconds = time.monotonic() - start
    return Outcome(child.returncode, stopped, read(said["stdout"]), read(said["stderr"]), seconds, survivors(mark))


def changes(run_folder):
    """What git sees in the repository, without running anything that the program may have left there."""
    work = os.path.join(run_folder, "work")
    done = subprocess.run(["git", f"--git-dir={work}/.git", f"--work-tree={work}", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null",
                           "status", "--porcelain", "-uall"], capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", "HOME": run_folder})
    return done.stdout.split("\n")[:-1]
