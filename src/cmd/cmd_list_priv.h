/* cmd/cmd_list_priv.h - what the plain and the blocking list commands share. */
#ifndef SORREL_CMD_CMD_LIST_PRIV_H
#define SORREL_CMD_CMD_LIST_PRIV_H

#include "cmd/args.h"

/* LEFT or RIGHT; RC_SYNTAX. */
enum rc list__arg_end(struct slice arg, enum list_end *end);
/* Takes n elements (at most what there is) off that end of a list being edited and replies with them, as one bulk
 * string (array false, n 1) or as an array. Completes the change. */
void list__reply_popped(struct exec *x, struct entry *e, struct list *list, enum list_end end, size_t n, bool array);
/* Moves an element between ends of lists and replies with it. *moved is false, and nothing replied, when the source
 * does not exist. */
enum rc list__move(struct exec *x, struct slice source, struct slice destination, enum list_end from, enum list_end to,
                   bool *moved);
/* LMPOP's arguments from `numkeys` at argument `at` on. */
struct list__mpop {
    const struct slice *keys;
    int key_count;
    enum list_end end;
    int64_t count;
};
enum rc list__parse_mpop(struct exec *x, int at, struct list__mpop *m);
/* Pops from the first key that exists and replies; *popped is false, and nothing replied, when there is none. */
enum rc list__mpop(struct exec *x, const struct list__mpop *m, bool *popped);

#endif
