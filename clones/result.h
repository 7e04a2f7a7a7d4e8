/* SPDX-License-Identifier: MIT
 *
 * Builds the common result, the one shape in which every specialist answers (docs/results.md has it field by field).
 *
 * The builder is sticky about memory: every function may be called without a check, and result_end returns NULL if one of
 * them ran out of it. Text is copied, invalid UTF-8 becomes U+FFFD, long text is cut; NULL text becomes null, or is left out.
 *
 *	struct result *result = result_begin(target, "gamma", "architecture-design");
 *	for (size_t i = 0; i < plan->count; i++)
 *		result_add_run(result, &plan->step[i], &outputs[i], NULL);
 *	result_add_finding(result, &(struct finding){.rule = "cycle", .title = "…", .path = "a.c", .line = 3});
 *	return result_end(result);
 */
#ifndef CLONES_RESULT_H
#define CLONES_RESULT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clones/clone.h"
#include "clones/digest.h"

#define RESULT_SCHEMA           "bunshin-result/1"
#define RESULT_FINDINGS_MAX     2000u /* the best ones are kept; how many were left out is said */
#define RESULT_ENTITIES_MAX     20000u
#define RESULT_METRICS_MAX      20000u
#define RESULT_NOT_ANALYSED_MAX 2000u
#define FINDING_CWE_MAX         4u
#define SNIPPET_BYTES_MAX       160u
#define TEXT_BYTES_MAX          2000u

struct result;

/* What a run's output told, beyond what the runner measured. All zero is fine. */
struct run_facts {
	const char *version; /* of the tool, or NULL */
	const char *format;  /* of its output: "json", "csv"; NULL: not said */
	uint32_t files_ok;
	uint32_t files_failed;
};

/* A finding. Only rule and title are needed; a zero or NULL means "not known". */
struct finding {
	const char *rule;              /* identifier, stable across versions: "c.strcpy" */
	const char *family;            /* several rules that say the same; the fingerprint holds this if set, else the rule */
	uint32_t cwe[FINDING_CWE_MAX]; /* numbers; 0 ends the list */
	const char *title;             /* one sentence about this place */
	const char *help;              /* why it matters */
	const char *severity;          /* "critical", "high", "medium", "low", "info"; NULL: info */
	double score;                  /* 0…100: how bad, in this context; 0: a base for the severity */
	double confidence;             /* 0…1: how sure; 0: 0.5 */
	const char *confidence_basis;  /* "rule", "two tools agree", … */
	const char *path;              /* from the root of the repository */
	uint32_t line;                 /* from 1 */
	uint32_t end_line;
	uint32_t column; /* from 1, in bytes */
	const char *function;
	const char *blob;                  /* object id of the file's content */
	const char *snippet;               /* the line, without secrets */
	bool in_test, vendored, generated; /* each lowers the score, unless keep_score */
	bool keep_score;
	const char *fix_hint;
	const char *fix_patch; /* unified diff */
	json_t *evidence;      /* array of {tool, version, rule, severity, message}; taken over; NULL: none */
	json_t *flow;          /* array of {path, line, event, msg}; taken over; NULL: none */
};

/* Starts the result of `clone` ("beta") of `kind` (the task type). NULL: out of memory; every function below takes NULL. */
struct result *result_begin(const struct target *target, const char *clone, const char *kind);

/* Finishes: numbers equal findings, computes fingerprints, sorts by score times confidence, derives status and totals.
 * Frees the builder. The object is the caller's; NULL: out of memory. `ended` stays null: whoever knows a clock fills it in. */
json_t *result_end(struct result *result);

void result_free(struct result *result); /* instead of result_end */

/* Adds a row to `runs`. A step that did not run, ran out of time or was cut lowers the status by itself: to blocked if the step is
 * not optional and did not run, otherwise to partial. What an exit status means only the caller knows. `facts` may be NULL. */
void result_add_run(struct result *result, const struct step *step, const struct output *output, const struct run_facts *facts);

/* Lowers the status to PARTIAL or BLOCKED (it never rises) and adds a reason, a whole sentence with the next step if there is one. */
void result_status(struct result *result, enum completeness completeness, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The finding as it stands in the result, borrowed until result_end; members may be added to it. NULL: none was added. */
json_t *result_add_finding(struct result *result, const struct finding *finding);

/* A number about a subject (a path, a function, the repository as ""): name "churn_365d", unit "commits", method "history". */
void result_add_metric(struct result *result, const char *name, const char *subject, double value, const char *unit,
		       const char *method);

/* A thing that is no finding: a module, an edge, a test case, a symbol. `object` is taken over and gets the member "kind". */
void result_add_entity(struct result *result, const char *kind, json_t *object);

/* This file was looked at (counted once, however many tools did). */
void result_analysed(struct result *result, const char *path);

/* This file was not looked at by `tool`. */
void result_not_analysed(struct result *result, const char *path, const char *tool, const char *reason);

/* Number of files the work was about, if it is not all files of the inventory. */
void result_files_total(struct result *result, size_t files);

/* Sets a member of the result itself ("synthesis", "baseline", or one of the specialist's own); `value` is taken over.
 * "attachments", an array of {name, media_type, text}, is for pages and pictures that go along: the attempt makes artefacts of them. */
void result_set(struct result *result, const char *name, json_t *value);

/* A JSON string of at most `most` bytes from bytes nobody vouches for: invalid UTF-8 becomes U+FFFD, what is over is cut and ends in "…". */
json_t *text_json(const char *at, size_t bytes, size_t most);

/* What a path says about its file: test code, somebody else's code, or made by a program. */
bool path_in_test(const char *path);
bool path_vendored(const char *path);
bool path_generated(const char *path);

#endif
