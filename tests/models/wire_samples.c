/* SPDX-License-Identifier: MIT
 *
 * One row for each shape a reply can have. The shapes are those of the public references; the words in them are ours.
 */
#include "tests/models/wire_samples.h"

#define EVENTS "text/event-stream; charset=utf-8"
#define JSON   "application/json"
#define LINES  "application/x-ndjson"

/* clang-format off */
const struct wire_sample wire_samples[] = {
	{"anthropic, streamed", WIRE_ANTHROPIC, 200, EVENTS, NULL,
	 "event: message_start\n"
	 "data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"sonnet\",\"content\":[],"
	 "\"stop_reason\":null,\"usage\":{\"input_tokens\":100,\"cache_creation_input_tokens\":20,\"cache_read_input_tokens\":3000,\"output_tokens\":1}}}\n\n"
	 "event: ping\ndata: {\"type\": \"ping\"}\n\n"
	 "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
	 "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"He said \\\"usage\\\": {\"}}\n\n"
	 "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":\"}}\n\n"
	 "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":57}}\n\n"
	 "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
	 {.usage = {3120, 3000, 20, 57, 0}, .has_usage = true, .ending = WIRE_TOOLS, .status = 200, .text_bytes = 23, .pieces = 2, .model = "sonnet"}},
	{"anthropic, whole", WIRE_ANTHROPIC, 200, JSON, NULL,
	 "{\"id\":\"m\",\"type\":\"message\",\"model\":\"sonnet\",\"content\":[{\"type\":\"text\",\"text\":\"Yes.\"}],\"stop_reason\":\"max_tokens\","
	 "\"usage\":{\"input_tokens\":7,\"cache_read_input_tokens\":1,\"output_tokens\":4}}",
	 {.usage = {8, 1, 0, 4, 0}, .has_usage = true, .ending = WIRE_LENGTH, .status = 200, .text_bytes = 4, .pieces = 1, .model = "sonnet"}},
	{"anthropic, an error in the stream", WIRE_ANTHROPIC, 200, EVENTS, NULL,
	 "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n",
	 {.ending = WIRE_ERROR, .status = 529}},
	{"anthropic, busy", WIRE_ANTHROPIC, 429, JSON, "12",
	 "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"slow down\"}}",
	 {.ending = WIRE_ERROR, .status = 429, .retry_after_ms = 12000}},
	{"anthropic, a refusal", WIRE_ANTHROPIC, 200, EVENTS, NULL,
	 "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"refusal\"},\"usage\":{\"input_tokens\":10,\"output_tokens\":2}}\r\n\r\n",
	 {.usage = {10, 0, 0, 2, 0}, .has_usage = true, .ending = WIRE_REFUSAL, .status = 200}},
	{"anthropic, cut within an event", WIRE_ANTHROPIC, 200, EVENTS, NULL,
	 "data: {\"type\":\"message_start\",\"message\":{\"model\":\"sonnet\",\"usage\":{\"input_tokens\":100,\"output_tokens\":1}}}\n\n"
	 "data: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"half of",
	 {.usage = {100, 0, 0, 1, 0}, .has_usage = true, .ending = WIRE_OPEN, .status = 200, .garbage = 1, .model = "sonnet"}},

	{"responses, streamed", WIRE_RESPONSES, 200, EVENTS, NULL,
	 "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"r\",\"status\":\"in_progress\",\"model\":\"gpt\",\"error\":null,\"usage\":null}}\n\n"
	 "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"item\":{\"type\":\"message\",\"status\":\"in_progress\"}}\n\n"
	 "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"Hello\"}\n\n"
	 "event: response.output_text.done\ndata: {\"type\":\"response.output_text.done\",\"text\":\"Hello\"}\n\n"
	 "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"model\":\"gpt-1\",\"error\":null,"
	 "\"incomplete_details\":null,\"output\":[{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"Hello\"}]}],"
	 "\"usage\":{\"input_tokens\":50,\"input_tokens_details\":{\"cached_tokens\":40},\"output_tokens\":9,\"output_tokens_details\":{\"reasoning_tokens\":6},\"total_tokens\":59}}}\n\n",
	 {.usage = {50, 40, 0, 9, 6}, .has_usage = true, .ending = WIRE_STOP, .status = 200, .text_bytes = 5, .pieces = 1, .model = "gpt-1"}},
	{"responses, a call", WIRE_RESPONSES, 200, EVENTS, NULL,
	 "data: {\"type\":\"response.output_item.done\",\"item\":{\"type\":\"custom_tool_call\",\"name\":\"apply_patch\"}}\n\n"
	 "data: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"model\":\"gpt\",\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}}\n\n",
	 {.usage = {5, 0, 0, 1, 0}, .has_usage = true, .ending = WIRE_TOOLS, .status = 200, .model = "gpt"}},
	{"responses, whole and cut off by length", WIRE_RESPONSES, 200, JSON, NULL,
	 "{\"id\":\"r\",\"object\":\"response\",\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":\"max_output_tokens\"},\"model\":\"gpt\","
	 "\"output\":[{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"ab\"}]}],\"error\":null,\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}",
	 {.usage = {5, 0, 0, 1, 0}, .has_usage = true, .ending = WIRE_LENGTH, .status = 200, .text_bytes = 2, .pieces = 1, .model = "gpt"}},
	{"responses, filtered", WIRE_RESPONSES, 200, JSON, NULL,
	 "{\"incomplete_details\":{\"reason\":\"content_filter\"},\"status\":\"incomplete\",\"usage\":{\"input_tokens\":5,\"output_tokens\":0}}",
	 {.usage = {5, 0, 0, 0, 0}, .has_usage = true, .ending = WIRE_REFUSAL, .status = 200}},
	{"responses, declined", WIRE_RESPONSES, 200, EVENTS, NULL,
	 "data: {\"type\":\"response.content_part.added\",\"part\":{\"type\":\"refusal\",\"refusal\":\"\"}}\n\n"
	 "data: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}}\n\n",
	 {.usage = {5, 0, 0, 1, 0}, .has_usage = true, .ending = WIRE_REFUSAL, .status = 200}},
	{"responses, failed", WIRE_RESPONSES, 200, EVENTS, NULL,
	 "data: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"later\"}}}\n\n",
	 {.ending = WIRE_ERROR, .status = 429}},

	{"chat, streamed", WIRE_CHAT, 200, EVENTS, NULL,
	 ": OPENROUTER PROCESSING\n\n"
	 "data: {\"object\":\"chat.completion.chunk\",\"model\":\"qwen\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n"
	 "data: {\"model\":\"qwen\",\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"hm\"}}]}\n\n"
	 "data: {\"model\":\"qwen\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ok\"}}]}\n\n"
	 "data: {\"model\":\"qwen\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\n\n"
	 "data: {\"model\":\"qwen\",\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":4,\"total_tokens\":15,"
	 "\"prompt_tokens_details\":{\"cached_tokens\":8},\"completion_tokens_details\":{\"reasoning_tokens\":2}}}\n\n"
	 "data: [DONE]\n\n",
	 {.usage = {11, 8, 0, 4, 2}, .has_usage = true, .ending = WIRE_STOP, .status = 200, .text_bytes = 4, .pieces = 2, .model = "qwen"}},
	{"chat, a server that does not count", WIRE_CHAT, 200, EVENTS, NULL,
	 "data:{\"model\":\"llama\",\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"bash\",\"arguments\":\"{}\"}}]}}]}\n\n"
	 "data:{\"model\":\"llama\",\"choices\":[{\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\ndata:[DONE]\n\n",
	 {.ending = WIRE_TOOLS, .status = 200, .text_bytes = 2, .pieces = 1, .model = "llama"}},
	{"chat, whole", WIRE_CHAT, 200, JSON, NULL,
	 "{\n  \"object\": \"chat.completion\",\n  \"model\": \"qwen\",\n  \"choices\": [{\"message\": {\"content\": \"no\"}, \"finish_reason\": \"content_filter\"}],\n"
	 "  \"usage\": {\"prompt_tokens\": 3, \"completion_tokens\": 1}\n}\n",
	 {.usage = {3, 0, 0, 1, 0}, .has_usage = true, .ending = WIRE_REFUSAL, .status = 200, .text_bytes = 2, .pieces = 1, .model = "qwen"}},
	{"chat, an error in the stream", WIRE_CHAT, 200, EVENTS, NULL,
	 "data: {\"error\":{\"message\":\"no more\",\"type\":\"server_error\",\"param\":null,\"code\":503}}\n\n",
	 {.ending = WIRE_ERROR, .status = 503}},
	{"chat, an unknown model", WIRE_CHAT, 404, JSON, NULL,
	 "{\"object\":\"error\",\"message\":\"The model `x` does not exist.\",\"type\":\"NotFoundError\",\"code\":404}",
	 {.ending = WIRE_ERROR, .status = 404}},

	{"gemini, streamed as events", WIRE_GEMINI, 200, "text/event-stream", NULL,
	 "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"Hi\"}]},\"index\":0}],\"modelVersion\":\"flash\","
	 "\"usageMetadata\":{\"promptTokenCount\":30,\"thoughtsTokenCount\":5,\"totalTokenCount\":35}}\r\n\r\n"
	 "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"!\"}]},\"finishReason\":\"STOP\"}],\"modelVersion\":\"flash\","
	 "\"usageMetadata\":{\"promptTokenCount\":30,\"cachedContentTokenCount\":10,\"candidatesTokenCount\":2,\"thoughtsTokenCount\":5,\"toolUsePromptTokenCount\":3}}\r\n\r\n",
	 {.usage = {33, 10, 0, 7, 5}, .has_usage = true, .ending = WIRE_STOP, .status = 200, .text_bytes = 3, .pieces = 2, .model = "flash"}},
	{"gemini, streamed as a list", WIRE_GEMINI, 200, JSON, NULL,
	 "[{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"write_file\",\"args\":{\"a\":[1,{\"b\":null}]}}}]}}],\"modelVersion\":\"flash\"}\n,\r\n"
	 "{\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":30,\"candidatesTokenCount\":2}}]",
	 {.usage = {30, 0, 0, 2, 0}, .has_usage = true, .ending = WIRE_TOOLS, .status = 200, .model = "flash"}},
	{"gemini, blocked", WIRE_GEMINI, 200, JSON, NULL,
	 "{\"promptFeedback\":{\"blockReason\":\"SAFETY\"},\"usageMetadata\":{\"promptTokenCount\":4}}",
	 {.usage = {4, 0, 0, 0, 0}, .has_usage = true, .ending = WIRE_REFUSAL, .status = 200}},
	{"gemini, busy, and says for how long", WIRE_GEMINI, 429, JSON, NULL,
	 "{\"error\":{\"code\":429,\"message\":\"quota\",\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":\"RetryInfo\",\"retryDelay\":\"36.5s\"}]}}",
	 {.ending = WIRE_ERROR, .status = 429, .retry_after_ms = 36500}},

	{"ollama, streamed", WIRE_OLLAMA, 200, LINES, NULL,
	 "{\"model\":\"llama3\",\"message\":{\"role\":\"assistant\",\"content\":\"Hel\"},\"done\":false}\n"
	 "{\"model\":\"llama3\",\"message\":{\"role\":\"assistant\",\"content\":\"lo\"},\"done\":false}\n"
	 "{\"model\":\"llama3\",\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\",\"total_duration\":5000000000,\"prompt_eval_count\":26,\"eval_count\":9}\n",
	 {.usage = {26, 0, 0, 9, 0}, .has_usage = true, .ending = WIRE_STOP, .status = 200, .text_bytes = 5, .pieces = 2, .model = "llama3"}},
	{"ollama, whole, with a call", WIRE_OLLAMA, 200, JSON, NULL,
	 "{\"model\":\"llama3\",\"message\":{\"content\":\"\",\"tool_calls\":[{\"function\":{\"name\":\"read\",\"arguments\":{}}}]},\"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":26,\"eval_count\":9}",
	 {.usage = {26, 0, 0, 9, 0}, .has_usage = true, .ending = WIRE_TOOLS, .status = 200, .model = "llama3"}},
	{"ollama, generate", WIRE_OLLAMA, 200, LINES, NULL,
	 "{\"model\":\"llama3\",\"response\":\"abc\",\"done\":false}\n{\"model\":\"llama3\",\"response\":\"\",\"done\":true,\"done_reason\":\"length\",\"prompt_eval_count\":2,\"eval_count\":1}",
	 {.usage = {2, 0, 0, 1, 0}, .has_usage = true, .ending = WIRE_LENGTH, .status = 200, .text_bytes = 3, .pieces = 1, .model = "llama3"}},
	{"ollama, an error on a line", WIRE_OLLAMA, 200, LINES, NULL,
	 "{\"model\":\"llama3\",\"message\":{\"content\":\"a\"},\"done\":false}\n{\"error\":\"out of memory\"}\n",
	 {.ending = WIRE_ERROR, .status = 500, .text_bytes = 1, .pieces = 1, .model = "llama3"}},

	{"nothing at all", WIRE_CHAT, 200, EVENTS, NULL, "", {.status = 200}},
	{"the sign-in page of some network", WIRE_CHAT, 200, "text/html", NULL, "<!DOCTYPE html>\n<html><body>Sign in</body></html>\n", {.status = 200, .garbage = 2}},
	{"the same, as events", WIRE_ANTHROPIC, 200, EVENTS, NULL, "<!DOCTYPE html>\n<html>Sign in</html>\n\n", {.status = 200, .garbage = 2}},
	{"a good line after a bad one", WIRE_OLLAMA, 200, LINES, NULL, "{\"model\":\"a\",]\n{\"model\":\"b\",\"done\":true}\n", {.status = 200, .garbage = 1, .model = "b"}},
	{"a good event after a bad one", WIRE_CHAT, 200, EVENTS, NULL, "data: {\"model\":\"a\"]}\n\ndata: {\"model\":\"b\"}\n\n", {.status = 200, .garbage = 1, .model = "b"}},
	{"an event on two lines", WIRE_CHAT, 200, EVENTS, NULL, "data: {\"model\":\ndata: \"b\"}\n\n", {.status = 200, .model = "b"}},
	{"an event on two lines that end in both", WIRE_CHAT, 200, EVENTS, NULL, "data: {\"model\":\r\ndata: \"b\"}\r\n\r\n", {.status = 200, .model = "b"}},
	{"carriage returns alone", WIRE_CHAT, 200, EVENTS, NULL, "data: {\"model\":\"b\"}\r\rdata: [DONE]\r\r", {.status = 200, .model = "b"}},
	{"a key that is written with escapes", WIRE_CHAT, 200, JSON, NULL, "{\"\\u006dodel\":\"b\"}", {.status = 200, .model = "b"}},
	{"numbers beyond all bounds", WIRE_OLLAMA, 200, JSON, NULL, "{\"prompt_eval_count\":99999999999999999999999,\"eval_count\":-5}",
	 {.usage = {UINT64_MAX, 0, 0, 0, 0}, .has_usage = true, .status = 200}},
	{"more cached than sent", WIRE_CHAT, 200, JSON, NULL, "{\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1.9,\"prompt_tokens_details\":{\"cached_tokens\":9}}}",
	 {.usage = {3, 3, 0, 1, 0}, .has_usage = true, .status = 200}},
};
/* clang-format on */
const size_t wire_sample_count = sizeof(wire_samples) / sizeof(*wire_samples);
