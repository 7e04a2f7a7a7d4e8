/* SPDX-License-Identifier: MIT
 *
 * Documentation coverage: of the functions, methods, classes and types that a file exports, how many have a comment or docstring
 * of their own. Macros and Python modules are counted apart. Tests, examples, vendored and generated files do not count.
 */
#include "clones/sigma.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clones/modules.h"

#define FILE_ENTITIES_MAX      500u
#define UNDOCUMENTED_MAX       600u
#define FINDINGS_MAX           10u
#define FINDING_EXPORTED_LEAST 5u
#define NAMES_SHOWN            5u
#define LANGUAGES_MAX          8u

static const char *const kinds[] = {"function", "method", "class", "type", "macro", "module"};
#define KINDS          (sizeof(kinds) / sizeof(kinds[0]))
#define HEADLINE_KINDS 4u /* the first ones */

struct tally {
	uint32_t exported, documented;
};

struct file {
	const json_t *json;
	const char *path;
	struct tally tally;
};

struct language {
	const char *name;
	struct tally all;
	struct tally kind[KINDS];
};

struct coverage {
	struct file *files;
	size_t count;
	struct language languages[LANGUAGES_MAX];
};

static size_t kind_of(const json_t *symbol)
{
	const char *kind = json_string_value(json_array_get(symbol, 1));

	for (size_t i = 0; kind && i < KINDS; i++)
		if (strcmp(kinds[i], kind) == 0)
			return i;
	return KINDS;
}

static bool is_documented(const json_t *symbol)
{
	return json_integer_value(json_array_get(symbol, 3)) == 1;
}

static void tally_add(struct tally *tally, bool documented)
{
	tally->exported++;
	tally->documented += documented;
}

static struct language *language_of(struct coverage *coverage, const char *name)
{
	for (size_t i = 0; i < LANGUAGES_MAX; i++) {
		struct language *language = &coverage->languages[i];

		if (!language->name)
			language->name = name;
		if (strcmp(language->name, name) == 0)
			return language;
	}
	return NULL;
}

static void count_file(struct coverage *coverage, const json_t *json)
{
	struct file *file = &coverage->files[coverage->count++];
	const char *name = json_string_value(json_object_get(json, "language"));
	struct language *language = language_of(coverage, name ? name : "unknown");
	const json_t *symbol;
	size_t i;

	*file = (struct file){.json = json, .path = json_text(json, "path")};
	json_array_foreach (json_object_get(json, "symbols"), i, symbol) {
		size_t kind = kind_of(symbol);

		if (kind == KINDS || !language)
			continue;
		tally_add(&language->kind[kind], is_documented(symbol));
		if (kind >= HEADLINE_KINDS)
			continue;
		tally_add(&language->all, is_documented(symbol));
		tally_add(&file->tally, is_documented(symbol));
	}
}

static int by_gap(const void *left, const void *right)
{
	const struct file *a = left, *b = right;
	uint32_t x = a->tally.exported - a->tally.documented, y = b->tally.exported - b->tally.documented;

	if (x != y)
		return x > y ? -1 : 1;
	return strcmp(a->path, b->path);
}

static double ratio(struct tally tally)
{
	return tally.exported ? (double)tally.documented / tally.exported : 1;
}

static void add_metrics(struct sigma *sigma, const struct coverage *coverage)
{
	char name[64];
	struct tally all = {0, 0};

	for (size_t i = 0; i < LANGUAGES_MAX && coverage->languages[i].name; i++) {
		const struct language *language = &coverage->languages[i];

		all.exported += language->all.exported;
		all.documented += language->all.documented;
		if (language->all.exported) {
			result_add_metric(sigma->result, "documentation_coverage", language->name, ratio(language->all), "ratio",
					  "symbols");
			result_add_metric(sigma->result, "exported_symbols", language->name, language->all.exported, "symbols",
					  "symbols");
		}
		for (size_t kind = 0; kind < KINDS; kind++) {
			if (!language->kind[kind].exported)
				continue;
			snprintf(name, sizeof(name), "documentation_coverage_%s", kinds[kind]);
			result_add_metric(sigma->result, name, language->name, ratio(language->kind[kind]), "ratio", "symbols");
		}
	}
	sigma->exported = all.exported;
	sigma->documented = all.documented;
	if (all.exported)
		result_add_metric(sigma->result, "documentation_coverage", "", ratio(all), "ratio", "symbols");
}

static bool counts(const json_t *symbol)
{
	return kind_of(symbol) < HEADLINE_KINDS && json_is_string(json_array_get(symbol, 0));
}

/* The first names without documentation, with commas between them; the line of the very first. */
static uint32_t first_names(const struct file *file, char *out, size_t room)
{
	const json_t *symbol;
	size_t i, shown = 0;
	uint32_t line = 0;

	out[0] = 0;
	json_array_foreach (json_object_get(file->json, "symbols"), i, symbol) {
		json_int_t at = json_integer_value(json_array_get(symbol, 2));

		if (!counts(symbol) || is_documented(symbol) || shown == NAMES_SHOWN)
			continue;
		line = shown || at < 0 || at > UINT32_MAX ? line : (uint32_t)at;
		snprintf(out + strlen(out), room - strlen(out), "%s%.100s", shown++ ? ", " : "",
			 json_string_value(json_array_get(symbol, 0)));
	}
	return line;
}

static void file_finding(struct sigma *sigma, const struct file *file)
{
	char title[1600], names[NAMES_SHOWN * 110];
	struct finding finding = {
		.rule = "undocumented", .title = title, .path = file->path, .severity = "low", .confidence = 0.8};
	uint32_t gap = file->tally.exported - file->tally.documented;

	finding.line = first_names(file, names, sizeof(names));
	snprintf(title, sizeof(title), "%u of the %u symbols that this file offers have no documentation: %s%s.", gap,
		 file->tally.exported, names, gap > NAMES_SHOWN ? ", …" : "");
	finding.score = 10 + (gap > 40 ? 20 : gap / 2.0);
	finding.help = "Whoever calls these has to read how they work to learn what they do.";
	finding.confidence_basis = "no comment right above, no docstring";
	result_add_finding(sigma->result, &finding);
}

static void file_entity(struct sigma *sigma, const struct file *file)
{
	result_add_entity(sigma->result, "file_documentation",
			  json_pack("{s:s, s:I, s:I, s:f}", "path", file->path, "exported", (json_int_t)file->tally.exported,
				    "documented", (json_int_t)file->tally.documented, "coverage",
				    (double)(int)(ratio(file->tally) * 1000 + 0.5) / 1000));
}

static size_t list_undocumented(struct sigma *sigma, const struct file *file, size_t listed)
{
	const json_t *symbol;
	size_t i;

	json_array_foreach (json_object_get(file->json, "symbols"), i, symbol) {
		if (!counts(symbol) || is_documented(symbol) || listed >= UNDOCUMENTED_MAX)
			continue;
		listed++;
		result_add_entity(sigma->result, "undocumented",
				  json_pack("{s:s, s:O, s:O, s:O}", "path", file->path, "line", json_array_get(symbol, 2),
					    "symbol_kind", json_array_get(symbol, 1), "name", json_array_get(symbol, 0)));
	}
	return listed;
}

static void report(struct sigma *sigma, struct coverage *coverage)
{
	size_t findings = 0, listed = 0;

	qsort(coverage->files, coverage->count, sizeof(coverage->files[0]), by_gap);
	for (size_t i = 0; i < coverage->count; i++) {
		const struct file *file = &coverage->files[i];

		if (file->tally.exported >= FINDING_EXPORTED_LEAST && ratio(file->tally) < 0.5 && findings < FINDINGS_MAX &&
		    ++findings)
			file_finding(sigma, file);
	}
	for (size_t i = 0; i < coverage->count && i < FILE_ENTITIES_MAX; i++)
		if (coverage->files[i].tally.exported)
			file_entity(sigma, &coverage->files[i]);
	for (size_t i = 0; i < coverage->count; i++)
		listed = list_undocumented(sigma, &coverage->files[i], listed);
}

int sigma_coverage(struct sigma *sigma)
{
	const json_t *files = json_object_get(sigma->symbols, "files");
	struct coverage coverage = {.files = calloc(json_array_size(files) + 1, sizeof(struct file))};
	const json_t *file;
	size_t i;

	if (!coverage.files)
		return ERR_MEMORY;
	json_array_foreach (files, i, file) {
		const char *path = json_text(file, "path");

		if (!*path)
			continue;
		result_analysed(sigma->result, path);
		if (!path_outside(path, json_object_get(sigma->inventory, path)))
			count_file(&coverage, file);
	}
	add_metrics(sigma, &coverage);
	report(sigma, &coverage);
	free(coverage.files);
	return 0;
}
