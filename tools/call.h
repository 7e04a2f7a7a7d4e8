/* SPDX-License-Identifier: MIT
 *
 * Finds dangerous calls, assignments and commands in a text: the rules are in call_rules.def, the conditions in
 * call_conditions.def.
 */
#ifndef TOOLS_CALL_H
#define TOOLS_CALL_H

#include "protocol/error.h"
#include "tools/function.h"
#include "tools/token.h"

#define CALL_ARGUMENTS_MAX 32u

enum call_form {
	FORM_CALL,    /* name(…) */
	FORM_SETTING, /* name = value, name: value, "name": value */
	FORM_COMMAND  /* a command of a shell script */
};

enum call_condition {
#define CONDITION(NAME, function, sentence) WHEN_##NAME,
#include "tools/call_conditions.def"
	CONDITION_COUNT
};

struct call_rule {
	enum lexed language;
	enum call_form form;
	const char *id;
	const char *names; /* separated by blanks; '*' stands for anything */
	enum call_condition condition;
	uint32_t argument;  /* number, from 0, that the condition is about */
	const char *words;  /* of the condition, separated by blanks */
	const char *family; /* of clones/families.def */
	uint32_t cwe;
	const char *severity;
	double confidence;
	const char *title;
	const char *fix;
};

const struct call_rule *call_rule_at(size_t index); /* NULL past the end */

/* A range of tokens, [from, to). */
struct span {
	uint32_t from, to;
};

/* A call with its arguments, a setting with its value as the only argument, or a command with its words after the name. */
struct call_site {
	const struct tokens *tokens;
	enum lexed language;
	uint32_t name;     /* the token that is reported */
	struct span whole; /* name, arguments and brackets */
	struct span argument[CALL_ARGUMENTS_MAX];
	uint32_t arguments;
	const struct function *function; /* around it, or NULL */
	uint32_t piped_into;             /* of a command: the name of the command that reads its output, or NO_TOKEN */
};

/* True if the condition holds for a site that a rule's name matched. */
bool call_condition_holds(const struct call_rule *rule, const struct call_site *site);

/* Called for each rule that holds at a site. Not 0: stop. */
typedef int (*call_found)(const struct call_rule *rule, const struct call_site *site, void *context);

int calls_find(enum lexed language, const struct tokens *tokens, const struct functions *functions, call_found found,
	       void *context);

/* What names mean in a text after its imports: `sp.run` is subprocess.run, `exec` is child_process.exec. */
struct call_names;
struct call_names *call_names_find(enum lexed language, const struct tokens *tokens); /* NULL: out of memory */
void call_names_free(struct call_names *names);

/* The full dotted name of the call or property whose last part is `name`; a part that is no name (a call, an index) is "?". */
void call_names_resolve(const struct call_names *names, const struct tokens *tokens, uint32_t name, char *out, size_t room);

/* True if `pattern`, with '*' for any text, fits all of `text`. */
bool pattern_fits(const char *pattern, size_t pattern_bytes, const char *text);

#endif
