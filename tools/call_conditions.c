/* SPDX-License-Identifier: MIT
 *
 * Conditions about arguments, whatever the language.
 */
#include "tools/call_conditions.h"

#include <string.h>

#include "tools/call_span.h"

bool when_any_variable(const struct call_rule *rule, const struct call_site *site)
{
	(void)rule;
	for (uint32_t i = 0; i < site->arguments; i++) {
		if (!span_constant(site, &site->argument[i]))
			return true;
	}
	return false;
}

bool when_is_variable(const struct call_rule *rule, const struct call_site *site)
{
	const struct span *span = argument_of(site, rule->argument);

	return span && span->to > span->from && !span_is_named(site, span) && !span_constant(site, span);
}

bool when_is_constant(const struct call_rule *rule, const struct call_site *site)
{
	const struct span *span = argument_of(site, rule->argument);

	return span && span->to > span->from && span_constant(site, span);
}

bool when_always(const struct call_rule *rule, const struct call_site *site)
{
	(void)rule;
	(void)site;
	return true;
}

bool when_has_words(const struct call_rule *rule, const struct call_site *site)
{
	for (uint32_t i = 0; i < site->arguments; i++) {
		if (span_has(site, &site->argument[i], rule->words))
			return true;
	}
	return false;
}

bool when_lacks_words(const struct call_rule *rule, const struct call_site *site)
{
	return site->arguments > 0 && !when_has_words(rule, site);
}

/* A plus sign joins only if a string is among what is joined. */
bool when_argument_has(const struct call_rule *rule, const struct call_site *site)
{
	const struct span *span = argument_of(site, rule->argument);

	if (!span || !span_has(site, span, rule->words))
		return false;
	if (strcmp(rule->words, "+") == 0)
		return token_kind_is(site->tokens, span->from, TOKEN_STRING) && !span_constant(site, span);
	return true;
}

/* name = value, name: value or "name": value at token i; in C the argument `name` followed by the argument `value`. */
static bool keyword_at(const struct call_site *site, uint32_t i, const char *name, const char *value)
{
	const struct tokens *tokens = site->tokens;
	const struct token *token = &tokens->at[i];
	bool quoted = token->kind == TOKEN_STRING && token->bytes == strlen(name) + 2 &&
		      memcmp(tokens->text + token->start + 1, name, strlen(name)) == 0;

	if (!quoted && !token_is(tokens, i, name))
		return false;
	return token_in(tokens, i + 1, site->language == LEXED_C ? "," : "= :") && token_is(tokens, i + 2, value);
}

bool when_has_keyword(const struct call_rule *rule, const struct call_site *site)
{
	const char *words = rule->words;
	char word[WORD_BYTES];

	while (word_next(&words, word)) {
		char *value = strchr(word, '=');

		if (!value)
			continue;
		*value++ = 0;
		for (uint32_t i = site->whole.from; i + 2 < site->whole.to; i++) {
			if (keyword_at(site, i, word, value))
				return true;
		}
	}
	return false;
}

bool when_keyword_variable(const struct call_rule *rule, const struct call_site *site)
{
	return when_has_keyword(rule, site) && when_is_variable(rule, site);
}

bool when_has_value(const struct call_rule *rule, const struct call_site *site)
{
	const struct span *span = argument_of(site, 0);

	return span && span->to > span->from && span->to - span->from <= 5 && span_has(site, span, rule->words);
}

bool call_condition_holds(const struct call_rule *rule, const struct call_site *site)
{
	static bool (*const conditions[])(const struct call_rule *, const struct call_site *) = {
#define CONDITION(NAME, function, sentence) function,
#include "tools/call_conditions.def"
	};

	return conditions[rule->condition](rule, site);
}
