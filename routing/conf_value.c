/* SPDX-License-Identifier: MIT
 *
 * Values of routing.conf, by kind.
 */
#include "routing/conf_value.h"

#include <stdio.h>
#include <string.h>

#include "routing/omega.h"

/* ---- the table of options ---- */

typedef struct conf base_network;
typedef struct clone_conf base_clone;
typedef struct agent_conf base_agent;
typedef struct route base_route;
enum {
	section_network = SECTION_NETWORK,
	section_clone = SECTION_CLONE,
	section_agent = SECTION_AGENT,
	section_route = SECTION_ROUTE
};

static const struct option options[] = {
#define OPTION(where, name, kind, member, low, high, sentence)                                                                   \
	{(enum section)section_##where, #name, kind, offsetof(base_##where, member), low, high, sentence},
#include "routing/options.def"
};

#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

size_t option_count(void)
{
	return OPTION_COUNT;
}

const struct option *option_at(size_t index)
{
	return index < OPTION_COUNT ? &options[index] : NULL;
}

const struct option *option_find(enum section section, const char *name)
{
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (options[i].section == section && strcmp(options[i].name, name) == 0)
			return &options[i];
	return NULL;
}

const char *section_name(enum section section)
{
	static const char *const names[SECTION_COUNT] = {"network", "clone", "agent", "route"};
	return names[section];
}

bool option_is_list(const struct option *option)
{
	return option->kind == ROLES || option->kind == ERRORS || option->kind == PLACES || option->kind == VARIABLES;
}

/* ---- names ---- */

static bool is_letter(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool name_is_good(const char *name, size_t capacity, const char *also)
{
	size_t bytes = strlen(name);

	if (!is_letter(name[0]) || bytes >= capacity)
		return false;
	for (size_t i = 0; i < bytes; i++)
		if (!is_letter(name[i]) && !is_digit(name[i]) && !strchr(also, name[i]))
			return false;
	return true;
}

/* Names of peers that are no clones. */
static bool is_reserved(const char *name)
{
	return strcmp(name, "omega") == 0 || strcmp(name, "client") == 0 || strcmp(name, "operator") == 0 ||
	       strcmp(name, "auditor") == 0 || strcmp(name, "workspace") == 0;
}

bool role_is_good(const char *name)
{
	return name_is_good(name, ROLE_BYTES, "-") && !is_reserved(name);
}

bool task_type_is_good(const char *name)
{
	return name_is_good(name, TASK_TYPE_BYTES, "-_.");
}

bool agent_name_is_good(const char *name)
{
	return name_is_good(name, AGENT_LABEL_BYTES, "-_.");
}

#define WORD_BYTES_MAX 48u

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Levenshtein's distance, with a swap of neighbours counted as one: single letters put in, left out, changed or swapped. */
static size_t name_distance(const char *a, const char *b)
{
	size_t row[3][WORD_BYTES_MAX + 1];
	const size_t a_bytes = strlen(a), b_bytes = strlen(b);

	if (a_bytes > WORD_BYTES_MAX || b_bytes > WORD_BYTES_MAX)
		return WORD_BYTES_MAX;
	for (size_t j = 0; j <= b_bytes; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= a_bytes; i++) {
		size_t *now = row[i % 3], *before = row[(i - 1) % 3], *long_before = row[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= b_bytes; j++) {
			now[j] = smaller(smaller(before[j], now[j - 1]) + 1, before[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = smaller(now[j], long_before[j - 2] + 1);
		}
	}
	return row[a_bytes % 3][b_bytes];
}

const char *name_nearest(const char *word, const char *const *names, size_t count)
{
	const size_t bytes = strlen(word);
	size_t best_distance = (bytes + 2) / 4;
	const char *best = NULL;

	for (size_t i = 0; i < count; i++) {
		const size_t distance = name_distance(word, names[i]);

		if (distance < best_distance || (distance == best_distance && !best)) {
			best_distance = distance;
			best = names[i];
		}
	}
	return best;
}

/* ---- numbers ---- */

/* Reads digits from `*at` and moves it. False without a digit or past 2^53. */
static bool digits_read(const char **at, uint64_t *out_number)
{
	uint64_t number = 0;

	if (!is_digit(**at))
		return false;
	for (; is_digit(**at); (*at)++) {
		number = number * 10 + (uint64_t)(**at - '0');
		if (number > 1ull << 53)
			return false;
	}
	*out_number = number;
	return true;
}

static const struct unit {
	const char *name;
	uint64_t ms;
} units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

#define UNIT_COUNT      (sizeof(units) / sizeof(units[0]))
#define DURATION_MAX_MS (49 * 86400000ull)

static int duration_read(const char *text, uint64_t *out_ms)
{
	uint64_t number;

	if (!digits_read(&text, &number))
		return ERR_MALFORMED;
	if (!*text) {
		*out_ms = number;
		return 0;
	}
	for (size_t i = 0; i < UNIT_COUNT; i++) {
		if (strcmp(text, units[i].name) == 0) {
			if (number > DURATION_MAX_MS)
				return ERR_MALFORMED;
			*out_ms = number * units[i].ms;
			return 0;
		}
	}
	return ERR_MALFORMED;
}

int duration_parse(const char *text, uint32_t *out_ms)
{
	uint64_t ms;

	if (duration_read(text, &ms) || ms > DURATION_MAX_MS)
		return ERR_MALFORMED;
	*out_ms = (uint32_t)ms;
	return 0;
}

int age_parse(const char *text, uint64_t *out_ms)
{
	const char *end = text;
	uint64_t number, ms;

	if (!digits_read(&end, &number) || (!*end && number) || duration_read(text, &ms) || ms > AGE_MOST_MS)
		return ERR_MALFORMED;
	*out_ms = ms;
	return 0;
}

void duration_print(uint64_t ms, char out_text[32])
{
	size_t i = 0;

	while (i + 1 < UNIT_COUNT && (!ms || ms % units[i].ms))
		i++;
	snprintf(out_text, 32, "%llu%s", (unsigned long long)(ms / units[i].ms), units[i].name);
}

/* A number with up to three decimals, per mille. */
static int permille_read(const char *text, uint64_t *out_permille, const char **out_rest)
{
	uint64_t whole, part = 0, scale = 1000;

	if (!digits_read(&text, &whole))
		return ERR_MALFORMED;
	if (*text == '.') {
		text++;
		if (!is_digit(*text))
			return ERR_MALFORMED;
		for (; is_digit(*text); text++) {
			scale /= 10;
			part += scale * (uint64_t)(*text - '0');
			if (!scale)
				return ERR_MALFORMED;
		}
	}
	*out_permille = whole * 1000 + part;
	*out_rest = text;
	return 0;
}

/* ---- one function per kind; `base` is the member itself ---- */

#define REFUSE(reading, ...) complain((reading)->complaint, (reading)->line, __VA_ARGS__)

static bool within(const struct option *option, uint64_t number)
{
	return number >= option->low && number <= option->high;
}

static int read_duration(const struct reading *reading)
{
	char low[32], high[32];
	uint64_t ms;

	if (!duration_read(reading->value, &ms) && within(reading->option, ms)) {
		*(uint32_t *)reading->member = (uint32_t)ms;
		return 0;
	}
	duration_print(reading->option->low, low);
	duration_print(reading->option->high, high);
	return REFUSE(reading,
		      "%s is \"%.60s\"; accepted is a duration from %s to %s, such as 30s, 1500ms or 2m, or bare milliseconds",
		      reading->option->name, reading->value, low, high);
}

static int read_age(const struct reading *reading)
{
	char low[32], high[32];
	uint64_t ms;

	if (!age_parse(reading->value, &ms) && (!ms || within(reading->option, ms))) {
		*(uint64_t *)reading->member = ms;
		return 0;
	}
	duration_print(reading->option->low, low);
	duration_print(reading->option->high, high);
	return REFUSE(reading,
		      "%s is \"%.60s\"; accepted is an age with its unit from %s to %s, such as 90d, 12h or 30m, or 0 for none",
		      reading->option->name, reading->value, low, high);
}

static int read_count(const struct reading *reading)
{
	const char *at = reading->value;
	uint64_t number;

	if (digits_read(&at, &number) && !*at && within(reading->option, number)) {
		*(uint32_t *)reading->member = (uint32_t)number;
		return 0;
	}
	return REFUSE(reading, "%s is \"%.60s\"; accepted is a whole number from %llu to %llu", reading->option->name,
		      reading->value, (unsigned long long)reading->option->low, (unsigned long long)reading->option->high);
}

static int read_factor(const struct reading *reading)
{
	const char *rest;
	uint64_t permille;

	if (!permille_read(reading->value, &permille, &rest) && !*rest && within(reading->option, permille)) {
		*(uint32_t *)reading->member = (uint32_t)permille;
		return 0;
	}
	return REFUSE(reading,
		      "%s is \"%.60s\"; accepted is a number from %llu to %llu with up to three decimals, such as 2 or 1.5",
		      reading->option->name, reading->value, (unsigned long long)reading->option->low / 1000,
		      (unsigned long long)reading->option->high / 1000);
}

static int read_percent(const struct reading *reading)
{
	const char *rest;
	uint64_t permille;

	if (!permille_read(reading->value, &permille, &rest) && strcmp(rest, "%") == 0 && permille % 100 == 0 &&
	    within(reading->option, permille / 100)) {
		*(uint32_t *)reading->member = (uint32_t)(permille / 100);
		return 0;
	}
	return REFUSE(reading, "%s is \"%.60s\"; accepted is a part from 0%% to 100%%, such as 20%% or 12.5%%",
		      reading->option->name, reading->value);
}

/* The enumerations and errors of the protocol, by the names that messages carry. */
static const struct named {
	const char *enumeration;
	const char *name;
	uint32_t code;
} named[] = {
#define VALUE(enumeration, NAME, text, code) {#enumeration, text, code},
#include "protocol/names.def"
};

static const struct error_row {
	const char *name; /* in capitals */
	uint32_t code;
} error_rows[] = {
#define ERROR(NAME, code, retryable, exit_code, sentence) {#NAME, code},
#include "protocol/errors.def"
};

#define ERROR_COUNT      (sizeof(error_rows) / sizeof(error_rows[0]))
#define ERROR_NAME_BYTES 32u

static int read_priority(const struct reading *reading)
{
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		if (strcmp(named[i].enumeration, "priority") == 0 && strcmp(named[i].name, reading->value) == 0) {
			*(uint32_t *)reading->member = named[i].code;
			return 0;
		}
	}
	return REFUSE(reading, "%s is \"%.60s\"; accepted is urgent, high, medium or low", reading->option->name, reading->value);
}

static int read_flag(const struct reading *reading)
{
	static const char *const names[] = {"no", "yes", "false", "true", "off", "on"}; /* every other one means yes */

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], reading->value) == 0) {
			*(bool *)reading->member = i % 2;
			return 0;
		}
	}
	return REFUSE(reading, "%s is \"%.60s\"; accepted is yes or no", reading->option->name, reading->value);
}

/* Whether a section `clone` stands behind the name is seen when the whole file is read. */
static int read_role(const struct reading *reading)
{
	if (!role_is_good(reading->value))
		return REFUSE(reading,
			      "%s is \"%.60s\"; accepted is the role of a clone: up to %u lower-case letters, digits and "
			      "hyphens, a letter "
			      "first, and not omega, client, operator, auditor or workspace",
			      reading->option->name, reading->value, ROLE_BYTES - 1);
	memcpy(reading->member, reading->value, strlen(reading->value) + 1);
	return 0;
}

static int read_roles(const struct reading *reading)
{
	struct reading one = *reading;

	if (reading->index >= DESTINATIONS_MAX - 1)
		return REFUSE(reading, "%s has more than %u names; accepted are up to %u", reading->option->name,
			      DESTINATIONS_MAX - 1, DESTINATIONS_MAX - 1);
	one.member = (char *)reading->member + reading->index * ROLE_BYTES;
	return read_role(&one);
}

static void error_name_print(size_t row, char out_name[ERROR_NAME_BYTES])
{
	size_t i = 0;

	for (; error_rows[row].name[i] && i + 1 < ERROR_NAME_BYTES; i++) {
		const char c = error_rows[row].name[i];
		out_name[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	out_name[i] = '\0';
}

static int add_error(const struct reading *reading, uint32_t code)
{
	uint32_t *codes = reading->member;

	for (size_t i = 0; i < reading->index; i++)
		if (codes[i] == code)
			return REFUSE(reading, "%s names %s twice; accepted is each error once", reading->option->name,
				      reading->value);
	codes[reading->index] = code;
	return 0;
}

static int read_errors(const struct reading *reading)
{
	char names[ERROR_COUNT][ERROR_NAME_BYTES];
	const char *pointers[ERROR_COUNT];
	const char *nearest;

	if (reading->index >= NON_RETRYABLE_MAX)
		return REFUSE(reading, "%s has more than %u names; accepted are up to %u", reading->option->name,
			      NON_RETRYABLE_MAX, NON_RETRYABLE_MAX);
	for (size_t i = 0; i < ERROR_COUNT; i++) {
		error_name_print(i, names[i]);
		pointers[i] = names[i];
		if (strcmp(names[i], reading->value) == 0)
			return add_error(reading, error_rows[i].code);
	}
	nearest = name_nearest(reading->value, pointers, ERROR_COUNT);
	return REFUSE(reading, "%s names \"%.60s\", which is no error; accepted are the names of protocol/errors.def, such as %s",
		      reading->option->name, reading->value, nearest ? nearest : "task_failed or timed_out");
}

int read_text(const struct reading *reading)
{
	const size_t bytes = strlen(reading->value);

	if (!within(reading->option, bytes + 1))
		return REFUSE(reading, "%s has %zu bytes; accepted are up to %llu", reading->option->name, bytes,
			      (unsigned long long)reading->option->high - 1);
	memset(reading->member, 0, reading->option->high);
	memcpy(reading->member, reading->value, bytes);
	return 0;
}

static int read_endpoint(const struct reading *reading)
{
	const char *value = reading->value;
	const size_t bytes = strlen(value);

	if (bytes && ((strncmp(value, "ipc://", 6) != 0 && strncmp(value, "tcp://", 6) != 0) || bytes == 6))
		return REFUSE(
			reading,
			"%s is \"%.60s\"; accepted is ipc://PATH, tcp://ADDRESS:PORT, or \"\" for a socket in the state folder",
			reading->option->name, value);
	return read_text(reading);
}

/* A relative one would mean something else to each process that reads the file. */
static int read_place(const struct reading *reading)
{
	if (reading->value[0] && reading->value[0] != '/' && strcmp(reading->value, PLACE_NONE) != 0)
		return REFUSE(reading, "%s is \"%.60s\"; accepted is an absolute path, or " PLACE_NONE, reading->option->name,
			      reading->value);
	return read_text(reading);
}

int option_read(const struct option *option, const char *value, size_t index, void *base, unsigned line,
		struct complaint *complaint)
{
	static int (*const read_kind[])(const struct reading *) = {
		[DURATION] = read_duration, [COUNT] = read_count,
		[FACTOR] = read_factor,     [PERCENT] = read_percent,
		[PRIORITY] = read_priority, [FLAG] = read_flag,
		[ROLE] = read_role,         [ROLES] = read_roles,
		[ERRORS] = read_errors,     [ENDPOINT] = read_endpoint,
		[COMMAND] = read_text,      [PLACE] = read_place,
		[AGE] = read_age,           [WORD] = read_word,
		[MONEY] = read_money,       [LABEL] = read_label,
		[KEY] = read_key,           [URL] = read_url,
		[POINTER] = read_pointer,   [CONDITION] = read_condition,
		[PLACES] = read_places,     [VARIABLES] = read_variables,
	};
	const struct reading reading = {.option = option,
					.value = value,
					.index = index,
					.member = (char *)base + option->offset,
					.line = line,
					.complaint = complaint};

	return read_kind[option->kind](&reading);
}
