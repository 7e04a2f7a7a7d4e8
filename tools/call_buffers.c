/* SPDX-License-Identifier: MIT
 *
 * Conditions about sizes and formats of C.
 */
#include "tools/call_conditions.h"

#include <ctype.h>
#include <string.h>

#include "tools/call_span.h"

/* Looks for conversions of strings in the constant format of an argument; `bounded` is what makes one safe: a width when reading, a
 * precision when writing. */
static bool format_unbounded(const struct call_rule *rule, const struct call_site *site, bool reads)
{
	const struct span *span = argument_of(site, rule->argument);

	for (uint32_t t = span ? span->from : 0; span && t < span->to; t++) {
		const struct token *token = &site->tokens->at[t];
		const char *at = site->tokens->text + token->start, *end = at + token->bytes;

		if (token->kind != TOKEN_STRING)
			continue;
		for (; at < end; at++) {
			bool width = false, precision = false;

			if (*at != '%')
				continue;
			for (at++; at < end && strchr("0123456789.*-+ #'lhzjtLm", *at); at++) {
				precision |= *at == '.';
				width |= (isdigit((unsigned char)*at) || *at == '*' || *at == 'm') && reads;
			}
			if (at < end && (*at == 's' || (reads && *at == '[')) && !(reads ? width : precision))
				return true;
		}
	}
	return false;
}

/* `#define debug(f, ...) printf(f, __VA_ARGS__)`: what counts is what the macro is given. */
static bool is_passed_on(const struct call_site *site)
{
	if (!site->tokens->at[site->name].directive)
		return false;
	for (uint32_t i = site->whole.from; i < site->whole.to; i++) {
		if (token_in(site->tokens, i, "__VA_ARGS__ args"))
			return true;
	}
	return false;
}

bool when_format_variable(const struct call_rule *rule, const struct call_site *site)
{
	return when_is_variable(rule, site) && !is_passed_on(site);
}

bool when_format_name(const struct call_rule *rule, const struct call_site *site)
{
	const struct span *span = argument_of(site, rule->argument);

	return when_format_variable(rule, site) && span->to == span->from + 1;
}

bool when_scan_unbounded(const struct call_rule *rule, const struct call_site *site)
{
	return format_unbounded(rule, site, true);
}

bool when_print_unbounded(const struct call_rule *rule, const struct call_site *site)
{
	return format_unbounded(rule, site, false);
}

bool when_print_bounded(const struct call_rule *rule, const struct call_site *site)
{
	return when_is_constant(rule, site) && !when_print_unbounded(rule, site);
}

bool when_size_of_first(const struct call_rule *rule, const struct call_site *site)
{
	const struct span *span = argument_of(site, rule->argument), *first = argument_of(site, 0);
	uint32_t end;

	if (!span || !first || !token_is(site->tokens, span->from, "sizeof"))
		return false;
	if (spans_equal(site->tokens, *first, (struct span){span->from + 1, span->to}))
		return true;
	end = token_is(site->tokens, span->from + 1, "(") ? site->tokens->at[span->from + 1].match : NO_TOKEN;
	return end != NO_TOKEN && end + 1 == span->to && spans_equal(site->tokens, *first, (struct span){span->from + 2, end});
}

bool when_length_of_source(const struct call_rule *rule, const struct call_site *site)
{
	const struct span *span = argument_of(site, rule->argument), *source = argument_of(site, 1);
	uint32_t end;

	/* The bare length: with + 1 it is usually the size that was allocated before. */
	if (!span || !source || !token_is(site->tokens, span->from, "strlen") || !token_is(site->tokens, span->from + 1, "("))
		return false;
	if (token_is(site->tokens, site->name, "memcpy"))
		return false;
	end = site->tokens->at[span->from + 1].match;
	return end != NO_TOKEN && end + 1 == span->to && spans_equal(site->tokens, *source, (struct span){span->from + 2, end});
}

/* Behind casts and signs: the tokens of the object itself. */
static struct span object_of(const struct call_site *site, struct span span)
{
	const struct tokens *tokens = site->tokens;

	while (span.from < span.to) {
		uint32_t match = tokens->at[span.from].match;

		if (token_is(tokens, span.from, "(") && match != NO_TOKEN && match + 1 < span.to)
			span.from = match + 1;
		else if (token_in(tokens, span.from, "& *"))
			span.from++;
		else
			break;
	}
	return span;
}

/* The statement from `at` on names a function that allocates. */
static bool allocates(const struct tokens *tokens, uint32_t at)
{
	for (uint32_t i = at; i < tokens->count && i < at + 40 && !token_is(tokens, i, ";"); i++) {
		if (tokens->at[i].kind == TOKEN_NAME && token_is(tokens, i + 1, "(") && token_has(tokens, i, "alloc"))
			return true;
	}
	return false;
}

/* Within the function, before the call: `object = …alloc(…)` if `by_allocation`, or `strlen(object)`. */
static bool object_sized(const struct call_site *site, struct span object, bool by_allocation)
{
	const struct tokens *tokens = site->tokens;
	uint32_t length = object.to - object.from;

	if (!length || length > 8)
		return false;
	for (uint32_t i = site->name; i > length && tokens->at[i].line >= site->function->line; i--) {
		if (!spans_equal(tokens, object, (struct span){i - length, i}) || token_in(tokens, i - length - 1, ". ->"))
			continue;
		if (by_allocation && token_is(tokens, i, "=") && allocates(tokens, i + 1))
			return true;
		if (token_is(tokens, i, ")") && i >= length + 2 && token_is(tokens, i - length - 1, "(") &&
		    token_is(tokens, i - length - 2, "strlen"))
			return true;
	}
	return false;
}

/* The destination, what it is a member of, or the length of the source: whether rightly, a person must see. */
bool when_sized_before(const struct call_rule *rule, const struct call_site *site)
{
	struct span destination, source = {0};

	(void)rule;
	if (!site->function || !site->arguments)
		return false;
	destination = object_of(site, site->argument[0]);
	if (site->arguments == 2)
		source = object_of(site, site->argument[1]);
	return object_sized(site, destination, true) || object_sized(site, source, false) ||
	       (token_in(site->tokens, destination.from + 1, "-> .") &&
		object_sized(site, (struct span){destination.from, destination.from + 1}, true));
}

bool when_same_pointer(const struct call_rule *rule, const struct call_site *site)
{
	const struct span *first = argument_of(site, 0);
	uint32_t before = site->name;
	uint32_t length;

	(void)rule;
	if (!first || before == 0)
		return false;
	if (token_is(site->tokens, before - 1, ")") && site->tokens->at[before - 1].match != NO_TOKEN) /* a cast */
		before = site->tokens->at[before - 1].match;
	length = first->to - first->from;
	if (before < length + 1 || !token_is(site->tokens, before - 1, "="))
		return false;
	if (before >= length + 2 && token_in(site->tokens, before - 2 - length, ". ->"))
		return false;
	return spans_equal(site->tokens, *first, (struct span){before - 1 - length, before - 1});
}
