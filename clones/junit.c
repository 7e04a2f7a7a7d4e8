/* SPDX-License-Identifier: MIT
 *
 * JUnit XML. There is no standard; this reads what the writers agree on: <testcase name classname time status> with
 * <failure>, <error> or <skipped> in it, and <system-out>. libxml2 reads node by node; nothing is loaded that the file
 * names (no DTD, no entities from elsewhere, no network).
 */
#include <libxml/xmlreader.h>
#include <stdlib.h>
#include <string.h>

#include "clones/cases.h"

struct junit {
	struct cases *cases;
	struct test_case *now; /* inside a <testcase> */
	char **collecting;     /* where text goes, or NULL */
	bool keep_end;
};

static char *attribute(xmlTextReaderPtr reader, const char *name)
{
	return (char *)xmlTextReaderGetAttribute(reader, (const xmlChar *)name);
}

static size_t length(const char *text)
{
	return text ? strlen(text) : 0;
}

static void begin_case(struct junit *junit, xmlTextReaderPtr reader)
{
	char *suite = attribute(reader, "classname");
	char *name = attribute(reader, "name");
	char *seconds = attribute(reader, "time");
	char *status = attribute(reader, "status");
	/* ctest says its own name again as the class; and "disabled" or "notrun" may stand without a <skipped>. */
	if (suite && name && strcmp(suite, name) == 0)
		suite[0] = '\0';
	enum verdict verdict = VERDICT_PASSED;
	if (status && (strcmp(status, "disabled") == 0 || strcmp(status, "notrun") == 0))
		verdict = VERDICT_SKIPPED;
	else if (status && strcmp(status, "fail") == 0)
		verdict = VERDICT_FAILED;
	junit->now = cases_add(junit->cases, suite ? suite : "", length(suite), name ? name : "(no name)",
			       name ? length(name) : 9, verdict);
	junit->collecting = NULL;
	if (junit->now && seconds)
		junit->now->seconds = strtod(seconds, NULL);
	xmlFree(suite);
	xmlFree(name);
	xmlFree(seconds);
	xmlFree(status);
}

static void take_verdict(struct junit *junit, xmlTextReaderPtr reader, enum verdict verdict)
{
	char *message = attribute(reader, "message");
	junit->now->verdict = verdict;
	if (message)
		case_text(junit->cases, &junit->now->message, message, strlen(message), false);
	xmlFree(message);
	junit->collecting = xmlTextReaderIsEmptyElement(reader) == 1 ? NULL : &junit->now->output;
	junit->keep_end = false;
}

static void begin_element(struct junit *junit, xmlTextReaderPtr reader, const char *name)
{
	if (strcmp(name, "testcase") == 0) {
		begin_case(junit, reader);
		if (xmlTextReaderIsEmptyElement(reader) == 1)
			junit->now = NULL;
	} else if (!junit->now) {
		return;
	} else if (strcmp(name, "failure") == 0) {
		take_verdict(junit, reader, VERDICT_FAILED);
	} else if (strcmp(name, "error") == 0) {
		take_verdict(junit, reader, VERDICT_ERROR);
	} else if (strcmp(name, "skipped") == 0) {
		take_verdict(junit, reader, VERDICT_SKIPPED);
	} else if (strcmp(name, "system-out") == 0 && junit->now->output[0] == '\0') {
		junit->collecting = xmlTextReaderIsEmptyElement(reader) == 1 ? NULL : &junit->now->output;
		junit->keep_end = true;
	}
}

static void end_element(struct junit *junit, const char *name)
{
	if (strcmp(name, "testcase") == 0)
		junit->now = NULL;
	if (strcmp(name, "failure") == 0 || strcmp(name, "error") == 0 || strcmp(name, "skipped") == 0 ||
	    strcmp(name, "system-out") == 0)
		junit->collecting = NULL;
}

static void take_text(struct junit *junit, xmlTextReaderPtr reader)
{
	const char *text = (const char *)xmlTextReaderConstValue(reader);
	if (junit->now && junit->collecting && text)
		case_text(junit->cases, junit->collecting, text, strlen(text), junit->keep_end);
}

static void take_node(struct junit *junit, xmlTextReaderPtr reader)
{
	const char *name = (const char *)xmlTextReaderConstLocalName(reader);
	switch (xmlTextReaderNodeType(reader)) {
	case XML_READER_TYPE_ELEMENT:
		begin_element(junit, reader, name);
		break;
	case XML_READER_TYPE_END_ELEMENT:
		end_element(junit, name);
		break;
	case XML_READER_TYPE_TEXT:
	case XML_READER_TYPE_CDATA:
		take_text(junit, reader);
		break;
	default:
		break;
	}
}

void read_junit(struct cases *cases, struct bytes text)
{
	struct junit junit = {.cases = cases};
	const int options = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING;
	if (text.bytes == 0 || text.bytes > INT32_MAX)
		return;
	xmlTextReaderPtr reader = xmlReaderForMemory((const char *)text.at, (int)text.bytes, NULL, NULL, options);
	if (!reader)
		return;
	/* A broken file ends the loop; what was whole before stays, but for the case that was being read. */
	int more = xmlTextReaderRead(reader);
	for (; more == 1; more = xmlTextReaderRead(reader))
		take_node(&junit, reader);
	if (more < 0 && junit.now && cases->count > 0) {
		junit.now->verdict = VERDICT_ERROR;
		case_text(cases, &junit.now->message, "the report breaks off here", 26, false);
	}
	xmlFreeTextReader(reader);
}
