/* SPDX-License-Identifier: MIT
 *
 * Reading and writing certificates. The reader knows as much of ZPL as certificates use: lines `section` and
 * `name = "value"`, white space around, comments after '#' at the start of a line.
 */
#include "actors/certificate.h"

#include <ctype.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#define CERTIFICATE_BYTES 4096u

bool key_text_check(const char *text)
{
	uint8_t bytes[32];

	return strlen(text) == KEY_TEXT_BYTES - 1 && zmq_z85_decode(bytes, text);
}

/* ---- reading ---- */

struct reader {
	const char *path;
	unsigned line;
	struct certificate *certificate;
	char *sentence;
};

static int refuse(const struct reader *reader, const char *found, const char *expected)
{
	snprintf(reader->sentence, SENTENCE_BYTES, "%.250s:%u: found %.60s; expected %s", reader->path, reader->line, found,
		 expected);
	return ERR_CONFIG;
}

static char *trim(char *text)
{
	while (isspace((unsigned char)*text))
		text++;
	size_t bytes = strlen(text);
	while (bytes && isspace((unsigned char)text[bytes - 1]))
		text[--bytes] = '\0';
	return text;
}

/* Takes the quotes off; NULL if there is only one of them. */
static char *unquote(char *text)
{
	size_t bytes = strlen(text);

	if (*text != '"' && *text != '\'')
		return text;
	if (bytes < 2 || text[bytes - 1] != *text)
		return NULL;
	text[bytes - 1] = '\0';
	return text + 1;
}

/* `expected` doubles as the rule for what does not fit. */
static int put(const struct reader *reader, char *field, size_t field_bytes, const char *value, const char *expected)
{
	if (*field)
		return refuse(reader, "a second value", "each property once");
	if (!*value || strlen(value) >= field_bytes)
		return refuse(reader, *value ? "a value that is too long" : "an empty value", expected);
	memcpy(field, value, strlen(value) + 1);
	return 0;
}

static int put_key(const struct reader *reader, char field[KEY_TEXT_BYTES], const char *value)
{
	if (!key_text_check(value)) /* not echoed: it might be a secret */
		return refuse(reader, "something that is no key", "40 characters of Z85");
	return put(reader, field, KEY_TEXT_BYTES, value, "40 characters of Z85");
}

static int property_read(const struct reader *reader, const char *name, const char *value)
{
	struct certificate *certificate = reader->certificate;

	if (!strcmp(name, "name"))
		return put(reader, certificate->name, sizeof(certificate->name), value, "a name of up to 63 characters");
	if (!strcmp(name, "roles"))
		return put(reader, certificate->roles, sizeof(certificate->roles), value,
			   "client, operator, auditor, clone:ROLE or workspace");
	if (!strcmp(name, "public-key"))
		return put_key(reader, certificate->public_key, value);
	if (!strcmp(name, "secret-key"))
		return put_key(reader, certificate->secret_key, value);
	return 0;
}

static int line_read(const struct reader *reader, char *line)
{
	char *name = trim(line);
	char *equals = strchr(name, '=');

	if (!*name || *name == '#' || !equals)
		return 0;
	*equals = '\0';
	char *value = unquote(trim(equals + 1));
	if (!value)
		return refuse(reader, "one quote", "name = \"value\"");
	return property_read(reader, trim(name), value);
}

static int text_read(struct reader *reader, char *text)
{
	for (char *line = text; line; reader->line++) {
		char *end = strchr(line, '\n');
		if (end)
			*end++ = '\0';
		int rc = line_read(reader, line);
		if (rc)
			return rc;
		line = end;
	}
	if (*reader->certificate->public_key)
		return 0;
	snprintf(reader->sentence, SENTENCE_BYTES, "%.250s: found no public-key; expected public-key = \"…\"", reader->path);
	return ERR_CONFIG;
}

int certificate_read(const char *path, struct certificate *out_certificate, char out_sentence[SENTENCE_BYTES])
{
	char text[CERTIFICATE_BYTES];
	size_t bytes;
	struct certificate certificate = {.name = ""};
	struct reader reader = {.path = path, .line = 1, .certificate = &certificate, .sentence = out_sentence};

	int rc = file_read(path, text, sizeof(text), &bytes);
	if (rc) {
		snprintf(out_sentence, SENTENCE_BYTES, "%.300s: %s", path,
			 rc == ERR_TOO_LARGE ? "found more than 4 KiB; expected a certificate" : strerror(errno));
		return rc == ERR_TOO_LARGE ? ERR_CONFIG : rc;
	}
	rc = strlen(text) == bytes ? text_read(&reader, text) : refuse(&reader, "a NUL byte", "text");
	if (!rc)
		*out_certificate = certificate;
	sodium_memzero(text, sizeof(text));
	sodium_memzero(&certificate, sizeof(certificate));
	return rc;
}

/* ---- writing ---- */

int certificate_write(const char *path, const struct certificate *certificate, char out_sentence[SENTENCE_BYTES])
{
	char text[1024];
	int bytes = snprintf(
		text, sizeof(text),
		"# A ZeroMQ certificate (RFC 4), made by bunshin.\nmetadata\n    name = \"%s\"\n%s%s%scurve\n    public-key = "
		"\"%s\"\n%s%s%s",
		certificate->name, *certificate->roles ? "    roles = \"" : "", certificate->roles,
		*certificate->roles ? "\"\n" : "", certificate->public_key, *certificate->secret_key ? "    secret-key = \"" : "",
		certificate->secret_key, *certificate->secret_key ? "\"\n" : "");

	int rc = file_replace(path, text, (size_t)bytes, 0600);
	if (rc)
		snprintf(out_sentence, SENTENCE_BYTES, "cannot write %.300s: %s", path, strerror(errno));
	sodium_memzero(text, sizeof(text));
	return rc;
}

int certificate_make(struct certificate *certificate, char out_sentence[SENTENCE_BYTES])
{
	if (!zmq_curve_keypair(certificate->public_key, certificate->secret_key))
		return 0;
	snprintf(out_sentence, SENTENCE_BYTES, "cannot make a CURVE key pair: %s", zmq_strerror(errno));
	return ERR_SYSTEM;
}
