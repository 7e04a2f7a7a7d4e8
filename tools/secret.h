/* SPDX-License-Identifier: MIT
 *
 * Finds credentials in a text: words, then a rule's pattern, then entropy, then what is surely a placeholder; and known
 * credential files by their own layout. The rules are in secret_rules.def.
 *
 * A hit holds offsets only. Whoever prints shows secret_shown and secret_hash, and lines through secret_masked_line.
 */
#ifndef TOOLS_SECRET_H
#define TOOLS_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clones/digest.h"
#include "tools/source.h"

#define SECRET_HITS_MAX    200u /* per file */
#define SECRET_SHOWN_BYTES 5u   /* at most four characters and NUL */

struct secret_rule {
	const char *id;      /* "aws-access-key-id" */
	const char *kind;    /* for people: "AWS access key id" */
	const char *pattern; /* PCRE2; the last group is the secret, one before it its name */
	const char *files;   /* shell patterns of file names, separated by blanks; NULL: wherever a word stands */
	double entropy_min;  /* bits per character; 0: not asked */
	double confidence;   /* 0…1 */
	const char *severity;
	uint32_t cwe;
	bool guess; /* no fixed shape: placeholders and code are left out with care */
	bool lines; /* may go over several lines */
};

const struct secret_rule *secret_rule_at(size_t index); /* NULL past the end */
size_t secret_rule_index(const struct secret_rule *rule);

struct secret_hit {
	const struct secret_rule *rule;
	size_t start, end; /* of the secret in the text */
	double entropy;
	double confidence;
};

struct secret_hits {
	struct secret_hit at[SECRET_HITS_MAX];
	size_t count;
	bool cut; /* there are more */
};

struct secret_scanner;
struct secret_scanner *secret_scanner_new(void); /* NULL: out of memory */
void secret_scanner_free(struct secret_scanner *scanner);

/* The hits of a text in the order of their places, without overlaps. Belongs to the scanner, until its next scan. */
const struct secret_hits *secret_scan(struct secret_scanner *scanner, const struct source *source);

/* The first characters of a secret: four of a long one, none of a short one. */
void secret_shown(const struct source *source, const struct secret_hit *hit, char out[SECRET_SHOWN_BYTES]);

/* The keyed hash of a secret. False: libcrypto failed. */
bool secret_hash(const struct source *source, const struct secret_hit *hit, const uint8_t key[DIGEST_KEY_BYTES],
		 char out[DIGEST_KEYED_BYTES]);

/* The line at `offset` (at most room-1 bytes of it) with every secret in it replaced by its first characters and "****". */
void secret_masked_line(const struct source *source, const struct secret_hits *hits, size_t offset, char *out, size_t room);

/* Bits per byte (Shannon). */
double entropy_of(const char *at, size_t bytes);

#endif
