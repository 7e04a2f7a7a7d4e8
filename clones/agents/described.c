/* SPDX-License-Identifier: MIT
 *
 * Reads the texts. Everything that is kept is a copy in a list that goes with the description.
 */
#include "clones/agents/described.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clones/agents/parse.h"
#include "clones/agents/pointer.h"

#define TEXTS_MAX 48u /* at most three a name */

enum kind { POINTER, CONDITION, YES_OR_NO, SCOPE };

#define NONE       ((size_t)-1)
#define AT(member) offsetof(struct agent_pointers, member)

/* clang-format off */
static const struct row {
	const char *name;
	enum kind kind;
	size_t at;   /* where it goes in struct agent_pointers */
	size_t when; /* where its condition goes; NONE: it has none */
} rows[] = {
	{"text", POINTER, AT(text), AT(text_when)},
	{"session", POINTER, AT(session), AT(session_when)},
	{"model", POINTER, AT(model), AT(session_when)},
	{"tool", POINTER, AT(tool), AT(tool_when)},
	{"path", POINTER, AT(path), AT(tool_when)},
	{"error", POINTER, AT(error), AT(error_when)},
	{"status", POINTER, AT(status), AT(error_when)},
	{"usage_in", POINTER, AT(in), AT(usage_when)},
	{"usage_cached", POINTER, AT(in_cached), AT(usage_when)},
	{"usage_out", POINTER, AT(out), AT(usage_when)},
	{"cost", POINTER, AT(cost), AT(usage_when)},
	{"final", CONDITION, AT(final), NONE},
	{"final_ok", CONDITION, AT(final_ok), NONE},
	{"text_pieces", YES_OR_NO, AT(text_is_delta), NONE},
	{"usage_excludes_cached", YES_OR_NO, AT(in_excludes_cached), NONE},
	{"usage_counts", SCOPE, AT(scope), NONE},
};
/* clang-format on */

#define ROWS (sizeof(rows) / sizeof(*rows))

struct agent_described {
	struct agent_pointers pointers;
	bool given[ROWS];
	char *texts[TEXTS_MAX];
	size_t text_count;
};

const char *agent_described_name(size_t index)
{
	return index < ROWS ? rows[index].name : NULL;
}

struct agent_described *agent_described_new(void)
{
	return calloc(1, sizeof(struct agent_described));
}

void agent_described_free(struct agent_described *described)
{
	if (!described)
		return;
	for (size_t i = 0; i < described->text_count; i++)
		free(described->texts[i]);
	free(described);
}

static int refuse(char out_why[AGENT_WHY_BYTES], const char *name, size_t character, const char *text, const char *accepted)
{
	snprintf(out_why, AGENT_WHY_BYTES, "%s: character %zu: found \"%.80s\"; accepted is %s", name, character + 1, text,
		 accepted);
	return ERR_INVALID_PARAMETERS;
}

/* A copy of bytes of a text that lives as long as the description; NULL: out of memory. */
static const char *kept(struct agent_described *described, const char *text, size_t bytes)
{
	char *copy = described->text_count < TEXTS_MAX ? calloc(1, bytes + 1) : NULL;

	if (!copy)
		return NULL;
	memcpy(copy, text, bytes);
	described->texts[described->text_count++] = copy;
	return copy;
}

/* "/pointer" or "/pointer=value"; the first "=" divides. `offset`: where it stands in the whole text. */
static int condition(struct agent_described *described, const struct row *row, const char *text, size_t bytes, size_t offset,
		     struct agent_when *out_when, char out_why[AGENT_WHY_BYTES])
{
	const char *equals = memchr(text, '=', bytes);
	size_t pointer = equals ? (size_t)(equals - text) : bytes;
	struct agent_when when = {0};

	when.pointer = kept(described, text, pointer);
	if (when.pointer && equals)
		when.value = kept(described, equals + 1, bytes - pointer - 1);
	if (!when.pointer || (equals && !when.value))
		return ERR_MEMORY;
	if (!pointer || !pointer_check(when.pointer))
		return refuse(out_why, row->name, offset, when.pointer,
			      "a condition like /type=result (RFC 6901, then = and a text)");
	if (when.value && !*when.value)
		return refuse(out_why, row->name, offset + pointer, "=",
			      "a text after the equals sign, or a condition without one");
	*out_when = when;
	return 0;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* Names that share a condition have to agree on it, whichever comes first. */
static int share(struct agent_described *described, const struct row *row, const struct agent_when *when,
		 char out_why[AGENT_WHY_BYTES])
{
	struct agent_when *place = (struct agent_when *)((char *)&described->pointers + row->when);

	for (size_t i = 0; i < ROWS; i++) {
		if (&rows[i] == row || rows[i].when != row->when || !described->given[i])
			continue;
		if (same_text(place->pointer, when->pointer) && same_text(place->value, when->value))
			continue;
		snprintf(out_why, AGENT_WHY_BYTES,
			 "%s: character 1: found another condition than %s has; accepted is the same one, since both are read "
			 "from one line",
			 row->name, rows[i].name);
		return ERR_INVALID_PARAMETERS;
	}
	*place = *when;
	return 0;
}

static int set_pointer(struct agent_described *described, const struct row *row, const char *text, char out_why[AGENT_WHY_BYTES])
{
	struct agent_when when = {0};
	const char *at = text, *pointer;
	int rc;

	if (strncmp(at, "when:", 5) == 0) {
		size_t bytes = strcspn(at + 5, " \t");
		rc = condition(described, row, at + 5, bytes, 5, &when, out_why);
		if (rc)
			return rc;
		at += 5 + bytes;
		at += strspn(at, " \t");
	}
	if (*at != '/' || !pointer_check(at))
		return refuse(out_why, row->name, (size_t)(at - text), at,
			      "a JSON pointer like /message/text, or when:/type=result and then one");
	pointer = kept(described, at, strlen(at));
	if (!pointer)
		return ERR_MEMORY;
	rc = share(described, row, &when, out_why);
	if (rc == 0)
		memcpy((char *)&described->pointers + row->at, &pointer, sizeof(pointer));
	return rc;
}

static int set_yes(struct agent_described *described, const struct row *row, const char *text, char out_why[AGENT_WHY_BYTES])
{
	bool yes = strcmp(text, "yes") == 0;

	if (!yes && strcmp(text, "no") != 0)
		return refuse(out_why, row->name, 0, text, "\"yes\" or \"no\"");
	memcpy((char *)&described->pointers + row->at, &yes, sizeof(yes));
	return 0;
}

static int set_scope(struct agent_described *described, const struct row *row, const char *text, char out_why[AGENT_WHY_BYTES])
{
	static const char *const names[] = {
		[AGENT_SCOPE_STEP] = "step", [AGENT_SCOPE_RUN] = "run", [AGENT_SCOPE_THREAD] = "thread"};

	for (unsigned i = 0; i < 3; i++) {
		if (strcmp(text, names[i]) == 0) {
			described->pointers.scope = (enum agent_scope)i;
			return 0;
		}
	}
	return refuse(out_why, row->name, 0, text, "\"step\", \"run\" or \"thread\"");
}

static int set(struct agent_described *described, const struct row *row, const char *text, char out_why[AGENT_WHY_BYTES])
{
	switch (row->kind) {
	case POINTER:
		return set_pointer(described, row, text, out_why);
	case CONDITION:
		return condition(described, row, text, strlen(text), 0,
				 (struct agent_when *)((char *)&described->pointers + row->at), out_why);
	case YES_OR_NO:
		return set_yes(described, row, text, out_why);
	default:
		return set_scope(described, row, text, out_why);
	}
}

static int unknown(const char *name, char out_why[AGENT_WHY_BYTES])
{
	size_t used = (size_t)snprintf(out_why, AGENT_WHY_BYTES, "%.60s: there is no such name; accepted are", name);

	for (size_t i = 0; i < ROWS && used < AGENT_WHY_BYTES; i++)
		used += (size_t)snprintf(out_why + used, AGENT_WHY_BYTES - used, "%s %s", i ? "," : "", rows[i].name);
	return ERR_INVALID_PARAMETERS;
}

int agent_described_set(struct agent_described *described, const char *name, const char *text, char out_why[AGENT_WHY_BYTES])
{
	int rc;

	for (size_t i = 0; i < ROWS; i++) {
		if (strcmp(rows[i].name, name) != 0)
			continue;
		if (described->given[i] || strlen(text) > AGENT_DESCRIBED_TEXT_BYTES_MAX) {
			snprintf(out_why, AGENT_WHY_BYTES, "%s: %s", name,
				 described->given[i] ? "it is given twice; accepted is once"
						     : "the text is too long; accepted are 1,024 bytes");
			return ERR_INVALID_PARAMETERS;
		}
		rc = set(described, &rows[i], text, out_why);
		described->given[i] = rc == 0;
		if (rc == ERR_MEMORY)
			snprintf(out_why, AGENT_WHY_BYTES, "out of memory");
		return rc;
	}
	return unknown(name, out_why);
}

int agent_described_cli(const struct agent_described *described, struct agent_cli *out_cli, char out_why[AGENT_WHY_BYTES])
{
	if (described->pointers.path && !described->pointers.tool) {
		snprintf(out_why, AGENT_WHY_BYTES, "path: it is the file a tool is about; accepted is path together with tool.");
		return ERR_INVALID_PARAMETERS;
	}
	return agent_cli_generic(&described->pointers, out_cli, out_why);
}
