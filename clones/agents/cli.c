/* SPDX-License-Identifier: MIT
 *
 * The table. Every command line here was run as it stands with the real program, a scripted model, and the prompt on the standard input. Options
 * with several values are written with an equals sign: otherwise they would swallow what follows.
 */
#include "clones/agents/cli.h"

#include <string.h>

#include "clones/agents/acp.h"
#include "clones/agents/parse.h"

/* clang-format off */
/* The same program in two ways of speaking. */
#define GEMINI_SETTINGS \
	.environment = { \
		{"GOOGLE_GEMINI_BASE_URL", {.text = "{endpoint}"}}, \
		{"GEMINI_API_KEY", {.text = "{key}"}}, \
		{"GEMINI_CLI_NO_RELAUNCH", {.text = "true"}}, \
	}, \
	.config = {"{home}/.gemini/settings.json", \
		{.text = "{\"general\":{\"enableAutoUpdate\":false,\"maxAttempts\":{attempts},\"retryFetchErrors\":false}," \
			"\"privacy\":{\"usageStatisticsEnabled\":false},\"telemetry\":{\"enabled\":false}," \
			"\"security\":{\"auth\":{\"selectedType\":\"gemini-api-key\"}}," \
			"\"tools\":{\"shell\":{\"enableInteractiveShell\":false}}," \
			"\"model\":{\"maxSessionTurns\":{turns_or_all}}}\n", .quoting = AGENT_QUOTED}}
#define OPENCODE_ENVIRONMENT(edits) \
	.environment = { \
		{"OPENCODE_DISABLE_AUTOUPDATE", {.text = "1"}}, \
		{"OPENCODE_DISABLE_MODELS_FETCH", {.text = "1"}}, \
		{"OPENCODE_DISABLE_LSP_DOWNLOAD", {.text = "1"}}, \
		{"OPENCODE_DISABLE_DEFAULT_PLUGINS", {.text = "1"}}, \
		{"OPENCODE_DISABLE_PROJECT_CONFIG", {.text = "1"}}, /* its plugins run all the same: only the sandbox holds them */ \
		{"OPENCODE_CONFIG_CONTENT", \
			{.text = "{\"autoupdate\":false,\"share\":\"disabled\",\"model\":\"bunshin/{model}\",\"small_model\":\"bunshin/{model}\"," \
				"\"enabled_providers\":[\"bunshin\"],\"provider\":{\"bunshin\":{\"npm\":\"@ai-sdk/openai-compatible\"," \
				"\"options\":{\"baseURL\":\"{endpoint}/v1\",\"apiKey\":\"{key}\"}," \
				"\"models\":{\"{model}\":{\"limit\":{\"context\":128000,\"output\":8192}}}}}," \
				"\"permission\":{\"edit\":\"" edits "\",\"bash\":\"" edits "\",\"webfetch\":\"deny\",\"external_directory\":\"deny\"}}", \
				.quoting = AGENT_QUOTED}}, \
	}
#define QWEN_ENVIRONMENT \
	.environment = { \
		{"OPENAI_BASE_URL", {.text = "{endpoint}/v1"}}, \
		{"OPENAI_API_KEY", {.text = "{key}"}}, \
		{"OPENAI_MODEL", {.text = "{model}", .needs = "model"}}, \
	}

/* Our own loop (tools/agent.h) for servers that only answer. */
#define LOOP_ARGUMENTS(wire) \
	.arguments = { \
		{.text = "tool"}, {.text = "agent"}, \
		{.text = "--wire=" wire}, \
		{.text = "--endpoint={endpoint}"}, \
		{.text = "--model={model}"}, \
		{.text = "--temperature={temperature}", .needs = "temperature"}, \
		{.text = "--turns={turns}", .needs = "turns"}, \
		{.text = "--retries={retries}"}, \
		{.text = "--idle-ms={idle_ms}"}, \
	}, \
	.environment = {{"BUNSHIN_MODEL_KEY", {.text = "{key}"}}}, \
	.parse = agent_parse_local

static const struct agent_cli rows[] = {
	{
		.name = "claude",
		.aliases = {"claude_code", "claude-code"},
		.title = "Claude Code",
		.program = "claude",
		.package = "@anthropic-ai/claude-code",
		.wire = "anthropic",
		.arguments = {
			{.text = "-p"},
			{.text = "--output-format"}, {.text = "stream-json"},
			{.text = "--verbose"}, /* stream-json wants it */
			{.text = "--include-partial-messages"}, /* a sign of life while the model writes */
			{.text = "--dangerously-skip-permissions"}, /* the sandbox around it is what permits and forbids */
			{.text = "--model", .needs = "model"}, {.text = "{model}", .needs = "model"},
			{.text = "--setting-sources=user"}, /* else hooks of the repository would run */
			{.text = "--strict-mcp-config"}, /* and so would its servers */
			{.text = "--disable-slash-commands"},
			{.text = "--no-session-persistence"},
			{.text = "--tools=Bash,Edit,Read,Write,Glob,Grep"},
			{.text = "--max-turns={turns}", .needs = "turns"},
			{.text = "--max-budget-usd={budget}", .needs = "budget"},
		},
		.environment = {
			{"ANTHROPIC_BASE_URL", {.text = "{endpoint}"}},
			{"ANTHROPIC_API_KEY", {.text = "{key}"}},
			{"CLAUDE_CONFIG_DIR", {.text = "{home}/.claude"}},
			{"DISABLE_AUTOUPDATER", {.text = "1"}},
			{"DISABLE_TELEMETRY", {.text = "1"}},
			{"DISABLE_ERROR_REPORTING", {.text = "1"}},
			{"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", {.text = "1"}},
			{"CLAUDE_CODE_MAX_RETRIES", {.text = "{retries}"}}, /* 10 of its own take three minutes */
			{"API_TIMEOUT_MS", {.text = "{timeout_ms}"}},
			{"IS_SANDBOX", {.text = "1"}}, /* without it, nothing is skipped for uid 0 */
		},
		.needs_usage = true,
		.prices_unknown = true,
		.reads_at_files = true,
		.parse = agent_parse_claude,
	},
	{
		.name = "codex",
		.aliases = {"openai-codex"},
		.title = "Codex",
		.program = "codex",
		.package = "@openai/codex",
		.wire = "responses",
		.arguments = {
			{.text = "exec"}, {.text = "--json"},
			{.text = "--skip-git-repo-check"}, {.text = "--ephemeral"},
			{.text = "--color"}, {.text = "never"},
			{.text = "-C"}, {.text = "{worktree}"},
			{.text = "--dangerously-bypass-approvals-and-sandbox"},
			{.text = "-m", .needs = "model"}, {.text = "{model}", .needs = "model"},
			{.text = "-c"}, {.text = "model_provider=\"bunshin\""},
			{.text = "-c"}, {.text = "model_providers.bunshin={name=\"bunshin\",base_url=\"{endpoint}/v1\",env_key=\"BUNSHIN_MODEL_KEY\","
				"wire_api=\"responses\",request_max_retries={retries},stream_max_retries={retries},"
				"stream_idle_timeout_ms={idle_ms}}", .quoting = AGENT_QUOTED},
			{.text = "-c"}, {.text = "check_for_update_on_startup=false"},
			{.text = "-c"}, {.text = "analytics.enabled=false"},
			{.text = "-"}, /* the prompt: from the standard input */
		},
		.environment = {
			{"CODEX_HOME", {.text = "{home}/.codex"}},
			{"BUNSHIN_MODEL_KEY", {.text = "{key}"}},
		},
		.folder = "{home}/.codex", /* it makes none itself */
		.needs_usage = true,
		.parse = agent_parse_codex,
	},
	{
		.name = "gemini",
		.aliases = {"gemini-cli", "gemini_cli"},
		.title = "Gemini CLI",
		.program = "gemini",
		.package = "@google/gemini-cli",
		.wire = "gemini",
		.arguments = {
			{.text = "-o"}, {.text = "stream-json"}, /* the plain form loses errors to the standard error */
			{.text = "--approval-mode"}, {.text = "yolo"},
			{.text = "--skip-trust"},
			{.text = "-m", .needs = "model"}, {.text = "{model}", .needs = "model"},
		},
		GEMINI_SETTINGS,
		.statuses = {{41, AGENT_CLASS_AUTH}, {42, AGENT_CLASS_CONFIG}, {53, AGENT_CLASS_LIMIT_TURNS}, {55, AGENT_CLASS_TRUST}},
		.status_is_http = true,
		.needs_usage = true,
		.reads_at_files = true,
		.parse = agent_parse_gemini,
	},
	{
		.name = "opencode",
		.title = "opencode",
		.program = "opencode",
		.package = "opencode-ai",
		.wire = "chat",
		.arguments = {
			{.text = "run"},
			{.text = "--format"}, {.text = "json"},
			{.text = "--dir"}, {.text = "{worktree}"},
			{.text = "--title"}, {.text = "task"}, /* else the model is asked for one */
			{.text = "-m"}, {.text = "bunshin/{model}"},
		},
		OPENCODE_ENVIRONMENT("allow"),
		.needs_usage = true,
		.parse = agent_parse_opencode,
	},
	{
		.name = "qwen",
		.aliases = {"qwen-code", "qwen_code"},
		.title = "Qwen Code",
		.program = "qwen",
		.package = "@qwen-code/qwen-code",
		.wire = "chat",
		.arguments = {
			{.text = "-o"}, {.text = "stream-json"},
			{.text = "--include-partial-messages"},
			{.text = "--approval-mode"}, {.text = "yolo"},
			{.text = "--auth-type"}, {.text = "openai"},
			{.text = "--bare"},
			{.text = "--max-session-turns", .needs = "turns"}, {.text = "{turns}", .needs = "turns"},
		},
		QWEN_ENVIRONMENT,
		.statuses = {{53, AGENT_CLASS_LIMIT_TURNS}},
		.needs_usage = true,
		.reads_at_files = true,
		.parse = agent_parse_qwen,
	},
	{
		.name = "local",
		.aliases = {"openai", "vllm", "llamacpp", "llama-cpp"},
		.title = "a model server that speaks Chat Completions",
		.program = "bunshin",
		.wire = "chat",
		LOOP_ARGUMENTS("chat"),
	},
	{
		.name = "ollama",
		.title = "Ollama",
		.program = "bunshin",
		.wire = "ollama",
		LOOP_ARGUMENTS("ollama"),
	},
	{
		.name = "gemini-acp",
		.title = "Gemini CLI (ACP)",
		.program = "gemini",
		.package = "@google/gemini-cli",
		.wire = "gemini",
		.speaks_acp = true,
		.arguments = {
			{.text = "--acp"},
			{.text = "--approval-mode"}, {.text = "default"}, /* it asks, and is answered by our policy */
			{.text = "--skip-trust"},
			{.text = "-m", .needs = "model"}, {.text = "{model}", .needs = "model"},
		},
		GEMINI_SETTINGS,
		.needs_usage = true,
		.reads_at_files = true,
		.parse = agent_parse_acp,
	},
	{
		.name = "opencode-acp",
		.title = "opencode (ACP)",
		.program = "opencode",
		.package = "opencode-ai",
		.wire = "chat",
		.speaks_acp = true,
		.arguments = {{.text = "acp"}},
		OPENCODE_ENVIRONMENT("ask"),
		.needs_usage = true,
		.parse = agent_parse_acp,
	},
	{
		.name = "qwen-acp",
		.title = "Qwen Code (ACP)",
		.program = "qwen",
		.package = "@qwen-code/qwen-code",
		.wire = "chat",
		.speaks_acp = true,
		.arguments = {
			{.text = "--acp"},
			{.text = "--approval-mode"}, {.text = "default"},
			{.text = "--auth-type"}, {.text = "openai"},
			{.text = "--bare"},
		},
		QWEN_ENVIRONMENT,
		.needs_usage = true,
		.reads_at_files = true,
		.parse = agent_parse_acp,
	},
};
/* clang-format on */

const struct agent_cli *agent_cli_at(size_t index)
{
	return index < sizeof(rows) / sizeof(*rows) ? &rows[index] : NULL;
}

static bool is_called(const struct agent_cli *cli, const char *name)
{
	if (strcmp(cli->name, name) == 0)
		return true;
	for (size_t i = 0; i < sizeof(cli->aliases) / sizeof(*cli->aliases) && cli->aliases[i]; i++) {
		if (strcmp(cli->aliases[i], name) == 0)
			return true;
	}
	return false;
}

const struct agent_cli *agent_cli_find(const char *name)
{
	const struct agent_cli *cli;

	for (size_t i = 0; (cli = agent_cli_at(i)); i++) {
		if (is_called(cli, name))
			return cli;
	}
	return NULL;
}

void agent_cli_acp(struct agent_cli *out_cli)
{
	*out_cli = (struct agent_cli){.name = "acp",
				      .title = "a program that speaks the Agent Client Protocol",
				      .speaks_acp = true,
				      .parse = agent_parse_acp};
}
