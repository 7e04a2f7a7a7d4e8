/* SPDX-License-Identifier: MIT
 *
 * The words in which servers say why they stopped and what went wrong. Inner header of models/.
 */
#ifndef MODELS_WIRE_WORDS_H
#define MODELS_WIRE_WORDS_H

#include "models/wire.h"

/* The status of HTTP that an error of this kind amounts to; 0: not known. */
unsigned wire_status_of_word(const char *word);

/* What a reason to stop amounts to; OPEN: it is none. A word that is not known is a STOP. */
enum wire_ending wire_ending_of_word(const char *word);

#endif
