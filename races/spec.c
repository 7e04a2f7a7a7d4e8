/* SPDX-License-Identifier: MIT */
#include "races/spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "races/said.h"

static const char *const gate_names[GATE_COUNT] = {"change", "tests", "findings", "rules", "checks", "protected", "text"};
static const char *const merge_names[] = {"manual", "auto", "theirs"};

const char *race_gate_name(enum race_gate gate)
{
	return gate_names[gate];
}

const char *race_merge_name(enum race_merge merge)
{
	return merge_names[merge];
}

/* ---- saying what is wrong ---- */

static void describe(const json_t *value, char out[64])
{
	char *text = value && (json_is_string(value) || json_is_number(value) || json_is_boolean(value))
			     ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT)
			     : NULL;

	if (!value)
		said_copy(out, 64, "missing");
	else if (text && strlen(text) > 40)
		snprintf(out, 64, "a text of %zu bytes", json_string_length(value));
	else if (text)
		said_copy(out, 64, text);
	else
		said_copy(out, 64, json_is_object(value) ? "an object" : json_is_array(value) ? "an array" : "null");
	free(text);
}

static int refuse(char why[256], const char *member, const json_t *found, const char *accepted)
{
	char what[64];

	describe(found, what);
	why[0] = '\0';
	said_add(why, 256, "parameters.%s is %s; it must be %s", member, what, accepted);
	return ERR_INVALID_PARAMETERS;
}

static int refuse_at(char why[256], const char *list, size_t index, const char *member, const json_t *found, const char *accepted)
{
	char name[96];

	snprintf(name, sizeof(name), "%s[%zu]%s%s", list, index, member[0] ? "." : "", member);
	return refuse(why, name, found, accepted);
}

/* ---- kinds of values ---- */

static const json_t *member(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return json_is_null(value) ? NULL : value;
}

static bool is_text(const json_t *value, size_t most)
{
	const char *text = json_string_value(value);

	return text && text[0] && json_string_length(value) <= most && strlen(text) == json_string_length(value);
}

static bool is_line(const json_t *value, size_t most)
{
	return is_text(value, most) && !strpbrk(json_string_value(value), "\n\r");
}

static bool is_word(const json_t *value, size_t most)
{
	return is_text(value, most) &&
	       strspn(json_string_value(value), "abcdefghijklmnopqrstuvwxyz0123456789._-") == json_string_length(value);
}

static bool is_whole(const json_t *value, json_int_t most)
{
	return json_is_integer(value) && json_integer_value(value) >= 0 && json_integer_value(value) <= most;
}

static int read_text(const json_t *from, const char *name, size_t most, const char **out, char why[256])
{
	const json_t *value = member(from, name);
	char accepted[64];

	snprintf(accepted, sizeof(accepted), "a text of 1 to %zu bytes", most);
	if (!is_text(value, most))
		return refuse(why, name, value, accepted);
	*out = json_string_value(value);
	return 0;
}

static int read_number(const json_t *from, const char *name, const char *shown, uint64_t most, uint64_t *out, char why[256])
{
	const json_t *value = member(from, name);
	char accepted[64];

	snprintf(accepted, sizeof(accepted), "a whole number from 0 to %llu", (unsigned long long)most);
	if (value && !is_whole(value, (json_int_t)most))
		return refuse(why, shown, value, accepted);
	if (value)
		*out = (uint64_t)json_integer_value(value);
	return 0;
}

static int read_flag(const json_t *from, const char *name, bool *out, char why[256])
{
	const json_t *value = member(from, name);

	if (value && !json_is_boolean(value))
		return refuse(why, name, value, "true or false");
	if (value)
		*out = json_is_true(value);
	return 0;
}

static int read_lines(const json_t *from, const char *name, size_t count_max, size_t bytes_max, const json_t **out, char why[256])
{
	const json_t *list = member(from, name), *line;
	char accepted[96];
	size_t i;

	snprintf(accepted, sizeof(accepted), "an array of at most %zu texts of 1 to %zu bytes", count_max, bytes_max);
	if (list && (!json_is_array(list) || json_array_size(list) > count_max))
		return refuse(why, name, list, accepted);
	json_array_foreach (list, i, line)
		if (!is_text(line, bytes_max))
			return refuse_at(why, name, i, "", line, accepted);
	*out = list;
	return 0;
}

/* ---- members ---- */

static bool one_of(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

/* A member that nobody reads is most likely one that is misspelt. */
static int check_members(const json_t *object, const char *where, const char *const *known, char why[256])
{
	const char *name;
	json_t *value;

	json_object_foreach ((json_t *)(uintptr_t)object, name, value) {
		if (one_of(name, known))
			continue;
		why[0] = '\0';
		said_add(why, 256, "parameters.%s%.40s is not known; known are", where, name);
		for (size_t i = 0; known[i]; i++)
			said_add(why, 256, "%s %s", i ? "," : "", known[i]);
		return ERR_INVALID_PARAMETERS;
	}
	return 0;
}

static int read_merge(struct race_spec *spec, char why[256])
{
	const json_t *value = member(spec->json, "merge"), *branch = member(spec->json, "branch");
	const char *word = json_string_value(value);

	if (value && (!word || !one_of(word, (const char *const[]){"manual", "auto", "theirs", NULL})))
		return refuse(why, "merge", value, "\"theirs\", \"auto\" or \"manual\"");
	for (size_t i = 0; word && i < 3; i++)
		if (strcmp(word, merge_names[i]) == 0)
			spec->merge = (enum race_merge)i;
	if (branch && (!is_line(branch, 500) || strncmp(json_string_value(branch), "refs/heads/", 11) != 0 ||
		       !json_string_value(branch)[11]))
		return refuse(why, "branch", branch, "a branch by its whole name, such as \"refs/heads/main\", or null");
	if (!branch && spec->merge != MERGE_MANUAL)
		return refuse(why, "branch", branch,
			      "the branch to merge to, such as \"refs/heads/main\"; without one, merge must be \"manual\"");
	spec->branch = json_string_value(branch);
	return 0;
}

static int read_gates(struct race_spec *spec, char why[256])
{
	const json_t *list = member(spec->json, "gates"), *name;
	static const char accepted[] =
		"an array of some of \"change\", \"tests\", \"findings\", \"rules\", \"protected\", \"text\"";
	size_t i;

	if (list && !json_is_array(list))
		return refuse(why, "gates", list, accepted);
	for (size_t g = 0; g < GATE_COUNT; g++)
		spec->gate[g] = !list && g != GATE_CHECKS;
	json_array_foreach (list, i, name) {
		size_t g = 0;

		while (g < GATE_COUNT && (!json_is_string(name) || strcmp(json_string_value(name), gate_names[g]) != 0))
			g++;
		if (g == GATE_COUNT)
			return refuse_at(why, "gates", i, "", name, accepted);
		spec->gate[g] = true;
	}
	return 0;
}

static int read_checks(struct race_spec *spec, char why[256])
{
	const json_t *list = member(spec->json, "checks"), *check;
	static const char accepted[] = "an array of at most 16 {\"name\": text of up to 64 bytes, \"command\": shell text}";
	size_t i;

	if (list && (!json_is_array(list) || json_array_size(list) > RACE_CHECKS_MAX))
		return refuse(why, "checks", list, accepted);
	json_array_foreach (list, i, check) {
		if (!is_line(member(check, "name"), RACE_NAME_BYTES - 1))
			return refuse_at(why, "checks", i, "name", member(check, "name"), "a name of 1 to 64 bytes on one line");
		if (!is_text(member(check, "command"), RACE_LINE_BYTES))
			return refuse_at(why, "checks", i, "command", member(check, "command"),
					 "a shell command of 1 to 8192 bytes");
		for (size_t before = 0; before < i; before++)
			if (json_equal(member(json_array_get(list, before), "name"), member(check, "name")))
				return refuse_at(why, "checks", i, "name", member(check, "name"),
						 "a name that no other check has");
	}
	spec->checks = json_array_size(list) ? list : NULL;
	spec->gate[GATE_CHECKS] = spec->checks != NULL;
	return 0;
}

static int read_approved(struct race_spec *spec, char why[256])
{
	const json_t *list = member(spec->json, "approved"), *one;
	size_t i;

	if (list && (!json_is_array(list) || json_array_size(list) > RACE_APPROVED_MAX))
		return refuse(why, "approved", list, "an array of at most 64 {\"tree\": id}");
	json_array_foreach (list, i, one)
		if (!said_is_id(said_text(one, "tree")))
			return refuse_at(why, "approved", i, "tree", member(one, "tree"),
					 "the whole id of a tree, 40 or 64 digits");
	spec->approved = list;
	return 0;
}

/* ---- who takes part ---- */

static int add_entry(struct race_spec *spec, const char *list, size_t index, const json_t *from, struct race_entry entry,
		     char why[256])
{
	const json_t *label = member(from, "label");

	if (!is_word(label, RACE_LABEL_BYTES - 1))
		return refuse_at(why, list, index, "label", label, "1 to 32 of a-z, 0-9, '.', '_' and '-'");
	for (size_t i = 0; i < spec->entry_count; i++)
		if (strcmp(spec->entry[i].label, json_string_value(label)) == 0)
			return refuse_at(why, list, index, "label", label, "a label that nobody else in the race has");
	if (spec->entry_count == RACE_ENTRIES_MAX)
		return refuse_at(why, list, index, "", from, "left out: at most 16 take part, agents and candidates together");
	entry.label = json_string_value(label);
	spec->entry[spec->entry_count++] = entry;
	return 0;
}

static int read_agent(struct race_spec *spec, size_t index, const json_t *from, char why[256])
{
	static const char *const known[] = {"label", "agent", "model", "temperature", "prompt", "level", "chosen", NULL};
	const json_t *agent = member(from, "agent"), *model = member(from, "model"), *prompt = member(from, "prompt");
	const json_t *chosen = member(from, "chosen");
	struct race_entry entry = {.temperature = member(from, "temperature"), .level = member(from, "level")};
	char where[32];
	int rc;

	snprintf(where, sizeof(where), "agents[%zu].", index);
	if (!json_is_object(from))
		return refuse_at(why, "agents", index, "", from, "{\"label\": …, \"agent\": …}");
	rc = check_members(from, where, known, why);
	if (rc)
		return rc;
	if (!is_line(agent, RACE_NAME_BYTES - 1))
		return refuse_at(why, "agents", index, "agent", agent, "the name of an agent, such as \"claude\"");
	if (model && !is_line(model, 200))
		return refuse_at(why, "agents", index, "model", model,
				 "the name of a model, up to 200 bytes on one line, or null");
	if (prompt && !is_text(prompt, RACE_PROMPT_BYTES))
		return refuse_at(why, "agents", index, "prompt", prompt, "a text of 1 to 262144 bytes, or null");
	if (entry.temperature && !(json_is_number(entry.temperature) && json_number_value(entry.temperature) >= 0 &&
				   json_number_value(entry.temperature) <= 2))
		return refuse_at(why, "agents", index, "temperature", entry.temperature, "a number from 0 to 2, or null");
	if (entry.level && (!is_whole(entry.level, 3) || json_integer_value(entry.level) < 1))
		return refuse_at(why, "agents", index, "level", entry.level, "1, 2, 3 or null");
	if (chosen && !is_line(chosen, 500))
		return refuse_at(why, "agents", index, "chosen", chosen, "a sentence of up to 500 bytes, or null");
	entry.chosen = json_string_value(chosen);
	entry.agent = json_string_value(agent);
	entry.model = json_string_value(model);
	entry.prompt = json_string_value(prompt);
	return add_entry(spec, "agents", index, from, entry, why);
}

static int read_candidate(struct race_spec *spec, size_t index, const json_t *from, char why[256])
{
	struct race_entry entry = {.commit = said_text(from, "commit"), .provenance = said_list(from, "provenance")};
	const json_t *ref = member(from, "ref");

	if (!json_is_object(from))
		return refuse_at(why, "candidates", index, "", from, "{\"label\": …, \"commit\": id}");
	if (!said_is_id(entry.commit))
		return refuse_at(why, "candidates", index, "commit", member(from, "commit"),
				 "the whole id of a commit, 40 or 64 digits");
	if (ref && (!is_line(ref, 500) || strncmp(json_string_value(ref), "refs/", 5) != 0))
		return refuse_at(why, "candidates", index, "ref", ref, "the whole name of a ref, or null");
	entry.ref = json_string_value(ref);
	return add_entry(spec, "candidates", index, from, entry, why);
}

static int read_entries(struct race_spec *spec, char why[256])
{
	static const char *const names[] = {"agents", "candidates"};
	const json_t *from;
	size_t i;
	int rc = 0;

	for (size_t which = 0; which < 2; which++) {
		const json_t *list = member(spec->json, names[which]);

		if (list && !json_is_array(list))
			return refuse(why, names[which], list, "an array of objects");
		json_array_foreach (list, i, from) {
			rc = which ? read_candidate(spec, i, from, why) : read_agent(spec, i, from, why);
			if (rc)
				return rc;
		}
	}
	if (spec->entry_count == 0)
		return refuse(why, "agents", member(spec->json, "agents"),
			      "an array of 1 to 16 agents, such as [{\"label\": \"claude\", \"agent\": \"claude\"}], unless "
			      "there are candidates");
	return 0;
}

/* Candidates exist already: nobody is asked anything, unless agents take part too. */
static int read_prompt(struct race_spec *spec, char why[256])
{
	bool needed = false;

	for (size_t i = 0; i < spec->entry_count; i++)
		needed = needed || (spec->entry[i].agent && !spec->entry[i].prompt);
	spec->prompt = "";
	if (!needed && !member(spec->json, "prompt"))
		return 0;
	return read_text(spec->json, "prompt", RACE_PROMPT_BYTES, &spec->prompt, why);
}

/* ---- the whole ---- */

static int read_budget(struct race_spec *spec, char why[256])
{
	static const char *const known[] = {"tokens",           "microusd",   "time_ms", "attempt_tokens",
					    "attempt_microusd", "attempt_ms", "gate_ms", NULL};
	const json_t *budget = member(spec->json, "budget");
	uint64_t *const into[] = {&spec->budget.tokens,         &spec->budget.microusd,         &spec->budget.time_ms,
				  &spec->budget.attempt_tokens, &spec->budget.attempt_microusd, &spec->budget.attempt_ms,
				  &spec->budget.gate_ms};
	const uint64_t most = 1000000000000000u, most_ms = 4200000000u;
	int rc = 0;

	if (budget && !json_is_object(budget))
		return refuse(why, "budget", budget, "an object, such as {\"tokens\": 200000}");
	if (budget)
		rc = check_members(budget, "budget.", known, why);
	for (size_t i = 0; budget && !rc && known[i]; i++) {
		char shown[40];

		snprintf(shown, sizeof(shown), "budget.%s", known[i]);
		rc = read_number(budget, known[i], shown, strstr(known[i], "_ms") ? most_ms : most, into[i], why);
	}
	if (!spec->budget.gate_ms)
		spec->budget.gate_ms = RACE_GATE_MS;
	return rc;
}

static int read_numbers(struct race_spec *spec, char why[256])
{
	uint64_t parallel = 0, retries = 1;
	int rc = read_number(spec->json, "parallel", "parallel", RACE_ENTRIES_MAX, &parallel, why);

	if (!rc)
		rc = read_number(spec->json, "retries", "retries", RACE_RETRIES_MAX, &retries, why);
	spec->parallel = (unsigned)parallel;
	spec->retries = (unsigned)retries;
	return rc;
}

static int read_lists(struct race_spec *spec, char why[256])
{
	int rc = read_lines(spec->json, "relevant", RACE_GLOBS_MAX, 500, &spec->relevant, why);

	if (!rc)
		rc = read_lines(spec->json, "protected", RACE_GLOBS_MAX, 500, &spec->protected_globs, why);
	if (!rc)
		rc = read_lines(spec->json, "setup", RACE_SETUP_MAX, RACE_LINE_BYTES, &spec->setup, why);
	if (!rc)
		rc = read_checks(spec, why);
	if (!rc)
		rc = read_approved(spec, why);
	return rc;
}

static int read_flags(struct race_spec *spec, char why[256])
{
	const json_t *tie_break = member(spec->json, "tie_break");
	int rc = read_flag(spec->json, "first", &spec->first, why);

	spec->notes = spec->coverage = true;
	if (!rc)
		rc = read_flag(spec->json, "notes", &spec->notes, why);
	if (!rc)
		rc = read_flag(spec->json, "coverage", &spec->coverage, why);
	if (!rc && tie_break && !is_line(tie_break, RACE_NAME_BYTES - 1))
		rc = refuse(why, "tie_break", tie_break, "the name of an agent, or null");
	spec->tie_break = json_string_value(tie_break);
	return rc;
}

static int read_all(struct race_spec *spec, char why[256])
{
	static const char *const known[] = {"repo",      "commit",   "branch",    "prompt",   "agents", "candidates",
					    "merge",     "gates",    "checks",    "relevant", "first",  "parallel",
					    "retries",   "budget",   "approved",  "setup",    "notes",  "protected",
					    "tie_break", "coverage", "workspace", NULL};
	int rc = check_members(spec->json, "", known, why);

	if (!rc)
		rc = read_text(spec->json, "repo", RACE_PATH_BYTES, &spec->repo, why);
	if (!rc)
		rc = read_text(spec->json, "commit", 500, &spec->commit, why);
	if (!rc)
		rc = read_merge(spec, why);
	if (!rc)
		rc = read_gates(spec, why);
	if (!rc)
		rc = read_entries(spec, why);
	if (!rc)
		rc = read_prompt(spec, why);
	if (!rc)
		rc = read_lists(spec, why);
	if (!rc)
		rc = read_numbers(spec, why);
	if (!rc)
		rc = read_flags(spec, why);
	if (!rc)
		rc = read_budget(spec, why);
	return rc;
}

int spec_read(const json_t *parameters, struct race_spec *out_spec, char out_why[256])
{
	struct race_spec spec = {0};
	int rc;

	if (!json_is_object(parameters)) {
		snprintf(out_why, 256, "the parameters of a race must be an object");
		return ERR_INVALID_PARAMETERS;
	}
	spec.json = json_deep_copy(parameters);
	if (!spec.json)
		return ERR_MEMORY;
	rc = read_all(&spec, out_why);
	if (rc)
		spec_release(&spec);
	else
		*out_spec = spec;
	return rc;
}

void spec_release(struct race_spec *spec)
{
	json_decref(spec->json);
	*spec = (struct race_spec){0};
}
