/* SPDX-License-Identifier: MIT
 *
 * What documents say that is no longer so, and what they should say and do not.
 *
 * A name that is gone is told with what became of it where the history knows: renamed to, or removed in which commit.
 */
#include "clones/sigma.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "clones/modules.h"

#define README_WORDS_LEAST 40u
#define HINT_BYTES         1400u
#define LONG_AGO           (3 * 365 * 86400ll) /* what is gone this long may have been somebody else\'s */

struct fate {
	const json_t *gone; /* entry of the history, or NULL */
	char text[HINT_BYTES];
};

/* Gone files by path: what became of each last. The caller's. */
static json_t *gone_by_path(const struct sigma *sigma)
{
	json_t *by_path = json_object();
	json_t *gone;
	size_t i;

	json_array_foreach (json_object_get(sigma->history, "gone"), i, gone) {
		const char *path = json_string_value(json_object_get(gone, "path"));

		if (by_path && path && !json_object_get(by_path, path))
			json_object_set(by_path, path, gone);
	}
	return by_path;
}

static void fate_of(const struct sigma *sigma, const json_t *gone_files, const char *path, struct fate *fate)
{
	const char *to;
	char age[32];

	fate->gone = json_object_get(gone_files, path);
	fate->text[0] = 0;
	if (!fate->gone)
		return;
	to = json_string_value(json_object_get(fate->gone, "renamed_to"));
	age_text(json_time(fate->gone, "when"), json_time(sigma->history, "newest"), age);
	if (to)
		snprintf(fate->text, sizeof(fate->text), "It was renamed to %.1000s %s ago, in commit %.12s.", to, age,
			 json_text(fate->gone, "commit"));
	else
		snprintf(fate->text, sizeof(fate->text), "It was removed %s ago, in commit %.12s.", age,
			 json_text(fate->gone, "commit"));
}

static void mark(const struct sigma *sigma, struct finding *finding, const char *path)
{
	const char *outside = path_outside(path, json_object_get(sigma->inventory, path));

	finding->path = path;
	finding->in_test = outside && strcmp(outside, "test") == 0;
	finding->vendored = outside && strcmp(outside, "vendored") == 0;
	finding->generated = outside && strcmp(outside, "generated") == 0;
}

/* Makers of web sites have roots, routes and fragments of their own, which the tree does not show. */
static void lower_for_sites(struct finding *finding, const json_t *broken, const char *target)
{
	const char *slash = strrchr(target, '/');
	const char *name = strrchr(finding->path, '/');

	if (json_is_true(json_object_get(broken, "absolute"))) {
		finding->confidence = 0.3;
		finding->confidence_basis = "it may be meant from the root of a web site";
	} else if ((name ? name[1] : finding->path[0]) == '_' || !strchr(slash ? slash : target, '.')) {
		finding->confidence = 0.5;
		finding->confidence_basis = "it may be a route of a web site";
	}
}

static void broken_link(struct sigma *sigma, const json_t *broken, const json_t *gone_files)
{
	const char *url = json_text(broken, "url"), *target = json_text(broken, "target"), *hint = json_text(broken, "hint");
	const char *reason = json_text(broken, "reason");
	char title[2200];
	struct fate fate;
	struct finding finding = {.rule = "broken-link", .title = title, .severity = "medium", .confidence = 0.9, .snippet = url};

	fate_of(sigma, gone_files, target, &fate);
	mark(sigma, &finding, json_text(broken, "path"));
	finding.line = json_number(broken, "line");
	finding.help = "Readers who follow it find nothing.";
	finding.confidence_basis = "the tree of the commit";
	if (strcmp(reason, "anchor") == 0) {
		finding.rule = "broken-anchor";
		finding.severity = "low";
		finding.confidence = 0.8;
		snprintf(title, sizeof(title), "%.900s has no heading or anchor for '%.900s'.", target, url);
	} else if (strcmp(reason, "case") == 0) {
		snprintf(title, sizeof(title), "'%.900s' is written with other letters than %.900s.", url, hint);
	} else {
		snprintf(title, sizeof(title), "'%.900s' points to %.900s, which is not there.", url, target);
	}
	lower_for_sites(&finding, broken, target);
	if (!fate.text[0] && *hint)
		snprintf(fate.text, sizeof(fate.text), "Perhaps %.1000s is meant.", hint);
	finding.fix_hint = fate.text[0] ? fate.text : NULL;
	result_add_finding(sigma->result, &finding);
	sigma->broken++;
}

/* A file that never was is most likely an example or made by the build; one that was is surely meant. */
static void drift(struct sigma *sigma, const json_t *drifted, const json_t *gone_files)
{
	const char *name = json_text(drifted, "name"), *seen = json_text(drifted, "seen");
	bool path = strcmp(json_text(drifted, "kind"), "path") == 0;
	char title[1200], age[32];
	struct fate fate = {.gone = NULL};
	struct finding finding = {.rule = "drift", .title = title, .severity = "low", .snippet = json_text(drifted, "span")};

	mark(sigma, &finding, json_text(drifted, "path"));
	finding.line = json_number(drifted, "line");
	finding.help = "The document names what the code no longer has.";
	if (path) {
		fate_of(sigma, gone_files, name, &fate);
		finding.confidence = fate.gone ? 0.85 : 0.35;
		finding.confidence_basis = fate.gone ? "the history has it" : "no file of that path";
		snprintf(title, sizeof(title), "The file `%.900s` is named here, and is not there.", name);
	} else if (*seen) {
		age_text(json_time(drifted, "seen_when"), json_time(sigma->history, "newest"), age);
		finding.confidence = json_time(sigma->history, "newest") - json_time(drifted, "seen_when") < LONG_AGO ? 0.7 : 0.4;
		finding.confidence_basis = "an older tree has the word, this one has not";
		snprintf(title, sizeof(title), "`%.900s` is named here, and no file has that word any more.", name);
		snprintf(fate.text, sizeof(fate.text), "Commit %.12s%s%s%s still had it.", seen, sigma->history ? " of " : "",
			 sigma->history ? age : "", sigma->history ? " ago" : "");
	} else {
		return; /* very likely a function of somebody else's */
	}
	finding.fix_hint = fate.text[0] ? fate.text : NULL;
	result_add_finding(sigma->result, &finding);
	sigma->drift++;
}

/* ---- what a repository says of itself ---- */

/* A file at the root (or in .github, docs) whose name begins so, without regard to case. */
static const char *find_named(const struct sigma *sigma, const char *const *names)
{
	const char *path;
	json_t *row;

	json_object_foreach (sigma->inventory, path, row) {
		const char *base = path;

		if (strncmp(path, ".github/", 8) == 0)
			base = path + 8;
		else if (strncmp(path, "docs/", 5) == 0)
			base = path + 5;
		if (strchr(base, '/'))
			continue;
		for (const char *const *name = names; *name; name++)
			if (strncasecmp(base, *name, strlen(*name)) == 0)
				return path;
	}
	return NULL;
}

static const json_t *document_at(const struct sigma *sigma, const char *path)
{
	const json_t *document;
	size_t i;

	json_array_foreach (json_object_get(sigma->links, "documents"), i, document)
		if (path && strcmp(json_text(document, "path"), path) == 0)
			return document;
	return NULL;
}

static void say(struct sigma *sigma, const char *rule, const char *severity, const char *path, const char *title,
		const char *hint)
{
	struct finding finding = {.rule = rule,
				  .title = title,
				  .severity = severity,
				  .path = path,
				  .line = path ? 1 : 0,
				  .confidence = 0.8,
				  .confidence_basis = "words of the documents and names of the files",
				  .fix_hint = hint};

	result_add_finding(sigma->result, &finding);
}

static bool has_tests(const struct sigma *sigma)
{
	const char *path;
	json_t *row;

	json_object_foreach (sigma->inventory, path, row) {
		if (json_is_true(json_object_get(row, "test")))
			return true;
	}
	return false;
}

static void check_readme(struct sigma *sigma, const char *readme, const json_t *guide)
{
	const json_t *document = document_at(sigma, readme);
	bool links_guide = json_number(document, "links") > 0 && guide;

	if (!document)
		return; /* it was not read; that is said elsewhere */
	if (json_number(document, "words") < README_WORDS_LEAST)
		say(sigma, "readme-short", "low", readme, "The README says hardly anything.",
		    "Say what the project is for, how to build and how to test it.");
	if (!json_is_true(json_object_get(document, "builds")) && !json_is_true(json_object_get(document, "installs")) &&
	    !(links_guide && json_is_true(json_object_get(guide, "builds"))))
		say(sigma, "readme-build", "low", readme, "The README does not say how to build or install the project.", NULL);
	if (has_tests(sigma) && !json_is_true(json_object_get(document, "tests")) &&
	    !json_is_true(json_object_get(guide, "tests")))
		say(sigma, "readme-test", "low", readme,
		    "There are tests, and neither README nor contributing guide says how to run them.", NULL);
}

static void check_presence(struct sigma *sigma)
{
	static const char *const readmes[] = {"readme", NULL};
	static const char *const licences[] = {"license", "licence", "copying", "unlicense", NULL};
	static const char *const guides[] = {"contributing", "hacking", NULL};
	static const char *const changes[] = {"changelog", "changes",       "history",         "news",
					      "releases",  "release-notes", "00-releasenotes", NULL};
	const char *readme = find_named(sigma, readmes);

	if (!json_object_size(sigma->inventory))
		return;
	if (readme)
		check_readme(sigma, readme, document_at(sigma, find_named(sigma, guides)));
	else
		say(sigma, "readme-missing", "medium", NULL, "There is no README.",
		    "Write one: what the project is for, how to build it, how to test it.");
	if (!find_named(sigma, licences))
		say(sigma, "licence-missing", "low", NULL, "There is no licence file, so nobody else may use this.", NULL);
	if (!find_named(sigma, changes))
		say(sigma, "changelog-missing", "info", NULL, "There is no list of changes.",
		    "The attached changelog.md is a start.");
}

static void add_metrics(struct sigma *sigma)
{
	const json_t *counts = json_object_get(sigma->links, "counts");

	result_add_metric(sigma->result, "documents", "", (double)json_array_size(json_object_get(sigma->links, "documents")),
			  "documents", "links");
	result_add_metric(sigma->result, "links_checked", "", json_number(counts, "checked"), "links", "links");
	result_add_metric(sigma->result, "links_broken", "", (double)sigma->broken, "links", "links");
	result_add_metric(sigma->result, "links_external", "", json_number(counts, "external"), "links", "not followed");
	result_add_metric(sigma->result, "names_gone", "", (double)sigma->drift, "names", "links");
}

/* Documents in formats without a reader. */
static void say_unread(struct sigma *sigma)
{
	const char *path;
	json_t *row;

	json_object_foreach (sigma->inventory, path, row) {
		const char *language = json_text(row, "language");

		if (strcmp(language, "reStructuredText") == 0 || strcmp(language, "AsciiDoc") == 0)
			result_not_analysed(sigma->result, path, "links", "links are read in Markdown only");
	}
}

int sigma_documents(struct sigma *sigma)
{
	json_t *gone_files = gone_by_path(sigma);
	const json_t *entry;
	size_t i;

	if (!gone_files)
		return ERR_MEMORY;
	json_array_foreach (json_object_get(sigma->links, "documents"), i, entry)
		if (json_is_string(json_object_get(entry, "path")))
			result_analysed(sigma->result, json_text(entry, "path"));
	json_array_foreach (json_object_get(sigma->links, "broken"), i, entry)
		broken_link(sigma, entry, gone_files);
	json_array_foreach (json_object_get(sigma->links, "drift"), i, entry)
		drift(sigma, entry, gone_files);
	if (sigma->links) {
		check_presence(sigma);
		say_unread(sigma);
		add_metrics(sigma);
	}
	json_decref(gone_files);
	return 0;
}
