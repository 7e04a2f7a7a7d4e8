/* SPDX-License-Identifier: MIT
 *
 * What a file offers to others, and whether it is documented where it stands.
 *
 * Offered ("exported") is: in C, what a header declares, and functions that are not static; in Python, what has no leading
 * underscore and is not local to a function, or what __all__ names; in JavaScript, what is exported by either module system,
 * with the methods of exported classes and objects; in shell, functions without a leading underscore.
 *
 * Documented is what has a comment right above it, in Python a docstring. That the comment is any good is not looked at.
 */
#ifndef TOOLS_SYMBOLS_H
#define TOOLS_SYMBOLS_H

#include <stdbool.h>
#include <stdint.h>

#include "clones/names.h"
#include "tools/token.h"

#define SYMBOL_NAME_BYTES 160u

enum symbol_kind {
	SYMBOL_FUNCTION,
	SYMBOL_METHOD,
	SYMBOL_CLASS,
	SYMBOL_TYPE,   /* struct, union, enum, typedef, interface */
	SYMBOL_MACRO,  /* with parameters */
	SYMBOL_MODULE, /* a Python file */
	SYMBOL_KINDS
};

struct symbol {
	char name[SYMBOL_NAME_BYTES]; /* "Flask.route" for a method */
	enum symbol_kind kind;
	uint32_t file;
	uint32_t folder; /* equal for files of one folder; set by whoever joins */
	uint32_t line;
	bool exported;
	bool documented;
	bool declared; /* C: in a header, so the definition elsewhere is the same thing */
};

struct symbols {
	struct symbol *at;
	size_t count, room;
	bool no_memory;
};

const char *symbol_kind_name(enum symbol_kind kind);

/* Adds a copy; a name that is too long is cut. */
void symbol_add(struct symbols *symbols, const struct symbol *symbol);
/* Appends the text of tokens [first, end) to a name, without the blanks between them. */
void symbol_name(char name[SYMBOL_NAME_BYTES], const struct tokens *tokens, uint32_t first, uint32_t end);

/* Adds what a file holds. `header`: a C header; `module`: the name of a Python module without its folders. */
void symbols_read_c(struct symbols *symbols, uint32_t file, bool header, const struct tokens *tokens);
void symbols_read_python(struct symbols *symbols, uint32_t file, const char *module, const struct tokens *tokens);
void symbols_read_script(struct symbols *symbols, uint32_t file, const struct tokens *tokens);
void symbols_read_shell(struct symbols *symbols, uint32_t file, const struct tokens *tokens);

/* One symbol for a C function that a header declares and a source file defines: it is where the header has it, and documented if
 * either place is. Functions of one name in different folders are different functions, unless only one folder defines it. A type
 * that one file names twice (typedef and body) is one, too. */
void symbols_join_c(struct symbols *symbols);

#endif
