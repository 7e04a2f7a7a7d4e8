/* SPDX-License-Identifier: MIT
 *
 * Settings: an option goes over the environment, that over the project's file, that over the user's file, that over the default.
 *
 * The project's file is .bunshin.conf in the current folder or the nearest one above it, up to the repository's top folder;
 * the user's is $XDG_CONFIG_HOME/bunshin/bunshin.conf, by default ~/.config/bunshin/bunshin.conf. Both in the syntax of routing.conf:
 *   timeout = 30s
 *   priority = high
 */
#ifndef CLI_SETTINGS_H
#define CLI_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "protocol/error.h"

enum setting_name {
#define SETTING(name, variable, in_project, is_path, fallback, placeholder, sentence) SETTING_##name,
#include "cli/settings.def"
	SETTING_COUNT
};

struct setting {
	char *value;  /* NULL: not set */
	char *origin; /* "--state", "BUNSHIN_STATE", "/home/a/.config/bunshin/bunshin.conf", "default" */
};

struct settings {
	struct setting item[SETTING_COUNT];
};

/* Where settings come from. */
struct settings_sources {
	const char *option[SETTING_COUNT];         /* NULL: not given */
	const char *(*variable)(const char *name); /* NULL: not set */
	const char *project_file;                  /* NULL: none */
	const char *user_file;                     /* NULL: none */
};

/* Resolves all settings. Returns 0; ERR_CONFIG with a sentence that names the file and line, or the variable. Either way release it. */
MUST_CHECK int settings_load(struct settings *settings, const struct settings_sources *sources, char out_why[512]);
void settings_release(struct settings *settings);

/* Paths of the two files for a working folder; the caller frees them; NULL: there is none. A file that belongs to somebody else or
 * that others can write is passed over, with a sentence in `out_why` (else empty). */
char *settings_project_file(const char *folder, char out_why[512]);
char *settings_user_file(void);

const char *setting(const struct settings *settings, enum setting_name name);
const char *setting_name(enum setting_name name);

/* ERR_CONFIG with a sentence "FROM: what was found; what is accepted" for a value that cannot be what it should be. */
MUST_CHECK int settings_check(const struct settings *settings, char out_why[512]);

#endif
