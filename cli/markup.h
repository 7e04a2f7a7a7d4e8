/* SPDX-License-Identifier: MIT
 *
 * Text in HTML pages: nothing in it is markup, and nothing reorders what stands around it.
 */
#ifndef CLI_MARKUP_H
#define CLI_MARKUP_H

#include "cli/sink.h"

/* Our own words. */
void markup_text(struct sink *sink, const char *text);

/* What somebody else wrote: control characters and marks that reorder text stand as \x1b or \u202e. `lines`: line feeds and tabs stay. */
void markup_recorded(struct sink *sink, const char *text);
void markup_recorded_lines(struct sink *sink, const char *text, size_t bytes);

/* 'sha256-…' of a Content-Security-Policy, of texts one after the other; the last is NULL. */
void markup_sum(struct sink *sink, const char *text, ...);

#endif
