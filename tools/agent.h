/* SPDX-License-Identifier: MIT
 *
 * `bunshin tool agent`: a small coding agent for model servers that only answer. It works in the current folder, inside the sandbox, until the model has no more
 * to do; talks to Ollama (POST /api/chat) or to any server with Chat Completions (vLLM, llama.cpp: POST /v1/chat/completions); reads the task on the
 * standard input; and prints one JSON object a line.
 *
 *	bunshin tool agent --wire=chat|ollama --endpoint=URL --model=NAME [OPTION=VALUE …] <task
 *
 *	--temperature=T      0 to 2; else the server's own
 *	--turns=N            answers of the model at most (50)
 *	--retries=N          a request is tried so often again (4)
 *	--backoff-ms=N       before the first time; twice as long each time after, up to 30 s (1000)
 *	--wait-max-ms=N      a server that asks for a longer wait ends the run instead (60000)
 *	--connect-ms=N, --first-ms=N, --idle-ms=N   until connected (10000), until the first byte (300000), between bytes (60000)
 *	--context=N          tokens the model takes: told to Ollama, and older results are dropped before it is full (Ollama 32768, else not known)
 *	--answer=N           tokens of one answer at most; else the server's own
 *	--command-ms=N       a command of the model at most (120000); the model may ask for up to five times that
 *	--tools=auto|native|text   how tools are offered: as the wire has them, or described in words; auto changes when the server does not know the first
 *
 * The key, if the server wants one, stands in the environment as BUNSHIN_MODEL_KEY; commands do not get it.
 *
 * Lines:
 *	{"type":"started","model","version","wire"}
 *	{"type":"text","text","delta":true}                     a piece of what the model says
 *	{"type":"tool_start","id","name","path"?,"text"?}       text: the command or pattern
 *	{"type":"tool_end","id","ok","exit"?,"text"?}           text: what went wrong
 *	{"type":"file","path","change":"add"|"update"}
 *	{"type":"usage","in","in_cached","out","reasoning"}     of one answer, as the server said; absent where it does not say
 *	{"type":"retry","attempt","max","delay_ms","status","text"}   what was said of that answer before is void
 *	{"type":"warn","text"}
 *	{"type":"final","ok","text","class"?,"status"?,"turns","duration_ms","retry_after_ms"?,"dropped"?}   the last line, always; class: clones/agents/classes.def
 *
 * Exit status: 0 exactly if the final line says ok; 1 it does not; 2 usage, and then there is no line; 130 and 143 after SIGINT and SIGTERM, with a final line of
 * class "cancelled".
 *
 * "ok" says: the model gave an answer that asks for no tool, has words in it, and came to its own end. An answer that was cut by a limit, that broke off, was refused or
 * is empty never counts, and no tool of it is run: tools run only when the whole answer is there. So a request can always be tried again.
 *
 * Sources of the wires: the public API references of Ollama and OpenAI, and what real servers send (tests/models).
 */
#ifndef TOOLS_AGENT_H
#define TOOLS_AGENT_H

#define LOOP_TASK_BYTES_MAX  (4u << 20)
#define LOOP_REPLY_BYTES_MAX (16u << 20) /* of one answer; a longer one is broken off */
#define LOOP_CALLS_MAX       64u         /* in one answer */
#define LOOP_CUTS_MAX        2u          /* answers in a row that were cut by a limit, and again that are empty */
#define LOOP_MALFORMED_MAX   4u          /* calls in a row that cannot be understood */
#define LOOP_REPEATS_MAX     6u          /* the same calls with the same results, over and over */
#define LOOP_RESULT_BYTES    32000u      /* of a tool, as the model gets it */

#endif
