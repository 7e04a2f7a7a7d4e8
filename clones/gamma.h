/* SPDX-License-Identifier: MIT
 *
 * The parts of Gamma: each adds its share to the result.
 */
#ifndef CLONES_GAMMA_H
#define CLONES_GAMMA_H

#include "clones/modules.h"
#include "clones/result.h"

#define GAMMA_DRAWN_EDGES_MAX 400u
#define GAMMA_CUTS_MAX        12u /* edges proposed for one cycle */

struct gamma {
	struct result *result;
	const struct target *target;
	struct modules modules;
	const json_t *history; /* or NULL */
	int64_t newest;        /* of the history; 0: not known */
	json_t *recommendations;
	json_t *attachments; /* [{name, media_type, text}] */
	uint32_t cycles, cyclic_modules, largest_cycle;
	uint32_t hubs;
	size_t hotspots, hidden;
	double propagation; /* negative: not computed */
};

/* Cycles among the modules, their cheapest breaks, and what the breaks do (gamma_cycles.c). */
int gamma_cycles(struct gamma *gamma);

/* Hotspots and files that change together without needing one another (gamma_past.c). */
int gamma_past(struct gamma *gamma);

/* The graph as DOT and Mermaid, by folder if it is large (gamma_draw.c). */
int gamma_draw(struct gamma *gamma);

/* The module of a node, the path of a file of the reader's list. */
const struct module *gamma_module(const struct gamma *gamma, uint32_t node);
const char *gamma_path(const struct gamma *gamma, uint32_t file);

/* A decision record in the shape of MADR (adr.github.io/madr), every figure in it computed. Takes all JSON over. */
void gamma_recommend(struct gamma *gamma, const char *title, const char *context, json_t *options, const char *outcome,
		     json_t *before, json_t *after);

#endif
