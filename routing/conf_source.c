/* SPDX-License-Identifier: MIT
 *
 * The part that knows libConfuse: its callbacks, its option arrays, and its complaints in our words.
 */
#include "routing/conf_source.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "routing/conf_value.h"

#define SECTION_OPTIONS_MAX 48u

/* libConfuse hands nothing of the caller's to its callbacks. */
static _Thread_local struct source *reading;

/* ---- what libConfuse calls ---- */

/* 0 if the option has no value. */
static unsigned spot_line(const struct source *source, const cfg_opt_t *opt)
{
	for (size_t i = 0; i < source->spot_count; i++)
		if (source->spots[i].opt == opt)
			return source->spots[i].line;
	return 0;
}

static bool spot_add(const cfg_opt_t *opt, unsigned line)
{
	if (reading->spot_count == reading->spot_capacity) {
		const size_t capacity = reading->spot_capacity ? reading->spot_capacity * 2 : 256;
		struct spot *spots = realloc(reading->spots, capacity * sizeof(*spots));

		if (!spots) {
			reading->out_of_memory = true;
			return false;
		}
		reading->spots = spots;
		reading->spot_capacity = capacity;
	}
	reading->spots[reading->spot_count++] = (struct spot){.opt = opt, .line = line};
	return true;
}

static void list_names(enum section section, char *out_list, size_t capacity)
{
	size_t used = 0;

	out_list[0] = '\0';
	for (size_t i = 0; option_at(i); i++) {
		const char *name = option_at(i)->name;

		if (option_at(i)->section != section)
			continue;
		if (used + strlen(name) + sizeof(", …, …") > capacity) {
			snprintf(out_list + used, capacity - used, ", …");
			return;
		}
		used += (size_t)snprintf(out_list + used, capacity - used, "%s%s", used ? ", " : "", name);
	}
}

static const char *nearest_option(enum section section, const char *word)
{
	const char *names[SECTION_OPTIONS_MAX];
	size_t count = 0;

	for (size_t i = 0; option_at(i); i++)
		if (option_at(i)->section == section)
			names[count++] = option_at(i)->name;
	return name_nearest(word, names, count);
}

/* Name of a section that has this option, or NULL. */
static const char *section_of(const char *option)
{
	for (unsigned section = 0; section < SECTION_COUNT; section++)
		if (option_find((enum section)section, option))
			return section_name((enum section)section);
	return NULL;
}

static void refuse_option(const cfg_t *cfg, enum section section, const char *word)
{
	const char *nearest = nearest_option(section, word);
	const char *elsewhere = section_of(word);
	char list[320], hint[80] = "";

	list_names(section, list, sizeof(list));
	if (elsewhere)
		snprintf(hint, sizeof(hint), "it belongs into a section %s; ", elsewhere);
	else if (nearest)
		snprintf(hint, sizeof(hint), "did you mean %s? ", nearest);
	(void)!complain(&reading->complaint, (unsigned)cfg->line, "%s has no option \"%.60s\"; %saccepted are %s",
			section_name(section), word, hint, list);
}

static void refuse_section(const cfg_t *cfg, const char *word)
{
	static const char *const names[] = {"network", "clone", "agent", "route"};
	const char *nearest = name_nearest(word, names, SECTION_COUNT);
	const char *section = section_of(word);
	char hint[40] = "";

	if (section) {
		(void)!complain(&reading->complaint, (unsigned)cfg->line,
				"%s stands outside of a section; accepted is %s = VALUE inside the braces of a section %s", word,
				word, section);
		return;
	}
	if (nearest)
		snprintf(hint, sizeof(hint), "did you mean %s? ", nearest);
	(void)!complain(&reading->complaint, (unsigned)cfg->line,
			"there is no section \"%.60s\"; %saccepted are network { … }, clone ROLE { … }, agent NAME { … } and "
			"route TASK-TYPE { … }",
			word, hint);
}

/* Called for each value; the first of an option's assignment is number 1. */
static int note_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	const unsigned first_line = spot_line(reading, opt);

	if (strcmp(cfg->name, "root") == 0) { /* libConfuse takes "network|heartbeat" for a path */
		refuse_section(cfg, opt->name);
		return -1;
	}
	if (cfg_opt_size(opt) == 1 && first_line)
		return complain(&reading->complaint, (unsigned)cfg->line,
				"%s is set again (before: line %u); accepted is once in a section", opt->name, first_line);
	if (!first_line && !spot_add(opt, (unsigned)cfg->line))
		return -1;
	*(const char **)result = value;
	return 0;
}

static void refuse_unknown(const cfg_t *cfg, const char *word)
{
	for (unsigned section = 0; section < SECTION_COUNT; section++) {
		if (strcmp(cfg->name, section_name((enum section)section)) == 0) {
			refuse_option(cfg, (enum section)section, word);
			return;
		}
	}
	refuse_section(cfg, word);
}

/* libConfuse's complaints in our words; each takes the one text that libConfuse's own format takes. */
static const struct translation {
	const char *format;
	const char *sentence;
} translations[] = {
	{"missing title for section '%s'",
	 "a section %s without a name; accepted is clone ROLE { … }, agent NAME { … } or route TASK-TYPE { … }"},
	{"missing opening brace for section '%s'",
	 "no { where the options of section %s should begin; accepted is network { … }, "
	 "clone ROLE { … }, agent NAME { … } or route TASK-TYPE { … }"},
	{"missing equal sign after option '%s'", "no = after %s; accepted is NAME = VALUE"},
	{"unexpected token '%s'", "an unexpected \"%.60s\"; accepted is NAME = VALUE, or NAME = { VALUE, VALUE } for a list"},
	{"unexpected closing brace", "a } without a section; accepted is one for each {"},
	{"premature end of file",
	 "the file ends in the middle of an option or section; accepted is NAME = VALUE and a } after the last option"},
	{"found duplicate title '%s'", "a second section for \"%.60s\"; accepted is one for each role, agent and task type"},
	{"attempt to append to non-list option '%s'", "+= after %s, which has one value; accepted is NAME = VALUE"},
};

static void on_error(cfg_t *cfg, const char *format, va_list arguments)
{
	char sentence[CONF_SENTENCE_BYTES];

	if (strcmp(format, "no such option '%s'") == 0) {
		refuse_unknown(cfg, va_arg(arguments, const char *));
		return;
	}
	for (size_t i = 0; i < sizeof(translations) / sizeof(translations[0]); i++)
		if (strcmp(format, translations[i].format) == 0)
			format = translations[i].sentence;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	vsnprintf(sentence, sizeof(sentence), format, arguments);
#pragma GCC diagnostic pop
	(void)!complain(&reading->complaint, (unsigned)cfg->line, "%s", sentence);
}

static void options_fill(enum section section, cfg_opt_t out_options[SECTION_OPTIONS_MAX])
{
	size_t count = 0;

	for (size_t i = 0; option_at(i); i++) {
		const struct option *option = option_at(i);

		if (option->section != section)
			continue;
		if (option_is_list(option))
			out_options[count++] = (cfg_opt_t)CFG_STR_LIST_CB(option->name, NULL, CFGF_NODEFAULT, note_value);
		else
			out_options[count++] = (cfg_opt_t)CFG_STR_CB(option->name, NULL, CFGF_NODEFAULT, note_value);
	}
	out_options[count] = (cfg_opt_t)CFG_END();
}

/* The sections and values of a clean text, as strings. Returns 0, ERR_CONFIG after a complaint, ERR_MEMORY. */
static int sections_parse(struct source *source, const char *clean)
{
	cfg_opt_t network[SECTION_OPTIONS_MAX], clone[SECTION_OPTIONS_MAX], agent[SECTION_OPTIONS_MAX],
		route[SECTION_OPTIONS_MAX];
	cfg_opt_t root[] = {CFG_SEC("network", network, CFGF_MULTI),
			    CFG_SEC("clone", clone, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
			    CFG_SEC("agent", agent, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
			    CFG_SEC("route", route, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES), CFG_END()};
	cfg_t *cfg;
	int rc;

	options_fill(SECTION_NETWORK, network);
	options_fill(SECTION_CLONE, clone);
	options_fill(SECTION_AGENT, agent);
	options_fill(SECTION_ROUTE, route);
	cfg = cfg_init(root, CFGF_NONE);
	if (!cfg)
		return ERR_MEMORY;
	cfg_set_error_function(cfg, on_error);
	rc = cfg_parse_buf(cfg, clean);
	source->cfg = cfg;
	if (source->complaint.made)
		return ERR_CONFIG;
	if (source->out_of_memory || rc == CFG_FILE_ERROR)
		return ERR_MEMORY;
	if (rc != CFG_SUCCESS)
		return complain(&source->complaint, (unsigned)cfg->line,
				"this is not understood; accepted is what docs/routing.md describes");
	return 0;
}

/* ---- for the reader of the sections ---- */

int source_parse(struct source *source, const char *text)
{
	const size_t bytes = strlen(text);
	char *clean = malloc(bytes + 1);
	int rc;

	if (!clean)
		return ERR_MEMORY;
	reading = source;
	if (bytes > CONF_TEXT_BYTES_MAX)
		rc = complain(&source->complaint, 1, "the file has %zu bytes; accepted are up to %u", bytes, CONF_TEXT_BYTES_MAX);
	else
		rc = conf_text_clean(text, clean, &source->outline, &source->complaint);
	if (!rc)
		rc = sections_parse(source, clean);
	reading = NULL;
	free(clean);
	return rc;
}

void source_release(struct source *source)
{
	if (source->cfg)
		cfg_free(source->cfg);
	free(source->spots);
	source->cfg = NULL;
	source->spots = NULL;
}

bool source_has(cfg_t *section, const char *option)
{
	return cfg_size(section, option) > 0;
}

unsigned source_option_line(const struct source *source, cfg_t *section, const char *option)
{
	const unsigned line = option ? spot_line(source, cfg_getopt(section, option)) : 0;

	return line ? line : outline_head(&source->outline, (unsigned)section->line);
}

int source_refuse(struct source *source, cfg_t *section, const char *option, const char *format, ...)
{
	char sentence[CONF_SENTENCE_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(sentence, sizeof(sentence), format, arguments);
	va_end(arguments);
	return complain(&source->complaint, source_option_line(source, section, option), "%s", sentence);
}
