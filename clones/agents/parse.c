/* SPDX-License-Identifier: MIT
 *
 * What the parsers share: members of objects, and the small events.
 */
#include "clones/agents/parse.h"

#include <string.h>

#define NUMBER_MAX 9.0e15 /* beyond this a double skips integers, and no program has counted so far */

struct agent_event agent_event_of(enum agent_event_kind kind)
{
	return (struct agent_event){.kind = kind, .exit_status = -1, .cost = -1};
}

struct text agent_text(const json_t *string)
{
	size_t bytes = json_string_length(string);

	if (!json_is_string(string) || bytes > UINT32_MAX)
		return (struct text){"", 0};
	return (struct text){json_string_value(string), (uint32_t)bytes};
}

struct text agent_member(const json_t *object, const char *key)
{
	return agent_text(json_object_get(object, key));
}

bool agent_is(struct text text, const char *value)
{
	return text.bytes == strlen(value) && memcmp(text.at, value, text.bytes) == 0;
}

bool agent_member_is(const json_t *object, const char *key, const char *value)
{
	return json_is_string(json_object_get(object, key)) && agent_is(agent_member(object, key), value);
}

uint64_t agent_number(const json_t *object, const char *key)
{
	double value = json_number_value(json_object_get(object, key));

	return value > 0 ? (uint64_t)(value < NUMBER_MAX ? value : NUMBER_MAX) : 0;
}

double agent_cost(const json_t *object, const char *key)
{
	const json_t *number = json_object_get(object, key);
	double value = json_number_value(number);

	return json_is_number(number) && value >= 0 ? value : -1;
}

static struct text first_member(const json_t *object, const char *const *keys, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct text text = agent_member(object, keys[i]);
		if (text.bytes)
			return text;
	}
	return (struct text){"", 0};
}

void agent_input(struct agent_event *event, const json_t *input)
{
	static const char *const paths[] = {"file_path", "filePath", "notebook_path", "absolute_path", "path"};
	static const char *const words[] = {"command", "pattern", "query", "url", "description"};

	event->path = first_member(input, paths, sizeof(paths) / sizeof(*paths));
	event->text = first_member(input, words, sizeof(words) / sizeof(*words));
}

void agent_say(struct agent_run *run, struct text text, bool delta)
{
	struct agent_event event = agent_event_of(AGENT_TEXT);

	if (!text.bytes)
		return;
	event.text = text;
	event.delta = delta;
	agent_emit(run, &event);
}

void agent_warn(struct agent_run *run, struct text text)
{
	struct agent_event event = agent_event_of(AGENT_WARN);

	event.text = text;
	agent_emit(run, &event);
}

void agent_file(struct agent_run *run, struct text path, struct text change)
{
	struct agent_event event = agent_event_of(AGENT_FILE);

	if (!path.bytes)
		return;
	event.path = path;
	event.name = change;
	agent_emit(run, &event);
}
