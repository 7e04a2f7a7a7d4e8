/* SPDX-License-Identifier: MIT
 *
 * The files by which a project says how it is built and tested.
 */
#include "tools/manifest.h"

#include <stddef.h>
#include <string.h>

static const char *const manifests[] = {
	"CMakeLists.txt",   "CMakePresets.json", "configure.ac", "configure.in",   "Makefile",       "makefile",
	"GNUmakefile",      "Makefile.am",       "meson.build",  "package.json",   "pyproject.toml", "setup.cfg",
	"setup.py",         "tox.ini",           "pytest.ini",   "conftest.py",    "noxfile.py",     "requirements.txt",
	"go.mod",           "Cargo.toml",        "Rakefile",     "Gemfile",        "pom.xml",        "build.gradle",
	"build.gradle.kts", "composer.json",     ".travis.yml",  ".gitlab-ci.yml", "appveyor.yml",   ".cirrus.yml",
};

static bool ci_description(const char *path)
{
	size_t bytes = strlen(path);
	if (strncmp(path, ".github/workflows/", 18) != 0 || strchr(path + 18, '/'))
		return false;
	return strcmp(path + bytes - 4, ".yml") == 0 || (bytes > 5 && strcmp(path + bytes - 5, ".yaml") == 0);
}

bool manifest_named(const char *path)
{
	for (size_t i = 0; i < sizeof(manifests) / sizeof(manifests[0]); i++)
		if (strcmp(manifests[i], path) == 0)
			return true;
	return ci_description(path);
}
