/* SPDX-License-Identifier: MIT
 *
 * docs/protocol.md, printed from the list files: what somebody needs who writes a peer in another language.
 */
#ifndef PROTOCOL_DOCUMENT_H
#define PROTOCOL_DOCUMENT_H

#include "protocol/codec.h"

/* Appends the document as Markdown. Returns 0 or ERR_MEMORY, and then `buffer` holds a part of it. */
MUST_CHECK int protocol_markdown(struct buffer *buffer);

#endif
