/* SPDX-License-Identifier: MIT
 *
 * Walks the tokens of a text, works out each call, setting and command, and asks the rules of its name.
 */
#include "tools/call.h"

#include <stdlib.h>
#include <string.h>

#define FULL_NAME_BYTES 256u

static const struct call_rule rules[] = {
#define RULE(language_, form_, id_, names_, condition_, argument_, words_, family_, cwe_, severity_, confidence_, title_, fix_)  \
	{.language = LEXED_##language_,                                                                                          \
	 .form = FORM_##form_,                                                                                                   \
	 .id = (id_),                                                                                                            \
	 .names = (names_),                                                                                                      \
	 .condition = WHEN_##condition_,                                                                                         \
	 .argument = (argument_),                                                                                                \
	 .words = (words_),                                                                                                      \
	 .family = (family_),                                                                                                    \
	 .cwe = (cwe_),                                                                                                          \
	 .severity = (severity_),                                                                                                \
	 .confidence = (confidence_),                                                                                            \
	 .title = (title_),                                                                                                      \
	 .fix = (fix_)},
#include "tools/call_rules.def"
};

#define RULE_COUNT (sizeof(rules) / sizeof(rules[0]))

struct finder {
	enum lexed language;
	const struct tokens *tokens;
	const struct functions *functions;
	struct call_names *names;
	call_found found;
	void *context;
	int rc; /* of `found` */
};

const struct call_rule *call_rule_at(size_t index)
{
	return index < RULE_COUNT ? &rules[index] : NULL;
}

bool pattern_fits(const char *pattern, size_t pattern_bytes, const char *text)
{
	const char *star = memchr(pattern, '*', pattern_bytes);
	size_t before, after, bytes = strlen(text);

	if (!star)
		return bytes == pattern_bytes && memcmp(pattern, text, bytes) == 0;
	before = (size_t)(star - pattern);
	after = pattern_bytes - before - 1;
	return bytes >= before + after && memcmp(pattern, text, before) == 0 &&
	       memcmp(star + 1, text + bytes - after, after) == 0;
}

static bool names_fit(const char *names, const char *full)
{
	while (*names) {
		size_t bytes = strcspn(names, " ");

		if (pattern_fits(names, bytes, full))
			return true;
		names += bytes + (names[bytes] == ' ');
	}
	return false;
}

/* The first rule that fits is told; a rule without a severity says that the place is fine. */
static void ask_rules(struct finder *finder, enum call_form form, const char *full, const struct call_site *site)
{
	for (size_t i = 0; i < RULE_COUNT; i++) {
		if (rules[i].language != finder->language || rules[i].form != form || !names_fit(rules[i].names, full) ||
		    !call_condition_holds(&rules[i], site))
			continue;
		if (*rules[i].severity)
			finder->rc = finder->found(&rules[i], site, finder->context);
		return;
	}
}

static struct call_site site_at(const struct finder *finder, uint32_t name)
{
	return (struct call_site){.tokens = finder->tokens,
				  .language = finder->language,
				  .name = name,
				  .whole = {name, name + 1},
				  .piped_into = NO_TOKEN,
				  .function = function_at(finder->functions, finder->tokens->at[name].line)};
}

static void add_argument(struct call_site *site, uint32_t from, uint32_t to)
{
	if (site->arguments < CALL_ARGUMENTS_MAX)
		site->argument[site->arguments++] = (struct span){from, to};
}

/* Splits what stands between the brackets at its commas. */
static void split_arguments(struct call_site *site, uint32_t open)
{
	const struct tokens *tokens = site->tokens;
	uint32_t close = tokens->at[open].match;
	uint32_t from = open + 1;

	site->whole.to = close + 1;
	for (uint32_t i = open + 1; i < close; i++) {
		if (token_in(tokens, i, "( [ {") && tokens->at[i].match != NO_TOKEN && tokens->at[i].match < close) {
			i = tokens->at[i].match;
		} else if (token_is(tokens, i, ",")) {
			add_argument(site, from, i);
			from = i + 1;
		}
	}
	if (from < close)
		add_argument(site, from, close);
}

/* C: `char *gets(char *);` declares. Walks back over a type to the start of a statement. */
static bool is_declaration(const struct tokens *tokens, uint32_t name)
{
	uint32_t i = name;
	bool type = false;

	if (tokens->at[name].directive)
		return false;
	while (i > 0 && (tokens->at[i - 1].kind == TOKEN_NAME || token_is(tokens, i - 1, "*"))) {
		if (tokens->at[i - 1].directive || token_in(tokens, i - 1, "return else do case goto throw co_return co_await"))
			break;
		i--;
		type |= tokens->at[i].kind == TOKEN_NAME;
	}
	return type && (i == 0 || tokens->at[i - 1].directive || token_in(tokens, i - 1, "; { } ) :"));
}

/* A function that the text defines itself is not the one of the library. */
static bool is_own(const struct finder *finder, uint32_t name)
{
	for (uint32_t i = 0; i < finder->functions->count; i++) {
		if (token_is(finder->tokens, name, finder->functions->at[i].name))
			return true;
	}
	return false;
}

static bool is_call(const struct finder *finder, uint32_t name)
{
	const struct tokens *tokens = finder->tokens;

	if (!token_is(tokens, name + 1, "(") || tokens->at[name + 1].match == NO_TOKEN)
		return false;
	if (finder->language == LEXED_C) {
		if (name > 0 && token_in(tokens, name - 1, ". -> #"))
			return false;
		if (name > 1 && token_is(tokens, name - 1, "::") && tokens->at[name - 2].kind == TOKEN_NAME &&
		    !token_is(tokens, name - 2, "std"))
			return false;
		if (name > 1 && token_is(tokens, name - 1, "define") && token_is(tokens, name - 2, "#"))
			return false;
		return !is_declaration(tokens, name);
	}
	if (name > 0 && token_in(tokens, name - 1, "def function class"))
		return false;
	/* A method's declaration: name(…) { */
	return finder->language != LEXED_JAVASCRIPT || !token_is(tokens, tokens->at[name + 1].match + 1, "{") ||
	       (name > 0 && token_in(tokens, name - 1, ". ?. = ( , return await"));
}

/* Only names that some rule knows are worth working out. */
static bool last_part_known(const struct finder *finder, enum call_form form, uint32_t name)
{
	const struct token *token = &finder->tokens->at[name];
	const char *text = finder->tokens->text + token->start;

	for (size_t i = 0; i < RULE_COUNT; i++) {
		const char *names = rules[i].names;

		if (rules[i].language != finder->language || rules[i].form != form)
			continue;
		while (*names) {
			size_t bytes = strcspn(names, " ");
			const char *dot = memrchr(names, '.', bytes);
			const char *last = dot ? dot + 1 : names;
			size_t last_bytes = (size_t)(names + bytes - last);

			if ((last_bytes == token->bytes && memcmp(last, text, last_bytes) == 0) || memchr(last, '*', last_bytes))
				return true;
			names += bytes + (names[bytes] == ' ');
		}
	}
	return false;
}

static bool is_imported_or_known(const struct finder *finder, uint32_t name, const char *full)
{
	return last_part_known(finder, FORM_CALL, name) || !token_is(finder->tokens, name, full);
}

static void try_call(struct finder *finder, uint32_t name)
{
	struct call_site site;
	char full[FULL_NAME_BYTES];

	if (!is_call(finder, name))
		return;
	call_names_resolve(finder->names, finder->tokens, name, full, sizeof(full));
	if (!is_imported_or_known(finder, name, full) || (!strchr(full, '.') && is_own(finder, name)))
		return;
	site = site_at(finder, name);
	split_arguments(&site, name + 1);
	ask_rules(finder, FORM_CALL, full, &site);
}

/* Behind the value that begins at `from`: the end of the line, the statement, or a comma outside of brackets. */
static uint32_t value_end(const struct finder *finder, uint32_t from)
{
	const struct tokens *tokens = finder->tokens;
	uint32_t i;

	for (i = from; i < tokens->count && tokens->at[i].kind != TOKEN_END && !token_in(tokens, i, "; , ) ] }"); i++) {
		if (token_in(tokens, i, "( [ {") && tokens->at[i].match != NO_TOKEN && tokens->at[i].match > i)
			i = tokens->at[i].match;
		else if (i > from && tokens->at[i].first && !token_in(tokens, i, "+ . ? : && ||") &&
			 tokens->at[i - 1].kind != TOKEN_MARK)
			break; /* JavaScript without a semicolon */
	}
	return i;
}

/* name = value, name += value, name: value, "name": value, <element name={value}>. */
static void try_setting(struct finder *finder, uint32_t name)
{
	const struct tokens *tokens = finder->tokens;
	struct call_site site;
	char full[FULL_NAME_BYTES];

	if (!token_in(tokens, name + 1, "= += :") || !last_part_known(finder, FORM_SETTING, name))
		return;
	call_names_resolve(finder->names, tokens, name, full, sizeof(full));
	if (finder->language == LEXED_PYTHON && strrchr(full, '.'))
		memmove(full, strrchr(full, '.') + 1, strlen(strrchr(full, '.')));
	site = site_at(finder, name);
	site.whole.to = value_end(finder, name + 2);
	if (site.whole.to > name + 2)
		add_argument(&site, name + 2, site.whole.to);
	ask_rules(finder, FORM_SETTING, full, &site);
}

/* A word before a command: `then`, `sudo`, `NAME=value`. */
static bool goes_before_command(const struct tokens *tokens, uint32_t i)
{
	const struct token *token = &tokens->at[i];
	const char *equals = memchr(tokens->text + token->start, '=', token->bytes);

	if (token_in(tokens, i, "then do else elif if while until time ! sudo exec command env nohup doas"))
		return true;
	return equals && equals > tokens->text + token->start &&
	       strspn(tokens->text + token->start, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") ==
		       (size_t)(equals - (tokens->text + token->start));
}

static uint32_t command_name(const struct tokens *tokens, uint32_t at)
{
	bool prefixed = false;

	while (at < tokens->count &&
	       (token_in(tokens, at, "{ ( !") || (tokens->at[at].kind != TOKEN_END && goes_before_command(tokens, at)) ||
		(prefixed && token_kind_is(tokens, at, TOKEN_NAME) && tokens->text[tokens->at[at].start] == '-'))) {
		prefixed = true; /* options of sudo or env */
		at++;
	}
	return at < tokens->count && tokens->at[at].kind != TOKEN_MARK && tokens->at[at].kind != TOKEN_END ? at : NO_TOKEN;
}

/* A command from its first token; returns the token that ends it. */
static uint32_t try_command(struct finder *finder, uint32_t first)
{
	const struct tokens *tokens = finder->tokens;
	uint32_t name = command_name(tokens, first);
	struct call_site site;
	char full[FULL_NAME_BYTES];
	uint32_t i;

	if (name == NO_TOKEN)
		return first;
	site = site_at(finder, name);
	for (i = name + 1; i < tokens->count && tokens->at[i].kind != TOKEN_END && !token_in(tokens, i, "| || && & |& ( ) }");
	     i++) {
		if (tokens->at[i].kind == TOKEN_MARK)
			i++; /* a redirection and its file */
		else
			add_argument(&site, i, i + 1);
	}
	site.whole.to = i;
	if (token_in(tokens, i, "| |&"))
		site.piped_into = command_name(tokens, i + 1);
	call_names_resolve(finder->names, tokens, name, full, sizeof(full));
	if (strrchr(full, '/'))
		memmove(full, strrchr(full, '/') + 1, strlen(strrchr(full, '/')));
	ask_rules(finder, FORM_COMMAND, full, &site);
	return i > first ? i - 1 : first;
}

static void find_commands(struct finder *finder)
{
	bool begins = true;

	for (uint32_t i = 0; i < finder->tokens->count && !finder->rc; i++) {
		if (finder->tokens->at[i].kind == TOKEN_END || token_in(finder->tokens, i, "| || && & |& ( ) { }"))
			begins = true;
		else if (begins) {
			i = try_command(finder, i);
			begins = false;
		}
	}
}

static void find_calls(struct finder *finder)
{
	const struct tokens *tokens = finder->tokens;

	for (uint32_t i = 0; i < tokens->count && !finder->rc; i++) {
		if (tokens->at[i].kind == TOKEN_NAME && token_is(tokens, i + 1, "("))
			try_call(finder, i);
		else if (tokens->at[i].kind == TOKEN_NAME)
			try_setting(finder, i);
	}
}

int calls_find(enum lexed language, const struct tokens *tokens, const struct functions *functions, call_found found,
	       void *context)
{
	struct finder finder = {
		.language = language, .tokens = tokens, .functions = functions, .found = found, .context = context};

	finder.names = call_names_find(language, tokens);
	if (!finder.names)
		return ERR_MEMORY;
	if (language == LEXED_SHELL)
		find_commands(&finder);
	else
		find_calls(&finder);
	call_names_free(finder.names);
	return finder.rc;
}
