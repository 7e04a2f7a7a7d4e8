/* SPDX-License-Identifier: MIT
 *
 * Words lead to patterns, patterns to candidates, and candidates are weighed. Each rule sees a window around its word, so the
 * time is linear in the text whatever the text is.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "tools/secret.h"

#include <ctype.h>
#include <fnmatch.h>
#include <math.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "tools/keywords.h"
#include "tools/placeholder.h"

#define WINDOW_BEFORE       160u
#define WINDOW_AFTER        600u
#define WINDOW_AFTER_LINES  6000u
#define WORDS_MAX           64u
#define KNOWN_BYTES_MIN     6u /* shorter ones are words that stand in many lines */
#define MATCH_LIMIT         200000u
#define JIT_STACK_BYTES     (32u << 10)
#define JIT_STACK_BYTES_MAX (1u << 20)

static const struct secret_rule rules[] = {
#define SECRET_ROW(id_, kind_, pattern_, files_, entropy_, confidence_, severity_, cwe_, guess_, lines_)                         \
	{.id = (id_),                                                                                                            \
	 .kind = (kind_),                                                                                                        \
	 .pattern = (pattern_),                                                                                                  \
	 .files = (files_),                                                                                                      \
	 .entropy_min = (entropy_),                                                                                              \
	 .confidence = (confidence_),                                                                                            \
	 .severity = (severity_),                                                                                                \
	 .cwe = (cwe_),                                                                                                          \
	 .guess = (guess_),                                                                                                      \
	 .lines = (lines_)},
#define SECRET(id, words, kind, pattern, entropy, confidence, severity, cwe)                                                     \
	SECRET_ROW(id, kind, pattern, NULL, entropy, confidence, severity, cwe, false, false)
#define SECRET_LINES(id, words, kind, pattern, entropy, confidence, severity, cwe)                                               \
	SECRET_ROW(id, kind, pattern, NULL, entropy, confidence, severity, cwe, false, true)
#define SECRET_GUESS(id, words, kind, pattern, entropy, confidence, severity, cwe)                                               \
	SECRET_ROW(id, kind, pattern, NULL, entropy, confidence, severity, cwe, true, false)
#define SECRET_FILE(id, files, kind, pattern, entropy, confidence, severity, cwe)                                                \
	SECRET_ROW(id, kind, pattern, files, entropy, confidence, severity, cwe, true, true)
#include "tools/secret_rules.def"
#undef SECRET_ROW
};

static const char *const rule_words[] = {
#define SECRET(id, words, kind, pattern, entropy, confidence, severity, cwe)       words,
#define SECRET_LINES(id, words, kind, pattern, entropy, confidence, severity, cwe) words,
#define SECRET_GUESS(id, words, kind, pattern, entropy, confidence, severity, cwe) words,
#define SECRET_FILE(id, files, kind, pattern, entropy, confidence, severity, cwe)  NULL,
#include "tools/secret_rules.def"
};

#define RULE_COUNT (sizeof(rules) / sizeof(rules[0]))

struct secret_scanner {
	pcre2_code *code[RULE_COUNT];
	pcre2_match_data *match;
	pcre2_match_context *limits;
	pcre2_jit_stack *stack;
	struct keywords *keywords;
	size_t word_rule[WORDS_MAX];
	size_t done[RULE_COUNT]; /* of the text being scanned: how far this rule has looked */
	const struct source *source;
	struct secret_hits hits;
};

const struct secret_rule *secret_rule_at(size_t index)
{
	return index < RULE_COUNT ? &rules[index] : NULL;
}

size_t secret_rule_index(const struct secret_rule *rule)
{
	return (size_t)(rule - rules);
}

/* Splits the words of all rules into one list; false if they are too many or memory is out. */
static bool scanner_words(struct secret_scanner *scanner)
{
	const char *words[WORDS_MAX];
	char *text[RULE_COUNT] = {0};
	size_t count = 0;
	bool fits = true;

	for (size_t i = 0; fits && i < RULE_COUNT; i++) {
		char *rest = NULL;

		if (!rule_words[i])
			continue;
		text[i] = strdup(rule_words[i]);
		for (char *word = text[i] ? strtok_r(text[i], " ", &rest) : NULL; word && fits;
		     word = strtok_r(NULL, " ", &rest)) {
			fits = count < WORDS_MAX;
			if (fits) {
				scanner->word_rule[count] = i;
				words[count++] = word;
			}
		}
		fits = fits && text[i];
	}
	if (fits)
		scanner->keywords = keywords_new(words, count);
	for (size_t i = 0; i < RULE_COUNT; i++)
		free(text[i]);
	return scanner->keywords != NULL;
}

static bool scanner_compile(struct secret_scanner *scanner)
{
	for (size_t i = 0; i < RULE_COUNT; i++) {
		size_t where;
		int error;

		scanner->code[i] = pcre2_compile((PCRE2_SPTR)rules[i].pattern, PCRE2_ZERO_TERMINATED, PCRE2_USE_OFFSET_LIMIT,
						 &error, &where, NULL);
		if (!scanner->code[i])
			return false;
		(void)pcre2_jit_compile(scanner->code[i], PCRE2_JIT_COMPLETE); /* without it the interpreter matches, slower */
	}
	scanner->match = pcre2_match_data_create(8, NULL);
	scanner->limits = pcre2_match_context_create(NULL);
	if (!scanner->match || !scanner->limits)
		return false;
	scanner->stack = pcre2_jit_stack_create(JIT_STACK_BYTES, JIT_STACK_BYTES_MAX, NULL);
	if (!scanner->stack)
		return false;
	pcre2_jit_stack_assign(scanner->limits, NULL, scanner->stack);
	pcre2_set_match_limit(scanner->limits, MATCH_LIMIT);
	return true;
}

struct secret_scanner *secret_scanner_new(void)
{
	struct secret_scanner *scanner = calloc(1, sizeof(*scanner));

	if (scanner && scanner_words(scanner) && scanner_compile(scanner))
		return scanner;
	secret_scanner_free(scanner);
	return NULL;
}

void secret_scanner_free(struct secret_scanner *scanner)
{
	if (!scanner)
		return;
	for (size_t i = 0; i < RULE_COUNT; i++)
		pcre2_code_free(scanner->code[i]);
	pcre2_match_data_free(scanner->match);
	pcre2_match_context_free(scanner->limits);
	pcre2_jit_stack_free(scanner->stack);
	keywords_free(scanner->keywords);
	free(scanner);
}

double entropy_of(const char *at, size_t bytes)
{
	size_t counts[256] = {0};
	double entropy = 0;

	for (size_t i = 0; i < bytes; i++)
		counts[(unsigned char)at[i]]++;
	for (size_t i = 0; i < 256; i++) {
		double share = (double)counts[i] / (double)bytes;

		if (counts[i])
			entropy -= share * log2(share);
	}
	return entropy;
}

static bool has_digit(const char *at, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		if (isdigit((unsigned char)at[i]))
			return true;
	}
	return false;
}

/* A name that says password is believed with any value; one that says token or key needs a value that looks random. */
static bool guess_is_weak(const char *name, size_t name_bytes, const char *value, size_t bytes)
{
	bool password = false;

	for (size_t i = 0; i + 3 < name_bytes; i++)
		password |= strncasecmp(name + i, "pass", 4) == 0 || strncasecmp(name + i, "pwd", 3) == 0;
	if (placeholder_is_name(name, name_bytes))
		return true;
	if (password)
		return false;
	return bytes < 12 || !has_digit(value, bytes) || entropy_of(value, bytes) < 3.2;
}

/* No word, path or expression reads like this, whatever marks are in it. */
static bool looks_random(const char *value, size_t bytes)
{
	return bytes >= 32 && has_digit(value, bytes) && entropy_of(value, bytes) >= 4.5 && !memchr(value, ' ', bytes) &&
	       !memchr(value, '/', bytes);
}

/* Guesses with a name: false if the value is rather a placeholder or code. In a credentials file plain words are passwords. */
static bool guess_stands(const struct secret_rule *rule, const char *name, size_t name_bytes, const char *value, size_t bytes)
{
	bool known_file = rule->files && strcmp(rule->id, "settings-file") != 0;

	if (rule->cwe == 522) /* a hash has its own shape, and often begins like a variable */
		return true;
	if (known_file)
		return !placeholder_is_template(value, bytes) && (!name || !placeholder_is_name(name, name_bytes));
	if (looks_random(value, bytes))
		return !name || !placeholder_is_name(name, name_bytes);
	if (placeholder_is(value, bytes))
		return false;
	if (!name) /* of a URL */
		return true;
	return !placeholder_is_code(value, bytes) && !guess_is_weak(name, name_bytes, value, bytes);
}

static void add_hit(struct secret_scanner *scanner, const struct secret_hit *hit)
{
	if (scanner->hits.count < SECRET_HITS_MAX)
		scanner->hits.at[scanner->hits.count++] = *hit;
	else
		scanner->hits.cut = true;
}

/* Weighs one match of a rule. */
static void weigh(struct secret_scanner *scanner, const struct secret_rule *rule, size_t base, int groups)
{
	const size_t *ends = pcre2_get_ovector_pointer(scanner->match);
	const char *text = scanner->source->text + base;
	int last = groups - 1;
	struct secret_hit hit = {.rule = rule, .confidence = rule->confidence};
	const char *name = last == 2 ? text + ends[2] : NULL;
	size_t name_bytes = name ? ends[3] - ends[2] : 0;

	hit.start = base + ends[2 * last];
	hit.end = base + ends[2 * last + 1];
	while (hit.end > hit.start && isspace((unsigned char)scanner->source->text[hit.end - 1]))
		hit.end--;
	if (hit.end == hit.start)
		return;
	hit.entropy = entropy_of(scanner->source->text + hit.start, hit.end - hit.start);
	if (hit.entropy < rule->entropy_min)
		return;
	if (rule->guess && !guess_stands(rule, name, name_bytes, scanner->source->text + hit.start, hit.end - hit.start))
		return;
	if (!rule->guess && rule->cwe != 522 && placeholder_is(scanner->source->text + hit.start, hit.end - hit.start))
		return;
	if (placeholder_is_file(scanner->source->path))
		hit.confidence *= 0.3;
	add_hit(scanner, &hit);
}

/* The next match of a rule in [from, to) that begins at `next` or later, and at `last` or earlier. Returns where to go on. */
static size_t try_next(struct secret_scanner *scanner, size_t number, size_t from, size_t to, size_t next, size_t last)
{
	PCRE2_SPTR subject = (PCRE2_SPTR)scanner->source->text + from;
	const size_t *ends;
	int groups;

	pcre2_set_offset_limit(scanner->limits, last - from);
	groups = pcre2_match(scanner->code[number], subject, to - from, next - from, 0, scanner->match, scanner->limits);
	ends = pcre2_get_ovector_pointer(scanner->match);
	if (groups < PCRE2_ERROR_NOMATCH) /* a limit: this place was not looked at to the end */
		scanner->hits.cut = true;
	if (groups < 1)
		return to;
	if (groups > 1)
		weigh(scanner, &rules[number], from, groups);
	return from + ends[1] > next ? from + ends[1] : next + 1;
}

static void try_window(struct secret_scanner *scanner, size_t number, size_t from, size_t to)
{
	for (size_t next = from; next < to;)
		next = try_next(scanner, number, from, to, next, to);
}

static int try_word(size_t word, size_t offset, void *context)
{
	struct secret_scanner *scanner = context;
	const struct source *source = scanner->source;
	size_t number = scanner->word_rule[word];
	size_t after = rules[number].lines ? WINDOW_AFTER_LINES : WINDOW_AFTER;
	size_t from = offset > WINDOW_BEFORE ? offset - WINDOW_BEFORE : 0;
	size_t to = offset + after < source->bytes ? offset + after : source->bytes;

	if (offset < scanner->done[number])
		return 0;
	for (size_t i = from; i < offset; i++) {
		if (source->text[i] == '\n')
			from = i + 1;
	}
	if (!rules[number].lines) {
		const char *end = memchr(source->text + offset, '\n', to - offset);

		to = end ? (size_t)(end - source->text) : to;
	}
	if (from < scanner->done[number])
		from = scanner->done[number];
	if (rules[number].lines) /* once around this word: each other word has its own turn */
		(void)try_next(scanner, number, from, to, from, offset);
	else
		try_window(scanner, number, from, to);
	scanner->done[number] = rules[number].lines ? offset + 1 : to;
	return scanner->hits.cut && scanner->hits.count >= SECRET_HITS_MAX;
}

static bool name_matches(const char *path, const char *patterns)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	char one[64];

	while (*patterns) {
		size_t bytes = strcspn(patterns, " ");

		if (bytes < sizeof(one)) {
			memcpy(one, patterns, bytes);
			one[bytes] = 0;
			if (fnmatch(one, name, FNM_CASEFOLD) == 0)
				return true;
		}
		patterns += bytes + (patterns[bytes] == ' ');
	}
	return false;
}

static int by_place(const void *left, const void *right)
{
	const struct secret_hit *a = left, *b = right;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return (a->confidence < b->confidence) - (a->confidence > b->confidence);
}

/* Of overlapping hits the surer one stays. */
static void drop_overlaps(struct secret_hits *hits)
{
	size_t kept = 0;

	qsort(hits->at, hits->count, sizeof(hits->at[0]), by_place);
	for (size_t i = 0; i < hits->count; i++) {
		struct secret_hit *last = kept ? &hits->at[kept - 1] : NULL;

		if (!last || hits->at[i].start >= last->end)
			hits->at[kept++] = hits->at[i];
		else if (hits->at[i].confidence > last->confidence)
			*last = hits->at[i];
	}
	hits->count = kept;
}

const struct secret_hits *secret_scan(struct secret_scanner *scanner, const struct source *source)
{
	scanner->source = source;
	scanner->hits.count = 0;
	scanner->hits.cut = false;
	memset(scanner->done, 0, sizeof(scanner->done));
	for (size_t i = 0; i < RULE_COUNT; i++) {
		if (rules[i].files && name_matches(source->path, rules[i].files))
			try_window(scanner, i, 0, source->bytes);
	}
	keywords_search(scanner->keywords, source->text, source->bytes, try_word, scanner);
	drop_overlaps(&scanner->hits);
	return &scanner->hits;
}

void secret_shown(const struct source *source, const struct secret_hit *hit, char out[SECRET_SHOWN_BYTES])
{
	size_t bytes = hit->end - hit->start;
	size_t shown = bytes >= 16 ? 4 : bytes >= 12 ? 2 : 0;

	for (size_t i = 0; i < shown; i++) {
		char c = source->text[hit->start + i];

		out[i] = c > ' ' && c < 127 ? c : '?';
	}
	out[shown] = 0;
}

bool secret_hash(const struct source *source, const struct secret_hit *hit, const uint8_t key[DIGEST_KEY_BYTES],
		 char out[DIGEST_KEYED_BYTES])
{
	return digest_keyed(source->text + hit->start, hit->end - hit->start, key, out);
}

/* Appends while there is room. */
static void put(char *out, size_t room, size_t *used, const char *at, size_t bytes)
{
	if (bytes > room - 1 - *used)
		bytes = room - 1 - *used;
	memcpy(out + *used, at, bytes);
	*used += bytes;
}

/* The same value may stand elsewhere in the file, in a form that no rule knows: a comment, a call. */
static void mask_known(const struct source *source, const struct secret_hits *hits, char *out, size_t *used)
{
	for (size_t i = 0; i < hits->count; i++) {
		const char *value = source->text + hits->at[i].start;
		size_t bytes = hits->at[i].end - hits->at[i].start;
		char *found;

		while (bytes >= KNOWN_BYTES_MIN && (found = memmem(out, *used, value, bytes))) {
			size_t rest = *used - (size_t)(found - out) - bytes;

			memset(found, '*', 4);
			memmove(found + 4, found + bytes, rest);
			*used -= bytes - 4;
		}
	}
}

void secret_masked_line(const struct source *source, const struct secret_hits *hits, size_t offset, char *out, size_t room)
{
	size_t bytes, used = 0;
	const char *line = source_line(source, offset, &bytes);
	size_t next = (size_t)(line - source->text), end = next + bytes;

	out[0] = 0;
	if (hits && hits->cut)
		return;               /* what was not scanned to the end is not shown */
	if (offset - next > room / 2) /* a long line: begin near the place */
		next = offset - room / 2;
	for (size_t i = 0; hits && i < hits->count && next < end; i++) {
		const struct secret_hit *hit = &hits->at[i];
		char shown[SECRET_SHOWN_BYTES];

		if (hit->end <= next || hit->start >= end)
			continue;
		secret_shown(source, hit, shown);
		if (hit->start >= next) {
			put(out, room, &used, source->text + next, hit->start - next);
			put(out, room, &used, shown, strlen(shown));
		}
		put(out, room, &used, "****", 4);
		next = hit->end;
	}
	if (next < end)
		put(out, room, &used, source->text + next, end - next);
	if (hits)
		mask_known(source, hits, out, &used);
	out[used] = 0;
	for (size_t i = 0; i < used; i++) {
		if (out[i] == 0 || out[i] == '\r')
			out[i] = ' ';
	}
}
