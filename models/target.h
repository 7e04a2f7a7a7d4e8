/* SPDX-License-Identifier: MIT
 *
 * What an agent may ask of its model server, decided on text alone: which paths, which parameters, which headers. Pure.
 *
 * All that is let through is on a list, since the real key is put to it: what lets a model answer and is counted (wire_of_path), and what asks
 * about models and costs nothing. Inner header of models/.
 */
#ifndef MODELS_TARGET_H
#define MODELS_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include "models/wire.h"

#define PROXY_TARGET_BYTES 2048u /* of a request's target, and of a server's address */
#define PROXY_WHY_BYTES    256u

/* "https://api.example.com:8443/base": as it is, without a slash at its end. */
struct proxy_server {
	char origin[PROXY_TARGET_BYTES]; /* "https://api.example.com:8443" */
	char prefix[PROXY_TARGET_BYTES]; /* "/base" or "" */
	bool tls;
};

/* 0, or ERR_USAGE with a sentence. Names and passwords in an address are refused, so are parameters and all that is not http or https. */
MUST_CHECK int proxy_server_parse(const char *address, struct proxy_server *out_server, char out_why[PROXY_WHY_BYTES]);

/* Judges the method and the target of a request line. 0 and in `out_target` what is to be asked of the server, after its prefix: the path, and of the
 * parameters those on the list; else the status to refuse with, and a sentence. */
unsigned proxy_target_check(const char *method, const char *target, char out_target[PROXY_TARGET_BYTES],
			    char out_why[PROXY_WHY_BYTES]);

/* The head of a request, field by field. Zero is a head of which nothing was read. */
struct proxy_head {
	unsigned hosts, lengths, encodings;                  /* how often Host, Content-Length, Transfer-Encoding stand there */
	bool presents_bearer, presents_key, presents_google; /* which header the agent has its own key in */
	size_t bytes;                                        /* that its fields take, written as "name: value" with CR LF */
	unsigned status;                                     /* of the first thing that was wrong; 0: nothing */
	char why[PROXY_WHY_BYTES];
};
void proxy_head_read(struct proxy_head *head, const char *name, const char *value);

/* After the last one. 0, or the status to refuse with; the sentence is in `head`. */
unsigned proxy_head_judge(struct proxy_head *head);

/* Is a header of the agent sent on; is one of the server? */
bool proxy_header_goes_out(const char *name);
bool proxy_header_comes_in(const char *name);

/* Can this stand as the value of a header: visible ASCII, with blanks within? */
bool proxy_header_value_check(const char *value);
bool proxy_header_name_check(const char *name);

#endif
