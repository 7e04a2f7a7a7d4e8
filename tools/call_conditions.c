/* SPDX-License-Identifier: MIT
 *
 * The conditions of call_conditions.def. Each looks at the tokens of one site and decides; none remembers anything.
 */
#include "tools/call.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WORD_BYTES 96u

/* The next of the words separated by blanks; NULL at the end. */
static const char *next_word(const char **words, char out[WORD_BYTES])
{
	size_t bytes;

	*words += strspn(*words, " ");
	bytes = strcspn(*words, " ");
	if (!bytes)
		return NULL;
	snprintf(out, WORD_BYTES, "%.*s", (int)bytes, *words);
	*words += bytes;
	return out;
}

static const struct span *argument_of(const struct call_site *site, uint32_t number)
{
	return number < site->arguments ? &site->argument[number] : NULL;
}

/* `name=value` in Python: such an argument has no number. */
static bool is_named(const struct call_site *site, const struct span *span)
{
	return site->language == LEXED_PYTHON && span->to > span->from + 1 &&
	       token_kind_is(site->tokens, span->from, TOKEN_NAME) && token_is(site->tokens, span->from + 1, "=");
}

static bool is_translation(const struct tokens *tokens, uint32_t i)
{
	return token_in(tokens, i, "_ N_ Q_ gettext dgettext ngettext tr _T TEXT");
}

/* PRIu64 and SCNx32 of <inttypes.h>. */
static bool is_format_macro(const struct tokens *tokens, uint32_t i)
{
	const struct token *token = &tokens->at[i];
	const char *text = tokens->text + token->start;

	return token->bytes >= 5 && token->bytes <= 12 && (memcmp(text, "PRI", 3) == 0 || memcmp(text, "SCN", 3) == 0) &&
	       strchr("diouxX", text[3]);
}

/* Strings, numbers, names in capitals, and marks between them are constant; a call or any other name is not. */
static bool token_constant(const struct call_site *site, uint32_t i)
{
	const struct tokens *tokens = site->tokens;

	switch (tokens->at[i].kind) {
	case TOKEN_STRING:
	case TOKEN_NUMBER:
		return true;
	case TOKEN_TEMPLATE:
		return false;
	case TOKEN_NAME:
		if (site->language == LEXED_SHELL || token_is_capitals(tokens, i) || is_translation(tokens, i) ||
		    is_format_macro(tokens, i))
			return true;
		return token_in(tokens, i, "True False None true false null undefined nullptr sizeof");
	case TOKEN_MARK:
	case TOKEN_END:
		return true;
	}
	return true;
}

/* In C a name beside a string, with nothing between them, is a string of a macro. */
static bool is_joined_literal(const struct call_site *site, const struct span *span)
{
	bool string = false;

	for (uint32_t i = span->from; i < span->to; i++) {
		if (site->tokens->at[i].kind != TOKEN_STRING && site->tokens->at[i].kind != TOKEN_NAME)
			return false;
		string |= site->tokens->at[i].kind == TOKEN_STRING;
	}
	return string;
}

static bool span_constant(const struct call_site *site, const struct span *span)
{
	uint32_t from = span->from;

	if (site->language == LEXED_C && is_joined_literal(site, span))
		return true;
	/* Of `condition ? "a" : "b"` only what comes out counts. */
	for (uint32_t i = span->from; i < span->to && site->language != LEXED_PYTHON; i++) {
		if (token_in(site->tokens, i, "( [ {") && site->tokens->at[i].match != NO_TOKEN &&
		    site->tokens->at[i].match < span->to)
			i = site->tokens->at[i].match;
		else if (token_is(site->tokens, i, "?"))
			from = i + 1;
	}
	for (uint32_t i = from; i < span->to; i++) {
		if (!token_constant(site, i))
			return false;
	}
	return true;
}

static bool any_variable(const struct call_rule *rule, const struct call_site *site)
{
	(void)rule;
	for (uint32_t i = 0; i < site->arguments; i++) {
		if (!span_constant(site, &site->argument[i]))
			return true;
	}
	return false;
}

static bool is_variable(const struct call_rule *rule, const struct call_site *site)
{
	const struct span *span = argument_of(site, rule->argument);

	return span && span->to > span->from && !is_named(site, span) && !span_constant(site, span);
}

static bool is_constant(const struct call_rule *rule, const struct call_site *site)
{
	const struct span *span = argument_of(site, rule->argument);

	return span && span->to > span->from && span_constant(site, span);
}

static bool always(const struct call_rule *rule, const struct call_site *site)
{
	(void)rule;
	(void)site;
	return true;
}

static bool span_has(const struct call_site *site, const struct span *span, const char *words)
{
	for (uint32_t i = span->from; i < span->to; i++) {
		if (token_in(site->tokens, i, words))
			return true;
	}
	return false;
}

static bool has_words(const struct call_rule *rule, const struct call_site *site)
{
	for (uint32_t i = 0; i < site->arguments; i++) {
		if (span_has(site, &site->argument[i], rule->words))
			return true;
	}
	return false;
}

static bool lacks_words(const struct call_rule *rule, const struct call_site *site)
{
	return site->arguments > 0 && !has_words(rule, site);
}

/* A plus sign joins only if a string is among what is joined. */
static bool argument_has(const struct call_rule *rule, const struct call_site *site)
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

static bool has_keyword(const struct call_rule *rule, const struct call_site *site)
{
	const char *words = rule->words;
	char word[WORD_BYTES];

	while (next_word(&words, word)) {
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

static bool keyword_variable(const struct call_rule *rule, const struct call_site *site)
{
	return has_keyword(rule, site) && is_variable(rule, site);
}

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

static bool format_variable(const struct call_rule *rule, const struct call_site *site)
{
	return is_variable(rule, site) && !is_passed_on(site);
}

static bool format_name(const struct call_rule *rule, const struct call_site *site)
{
	const struct span *span = argument_of(site, rule->argument);

	return format_variable(rule, site) && span->to == span->from + 1;
}

static bool scan_unbounded(const struct call_rule *rule, const struct call_site *site)
{
	return format_unbounded(rule, site, true);
}

static bool print_unbounded(const struct call_rule *rule, const struct call_site *site)
{
	return format_unbounded(rule, site, false);
}

static bool print_bounded(const struct call_rule *rule, const struct call_site *site)
{
	return is_constant(rule, site) && !print_unbounded(rule, site);
}

/* Tokens [a.from, a.to) and [b.from, b.to) read the same. */
static bool spans_equal(const struct tokens *tokens, struct span a, struct span b)
{
	if (a.to - a.from != b.to - b.from || a.to == a.from)
		return false;
	for (uint32_t i = 0; i < a.to - a.from; i++) {
		const struct token *x = &tokens->at[a.from + i], *y = &tokens->at[b.from + i];

		if (x->bytes != y->bytes || memcmp(tokens->text + x->start, tokens->text + y->start, x->bytes) != 0)
			return false;
	}
	return true;
}

static bool size_of_first(const struct call_rule *rule, const struct call_site *site)
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

static bool length_of_source(const struct call_rule *rule, const struct call_site *site)
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

/* Octal by the language's own rule; in shell also the letters. */
static bool mode_others_write(const char *text, enum lexed language)
{
	unsigned long mode;
	char *end;

	if (language == LEXED_SHELL && !isdigit((unsigned char)text[0])) {
		const char *sign = strpbrk(text, "+=");

		return sign && strchr(sign, 'w') && (strcspn(text, "ao") < (size_t)(sign - text));
	}
	if (language != LEXED_SHELL && text[0] != '0')
		return false;
	if (language != LEXED_SHELL && (text[1] == 'o' || text[1] == 'O'))
		text += 2;
	mode = strtoul(text, &end, 8);
	if (end == text || *end)
		return false;
	return mode <= 07777 && (mode & 02) && !(mode & 01000); /* with the sticky bit it is a folder like /tmp */
}

static bool others_write(const struct call_rule *rule, const struct call_site *site)
{
	for (uint32_t i = 0; i < site->arguments; i++) {
		const struct span *span = &site->argument[i];
		char text[32];

		if (site->language != LEXED_SHELL && i != rule->argument)
			continue;
		for (uint32_t t = span->from; t < span->to; t++) {
			const struct token *token = &site->tokens->at[t];

			if (token_is(site->tokens, t, "S_IWOTH"))
				return true;
			snprintf(text, sizeof(text), "%.*s", (int)token->bytes, site->tokens->text + token->start);
			if (span->to == span->from + 1 && text[0] != '-' && mode_others_write(text, site->language))
				return true;
		}
	}
	return false;
}

static bool is_secure_word(const char *text, size_t bytes)
{
	static const char *const parts[] = {"token",       "nonce",      "salt", "session", "passw",   "passphrase",
					    "secret",      "crypt",      "csrf", "apikey",  "api_key", "privkey",
					    "private_key", "privatekey", "otp",  NULL};
	char lower[128];

	if (bytes >= sizeof(lower))
		return false;
	for (size_t i = 0; i < bytes; i++)
		lower[i] = (char)tolower((unsigned char)text[i]);
	lower[bytes] = 0;
	for (const char *const *part = parts; *part; part++) {
		const char *found = strstr(lower, *part);

		if (found && strcmp(*part, "otp") == 0 && ((found > lower && found[-1] != '_') || (found[3] && found[3] != '_')))
			continue;
		if (found && strcmp(*part, "token") == 0 && strncmp(found, "tokeni", 6) == 0)
			continue;
		if (found)
			return true;
	}
	return false;
}

static bool security_name(const struct call_rule *rule, const struct call_site *site)
{
	const struct tokens *tokens = site->tokens;
	uint32_t from = site->name, to = site->name;

	(void)rule;
	if (site->function && is_secure_word(site->function->name, strlen(site->function->name)))
		return true;
	while (from > 0 && !token_in(tokens, from - 1, "; { }") && tokens->at[from - 1].kind != TOKEN_END &&
	       site->name - from < 60)
		from--;
	while (to < tokens->count && !token_in(tokens, to, "; { }") && tokens->at[to].kind != TOKEN_END && to - site->name < 60)
		to++;
	for (uint32_t i = from; i < to; i++) {
		if (tokens->at[i].kind == TOKEN_NAME && is_secure_word(tokens->text + tokens->at[i].start, tokens->at[i].bytes))
			return true;
	}
	return false;
}

/* The text of a string begins, after its quotes, with a keyword of SQL and goes on like a statement. */
static bool is_statement(const struct tokens *tokens, uint32_t i)
{
	static const char *const verbs[] = {"select ", "insert into ", "update ", "delete from ", "replace into ",
					    "drop ",   "alter table ", "create ", "with ",        "call ",
					    NULL};
	const struct token *token = &tokens->at[i];
	const char *at = tokens->text + token->start, *end = at + token->bytes;

	if (token->kind != TOKEN_STRING && token->kind != TOKEN_TEMPLATE)
		return false;
	while (at < end && (strchr("\"'`fFrRbBuU", *at) || isspace((unsigned char)*at))) {
		if (strchr("fFrRbBuU", *at) && at + 1 < end && !strchr("\"'fFrRbBuU", at[1]))
			break;
		at++;
	}
	for (const char *const *verb = verbs; *verb; verb++) {
		if ((size_t)(end - at) > strlen(*verb) && strncasecmp(at, *verb, strlen(*verb)) == 0)
			return true;
	}
	return false;
}

static bool builds_statement(const struct call_rule *rule, const struct call_site *site)
{
	const struct span *span = argument_of(site, rule->argument);
	bool statement = false, joins = false;

	for (uint32_t i = span ? span->from : 0; span && i < span->to; i++) {
		statement |= is_statement(site->tokens, i);
		joins |= token_kind_is(site->tokens, i, TOKEN_TEMPLATE) || token_in(site->tokens, i, "+ % format concat");
	}
	return statement && joins && !span_constant(site, span);
}

/* req.query.x, request.args["x"], request.GET.get(…) as an argument or joined to one. */
static bool from_request(const struct call_rule *rule, const struct call_site *site)
{
	const struct tokens *tokens = site->tokens;

	(void)rule;
	for (uint32_t i = site->whole.from + 1; i + 2 < site->whole.to; i++) {
		if (!token_in(tokens, i, "req request ctx") || token_is(tokens, i - 1, ".") || !token_is(tokens, i + 1, "."))
			continue;
		if (token_in(tokens, i + 2,
			     site->language == LEXED_PYTHON ? "args form values GET POST cookies json data query_params files"
							    : "query params body cookies headers hostname originalUrl"))
			return true;
	}
	return false;
}

static bool from_request_alone(const struct call_rule *rule, const struct call_site *site)
{
	return from_request(rule, site) && !has_words(rule, site);
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
static bool sized_before(const struct call_rule *rule, const struct call_site *site)
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

static bool has_value(const struct call_rule *rule, const struct call_site *site)
{
	const struct span *span = argument_of(site, 0);

	return span && span->to > span->from && span->to - span->from <= 5 && span_has(site, span, rule->words);
}

static bool is_piped(const struct call_rule *rule, const struct call_site *site)
{
	return site->piped_into != NO_TOKEN && token_in(site->tokens, site->piped_into, rule->words);
}

/* The option itself, with =value, or a letter among short options. */
static bool option_is(const char *text, const char *option)
{
	size_t bytes = strlen(option);

	if (strncmp(text, option, bytes) == 0 && (text[bytes] == 0 || text[bytes] == '='))
		return true;
	return bytes == 2 && text[0] == '-' && text[1] != '-' && isalpha((unsigned char)text[1]) && strlen(text) <= 8 &&
	       strspn(text + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ#") == strlen(text) - 1 &&
	       strchr(text, option[1]);
}

static bool has_option(const struct call_rule *rule, const struct call_site *site)
{
	for (uint32_t i = 0; i < site->arguments; i++) {
		const struct token *token = &site->tokens->at[site->argument[i].from];
		const char *words = rule->words;
		char word[WORD_BYTES], text[WORD_BYTES];

		snprintf(text, sizeof(text), "%.*s", (int)token->bytes, site->tokens->text + token->start);
		while (text[0] == '-' && next_word(&words, word)) {
			if (option_is(text, word))
				return true;
		}
	}
	return false;
}

/* $1, $@, "$*": what the caller gives. */
static bool has_parameter(const struct call_rule *rule, const struct call_site *site)
{
	(void)rule;
	for (uint32_t i = 0; i < site->arguments; i++) {
		const struct token *token = &site->tokens->at[site->argument[i].from];
		const char *at = site->tokens->text + token->start;

		for (uint32_t c = 0; token->kind == TOKEN_TEMPLATE && c + 1 < token->bytes; c++) {
			uint32_t name = c + 1 + (at[c + 1] == '{');

			if (at[c] == '$' && name < token->bytes && strchr("123456789@*", at[name]))
				return true;
		}
	}
	return false;
}

/* $(curl …), `wget …` or <(curl …) within an argument. */
static bool fetches(const struct call_rule *rule, const struct call_site *site)
{
	static const char *const forms[] = {"$(curl ", "$(wget ", "`curl ", "`wget ", "<(curl ", "<(wget ", NULL};

	(void)rule;
	for (uint32_t i = 0; i < site->arguments; i++) {
		for (const char *const *form = forms; *form; form++) {
			if (token_has(site->tokens, site->argument[i].from, *form))
				return true;
		}
	}
	return false;
}

static bool same_pointer(const struct call_rule *rule, const struct call_site *site)
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

bool call_condition_holds(const struct call_rule *rule, const struct call_site *site)
{
	static bool (*const conditions[])(const struct call_rule *, const struct call_site *) = {
#define CONDITION(NAME, function, sentence) function,
#include "tools/call_conditions.def"
	};

	return conditions[rule->condition](rule, site);
}
