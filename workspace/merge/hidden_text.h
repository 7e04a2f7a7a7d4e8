/* SPDX-License-Identifier: MIT
 *
 * Characters that nobody sees: text with them is something else to a compiler or a model than to the person who reviews it.
 *
 *   controls of direction   UAX #9, "Bidirectional Algorithm": U+061C, U+200E, U+200F, U+202A…E, U+2066…9. How they hide code: Boucher and Anderson,
 *                           "Trojan Source: Invisible Vulnerabilities", 2021 (CVE-2021-42574); UTR #36 "Unicode Security Considerations", 2.6
 *   without width, ignored  Default_Ignorable_Code_Point of the Unicode Character Database (DerivedCoreProperties.txt, 15.1), which has the joiners, the
 *                           fillers that may begin a name of JavaScript, variation selectors and tags; UTS #39 "Unicode Security Mechanisms", 5.4
 *   ends of lines           U+2028 and U+2029, where JavaScript ends a line and an editor does not
 *
 * Left alone is what belongs to a picture (UTS #51, "Unicode Emoji"): one selector of presentation (U+FE0E, U+FE0F) behind a character that has
 * both, and a joiner between two pictures; and U+FEFF at the very beginning of a file, the mark of the byte order.
 */
#ifndef WORKSPACE_MERGE_HIDDEN_TEXT_H
#define WORKSPACE_MERGE_HIDDEN_TEXT_H

#include <stdbool.h>

#include "protocol/codec.h"

/* `column` counts characters of the line from 1; bytes that are no UTF-8 count as one each. Returns 0 to go on. */
typedef int hidden_text_seen(void *context, size_t column, uint32_t character);

/* Looks through a line. `first`: it is the first of its file. Returns 0 or what the callback returned. */
int hidden_text_find(struct bytes line, bool first, hidden_text_seen *seen, void *context);

#endif
