/* SPDX-License-Identifier: MIT
 *
 * Conditions about what names and texts say: security, SQL, HTTP requests, modes, and the commands of shell.
 */
#include "tools/call_conditions.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tools/call_span.h"

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

bool when_security_name(const struct call_rule *rule, const struct call_site *site)
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

bool when_builds_statement(const struct call_rule *rule, const struct call_site *site)
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
bool when_from_request(const struct call_rule *rule, const struct call_site *site)
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

bool when_from_request_alone(const struct call_rule *rule, const struct call_site *site)
{
	return when_from_request(rule, site) && !when_has_words(rule, site);
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

bool when_others_write(const struct call_rule *rule, const struct call_site *site)
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

bool when_is_piped(const struct call_rule *rule, const struct call_site *site)
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

bool when_has_option(const struct call_rule *rule, const struct call_site *site)
{
	for (uint32_t i = 0; i < site->arguments; i++) {
		const struct token *token = &site->tokens->at[site->argument[i].from];
		const char *words = rule->words;
		char word[WORD_BYTES], text[WORD_BYTES];

		snprintf(text, sizeof(text), "%.*s", (int)token->bytes, site->tokens->text + token->start);
		while (text[0] == '-' && word_next(&words, word)) {
			if (option_is(text, word))
				return true;
		}
	}
	return false;
}

/* $1, $@, "$*": what the caller gives. */
bool when_has_parameter(const struct call_rule *rule, const struct call_site *site)
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

/* $name/…, "${name}/…: a slash right behind the variable. ${name:?…} stops an empty one. */
static bool begins_with_variable(const char *at, size_t bytes)
{
	const char *end = at + bytes;

	at += at < end && *at == '"';
	if (end - at < 3 || *at++ != '$')
		return false;
	if (*at == '{') {
		const char *close = memchr(at, '}', (size_t)(end - at));

		if (!close || memmem(at, (size_t)(close - at), ":?", 2))
			return false;
		at = close + 1;
	}
	while (at < end && (isalnum((unsigned char)*at) || *at == '_'))
		at++;
	at += at < end && *at == '"';
	return at < end && *at == '/';
}

/* Only of what goes into folders: removing one file under / is no disaster. */
bool when_root_if_empty(const struct call_rule *rule, const struct call_site *site)
{
	if (!when_has_option(rule, site))
		return false;
	for (uint32_t i = 0; i < site->arguments; i++) {
		const struct token *token = &site->tokens->at[site->argument[i].from];

		if (token->kind == TOKEN_TEMPLATE && begins_with_variable(site->tokens->text + token->start, token->bytes))
			return true;
	}
	return false;
}

/* $(curl …), `wget …` or <(curl …) within an argument. */
bool when_fetches(const struct call_rule *rule, const struct call_site *site)
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
