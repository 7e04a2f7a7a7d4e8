/* SPDX-License-Identifier: MIT
 *
 * Small tests on short texts; every list is compared without regard to case.
 */
#include "tools/placeholder.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define VALUE_BYTES_MAX 256u

/* A copy in lower case; longer values are no placeholders. */
static bool lowered(const char *value, size_t bytes, char out[VALUE_BYTES_MAX])
{
	if (bytes >= VALUE_BYTES_MAX)
		return false;
	for (size_t i = 0; i < bytes; i++)
		out[i] = (char)tolower((unsigned char)value[i]);
	out[bytes] = 0;
	return true;
}

static bool has_any(const char *text, const char *const *list)
{
	for (; *list; list++) {
		if (strstr(text, *list))
			return true;
	}
	return false;
}

static bool is_any(const char *text, const char *const *list)
{
	for (; *list; list++) {
		if (strcmp(text, *list) == 0)
			return true;
	}
	return false;
}

static size_t distinct_bytes(const char *value, size_t bytes)
{
	uint8_t seen[256] = {0};
	size_t count = 0;

	for (size_t i = 0; i < bytes; i++) {
		count += !seen[(unsigned char)value[i]];
		seen[(unsigned char)value[i]] = 1;
	}
	return count;
}

/* Each byte is the one before it plus one, or the same: 12345678, abcdefgh, aaaa. */
static bool is_sequence(const char *value, size_t bytes)
{
	size_t steps = 0;

	for (size_t i = 1; i < bytes; i++)
		steps += value[i] == value[i - 1] + 1 || value[i] == value[i - 1] || (value[i - 1] == '9' && value[i] == '0');
	return bytes > 2 && steps + 1 >= bytes - 1;
}

bool placeholder_is_template(const char *value, size_t bytes)
{
	static const char *const parts[] = {"changeme", "change_me", "change-me", "${",  "{{",       "$(",      "your_",
					    "your-",    "xxxx",      "***",       "...", "put your", "replace", NULL};
	static const char *const whole[] = {"null", "none", "true", "false", "undefined", "yes", "no", "on", "off", NULL};
	char text[VALUE_BYTES_MAX];

	if (bytes == 0 || (value[0] == '<' && value[bytes - 1] == '>') || value[0] == '$' || value[0] == '%')
		return true;
	return lowered(value, bytes, text) && (has_any(text, parts) || is_any(text, whole));
}

bool placeholder_is(const char *value, size_t bytes)
{
	static const char *const parts[] = {"example",    "changeme",  "change_me", "change-me",    "changethis",  "placeholder",
					    "your_",      "your-",     "yourpass",  "yourtoken",    "yoursecret",  "yourkey",
					    "dummy",      "xxxx",      "todo",      "fixme",        "replace",     "redacted",
					    "insert",     "<",         "${",        "{{",           "$(",          "%(",
					    "#{",         "...",       "***",       "sample",       "foobar",      "lorem",
					    "notasecret", "not-a-",    "not_a_",    "\xE2\x80\xA6", "some-",       "some_",
					    "my-secret",  "my_secret", "mysecret",  "fake",         "supersecret", NULL};
	static const char *const whole[] = {"null",     "none",     "undefined", "true",     "false",   "test",   "testing",
					    "password", "passwd",   "pass",      "secret",   "token",   "user",   "foo",
					    "bar",      "baz",      "key",       "string",   "default", "empty",  "required",
					    "enabled",  "disabled", "username",  "optional", "hidden",  "unset",  "mypassword",
					    "mypass",   "pwd",      "anonymous", "nobody",   "basic",   "bearer", "optional",
					    "no",       "yes",      NULL};
	char text[VALUE_BYTES_MAX];

	if (bytes == 0 || value[0] == '$' || value[0] == '%' || value[0] == '{' || value[0] == '[' || value[0] == '&')
		return true;
	if (!lowered(value, bytes, text))
		return false;
	return distinct_bytes(value, bytes) <= 2 || is_sequence(value, bytes) || has_any(text, parts) || is_any(text, whole);
}

static bool only(const char *value, size_t bytes, const char *allowed)
{
	for (size_t i = 0; i < bytes; i++) {
		if (!isalpha((unsigned char)value[i]) && !strchr(allowed, value[i]))
			return false;
	}
	return true;
}

bool placeholder_is_code(const char *value, size_t bytes)
{
	static const char *const parts[] = {"process.env", "environ",   "getenv",   "self.", "this.",
					    "config.",     "settings.", "request.", "req.",  "://",
					    "::",          "->",        "/*",       "\\",    NULL};
	char text[VALUE_BYTES_MAX];

	if (!lowered(value, bytes, text))
		return true;
	if (has_any(text, parts) || memchr(value, '(', bytes) || memchr(value, '[', bytes) || value[0] == '/' ||
	    value[0] == '.' || value[0] == '@' || value[0] == '#' || value[0] == '*')
		return true;
	/* A name, a path or prose: no digit, and words joined by one kind of mark. */
	return only(value, bytes, "_") || only(value, bytes, ".") || only(value, bytes, "-") || only(value, bytes, "./-_:,;=");
}

bool placeholder_is_name(const char *name, size_t bytes)
{
	static const char *const parts[] = {"_url",    "_uri",        "_file",   "_path",   "_name",   "_field", "_regex",
					    "_length", "_type",       "_header", "label",   "_prompt", "_error", "_env",
					    "public",  "_re_",        "_len",    "_size",   "csrf",    "hint",   "message",
					    "tokeniz", "max_",        "num_",    "next_",   "page_",   "reset",  "forgot",
					    "_id_",    "placeholder", "valid",   "confirm", "show",    "hide",   NULL};
	char text[VALUE_BYTES_MAX];

	return !lowered(name, bytes, text) || has_any(text, parts);
}

bool placeholder_is_file(const char *path)
{
	static const char *const parts[] = {"example", "sample", "template", ".dist", "default", ".tmpl", "skeleton", NULL};
	const char *slash = strrchr(path, '/');
	char text[VALUE_BYTES_MAX];

	slash = slash ? slash + 1 : path;
	return lowered(slash, strlen(slash), text) && has_any(text, parts);
}
