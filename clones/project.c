/* SPDX-License-Identifier: MIT
 *
 * How a project is built and tested.
 */
#include "clones/project.h"

#include <stdio.h>
#include <string.h>

#include "clones/pattern.h"

#define JOBS               "4"
#define BUILD              "/work/.bunshin"
#define SYSTEMS_MAX        8u
#define PYTHON_FOLDERS_MAX 12u

/* ---- looking at the inventory ---- */

static const char *path_at(const struct project *project, size_t index)
{
	const char *path = json_string_value(json_object_get(json_array_get(project->files, index), "path"));
	return path ? path : "";
}

struct project project_of(const struct target *target)
{
	struct project project = {
		.target = target,
		.files = json_object_get(target->inventory, "files"),
		.paths = json_object(),
		.manifests = json_object_get(target->inventory, "manifests"),
	};
	for (size_t i = 0; i < json_array_size(project.files); i++)
		json_object_set_new(project.paths, path_at(&project, i), json_true());
	return project;
}

void project_release(struct project *project)
{
	json_decref(project->paths);
	project->paths = NULL;
}

const char *project_manifest(const struct project *project, const char *path)
{
	return json_string_value(json_object_get(project->manifests, path));
}

bool project_has(const struct project *project, const char *path)
{
	return json_object_get(project->paths, path) != NULL;
}

static bool manifest_says(const struct project *project, const char *path, const char *pattern)
{
	const char *text = project_manifest(project, path);
	return text && pattern_find(pattern, text, strlen(text), NULL);
}

static bool any_path(const struct project *project, const char *wanted)
{
	struct pattern *pattern = pattern_new(wanted);
	bool found = false;
	for (size_t i = 0; i < json_array_size(project->files) && !found; i++)
		found = pattern_matches(pattern, path_at(project, i));
	pattern_free(pattern);
	return found;
}

/* What the project's CI runs is the second opinion. */
static bool ci_says(const struct project *project, const char *pattern)
{
	const char *path;
	json_t *text;
	json_object_foreach (project->manifests, path, text)
		if ((strncmp(path, ".github/", 8) == 0 || strstr(path, ".yml")) &&
		    pattern_find(pattern, json_string_value(text), json_string_length(text), NULL))
			return true;
	return false;
}

/* ---- writing steps ---- */

static struct step *add(struct plan *plan, const char *name, const char *const *argv)
{
	static struct step nowhere;
	if (plan->count >= PLAN_STEPS_MAX)
		return memset(&nowhere, 0, sizeof(nowhere));
	struct step *step = &plan->step[plan->count++];
	*step = (struct step){.name = name, .tier = 2, .optional = true, .writes = true};
	for (size_t i = 0; argv[i] && i < STEP_ARGS_MAX - 1; i++)
		step->argv[i] = argv[i];
	/* Quiet, offline, without colours, and with every cache in a place that may be written. */
	static const char *const environment[] = {
		"CI=1", "NO_COLOR=1", "TERM=dumb", "XDG_CACHE_HOME=/tmp/cache", "CCACHE_DISABLE=1", "PYTHONDONTWRITEBYTECODE=1"};
	memcpy(step->environment, environment, sizeof(environment));
	return step;
}

#define ADD(plan, name, ...) add(plan, name, (const char *const[]){__VA_ARGS__, NULL})

static void environment_add(struct step *step, const char *setting)
{
	size_t i = 0;
	while (i < STEP_ENVIRONMENT_MAX - 1 && step->environment[i])
		i++;
	if (i < STEP_ENVIRONMENT_MAX - 1)
		step->environment[i] = setting;
}

/* ---- CMake ---- */

static bool cmake_detect(const struct project *project, bool *out_sure)
{
	*out_sure = manifest_says(project, "CMakeLists.txt", "(?i)enable_testing|include *\\( *CTest|add_test");
	return project_has(project, "CMakeLists.txt");
}

/* Options that only make sense on the machine of the CI, or change what is tested. */
#define OPTION_FOREIGN "(?i)sanit|valgrind|coverage|werror|fuzz|install|static|shared|docs?(_|$)|bench|cuda|opencl"

/* True if every place in the CI's files that sets the option sets it alike. */
static bool option_agreed(const struct project *project, const char *name, const char *value)
{
	const char *path;
	json_t *text;
	char pattern[200];
	json_object_foreach (project->manifests, path, text) {
		struct match match;
		snprintf(pattern, sizeof(pattern), "-D ?%s(?::BOOL)?=(?i:(?!%s\\b))", name, value);
		if (strstr(path, ".yml") && pattern_find(pattern, json_string_value(text), json_string_length(text), &match))
			return false;
	}
	return true;
}

/* " -DNAME=ON …" of the switches on which the project's CI agrees: often they decide which tests there are. */
static char *ci_options(const struct project *project, struct arena *arena)
{
	const char *path;
	json_t *text;
	char *options = arena_print(arena, "%s", "");
	json_object_foreach (project->manifests, path, text) {
		struct match match;
		for (size_t from = 0;
		     strstr(path, ".yml") && pattern_next("-D ?(\\w{1,60})(?::BOOL)?=(?i:(ON|OFF|TRUE|FALSE))\\b",
							  json_string_value(text), json_string_length(text), &from, &match);) {
			char name[64];
			char value[8];
			char word[100];
			match_copy(&match, 1, name, sizeof(name));
			match_copy(&match, 2, value, sizeof(value));
			snprintf(word, sizeof(word), " -D%s=%s", name, value);
			if (!options || strlen(options) > 1000 || strstr(options, word) || !option_agreed(project, name, value) ||
			    pattern_find(OPTION_FOREIGN, name, strlen(name), NULL))
				continue;
			options = arena_print(arena, "%s%s", options, word);
		}
	}
	return options;
}

static void cmake_plan(const struct project *project, struct arena *arena, struct plan *plan)
{
	const char *options = ci_options(project, arena);
	/* The switches are a guess; if they are refused the project is configured without them. */
	if (options && options[0])
		ADD(plan, "cmake/configure", "sh", "-c",
		    arena_print(arena,
				"cmake -S /work -B " BUILD "/cmake -DBUILD_TESTING=ON%s || cmake -S /work -B " BUILD
				"/cmake --fresh -DBUILD_TESTING=ON",
				options));
	else
		ADD(plan, "cmake/configure", "cmake", "-S", "/work", "-B", BUILD "/cmake", "-DBUILD_TESTING=ON");
	ADD(plan, "cmake/build", "cmake", "--build", BUILD "/cmake", "--parallel", JOBS)->after_success = true;
	struct step *test = ADD(plan, "cmake/test", "ctest", "--test-dir", BUILD "/cmake", "--output-on-failure",
				"--output-junit", BUILD "/ctest.xml", "-j", "2");
	test->after_success = true;
	ADD(plan, "cmake/cases", "cat", BUILD "/ctest.xml");
}

/* ---- Meson ---- */

static bool meson_detect(const struct project *project, bool *out_sure)
{
	*out_sure = true;
	return project_has(project, "meson.build");
}

static void meson_plan(const struct project *project, struct arena *arena, struct plan *plan)
{
	(void)project;
	(void)arena;
	ADD(plan, "meson/configure", "meson", "setup", BUILD "/meson", "/work", "--wrap-mode=nodownload");
	ADD(plan, "meson/build", "meson", "compile", "-C", BUILD "/meson", "-j", JOBS)->after_success = true;
	ADD(plan, "meson/test", "meson", "test", "-C", BUILD "/meson", "--no-rebuild", "--print-errorlogs")->after_success = true;
	ADD(plan, "meson/cases", "cat", BUILD "/meson/meson-logs/testlog.junit.xml");
}

/* ---- automake ---- */

static bool autotools_detect(const struct project *project, bool *out_sure)
{
	bool source = project_has(project, "configure.ac") || project_has(project, "configure.in");
	*out_sure = any_path(project, "(^|/)Makefile\\.(am|in)$");
	return source || (project_has(project, "configure") && *out_sure);
}

static void autotools_plan(const struct project *project, struct arena *arena, struct plan *plan)
{
	(void)arena;
	bool generate = !project_has(project, "configure");
	if (generate)
		ADD(plan, "autotools/generate", "autoreconf", "-fi");
	ADD(plan, "autotools/configure", "sh", "./configure", "--disable-dependency-tracking")->after_success = generate;
	ADD(plan, "autotools/build", "make", "-j", JOBS)->after_success = true;
	ADD(plan, "autotools/test", "make", "-k", "check", "-j", "2")->after_success = true;
	/* The driver's files have one line for a test, or one for each point of it. */
	ADD(plan, "autotools/cases", "grep", "-rE", "--include=*.trs", "^:test-result:", ".");
}

/* ---- make ---- */

static const char *makefile_of(const struct project *project)
{
	static const char *const names[] = {"GNUmakefile", "makefile", "Makefile"};
	for (size_t i = 0; i < 3; i++)
		if (project_manifest(project, names[i]))
			return names[i];
	return NULL;
}

static const char *make_target(const struct project *project)
{
	static const char *const targets[] = {"check", "test", "tests"};
	static const char *const patterns[] = {"^check *:(?!=)", "^test *:(?!=)", "^tests *:(?!=)"};
	const char *wanted = json_string_value(json_object_get(project->target->parameters, "make_target"));
	const char *makefile = makefile_of(project);
	if (wanted)
		return wanted;
	for (size_t i = 0; makefile && i < 3; i++)
		if (manifest_says(project, makefile, patterns[i]))
			return targets[i];
	return NULL;
}

static bool make_detect(const struct project *project, bool *out_sure)
{
	*out_sure = make_target(project) != NULL;
	return makefile_of(project) && *out_sure;
}

static void make_plan(const struct project *project, struct arena *arena, struct plan *plan)
{
	const char *target = make_target(project);
	ADD(plan, "make/test", "make", "-j", JOBS, arena_print(arena, "%s", target ? target : "check"));
}

/* ---- Python ---- */

#define PYTHON_TEST "(^|/)(test_[^/]*|[^/]*_test|tests?)\\.py$"

static bool python_wants_pytest(const struct project *project)
{
	return project_has(project, "pytest.ini") || any_path(project, "(^|/)conftest\\.py$") ||
	       manifest_says(project, "pyproject.toml", "pytest") || manifest_says(project, "setup.cfg", "pytest") ||
	       manifest_says(project, "tox.ini", "pytest") || manifest_says(project, "setup.py", "pytest") ||
	       manifest_says(project, "requirements.txt", "pytest") || ci_says(project, "\\bpytest\\b");
}

static bool pytest_detect(const struct project *project, bool *out_sure)
{
	*out_sure = any_path(project, PYTHON_TEST);
	return *out_sure && python_wants_pytest(project);
}

static void pytest_plan(const struct project *project, struct arena *arena, struct plan *plan)
{
	(void)project;
	(void)arena;
	struct step *test =
		ADD(plan, "pytest/test", "python3", "-m", "pytest", "-p", "no:cacheprovider", "--color=no", "-q",
		    "--continue-on-collection-errors", "-o", "junit_family=xunit1", "--junitxml=" BUILD "/pytest.xml");
	environment_add(test, "PYTHONPATH=/work:/work/src");
	ADD(plan, "pytest/cases", "cat", BUILD "/pytest.xml");
}

static bool unittest_detect(const struct project *project, bool *out_sure)
{
	*out_sure = any_path(project, PYTHON_TEST);
	return *out_sure && !python_wants_pytest(project);
}

/* Finds tests in each folder given, and prints one JSON object a line to a file of its own: what tests print on stdout and
 * stderr cannot get in between. */
static const char unittest_runner[] =
	"import json, os, sys, time, unittest\n"
	"out = open('" BUILD "/unittest.jsonl', 'w')\n"
	"class Result(unittest.TestResult):\n"
	"    def startTest(self, test):\n"
	"        super().startTest(test); self.begun = time.monotonic()\n"
	"    def say(self, test, verdict, message=''):\n"
	"        name = getattr(test, '_testMethodName', None) or str(test)\n"
	"        suite = type(test).__module__ + '.' + type(test).__qualname__ if hasattr(test, '_testMethodName') else ''\n"
	"        if suite.startswith('unittest.'): suite = ''\n"
	"        print(json.dumps({'suite': suite, 'name': name, 'verdict': verdict, 'message': message,\n"
	"                          'seconds': time.monotonic() - getattr(self, 'begun', time.monotonic())}), file=out, "
	"flush=True)\n"
	"    def addSuccess(self, test): self.say(test, 'passed')\n"
	"    def addSkip(self, test, reason): self.say(test, 'skipped', reason)\n"
	"    def addExpectedFailure(self, test, error): self.say(test, 'passed', 'failed as expected')\n"
	"    def addUnexpectedSuccess(self, test): self.say(test, 'failed', 'passed, but was expected to fail')\n"
	"    def addFailure(self, test, error):\n"
	"        super().addFailure(test, error); self.say(test, 'failed', self.failures[-1][1])\n"
	"    def addError(self, test, error):\n"
	"        super().addError(test, error); self.say(test, 'error', self.errors[-1][1])\n"
	"    def addSubTest(self, test, subtest, error):\n"
	"        super().addSubTest(test, subtest, error)\n"
	"        if error: self.say(test, 'failed', str(subtest) + '\\n' + ''.join(self._exc_info_to_string(error, test)))\n"
	"suite = unittest.TestSuite()\n"
	"sys.path[:0] = ['/work', '/work/src']\n"
	"for folder, pattern in zip(sys.argv[1::2], sys.argv[2::2]):\n"
	"    suite.addTests(unittest.TestLoader().discover(folder, pattern))\n"
	"result = Result()\n"
	"suite.run(result)\n"
	"print(result.testsRun, 'tests run')\n"
	"sys.exit(0 if result.wasSuccessful() else 1)\n";

/* The highest folder from which `path` is reached through packages only: discovery starts there. */
static void discovery_start(const struct project *project, const char *path, char *out, size_t capacity)
{
	size_t bytes = strlen(path);
	if (bytes >= capacity)
		bytes = capacity - 1;
	memcpy(out, path, bytes);
	out[bytes] = '\0';
	for (char *slash = strrchr(out, '/'); slash; slash = strrchr(out, '/')) {
		char package[512];
		*slash = '\0';
		bytes = strlen(out);
		if (bytes + 13 > sizeof(package))
			return;
		memcpy(package, out, bytes);
		memcpy(package + bytes, "/__init__.py", 13);
		if (!project_has(project, package))
			return;
	}
	memcpy(out, ".", 2);
}

static const char *name_pattern(const char *path)
{
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	return strncmp(name, "test", 4) == 0 ? "test*.py" : "*_test.py";
}

static bool planned(const struct step *step, const char *folder, const char *pattern)
{
	for (size_t i = 3; i + 1 < STEP_ARGS_MAX && step->argv[i]; i += 2)
		if (strcmp(step->argv[i], folder) == 0 && strcmp(step->argv[i + 1], pattern) == 0)
			return true;
	return false;
}

static void unittest_plan(const struct project *project, struct arena *arena, struct plan *plan)
{
	struct step *test = ADD(plan, "unittest/test", "python3", "-c", unittest_runner);
	struct pattern *pattern = pattern_new(PYTHON_TEST);
	size_t count = 3;
	for (size_t i = 0; i < json_array_size(project->files) && count < 3 + 2 * PYTHON_FOLDERS_MAX; i++) {
		const char *path = path_at(project, i);
		char folder[512];
		if (!pattern_matches(pattern, path))
			continue;
		discovery_start(project, path, folder, sizeof(folder));
		if (planned(test, folder, name_pattern(path)))
			continue;
		test->argv[count++] = arena_print(arena, "%s", folder);
		test->argv[count++] = name_pattern(path);
	}
	pattern_free(pattern);
	ADD(plan, "unittest/cases", "cat", BUILD "/unittest.jsonl");
}

/* ---- npm ---- */

#define SCRIPT_BYTES 1024u

/* Its first words matter, not all of it. False: there is none. */
static bool npm_script(const struct project *project, char out[SCRIPT_BYTES])
{
	const char *text = project_manifest(project, "package.json");
	json_t *package = text ? json_loads(text, 0, NULL) : NULL;
	const char *script = json_string_value(json_object_get(json_object_get(package, "scripts"), "test"));
	out[0] = '\0';
	if (script)
		strncat(out, script, SCRIPT_BYTES - 1);
	bool found = script != NULL;
	json_decref(package);
	return found;
}

static bool npm_detect(const struct project *project, bool *out_sure)
{
	char script[SCRIPT_BYTES];
	*out_sure = npm_script(project, script) && !strstr(script, "no test specified");
	return *out_sure;
}

static void npm_plan(const struct project *project, struct arena *arena, struct plan *plan)
{
	char script[SCRIPT_BYTES];
	(void)arena;
	npm_script(project, script);
	ADD(plan, "npm/dependencies", "test", "-d", "node_modules");
	/* A mocha that is the whole script can be asked for TAP; in a chain of commands the words would go to the last one. */
	bool mocha = pattern_find("^(?:\\S+=\\S+ )*(?:npx )?mocha\\b[^&|;]*$", script, strlen(script), NULL);
	struct step *test =
		mocha ? ADD(plan, "npm/test", "npm", "test", "--", "--reporter", "tap") : ADD(plan, "npm/test", "npm", "test");
	environment_add(test, "npm_config_offline=true");
	environment_add(test, "npm_config_update_notifier=false");
	environment_add(test, "npm_config_cache=/tmp/npm");
	environment_add(test, "FORCE_COLOR=0");
}

/* ---- Go and Rust ---- */

static bool go_detect(const struct project *project, bool *out_sure)
{
	*out_sure = any_path(project, "_test\\.go$");
	return project_has(project, "go.mod") && *out_sure;
}

static void go_plan(const struct project *project, struct arena *arena, struct plan *plan)
{
	(void)project;
	(void)arena;
	struct step *test = ADD(plan, "go/test", "go", "test", "-json", "./...");
	environment_add(test, "GOPROXY=off");
	environment_add(test, "GOTOOLCHAIN=local");
	environment_add(test, "GOFLAGS=-buildvcs=false");
	environment_add(test, "GOCACHE=" BUILD "/go-cache");
	environment_add(test, "GOPATH=" BUILD "/go");
}

static bool cargo_detect(const struct project *project, bool *out_sure)
{
	*out_sure = true;
	return project_has(project, "Cargo.toml");
}

static void cargo_plan(const struct project *project, struct arena *arena, struct plan *plan)
{
	(void)project;
	(void)arena;
	struct step *test = ADD(plan, "cargo/test", "cargo", "test", "--offline", "--no-fail-fast", "--workspace");
	environment_add(test, "CARGO_HOME=" BUILD "/cargo");
	environment_add(test, "CARGO_TARGET_DIR=" BUILD "/target");
	environment_add(test, "CARGO_TERM_COLOR=never");
}

/* ---- the table ---- */

static const struct test_system systems[] = {
	{"cmake", "CMakeLists.txt", true, cmake_detect, cmake_plan, read_junit, read_ctest_text, false},
	{"meson", "meson.build", true, meson_detect, meson_plan, read_junit, NULL, false},
	{"autotools", "configure.ac, or configure with Makefile.in", true, autotools_detect, autotools_plan, read_trs, read_tap,
	 true},
	{"make", "a Makefile with a target check or test", true, make_detect, make_plan, read_tap, read_ticks, true},
	{"pytest", "Python tests in a project that names pytest", false, pytest_detect, pytest_plan, read_junit, NULL, false},
	{"unittest", "Python tests in a project that does not", false, unittest_detect, unittest_plan, read_lines, NULL, false},
	{"npm", "package.json with a script called test", false, npm_detect, npm_plan, read_tap, read_ticks, true},
	{"go", "go.mod", false, go_detect, go_plan, read_go, NULL, false},
	{"cargo", "Cargo.toml", false, cargo_detect, cargo_plan, read_cargo, NULL, false},
};

const struct test_system *test_system_at(size_t index)
{
	return index < sizeof(systems) / sizeof(systems[0]) ? &systems[index] : NULL;
}

const struct test_system *test_system_find(const char *name)
{
	for (size_t i = 0; test_system_at(i); i++)
		if (strcmp(systems[i].name, name) == 0)
			return &systems[i];
	return NULL;
}

/* Of the native systems the first with tests, else the first at all: many projects offer several for the same sources. */
static const struct test_system *native_of(const struct project *project)
{
	const struct test_system *found = NULL;
	for (size_t i = 0; test_system_at(i); i++) {
		bool sure = false;
		if (!systems[i].native || !systems[i].detect(project, &sure))
			continue;
		if (sure)
			return &systems[i];
		if (!found)
			found = &systems[i];
	}
	return found;
}

size_t project_systems(const struct project *project, const struct test_system *out_systems[8])
{
	const char *wanted = json_string_value(json_object_get(project->target->parameters, "system"));
	size_t count = 0;
	if (wanted) {
		out_systems[0] = test_system_find(wanted);
		return out_systems[0] ? 1 : 0;
	}
	const struct test_system *native = native_of(project);
	if (native)
		out_systems[count++] = native;
	for (size_t i = 0; test_system_at(i) && count < SYSTEMS_MAX; i++) {
		bool sure = false;
		if (!systems[i].native && systems[i].detect(project, &sure))
			out_systems[count++] = &systems[i];
	}
	return count;
}
