/* cmd/cmd_list_priv.h - what the plain and the blocking list commands share. */
#ifndef SORREL_CMD_CMD_LIST_PRIV_H
#define SORREL_CMD_CMD_LIST_PRIV_H

#include "cmd/args.h"

/* LEFT or RIGHT; RC_SYNTAX. */
enum rc list__arg_end(struct slice arg, enum list_end *end);

/* How what was popped is written. */
enum list__form {
    LIST_ONE,      /* element */
    LIST_MANY,     /* [element …] */
    LIST_KEY_ONE,  /* [key element] */
    LIST_KEY_MANY, /* [key [element …]] */
};
struct list__pop {
    enum list_end end;
    enum list__form form;
    int64_t count;
    exec_body *again; /* the handler, for many elements, which are popped in slices; NULL: count is 1 */
};
/* Takes up to p->count elements off that key's list and replies with them; what names the key in its reply is
 * propagated as LPOP or RPOP of that key. *popped is false, and nothing replied, when there is none. */
enum rc list__pop(struct exec *x, const struct list__pop *p, struct slice key, bool *popped);
/* The same with the first of several keys that has a list. */
enum rc list__pop_first(struct exec *x, const struct slice *keys, int n, const struct list__pop *p, bool *popped);

/* Moves an element between ends of lists and replies with it. *moved is false, and nothing replied, when the source
 * does not exist. */
enum rc list__move(struct exec *x, struct slice source, struct slice destination, enum list_end from, enum list_end to,
                   bool *moved);
/* LMPOP's arguments from `numkeys` at argument `at` on; pop.again is the caller's. */
struct list__mpop {
    const struct slice *keys;
    int key_count;
    struct list__pop pop;
};
enum rc list__parse_mpop(struct exec *x, int at, struct list__mpop *m);

#endif
