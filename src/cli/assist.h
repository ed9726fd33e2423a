/* cli/assist.h - what the prompt knows of commands and keys: completions, hints, colours, help.
 *
 * The knowledge is the server's: COMMAND DOCS, asked for once for each connection, and SCAN for names of keys. A server
 * that refuses either leaves the prompt working without it.
 */
#ifndef SORREL_CLI_ASSIST_H
#define SORREL_CLI_ASSIST_H

#include "cli/docs.h"
#include "cli/edit.h"
#include "cli/session.h"

struct assist {
    struct session *session;
    struct docs docs;
    const struct sorrel_conn *asked; /* the connection that was asked already */
};

/* Asks for the documentation if this connection has not been asked yet. Says nothing when that fails. */
void assist_learn(struct assist *a);
/* Asks again at the next occasion: another user may see other commands. */
void assist_forget(struct assist *a);
void assist_fini(struct assist *a);
struct assistant assist_for_editor(struct assist *a);
/* help, help COMMAND ..., help @group (help.c). */
void assist_help(struct assist *a, const struct slice *words, size_t n);

#endif
