/* SPDX-License-Identifier: MIT
 *
 * Which file of the tree an import means. No build file is read: where several folders could be meant, the file that ends in
 * the written path and lies nearest wins, and a tie is said to be one.
 */
#include "tools/imports.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_ROOM 1024u

struct base {
	const char *name; /* last part of a path */
	uint32_t file;
};

struct package {
	char *name;
	char *folder;
	char *main; /* path from the root, without "./"; NULL: index */
};

struct tree_index {
	const struct names *paths;
	struct base *bases; /* sorted by name */
	uint32_t count;
	struct names *python_roots; /* folders that hold top-level modules; "" is the root */
	struct package *packages;
	size_t package_count;
};

size_t path_folder(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) : 0;
}

static const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static size_t drop_last(const char *out, size_t used)
{
	while (used > 0 && out[used - 1] != '/')
		used--;
	return used > 0 ? used - 1 : 0;
}

/* Appends the parts of `relative` to `out`, which holds `used` bytes of normal path. SIZE_MAX: it leaves the tree or is too long. */
static size_t append_parts(const char *relative, size_t bytes, char *out, size_t used, size_t room)
{
	size_t at = 0;

	while (at < bytes) {
		const char *slash = memchr(relative + at, '/', bytes - at);
		size_t part = slash ? (size_t)(slash - relative) - at : bytes - at;

		if (part == 2 && memcmp(relative + at, "..", 2) == 0) {
			if (!used)
				return SIZE_MAX;
			used = drop_last(out, used);
		} else if (part && !(part == 1 && relative[at] == '.')) {
			if (used + part + 2 > room)
				return SIZE_MAX;
			if (used)
				out[used++] = '/';
			memcpy(out + used, relative + at, part);
			used += part;
		}
		at += part + 1;
	}
	return used;
}

bool path_join(const char *folder, size_t folder_bytes, const char *relative, size_t relative_bytes, char *out, size_t room)
{
	size_t used = append_parts(folder, folder_bytes, out, 0, room);

	if (used != SIZE_MAX)
		used = append_parts(relative, relative_bytes, out, used, room);
	if (used == SIZE_MAX)
		return false;
	out[used] = 0;
	return true;
}

static int by_name(const void *left, const void *right)
{
	const struct base *a = left, *b = right;
	int rc = strcmp(a->name, b->name);

	return rc ? rc : (a->file > b->file) - (a->file < b->file);
}

static bool has_file(const struct tree_index *index, const char *path, uint32_t *out_file)
{
	uint32_t file = names_find(index->paths, path, strlen(path));

	if (file != NAMES_NONE)
		*out_file = file;
	return file != NAMES_NONE;
}

static bool has_file_in(const struct tree_index *index, const char *folder, size_t folder_bytes, const char *name)
{
	char path[PATH_ROOM];
	uint32_t file;

	return path_join(folder, folder_bytes, name, strlen(name), path, sizeof(path)) && has_file(index, path, &file);
}

/* The folder above the outermost package that a module is in. */
static size_t python_root(const struct tree_index *index, const char *path)
{
	size_t bytes = path_folder(path);

	while (bytes && has_file_in(index, path, bytes, "__init__.py"))
		bytes = bytes > drop_last(path, bytes) ? drop_last(path, bytes) : 0;
	return bytes;
}

static bool ends_in(const char *text, const char *end)
{
	size_t length = strlen(text), wanted = strlen(end);

	return length >= wanted && strcmp(text + length - wanted, end) == 0;
}

static int note_python_root(struct tree_index *index, const char *path)
{
	if (!ends_in(path, "/__init__.py"))
		return 0;
	return names_add(index->python_roots, path, python_root(index, path)) == NAMES_NONE;
}

struct tree_index *tree_index_new(const struct names *paths)
{
	struct tree_index *index = calloc(1, sizeof(*index));

	if (!index)
		return NULL;
	index->paths = paths;
	index->count = names_count(paths);
	index->bases = calloc(index->count + 1u, sizeof(index->bases[0]));
	index->python_roots = names_new();
	if (!index->bases || !index->python_roots)
		goto fail;
	for (uint32_t i = 0; i < index->count; i++) {
		index->bases[i] = (struct base){.name = path_base(names_text(paths, i)), .file = i};
		if (note_python_root(index, names_text(paths, i)))
			goto fail;
	}
	qsort(index->bases, index->count, sizeof(index->bases[0]), by_name);
	return index;
fail:
	tree_index_free(index);
	return NULL;
}

static void package_release(struct package *package)
{
	free(package->name);
	free(package->folder);
	free(package->main);
}

void tree_index_free(struct tree_index *index)
{
	if (!index)
		return;
	for (size_t i = 0; i < index->package_count; i++)
		package_release(&index->packages[i]);
	free(index->packages);
	free(index->bases);
	names_free(index->python_roots);
	free(index);
}

void tree_index_add_package(struct tree_index *index, const char *path, const char *content, size_t bytes)
{
	json_t *json = json_loadb(content, bytes, 0, NULL);
	const char *name = json_string_value(json_object_get(json, "name"));
	const char *main = json_string_value(json_object_get(json, "main"));
	struct package *packages = name ? reallocarray(index->packages, index->package_count + 1, sizeof(*packages)) : NULL;
	struct package package;

	if (packages) {
		index->packages = packages;
		package = (struct package){
			.name = strdup(name), .folder = strndup(path, path_folder(path)), .main = main ? strdup(main) : NULL};
		if (package.name && package.folder)
			packages[index->package_count++] = package;
		else
			package_release(&package);
	}
	json_decref(json);
}

/* C. */

static size_t common_folders(const char *a, const char *b)
{
	size_t folders = 0;

	for (size_t i = 0; a[i] && a[i] == b[i]; i++)
		folders += a[i] == '/';
	return folders;
}

static bool system_header(const char *spec)
{
	static const char *const headers[] = {
#define HEADER(name) name,
#include "tools/system_headers.def"
	};

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		if (strcmp(headers[i], spec) == 0)
			return true;
	return !strchr(spec, '.') || strncmp(spec, "linux/", 6) == 0 || strncmp(spec, "asm/", 4) == 0;
}

/* True if the path is the written one or ends in "/" and it. */
static bool path_ends_in(const char *path, const char *spec)
{
	size_t length = strlen(path), wanted = strlen(spec);

	if (length < wanted || strcmp(path + length - wanted, spec) != 0)
		return false;
	return length == wanted || path[length - wanted - 1] == '/';
}

static size_t first_base(const struct tree_index *index, const char *name)
{
	size_t low = 0, high = index->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(index->bases[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Among the files that end in the written path, the one with most folders in common with the includer, then the shortest. */
static enum resolution nearest(const struct tree_index *index, const char *from, const char *spec, uint32_t *out_file)
{
	const char *name = path_base(spec);
	size_t best_common = 0, best_length = 0;
	enum resolution resolution = MISSING;

	for (size_t i = first_base(index, name); i < index->count && strcmp(index->bases[i].name, name) == 0; i++) {
		const char *path = names_text(index->paths, index->bases[i].file);
		size_t common = common_folders(from, path), length = strlen(path);

		if (!path_ends_in(path, spec))
			continue;
		if (resolution != MISSING && (common < best_common || (common == best_common && length > best_length)))
			continue;
		resolution = resolution != MISSING && common == best_common && length == best_length ? AMBIGUOUS : RESOLVED;
		best_common = common;
		best_length = length;
		*out_file = index->bases[i].file;
	}
	return resolution;
}

/* Whether the first folder of "folder/file.h" is one of the tree at all; if not, it is somebody else's. */
static bool folder_known(const struct tree_index *index, const char *spec)
{
	char part[IMPORT_SPEC_MAX + 2];
	size_t bytes = strcspn(spec, "/");

	if (!spec[bytes])
		return true;
	snprintf(part, sizeof(part), "/%.*s/", (int)bytes, spec);
	for (uint32_t i = 0; i < index->count; i++) {
		const char *path = names_text(index->paths, i);

		if (strncmp(path, part + 1, bytes + 1) == 0 || strstr(path, part))
			return true;
	}
	return false;
}

static enum resolution resolve_c(const struct tree_index *index, const char *from, const char *spec, bool angled,
				 uint32_t *out_file)
{
	char path[PATH_ROOM];
	enum resolution resolution;

	if (angled && system_header(spec))
		return EXTERNAL;
	if (!angled && path_join(from, path_folder(from), spec, strlen(spec), path, sizeof(path)) &&
	    has_file(index, path, out_file))
		return RESOLVED;
	if (has_file(index, spec, out_file))
		return RESOLVED;
	while (strncmp(spec, "../", 3) == 0 || strncmp(spec, "./", 2) == 0)
		spec = strchr(spec, '/') + 1;
	resolution = nearest(index, from, spec, out_file);
	if (resolution == MISSING && snprintf(path, sizeof(path), "%s.in", spec) < (int)sizeof(path))
		resolution = nearest(index, from, path, out_file); /* the build makes it from that */
	if (resolution != MISSING)
		return resolution;
	return angled || system_header(spec) || !folder_known(index, spec) ? EXTERNAL : MISSING;
}

/* Python. */

/* folder/a/b.py or folder/a/b/__init__.py for "a.b"; the folder's own __init__.py for "". */
static bool python_module(const struct tree_index *index, const char *folder, size_t folder_bytes, const char *dotted,
			  size_t dotted_bytes, uint32_t *out_file)
{
	static const char *const endings[] = {".py", ".pyi", "/__init__.py", "/__init__.pyi"};
	char relative[PATH_ROOM];
	char path[PATH_ROOM];

	for (size_t i = dotted_bytes ? 0 : 2; i < sizeof(endings) / sizeof(endings[0]); i++) {
		if (dotted_bytes + strlen(endings[i]) + 1 > sizeof(relative))
			return false;
		for (size_t c = 0; c < dotted_bytes; c++)
			relative[c] = dotted[c] == '.' ? '/' : dotted[c];
		memcpy(relative + dotted_bytes, endings[i], strlen(endings[i]) + 1);
		if (path_join(folder, folder_bytes, relative, strlen(relative), path, sizeof(path)) &&
		    has_file(index, path, out_file))
			return true;
	}
	return false;
}

/* The module, or the member of it that is a module itself. */
static bool python_named(const struct tree_index *index, const char *folder, size_t folder_bytes, const char *module,
			 const char *member, uint32_t *out_file)
{
	char whole[2 * IMPORT_SPEC_MAX];

	if (member) {
		snprintf(whole, sizeof(whole), "%s%s%s", module, *module ? "." : "", member);
		if (python_module(index, folder, folder_bytes, whole, strlen(whole), out_file))
			return true;
	}
	for (size_t bytes = strlen(module);; bytes--) {
		if (python_module(index, folder, folder_bytes, module, bytes, out_file))
			return bytes > 0 || !*module;
		while (bytes > 0 && module[bytes - 1] != '.')
			bytes--;
		if (bytes == 0)
			return false;
	}
}

static enum resolution resolve_relative(const struct tree_index *index, const char *from, const char *spec, const char *member,
					uint32_t *out_file)
{
	size_t folder = path_folder(from);

	for (spec++; *spec == '.'; spec++) {
		if (!folder)
			return MISSING;
		folder = drop_last(from, folder);
	}
	return python_named(index, from, folder, spec, member, out_file) ? RESOLVED : MISSING;
}

static enum resolution resolve_python(const struct tree_index *index, const char *from, const char *spec, const char *member,
				      uint32_t *out_file)
{
	static const char *const usual[] = {"", "src", "lib"};
	size_t folder = path_folder(from);

	if (*spec == '.')
		return resolve_relative(index, from, spec, member, out_file);
	if (python_named(index, from, python_root(index, from), spec, member, out_file))
		return RESOLVED;
	for (uint32_t i = 0; i < names_count(index->python_roots); i++) {
		const char *root = names_text(index->python_roots, i);

		if (python_named(index, root, strlen(root), spec, member, out_file))
			return RESOLVED;
	}
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (python_named(index, usual[i], strlen(usual[i]), spec, member, out_file))
			return RESOLVED;
	if (!has_file_in(index, from, folder, "__init__.py") && python_named(index, from, folder, spec, member, out_file))
		return RESOLVED;
	return EXTERNAL;
}

/* JavaScript. */

static bool script_candidate(const struct tree_index *index, const char *base, const char *ending, uint32_t *out_file)
{
	char path[PATH_ROOM];
	int bytes = snprintf(path, sizeof(path), "%s%s", base, ending);

	return bytes > 0 && (size_t)bytes < sizeof(path) && has_file(index, path[0] == '/' ? path + 1 : path, out_file);
}

static bool script_endings(const struct tree_index *index, const char *base, const char *before, uint32_t *out_file)
{
	static const char *const endings[] = {".js",  ".mjs", ".cjs",  ".jsx", ".ts",  ".tsx",
					      ".mts", ".cts", ".d.ts", ".vue", ".json"};
	char ending[32];

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		snprintf(ending, sizeof(ending), "%s%s", before, endings[i]);
		if (script_candidate(index, base, ending, out_file))
			return true;
	}
	return false;
}

/* TypeScript writes "./a.js" for a.ts. */
static bool script_compiled(const struct tree_index *index, const char *base, uint32_t *out_file)
{
	char stem[PATH_ROOM];
	const char *dot = strrchr(path_base(base), '.');

	if (!dot || (strcmp(dot, ".js") != 0 && strcmp(dot, ".mjs") != 0 && strcmp(dot, ".jsx") != 0 && strcmp(dot, ".cjs") != 0))
		return false;
	snprintf(stem, sizeof(stem), "%.*s", (int)(dot - base), base);
	return script_endings(index, stem, "", out_file);
}

static bool script_file(const struct tree_index *index, const char *base, uint32_t *out_file)
{
	return script_candidate(index, base, "", out_file) || script_endings(index, base, "", out_file) ||
	       script_compiled(index, base, out_file);
}

static const struct package *package_at(const struct tree_index *index, const char *folder)
{
	for (size_t i = 0; i < index->package_count; i++)
		if (strcmp(index->packages[i].folder, folder) == 0)
			return &index->packages[i];
	return NULL;
}

static bool script_folder(const struct tree_index *index, const char *base, uint32_t *out_file)
{
	const struct package *package = package_at(index, base);
	char path[PATH_ROOM];

	if (package && package->main && path_join(base, strlen(base), package->main, strlen(package->main), path, sizeof(path)) &&
	    (script_file(index, path, out_file) || script_endings(index, path, "/index", out_file)))
		return true;
	return script_endings(index, base, "/index", out_file);
}

static const struct package *package_named(const struct tree_index *index, const char *spec, size_t bytes)
{
	for (size_t i = 0; i < index->package_count; i++)
		if (strlen(index->packages[i].name) == bytes && memcmp(index->packages[i].name, spec, bytes) == 0)
			return &index->packages[i];
	return NULL;
}

/* "name" or "@scope/name" at the start of a bare specifier. */
static size_t package_bytes(const char *spec)
{
	size_t bytes = strcspn(spec, "/");

	return spec[0] == '@' && spec[bytes] ? bytes + 1 + strcspn(spec + bytes + 1, "/") : bytes;
}

static enum resolution resolve_package(const struct tree_index *index, const char *spec, uint32_t *out_file)
{
	size_t bytes = package_bytes(spec);
	const struct package *package = package_named(index, spec, bytes);
	char path[PATH_ROOM];

	if (!package)
		return EXTERNAL;
	if (!path_join(package->folder, strlen(package->folder), spec + bytes, strlen(spec + bytes), path, sizeof(path)))
		return MISSING;
	return (spec[bytes] && script_file(index, path, out_file)) || script_folder(index, path, out_file) ? RESOLVED : EXTERNAL;
}

static enum resolution resolve_script(const struct tree_index *index, const char *from, const char *spec, uint32_t *out_file)
{
	char path[PATH_ROOM];
	bool folder_only = ends_in(spec, "/") || ends_in(spec, "..") || strcmp(spec, ".") == 0;

	if (spec[0] != '.')
		return resolve_package(index, spec, out_file);
	if (!path_join(from, path_folder(from), spec, strlen(spec), path, sizeof(path)))
		return MISSING;
	if (!folder_only && script_file(index, path, out_file))
		return RESOLVED;
	return script_folder(index, path, out_file) ? RESOLVED : MISSING;
}

static void name_external(const struct import *import, const char *spec, char *out_external)
{
	size_t bytes = strlen(spec);

	if (import->form == IMPORT_PYTHON)
		bytes = strcspn(spec, ".");
	else if (import->form == IMPORT_SCRIPT)
		bytes = package_bytes(spec);
	if (bytes >= IMPORT_SPEC_MAX)
		bytes = IMPORT_SPEC_MAX - 1;
	memcpy(out_external, spec, bytes);
	out_external[bytes] = 0;
}

enum resolution import_resolve(const struct tree_index *index, const struct imports *imports, const struct import *import,
			       uint32_t *out_file, char *out_external)
{
	const char *from = names_text(index->paths, import->file);
	const char *spec = names_text(imports->specs, import->spec);
	const char *member = import->member == NAMES_NONE ? NULL : names_text(imports->specs, import->member);
	enum resolution resolution;

	if (import->form == IMPORT_PYTHON)
		resolution = resolve_python(index, from, spec, member, out_file);
	else if (import->form == IMPORT_SCRIPT)
		resolution = resolve_script(index, from, spec, out_file);
	else
		resolution = resolve_c(index, from, spec, import->form == IMPORT_ANGLED, out_file);
	if (resolution == EXTERNAL)
		name_external(import, spec, out_external);
	return resolution;
}
