/* SPDX-License-Identifier: MIT
 *
 * Text on its way to a person: whatever a peer wrote is shown, never executed by the terminal. And times in words.
 *
 * Functions that return memory never return NULL: without memory the program ends with exit code 10.
 */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TIME_TEXT_BYTES 32u
#define SPAN_TEXT_BYTES 56u

/* The pointer, or the end of the program if it is NULL. */
void *need(void *memory);

/* The text with everything escaped that a terminal could obey or that could hide something: control characters as \x1b (a
 * line feed as \n), what is no UTF-8 as \xff, marks that reorder or join text as \u202e. Free it. */
char *text_safe(const char *text, size_t bytes);

/* The same, but line feeds and tabs stay: for reports of many lines. */
char *text_safe_lines(const char *text, size_t bytes);

/* What a message says, ended by NUL: a NUL within it would hide what follows, so it becomes the four characters \x00. Free it. */
char *text_of_message(const char *text, size_t bytes);

/* JSON as text in which the same characters appear as \u escapes. Free it. */
char *json_safe(const json_t *json, size_t flags);

/* 2026-02-03T10:11:12.345Z */
void time_print_utc(uint64_t unix_ms, char out[TIME_TEXT_BYTES]);
/* 2026-02-03 10:11:12, in the time zone of the person. */
void time_print_local(uint64_t unix_ms, char out[TIME_TEXT_BYTES]);
/* Milliseconds of a text that time_print_utc wrote; 0 if it is none. */
uint64_t time_read_utc(const char *text);

/* "850 ms", "12.3 s", "4 min 10 s", "3 h 5 min", "2 d 4 h", "30 min" */
void span_print(uint64_t ms, char out[SPAN_TEXT_BYTES]);

/* What a person may write for a moment: "2h" (ago), "2026-02-03", "2026-02-03 10:11[:12[.345]]", with "T" instead of the space and "Z"
 * (UTC) or "+02:00" at the end, "10:11" today, "today" and "yesterday" (midnight). False if it is none of these. `now_ms` is UTC. */
bool moment_parse(const char *text, uint64_t now_ms, uint64_t *out_ms);

/* How many single changes make one word into the other. */
unsigned text_distance(const char *a, const char *b);

#endif
