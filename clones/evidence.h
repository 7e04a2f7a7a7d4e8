/* SPDX-License-Identifier: MIT
 *
 * What several programs say about the same places, before it becomes findings: same path, line and family is one finding, and the
 * more programs agree, the surer it is.
 */
#ifndef CLONES_EVIDENCE_H
#define CLONES_EVIDENCE_H

#include "clones/result.h"

struct family {
	const char *name;
	uint32_t cwe; /* 0: none in particular */
	double score; /* for severity "high" */
	const char *title;
	const char *help;
};

/* Never NULL: an unknown name is "other". */
const struct family *family_find(const char *name);

struct tool_rule {
	const char *tool, *rule, *family, *severity;
	double confidence;
};

/* The row of tool_rules.def that fits; NULL if there is none. */
const struct tool_rule *tool_rule_find(const char *tool, const char *rule);

/* 0 for "info" up to 4 for "critical"; 0 if unknown. */
unsigned severity_rank(const char *severity);

#define NOTE_CONFIDENCE_MAX 0.05 /* a statement that is believed so little is no finding of its own */

/* One statement of one program. Text is borrowed until evidence_finish. */
struct evidence {
	const char *tool, *version, *rule;
	const struct family *family;
	uint32_t cwe[FINDING_CWE_MAX];
	const char *severity;
	double confidence;
	const char *title;   /* NULL: the family's */
	const char *message; /* of the tool; NULL if it may hold what must not be shown */
	const char *fix;
	const char *path;
	uint32_t line, end_line, column;
	const char *function;
	const char *blob;
	const char *snippet;
	const char *commit;       /* if it is gone from the files: the commit that brought it */
	const char *shown, *hash; /* of a credential */
	bool judged;              /* our own rules know this name and would have spoken up if it were dangerous here */
	bool own;                 /* of our own token-aware rules: its judgement of severity is preferred */
};

struct evidence_list {
	struct evidence *at;
	size_t count, room;
	size_t dropped;
	json_t *notes; /* "tool rule" to how many statements were no findings of their own; made when the first one is */
	bool no_memory;
};

void evidence_add(struct evidence_list *list, const struct evidence *evidence);

/* Counts a statement that is none of the findings. */
void evidence_note(struct evidence_list *list, const struct evidence *evidence);

/* Merges, and adds the findings and the counts of notes to the result. Releases the list. */
void evidence_finish(struct evidence_list *list, struct result *result);

#endif
