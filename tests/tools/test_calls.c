/* SPDX-License-Identifier: MIT
 *
 * The rules for dangerous calls: each has a line that it must report, and the harmless relatives of that line it must not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "clones/evidence.h"
#include "tools/call.h"

#define RULES_MAX 300

static bool reported[RULES_MAX];

struct list {
	char text[512];
	size_t used;
};

static int note(const struct call_rule *rule, const struct call_site *site, void *context)
{
	struct list *list = context;

	list->used += (size_t)snprintf(list->text + list->used, sizeof(list->text) - list->used, "%s%s:%u", list->used ? " " : "",
				       rule->id, site->tokens->at[site->name].line);
	for (size_t i = 0; call_rule_at(i); i++)
		reported[i] |= call_rule_at(i) == rule;
	return 0;
}

static void find(enum lexed language, const char *text, struct list *out)
{
	struct tokens tokens;
	struct functions functions;

	*out = (struct list){0};
	tokens_init(&tokens, text, strlen(text));
	lex(language, &tokens);
	functions_find(&functions, language, &tokens);
	assert_int_equal(calls_find(language, &tokens, &functions, note, out), 0);
	functions_release(&functions);
	tokens_release(&tokens);
}

struct sample {
	const char *text, *expected; /* "rule:line rule:line"; the language is before the first dot of a rule, or in `language` */
	enum lexed language;
};

#define C             LEXED_C
#define P             LEXED_PYTHON
#define J             LEXED_JAVASCRIPT
#define S             LEXED_SHELL
#define IN_MAIN(line) "int main(void)\n{\n" line "\n}\n"

/* clang-format off */
static const struct sample samples[] = {
	/* C */
	{IN_MAIN("gets(b);"), "c.gets:3", C},
	{IN_MAIN("strcpy(b, \"x\");"), "c.strcpy-constant:3", C},
	{IN_MAIN("strcpy(b, argv[1]);"), "c.strcpy:3", C},
	{IN_MAIN("b = malloc(strlen(s) + 1); strcpy(b, s);"), "c.strcpy-sized:3", C},
	{IN_MAIN("if (strlen(s) < sizeof(b)) strcpy(b, s);"), "c.strcpy-sized:3", C},
	{IN_MAIN("b = next; strcpy(b, s);"), "c.strcpy:3", C},
	{IN_MAIN("strcat(b, \"x\");"), "c.strcat-constant:3", C},
	{IN_MAIN("strcat(b, s);"), "c.strcat:3", C},
	{IN_MAIN("b = xmalloc(9); strcat((char *)b, s);"), "c.strcat-sized:3", C},
	{IN_MAIN("strncat(b, s, sizeof(b));"), "c.strncat-size:3", C},
	{IN_MAIN("strncat(b, s, sizeof b);"), "c.strncat-size:3", C},
	{IN_MAIN("strncat(b, s, sizeof(b) - strlen(b) - 1);"), "", C},
	{IN_MAIN("strncpy(b, s, strlen(s));"), "c.strncpy-source-length:3", C},
	{IN_MAIN("strncpy(b, s, sizeof(b) - 1);"), "", C},
	{IN_MAIN("sprintf(b, form, x);"), "c.sprintf-name:3", C},
	{IN_MAIN("sprintf(b, forms[i], x);"), "c.sprintf-variable:3", C},
	{IN_MAIN("sprintf(b, \"%s\", x);"), "c.sprintf:3", C},
	{IN_MAIN("sprintf(b, \"%d %.3s %%s\", x, y);"), "", C},
	{IN_MAIN("b = malloc(n); sprintf(b, \"%s\", x);"), "c.sprintf-sized:3", C},
	{IN_MAIN("vsprintf(b, f, a);"), "c.vsprintf:3", C},
	{IN_MAIN("scanf(\"%s\", b);"), "c.scanf:3", C},
	{IN_MAIN("scanf(\"%7s %d %ms\", b, &i, &p);"), "", C},
	{IN_MAIN("sscanf(x, \"%[a-z]\", b);"), "c.fscanf:3", C},
	{IN_MAIN("printf(name);"), "c.printf-name:3", C},
	{IN_MAIN("printf(argv[1]);"), "c.printf:3", C},
	{IN_MAIN("printf(\"%\" PRIu64 \"\\n\", x); printf(n ? \"a\" : \"b\"); printf(_(\"x\")); printf(FORMAT, x); printf(\"a\" b \"c\");"), "", C},
	{IN_MAIN("fprintf(f, text);"), "c.fprintf-name:3", C},
	{IN_MAIN("syslog(LOG_ERR, text());"), "c.fprintf:3", C},
	{IN_MAIN("snprintf(b, n, text);"), "c.snprintf-name:3", C},
	{IN_MAIN("snprintf(b, n, t->text);"), "c.snprintf:3", C},
	{"#define debug(f, ...) printf(f, __VA_ARGS__)\n", "", C},
	{IN_MAIN("system(line);"), "c.system:3", C},
	{IN_MAIN("popen(\"ls\", \"r\");"), "c.system-constant:3", C},
	{IN_MAIN("std::system(line); mine::system(line);"), "c.system:3", C},
	{IN_MAIN("execvp(a[0], a);"), "c.execp:3", C},
	{IN_MAIN("execv(\"/bin/ls\", a);"), "", C},
	{IN_MAIN("mktemp(b);"), "c.tmpnam:3", C},
	{IN_MAIN("token = rand();"), "c.rand:3", C},
	{"int session_new(void)\n{\nreturn random();\n}", "c.rand:3", C},
	{IN_MAIN("dice = rand() % 6; tokenizer = rand();"), "", C},
	{IN_MAIN("chmod(p, 0777); chmod(p, 0755); chmod(p, 01777); chmod(p, 644);"), "c.chmod:3", C},
	{IN_MAIN("chmod(p, S_IRUSR | S_IWOTH);"), "c.chmod:3", C},
	{IN_MAIN("fchmodat(d, p, 0666, 0);"), "c.fchmodat:3", C},
	{IN_MAIN("open(p, O_CREAT, 0666); open(p, O_RDONLY);"), "c.open-mode:3", C},
	{IN_MAIN("umask(0); umask(077);"), "c.umask:3", C},
	{IN_MAIN("EVP_md5();"), "c.weak-hash:3", C},
	{IN_MAIN("EVP_rc4();"), "c.weak-cipher:3", C},
	{IN_MAIN("crypt(p, s);"), "c.crypt:3", C},
	{IN_MAIN("SSL_CTX_set_verify(c, SSL_VERIFY_NONE, 0); SSL_CTX_set_verify(c, SSL_VERIFY_PEER, 0);"), "c.tls-verify-off:3", C},
	{IN_MAIN("curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L); curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);"), "c.curl-verify-off:3", C},
	{IN_MAIN("p = realloc(p, n);"), "c.realloc-same:3", C},
	{IN_MAIN("s->p = (char *)realloc(s->p, n);"), "c.realloc-same:3", C},
	{IN_MAIN("q = realloc(p, n); x.p = realloc(p, n);"), "", C},
	{IN_MAIN("alloca(n); alloca(16);"), "c.alloca:3", C},
	{IN_MAIN("access(p, R_OK);"), "c.access:3", C},
	{IN_MAIN("getpass(\"x\");"), "c.getpass:3", C},
	{"char *gets(char *s);\nextern int system(const char *c);\nstatic char *mktemp(char *t)\n{\n return t;\n}\nint f(void) { return mktemp(x); }", "", C},
	{IN_MAIN("o->system(x); o.gets(b); s = \"gets(b)\"; /* gets(b) */"), "", C},
	{IN_MAIN("return gets(b);"), "c.gets:3", C},

	/* Python */
	{"eval(x)\nexec('1')\nself.eval(x)\n", "python.eval:1", P},
	{"def eval(x): pass\neval(y)\n", "", P},
	{"import os\nos.system(x)\nos.system('ls')\n", "python.os-system:2 python.os-system-constant:3", P},
	{"from os import system as run\nrun(f'ls {x}')\n", "python.os-system:2", P},
	{"from os import (\n path,\n popen)\npopen(x)\n", "python.os-system:4", P},
	{"import subprocess as sp\nsp.run(x, shell=True)\nsp.run(x)\nsp.run('ls', shell=True)\nsp.run(['a', x], shell=False)\n",
	 "python.subprocess-shell:2 python.subprocess-shell-constant:4", P},
	{"import yaml\nyaml.load(x)\nyaml.load(x, Loader=yaml.SafeLoader)\nyaml.safe_load(x)\n", "python.yaml-load:2", P},
	{"import yaml\nyaml.unsafe_load(x)\n", "python.yaml-unsafe:2", P},
	{"import pickle\npickle.loads(x)\npickle.dumps(x)\n", "python.pickle:2", P},
	{"import torch\ntorch.load(x)\ntorch.load(x, weights_only=True)\n", "python.torch-load:2", P},
	{"import tempfile\ntempfile.mktemp()\ntempfile.mkstemp()\n", "python.mktemp:2", P},
	{"import hashlib\nhashlib.md5(x)\nhashlib.md5(x, usedforsecurity=False)\nhashlib.sha256(x)\n", "python.weak-hash:2", P},
	{"from Crypto.Cipher import DES\nDES.new(k)\n", "python.weak-cipher:2", P},
	{"import random\ntoken = random.choice(a)\ncolour = random.choice(a)\n", "python.random:2", P},
	{"import ssl\nssl._create_unverified_context()\n", "python.tls-context:2", P},
	{"import requests\nrequests.get(u, verify=False)\nrequests.get(u, verify=True)\ns.post(u, verify=False)\n", "python.verify-false:2 python.verify-false:4", P},
	{"c.verify_mode = ssl.CERT_NONE\nc.verify_mode = ssl.CERT_REQUIRED\n", "python.cert-none:1", P},
	{"c.check_hostname = False\nc.check_hostname = True\n", "python.check-hostname:1", P},
	{"ssl._create_default_https_context = ssl._create_unverified_context\n", "python.https-context:1", P},
	{"import paramiko\nc.set_missing_host_key_policy(paramiko.AutoAddPolicy())\n", "python.ssh-host-key:2", P},
	{"c.execute(f'SELECT * FROM t WHERE a={x}')\nc.execute('SELECT * FROM t WHERE a=%s', (x,))\nc.execute('DELETE FROM t WHERE a=' + x)\n"
	 "c.execute('SELECT a FROM t WHERE a=%s' % x)\nc.execute(\"UPDATE t SET a='{}'\".format(x))\nc.execute(q)\n",
	 "python.sql:1 python.sql:3 python.sql:4 python.sql:5", P},
	{"from xml.dom import minidom\nimport xml.etree.ElementTree as ET\nET.parse(f)\nminidom.parseString(s)\nET.fromstring('<a/>')\n", "python.xml:3 python.xml:4", P},
	{"app.run(debug=True)\napp.run(debug=False)\n", "python.flask-debug:1", P},
	{"import jinja2\njinja2.Environment(loader=x)\njinja2.Environment(autoescape=True)\njinja2.Environment(autoescape=False)\n",
	 "python.jinja-autoescape:2 python.jinja-autoescape-off:4", P},
	{"from markupsafe import Markup\nMarkup(x)\nMarkup('<b>')\n", "python.mark-safe:2", P},
	{"mark_safe(x)\nmark_safe('<b>')\n", "python.mark-safe:1", P},
	{"render_template_string(x)\nrender_template('a.html', x=x)\n", "python.template-string:1", P},
	{"import os\nos.chmod(p, 0o777)\nos.chmod(p, 0o755)\n", "python.chmod:2", P},
	{"import os\nos.umask(0)\nos.umask(0o077)\n", "python.umask:2", P},
	{"t.extractall(p)\nt.extractall(p, filter='data')\n", "python.extractall:1", P},
	{"import ftplib\nftplib.FTP(h)\n", "python.telnet:2", P},
	{"s.bind(('0.0.0.0', 80))\ns.bind(('127.0.0.1', 80))\n", "python.bind-all:1", P},
	{"__import__(request.args['m'])\n__import__('os')\n", "python.import-variable:1", P},
	{"open(request.args['f'])\nopen(name)\n", "python.path-from-request:1", P},
	{"redirect(request.GET.get('next'))\nredirect('/')\n", "python.redirect:1", P},
	{"import requests\nrequests.get(request.form['u'])\n", "python.fetch-from-request:2", P},
	{"import jwt\njwt.decode(t, options={'verify_signature': False})\njwt.decode(t, k)\n", "python.jwt-unverified:2", P},

	/* JavaScript */
	{"eval(x); eval('1'); o.eval(x);", "javascript.eval:1", J},
	{"new Function('a', body); new Function('return 1');", "javascript.function-constructor:1", J},
	{"const { exec } = require('node:child_process');\nexec(`ls ${x}`);\nexec('ls');\n/x/.exec(y);\n", "javascript.exec:2 javascript.exec-constant:3", J},
	{"import * as cp from 'child_process';\ncp.execSync(x);\n", "javascript.exec:2", J},
	{"import { exec as run } from 'child_process';\nconst go = util.promisify(run);\ngo(x);\n", "javascript.exec:3", J},
	{"require('child_process').exec(x);\nre.exec(x);\n", "javascript.exec:1", J},
	{"const cp = require('child_process');\ncp.spawn(x, [], { shell: true });\ncp.spawn(x, []);\n", "javascript.spawn-shell:2", J},
	{"setTimeout('f(' + x + ')', 1); setTimeout(f, 1); setTimeout(() => a + b, 1);", "javascript.timer-text:1", J},
	{"e.innerHTML = x;\ne.innerHTML = '<b>';\nif (e.innerHTML == x) f();\n", "javascript.inner-html:1", J},
	{"const a = <div dangerouslySetInnerHTML={{ __html: x }} />;", "javascript.dangerous-html:1", J},
	{"document.write(x); document.write('<b>');", "javascript.document-write:1", J},
	{"e.insertAdjacentHTML('beforeend', x); e.insertAdjacentHTML('beforeend', '<b>');", "javascript.insert-html:1", J},
	{"const crypto = require('crypto');\ncrypto.createHash('md5');\ncrypto.createHash('sha256');\n", "javascript.weak-hash:2", J},
	{"crypto.createCipher('aes', k); crypto.createCipheriv('aes', k, i);", "javascript.create-cipher:1", J},
	{"const token = Math.random();\nconst x = Math.random();\n", "javascript.random:1", J},
	{"crypto.pseudoRandomBytes(8);", "javascript.pseudo-random:1", J},
	{"f({ rejectUnauthorized: false });\nf({ rejectUnauthorized: true });\n", "javascript.reject-unauthorized:1", J},
	{"process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';\n", "javascript.tls-environment:1", J},
	{"new Buffer(n); Buffer.from(n); new Buffer('x');", "javascript.new-buffer:1", J},
	{"db.query(`SELECT * FROM t WHERE a=${x}`);\ndb.query('SELECT * FROM t WHERE a=?', [x]);\n", "javascript.sql:1", J},
	{"res.sendFile(req.params.name);\nres.sendFile(req.params.name, { root: d });\nfs.readFile('x');\n", "javascript.path-from-request:1", J},
	{"res.redirect(req.query.url);\nres.redirect('/');\n", "javascript.redirect:1", J},
	{"fetch(req.body.url);\nfetch('http://x');\n", "javascript.fetch-from-request:1", J},
	{"serialize.unserialize(x);", "javascript.unserialize:1", J},
	{"jwt.verify(t, k, { algorithms: ['none'] });\njwt.verify(t, k, { algorithms: ['RS256'] });\n", "javascript.jwt-none:1", J},
	{"w.postMessage(x, '*');\nw.postMessage(x, origin);\n", "javascript.post-message:1", J},
	{"const fs = require('fs');\nfs.chmodSync(p, 0o777);\nfs.chmodSync(p, 0o755);\n", "javascript.chmod:2", J},
	{"class A { eval(x) { return 1; } }\nfunction exec(x) {}\n", "", J},

	/* Shell */
	{"curl -fsSL https://x/y | sh\ncurl https://x | sudo bash -s\ncurl https://x | jq .\nwget -O- x | tee y\n", "shell.pipe-to-shell:1 shell.pipe-to-shell:2", S},
	{"bash -c \"$(curl -fsSL https://x)\"\nsource <(curl https://x)\necho \"$(curl https://x)\"\n", "shell.run-download:1 shell.run-download:2", S},
	{"eval \"$1\"\neval $x\neval 'a=1'\n", "shell.eval-parameter:1 shell.eval:2", S},
	{"chmod 777 f\nchmod -R a+rwx f\nchmod 755 f\nchmod u+w f\nchmod 1777 d\n", "shell.chmod:1 shell.chmod:2", S},
	{"curl -sk https://x\ncurl --insecure https://x\ncurl -s https://x -o k\n", "shell.curl-insecure:1 shell.curl-insecure:2", S},
	{"wget --no-check-certificate x\n", "shell.wget-insecure:1", S},
	{"ssh -o StrictHostKeyChecking=no h\nssh h\n", "shell.ssh-host-key:1", S},
	{"rm -rf $a/old\nrm -rf \"$a/\"*\nrm -r \"${a}\"/b\nrm -rf \"${a}/b\"\nrm -rf \"${a:?}/b\"\nrm -f $a/b\nrm -rf x/$a/b $a\n",
	 "shell.rm-variable:1 shell.rm-variable:2 shell.rm-variable:3 shell.rm-variable:4", S},
	{"t=$(mktemp -u)\nt=$(mktemp)\n", "shell.mktemp-u:1", S},
	{"apt-get install -y --allow-unauthenticated x\n", "shell.unauthenticated-packages:1", S},
	{"# eval $x\necho 'eval $x'\ncat <<E\neval $x\nE\nif true; then\n  sudo env A=1 eval $x\nfi\n", "shell.eval:7", S},
	{"f() { curl -k x; }\nA=1 curl -k x > y\n/usr/bin/curl -k x\n", "shell.curl-insecure:1 shell.curl-insecure:2 shell.curl-insecure:3", S},
};
/* clang-format on */

static void test_each_sample_gives_exactly_its_findings(void **state)
{
	struct list list;
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		find(samples[i].language, samples[i].text, &list);
		if (strcmp(list.text, samples[i].expected) == 0)
			continue;
		print_error("in:\n%s\nexpected '%s'\nfound    '%s'\n", samples[i].text, samples[i].expected, list.text);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void test_every_rule_has_a_sample_that_it_reports(void **state)
{
	unsigned silent = 0;

	(void)state;
	for (size_t i = 0; call_rule_at(i); i++) {
		assert_true(i < RULES_MAX);
		if (reported[i] || !*call_rule_at(i)->severity)
			continue;
		print_error("no sample for %s\n", call_rule_at(i)->id);
		silent++;
	}
	assert_int_equal(silent, 0);
}

static void test_every_rule_is_well_formed(void **state)
{
	(void)state;
	for (size_t i = 0; call_rule_at(i); i++) {
		const struct call_rule *rule = call_rule_at(i);

		assert_string_equal(family_find(rule->family)->name, rule->family);
		assert_true(rule->cwe > 0);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(call_rule_at(j)->id, rule->id);
		if (!*rule->severity)
			continue;
		assert_true(severity_rank(rule->severity) > 0 || strcmp(rule->severity, "info") == 0);
		assert_true(rule->confidence > 0 && rule->confidence < 1);
		assert_true(*rule->title && *rule->fix);
	}
}

static void test_patterns_with_a_star_fit_whole_names(void **state)
{
	(void)state;
	assert_true(pattern_fits("*.execute", 9, "self.db.execute"));
	assert_false(pattern_fits("*.execute", 9, "execute"));
	assert_false(pattern_fits("*.execute", 9, "db.executemany"));
	assert_true(pattern_fits("requests.*", 10, "requests.get"));
	assert_false(pattern_fits("eval", 4, "evaluate"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_sample_gives_exactly_its_findings),
		cmocka_unit_test(test_every_rule_has_a_sample_that_it_reports),
		cmocka_unit_test(test_every_rule_is_well_formed),
		cmocka_unit_test(test_patterns_with_a_star_fit_whole_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
