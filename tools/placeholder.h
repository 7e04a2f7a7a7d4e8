/* SPDX-License-Identifier: MIT
 *
 * What looks like a credential and is none: placeholders of documentation, variables, calls, identifiers.
 */
#ifndef TOOLS_PLACEHOLDER_H
#define TOOLS_PLACEHOLDER_H

#include <stdbool.h>
#include <stddef.h>

/* True for a value nobody could log in with: "changeme", "<token>", "${PASSWORD}", "xxxxxxxx", "12345678". */
bool placeholder_is(const char *value, size_t bytes);

/* True for a value that is surely filled in later, whatever file it stands in: "<token>", "${PASSWORD}", "changeme", "null". */
bool placeholder_is_template(const char *value, size_t bytes);

/* True for a value that is rather code or a name than a secret: "user.password", "getenv(…)", "access_token", "/etc/key.pem". */
bool placeholder_is_code(const char *value, size_t bytes);

/* True if a name speaks about a secret without being one: "password_field", "token_url", "max_tokens". */
bool placeholder_is_name(const char *name, size_t bytes);

/* True for a file whose purpose is to show placeholders: ".env.example", "config.sample.yml". */
bool placeholder_is_file(const char *path);

#endif
