/* SPDX-License-Identifier: MIT
 *
 * The lists, and the reading of request targets (RFC 9112, origin form only) and addresses of servers (RFC 3986).
 */
#include "models/target.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define TOKEN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~"
/* Without the semicolon: there are servers for which "..;" is a way up. */
#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,=:@"

static bool starts_with(const char *text, const char *start)
{
	return strncasecmp(text, start, strlen(start)) == 0;
}

static bool is_on(const char *const *list, const char *name)
{
	for (; *list; list++) {
		size_t bytes = strlen(*list);
		if ((*list)[bytes - 1] == '*' ? strncasecmp(*list, name, bytes - 1) == 0 : strcasecmp(*list, name) == 0)
			return true;
	}
	return false;
}

bool proxy_header_goes_out(const char *name)
{
	static const char *const list[] = {"accept",
					   "accept-language",
					   "content-type",
					   "user-agent",
					   "anthropic-version",
					   "anthropic-beta",
					   "anthropic-dangerous-direct-browser-access",
					   "openai-beta",
					   "originator",
					   "session_id",
					   "session-id",
					   "conversation_id",
					   "version",
					   "x-app",
					   "x-stainless-*",
					   "x-goog-api-client",
					   "x-client-request-id",
					   "x-session-affinity",
					   "idempotency-key",
					   NULL};

	return is_on(list, name);
}

bool proxy_header_comes_in(const char *name)
{
	static const char *const list[] = {"content-type",
					   "retry-after",
					   "retry-after-ms",
					   "request-id",
					   "x-request-id",
					   "x-should-retry",
					   "anthropic-ratelimit-*",
					   "x-ratelimit-*",
					   "openai-model",
					   "openai-version",
					   "openai-processing-ms",
					   "cache-control",
					   NULL};

	return is_on(list, name);
}

bool proxy_header_value_check(const char *value)
{
	for (; *value; value++) {
		unsigned char byte = (unsigned char)*value;
		if (byte == 0x7f || (byte < 0x20 && byte != '\t'))
			return false;
	}
	return true;
}

bool proxy_header_name_check(const char *name)
{
	return *name && !name[strspn(name, TOKEN)];
}

static int hex(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	digit = (char)(digit | 0x20);
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* One segment of a path that any server reads in one way: no dots, slashes or control characters behind percent signs. NULL, or what is wrong. */
static const char *segment_wrong(const char *at, size_t bytes)
{
	size_t dots = 0;

	if (!bytes)
		return "an empty segment";
	for (size_t i = 0; i < bytes; i++) {
		int value = (unsigned char)at[i];
		if (at[i] == '%') {
			if (bytes - i < 3 || hex(at[i + 1]) < 0 || hex(at[i + 2]) < 0)
				return "a percent sign without two digits";
			value = hex(at[i + 1]) * 16 + hex(at[i + 2]);
			i += 2;
			if (value <= 0x20 || value >= 0x7f || strchr("./\\%?#:;@", value))
				return "a character that must not stand behind a percent sign";
		} else if (!strchr(PLAIN, value)) {
			return "a character that has no place in a path";
		}
		dots += value == '.';
	}
	return (dots == 1 && bytes == 1) || (dots == 2 && bytes == 2) ? "a segment of dots" : NULL;
}

/* Segments of `bytes` bytes that begin with a slash. */
static const char *path_wrong(const char *at, size_t bytes)
{
	const char *end = at + bytes, *wrong = NULL;

	while (bytes > 1 && at < end && !wrong) {
		const char *slash = memchr(at + 1, '/', (size_t)(end - at - 1));
		const char *stop = slash ? slash : end;
		wrong = segment_wrong(at + 1, (size_t)(stop - at - 1));
		at = stop;
	}
	return wrong;
}

static int server_wrong(char *why, const char *what)
{
	snprintf(why, PROXY_WHY_BYTES,
		 "the address of the model server %s; accepted is \"https://HOST\", \"http://HOST:PORT/BASE\" and the like",
		 what);
	return ERR_USAGE;
}

static bool authority_check(const char *at, size_t bytes)
{
	const char *end = at + bytes, *colon;
	size_t host;
	unsigned long port = 0;

	if (bytes && *at == '[') {
		const char *close = memchr(at, ']', bytes);
		if (!close || close == at + 1 || strspn(at + 1, "0123456789abcdefABCDEF:.") != (size_t)(close - at - 1))
			return false;
		colon = close + 1;
	} else {
		host = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._");
		if (!host || *at == '.' || *at == '-')
			return false;
		colon = at + host;
	}
	if (colon == end)
		return true;
	if (*colon != ':' || end - colon < 2 || end - colon > 6)
		return false;
	for (const char *digit = colon + 1; digit < end; digit++) {
		if (*digit < '0' || *digit > '9')
			return false;
		port = port * 10 + (unsigned long)(*digit - '0');
	}
	return port > 0 && port < 65536;
}

int proxy_server_parse(const char *address, struct proxy_server *out_server, char out_why[PROXY_WHY_BYTES])
{
	size_t scheme, authority, prefix;

	if (!address || strlen(address) >= PROXY_TARGET_BYTES)
		return server_wrong(out_why, address ? "is too long" : "is missing");
	scheme = starts_with(address, "https://") ? 8 : starts_with(address, "http://") ? 7 : 0;
	if (!scheme)
		return server_wrong(out_why, "begins with neither http:// nor https://");
	if (strchr(address, '@'))
		return server_wrong(out_why, "holds a name or a password");
	if (strpbrk(address, "?#"))
		return server_wrong(out_why, "holds parameters");
	authority = strcspn(address + scheme, "/");
	if (!authority_check(address + scheme, authority))
		return server_wrong(out_why, "names no host that is understood");
	prefix = strlen(address + scheme + authority);
	while (prefix && address[scheme + authority + prefix - 1] == '/')
		prefix--;
	if (path_wrong(address + scheme + authority, prefix))
		return server_wrong(out_why, "has a path that is not understood");
	out_server->tls = scheme == 8;
	snprintf(out_server->origin, sizeof(out_server->origin), "%.*s", (int)(scheme + authority), address);
	snprintf(out_server->prefix, sizeof(out_server->prefix), "%.*s", (int)prefix, address + scheme + authority);
	return 0;
}

static unsigned refuse(char *why, unsigned status, const char *sentence)
{
	snprintf(why, PROXY_WHY_BYTES, "%s", sentence);
	return status;
}

static bool ends_in(const char *at, size_t bytes, const char *end)
{
	size_t length = strlen(end);

	return bytes >= length && memcmp(at + bytes - length, end, length) == 0;
}

/* Does the path end in "/models", or in that and the name of one, which may have a slash within? */
static bool asks_for_models(const char *at, size_t bytes)
{
	for (unsigned segments = 0; segments < 3 && bytes; segments++) {
		if (ends_in(at, bytes, "/models"))
			return true;
		while (bytes && at[bytes - 1] != '/')
			bytes--;
		bytes -= bytes > 0;
	}
	return false;
}

static bool path_is_served(bool post, const char *at, size_t bytes)
{
	static const char *const asked[] = {"/messages/count_tokens", ":countTokens", "/api/show"};
	static const char *const got[] = {"/api/tags", "/api/version", "/api/ps"};

	if (post && wire_of_path(at) != WIRE_NONE)
		return true;
	for (size_t i = 0; i < 3; i++) {
		if (ends_in(at, bytes, post ? asked[i] : got[i]))
			return true;
	}
	return !post && asks_for_models(at, bytes) && !memchr(at, ':', bytes);
}

static bool parameter_passes(const char *at, size_t bytes)
{
	static const char *const names[] = {
		"beta=", "api-version=", "limit=", "after_id=", "before_id=", "pageSize=", "pageToken=", "client_version="};

	if ((bytes == 7 && memcmp(at, "alt=sse", 7) == 0) || (bytes == 8 && memcmp(at, "alt=json", 8) == 0))
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (bytes > strlen(names[i]) && memcmp(at, names[i], strlen(names[i])) == 0)
			return true;
	}
	return false;
}

/* Appends the parameters that pass to the path; all others are left out, among them every name for a key. */
static void copy_parameters(const char *query, char *target)
{
	char *end = target + strlen(target);
	char mark = '?';

	while (*query) {
		size_t bytes = strcspn(query, "&");
		if (parameter_passes(query, bytes) && strspn(query, PLAIN) >= bytes) {
			*end++ = mark;
			memcpy(end, query, bytes);
			end += bytes;
			mark = '&';
		}
		query += bytes;
		query += *query == '&';
	}
	*end = '\0';
}

unsigned proxy_target_check(const char *method, const char *target, char out_target[PROXY_TARGET_BYTES],
			    char out_why[PROXY_WHY_BYTES])
{
	bool post = strcmp(method, "POST") == 0;
	const char *wrong;
	size_t bytes;

	if (!post && strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return refuse(out_why, 405, "only GET, HEAD and POST are sent on to the model server");
	if (target[0] != '/')
		return refuse(out_why, 400, "the target of a request begins with a slash; no other server is reached from here");
	if (strlen(target) >= PROXY_TARGET_BYTES)
		return refuse(out_why, 414, "the target of the request is too long");
	bytes = strcspn(target, "?");
	wrong = path_wrong(target, bytes);
	if (wrong) {
		snprintf(out_why, PROXY_WHY_BYTES, "the path of the request holds %s", wrong);
		return 400;
	}
	if (!path_is_served(post, target, bytes))
		return refuse(out_why, 404,
			      "this path is not sent on: only questions to models that can be counted are, and lists of models");
	memcpy(out_target, target, bytes);
	out_target[bytes] = '\0';
	copy_parameters(target[bytes] ? target + bytes + 1 : "", out_target);
	return 0;
}

/* How the agent sees us: always as this machine. */
static bool is_here(const char *host)
{
	static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};

	for (size_t i = 0; i < 3; i++) {
		size_t bytes = strlen(names[i]);
		if (strncasecmp(host, names[i], bytes) != 0)
			continue;
		host += bytes;
		return !*host ||
		       (*host == ':' && host[1] && strspn(host + 1, "0123456789") == strlen(host + 1) && strlen(host) <= 6);
	}
	return false;
}

static void head_wrong(struct proxy_head *head, unsigned status, const char *sentence)
{
	if (!head->status)
		head->status = refuse(head->why, status, sentence);
}

static void read_framing(struct proxy_head *head, const char *name, const char *value)
{
	if (strcasecmp(name, "content-length") == 0) {
		head->lengths++;
		if (!*value || value[strspn(value, "0123456789")] || strlen(value) > 18)
			head_wrong(head, 400, "Content-Length is a number and nothing else");
	} else if (strcasecmp(name, "transfer-encoding") == 0) {
		head->encodings++;
		if (strcasecmp(value, "chunked") != 0)
			head_wrong(head, 400, "the only Transfer-Encoding that is understood is chunked");
	} else if (strcasecmp(name, "content-encoding") == 0 && strcasecmp(value, "identity") != 0) {
		head_wrong(head, 415, "a body is taken as it is only: without Content-Encoding");
	} else if (strcasecmp(name, "expect") == 0 && strcasecmp(value, "100-continue") != 0) {
		head_wrong(head, 417, "the only Expect that is understood is 100-continue");
	}
}

void proxy_head_read(struct proxy_head *head, const char *name, const char *value)
{
	if (!proxy_header_name_check(name))
		head_wrong(head, 400, "a header has a name that is none");
	else if (!proxy_header_value_check(value))
		head_wrong(head, 400, "a header holds a control character");
	head->bytes += strlen(name) + strlen(value) + 4;
	read_framing(head, name, value);
	if (strcasecmp(name, "host") == 0) {
		head->hosts++;
		if (!is_here(value))
			head_wrong(head, 400, "Host names another server; no other is reached from here");
	} else if (strcasecmp(name, "upgrade") == 0 || strcasecmp(name, "http2-settings") == 0) {
		head_wrong(head, 400, "nothing but HTTP/1.1 is spoken here");
	}
	head->presents_bearer |= strcasecmp(name, "authorization") == 0;
	head->presents_key |= strcasecmp(name, "x-api-key") == 0;
	head->presents_google |= strcasecmp(name, "x-goog-api-key") == 0;
}

unsigned proxy_head_judge(struct proxy_head *head)
{
	if (head->hosts != 1)
		head_wrong(head, 400, "Host must be there, once");
	if (head->lengths + head->encodings > 1)
		head_wrong(head, 400, "the length of the body is given more than once");
	return head->status;
}
