/* SPDX-License-Identifier: MIT
 *
 * Settings and the files they come from.
 */
#include "cli/settings.h"

#include <confuse.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/text.h"
#include "protocol/message.h"
#include "routing/conf.h"

#define PROJECT_FILE ".bunshin.conf"

struct setting_row {
	const char *name;
	const char *variable;
	bool in_project;
	bool is_path;
	const char *fallback;
};

static const struct setting_row rows[] = {
#define SETTING(name, variable, in_project, is_path, fallback, placeholder, sentence)                                            \
	{#name, variable, in_project, is_path, fallback},
#include "cli/settings.def"
};

const char *setting(const struct settings *settings, enum setting_name name)
{
	return settings->item[name].value;
}

const char *setting_name(enum setting_name name)
{
	return rows[name].name;
}

void settings_release(struct settings *settings)
{
	for (int i = 0; i < SETTING_COUNT; i++) {
		free(settings->item[i].value);
		free(settings->item[i].origin);
	}
	*settings = (struct settings){0};
}

/* The first who says something stands: sources are asked from the strongest to the weakest. */
static void settle(struct settings *settings, int name, const char *value, const char *origin)
{
	struct setting *item = &settings->item[name];

	if (item->value || !value)
		return;
	item->value = need(strdup(value));
	item->origin = need(strdup(origin));
}

/* ---- files ---- */

/* A path in a file: ~ is the home folder, and what is relative is relative to the file. */
static char *path_in_file(const char *path, const char *file)
{
	const char *slash = strrchr(file, '/');
	char *full = NULL;

	if (*path == '~')
		return need(cfg_tilde_expand(path));
	if (*path == '/' || !slash)
		return need(strdup(path));
	if (asprintf(&full, "%.*s/%s", (int)(slash - file), file, path) < 0)
		full = NULL;
	return need(full);
}

/* libConfuse reports through a function without a context; one file is read at a time. */
static char *error_text;

static void note_error(cfg_t *cfg, const char *format, va_list list)
{
	char text[256];

	if (error_text[0])
		return;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	vsnprintf(text, sizeof(text), format, list);
#pragma GCC diagnostic pop
	snprintf(error_text, 512, "%s:%d: %s", cfg && cfg->filename ? cfg->filename : "settings", cfg ? cfg->line : 0, text);
}

static int check_project_rights(cfg_t *cfg, const char *file, char out_why[512])
{
	for (int i = 0; i < SETTING_COUNT; i++) {
		if (cfg_size(cfg, rows[i].name) == 0 || rows[i].in_project)
			continue;
		snprintf(out_why, 512,
			 "%s: \"%s\" is not taken from a file that comes with a project, because that may be a stranger's; "
			 "set it in ~/.config/bunshin/bunshin.conf, in %s or with --%s",
			 file, rows[i].name, rows[i].variable, rows[i].name);
		return ERR_CONFIG;
	}
	return 0;
}

static void settle_from_file(struct settings *settings, cfg_t *cfg, const char *file)
{
	for (int i = 0; i < SETTING_COUNT; i++) {
		const char *value = cfg_size(cfg, rows[i].name) ? cfg_getstr(cfg, rows[i].name) : NULL;
		char *path = value && rows[i].is_path ? path_in_file(value, file) : NULL;

		settle(settings, i, path ? path : value, file);
		free(path);
	}
}

static int read_file(struct settings *settings, const char *file, bool project, char out_why[512])
{
	cfg_opt_t options[] = {
#define SETTING(name, variable, in_project, is_path, fallback, placeholder, sentence) CFG_STR(#name, NULL, CFGF_NODEFAULT),
#include "cli/settings.def"
		CFG_END()};
	cfg_t *cfg = need(cfg_init(options, CFGF_NONE));
	int rc = ERR_CONFIG;

	error_text = out_why;
	out_why[0] = 0;
	cfg_set_error_function(cfg, note_error);
	switch (cfg_parse(cfg, file)) {
	case CFG_SUCCESS:
		rc = project ? check_project_rights(cfg, file, out_why) : 0;
		break;
	case CFG_FILE_ERROR:
		snprintf(out_why, 512, "%s: %s", file, strerror(errno));
		break;
	default:
		if (!out_why[0])
			snprintf(out_why, 512, "%s: it cannot be read; lines of the form NAME = VALUE would be", file);
		break;
	}
	if (!rc)
		settle_from_file(settings, cfg, file);
	cfg_free(cfg);
	return rc;
}

char *settings_user_file(void)
{
	const char *home = getenv("HOME");
	const char *config = getenv("XDG_CONFIG_HOME");
	char *path = NULL;
	int rc = -1;

	if (config && *config == '/')
		rc = asprintf(&path, "%s/bunshin/bunshin.conf", config);
	else if (home && *home)
		rc = asprintf(&path, "%s/.config/bunshin/bunshin.conf", home);
	if (rc < 0)
		return NULL;
	if (access(path, F_OK) == 0)
		return path;
	free(path);
	return NULL;
}

/* True if the file is there. One that somebody else controls is not trusted. */
static bool project_file_at(const char *folder, char **out_path, char out_why[512])
{
	struct stat status;

	if (asprintf(out_path, "%s/" PROJECT_FILE, strcmp(folder, "/") ? folder : "") < 0)
		*out_path = need(NULL);
	if (stat(*out_path, &status) == 0 && S_ISREG(status.st_mode)) {
		if (status.st_uid == geteuid() && !(status.st_mode & 022))
			return true;
		snprintf(out_why, 512, "%s is passed over: it belongs to somebody else or others can write it", *out_path);
	}
	free(*out_path);
	*out_path = NULL;
	return false;
}

static bool is_repository(const char *folder)
{
	char path[PATH_MAX + sizeof("/.git")];

	snprintf(path, sizeof(path), "%s/.git", folder);
	return access(path, F_OK) == 0;
}

char *settings_project_file(const char *folder, char out_why[512])
{
	char at[PATH_MAX];
	char *path;

	out_why[0] = 0;
	if (!realpath(folder, at))
		return NULL;
	for (;;) {
		char *slash = strrchr(at, '/');
		if (project_file_at(at, &path, out_why))
			return path;
		if (is_repository(at) || !slash || strcmp(at, "/") == 0)
			return NULL;
		slash[slash == at] = 0;
	}
}

/* ---- all together ---- */

int settings_load(struct settings *settings, const struct settings_sources *sources, char out_why[512])
{
	int rc = 0;

	*settings = (struct settings){0};
	for (int i = 0; i < SETTING_COUNT; i++) {
		const char *value = sources->variable(rows[i].variable);
		char option[32];

		snprintf(option, sizeof(option), "--%s", rows[i].name);
		settle(settings, i, sources->option[i], option);
		settle(settings, i, value && *value ? value : NULL, rows[i].variable);
	}
	if (sources->project_file)
		rc = read_file(settings, sources->project_file, true, out_why);
	if (!rc && sources->user_file)
		rc = read_file(settings, sources->user_file, false, out_why);
	for (int i = 0; i < SETTING_COUNT; i++)
		settle(settings, i, rows[i].fallback, "default");
	return rc;
}

static int refuse(const struct setting *item, const char *accepted, char out_why[512])
{
	snprintf(out_why, 512, "%.200s: \"%.100s\" is not accepted; %s would be", item->origin, item->value, accepted);
	return ERR_CONFIG;
}

static bool is_duration(const char *text)
{
	uint32_t ms;

	return duration_parse(text, &ms) == 0;
}

int settings_check(const struct settings *settings, char out_why[512])
{
	const struct setting *item = settings->item;
	const char *color = item[SETTING_color].value;

	if (strcmp(color, "auto") && strcmp(color, "always") && strcmp(color, "never"))
		return refuse(&item[SETTING_color], "auto, always or never", out_why);
	if (!is_duration(item[SETTING_timeout].value))
		return refuse(&item[SETTING_timeout], "a time such as 500ms, 30s or 5m", out_why);
	if (item[SETTING_deadline].value && !is_duration(item[SETTING_deadline].value))
		return refuse(&item[SETTING_deadline], "a time such as 500ms, 30s or 5m", out_why);
	if (item[SETTING_priority].value && !priority_find(item[SETTING_priority].value))
		return refuse(&item[SETTING_priority], "urgent, high, medium or low", out_why);
	return 0;
}
