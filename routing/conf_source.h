/* SPDX-License-Identifier: MIT
 *
 * A configuration file as libConfuse found it: sections, options and values as strings, and the line of each.
 */
#ifndef ROUTING_CONF_SOURCE_H
#define ROUTING_CONF_SOURCE_H

#include <confuse.h>

#include "routing/conf_text.h"

/* Line of an option's first value; libConfuse itself keeps lines of sections only. */
struct spot {
	const cfg_opt_t *opt;
	unsigned line;
};

struct source {
	cfg_t *cfg; /* sections "network", "clone", "agent" and "route", any number of each; every option a string or a list of them */
	struct outline outline;
	struct spot *spots;
	size_t spot_count;
	size_t spot_capacity;
	bool out_of_memory;
	struct complaint complaint;
};

/* Reads `text` into `*source`, which is zero but for `complaint`. Returns 0, ERR_CONFIG after a complaint, or ERR_MEMORY.
 * Release it in each case. */
MUST_CHECK int source_parse(struct source *source, const char *text);
void source_release(struct source *source);

/* True if the section gives the option a value. */
bool source_has(cfg_t *section, const char *option);

/* Line of the option; where it is not set, or is NULL, the line where the section begins. */
unsigned source_option_line(const struct source *source, cfg_t *section, const char *option);

/* Complains about that line. Always ERR_CONFIG. */
MUST_CHECK int source_refuse(struct source *source, cfg_t *section, const char *option, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
