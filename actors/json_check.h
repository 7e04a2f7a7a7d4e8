/* SPDX-License-Identifier: MIT
 *
 * Is this text JSON (RFC 8259)? Looks only, builds nothing: what peers send as JSON is checked once, at the door.
 */
#ifndef ACTORS_JSON_CHECK_H
#define ACTORS_JSON_CHECK_H

#include <stdbool.h>

#include "protocol/message.h"

#define JSON_DEPTH_MAX 64u

/* True if `text` is one JSON value that begins with `first` ('{' or '['), nested at most JSON_DEPTH_MAX deep. UTF-8 is the caller's
 * concern; a key that stands twice is not looked for. */
bool json_check(struct text text, char first);

#endif
