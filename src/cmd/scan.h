/* cmd/scan.h - what SCAN, HSCAN, SSCAN and ZSCAN share: cursor, options and the form of the reply. */
#ifndef SORREL_CMD_SCAN_H
#define SORREL_CMD_SCAN_H

#include "engine/exec.h"

struct scan {
    struct exec *x;
    uint64_t cursor;
    int64_t count;        /* COUNT: how much work one call should do */
    struct slice pattern; /* MATCH; ptr NULL: everything */
    struct slice type;    /* SCAN's TYPE; ptr NULL: all */
    bool no_values;       /* HSCAN's NOVALUES, ZSCAN's NOSCORES */
    /* The reply in the making. */
    size_t visited, written;
    struct out items;
    enum rc rc;
};

/* RC_BAD_CURSOR */
enum rc scan_cursor(struct slice arg, uint64_t *cursor);
/* Reads the options from argument `at` on; `types` says whether the command knows TYPE, `bare` what it calls the option
 * for names alone (ptr NULL: it has none). */
enum rc scan_options(struct exec *x, struct scan *s, int at, bool types, struct slice bare);
/* Whether so much is asked for, of `have` elements, that the handler is to be run in slices. */
bool scan_is_long(const struct scan *s, size_t have);
/* For visitors: counts one visit; true when name passes MATCH. */
bool scan_wants(struct scan *s, struct slice name);
/* Adds a bulk string to the reply. */
void scan_add(struct scan *s, struct slice item);
/* True while another step should be made: there is more, and COUNT is not reached. In slices it pauses. */
bool scan_goes_on(struct scan *s);
/* Writes the reply and frees what was collected; returns what exec_pulse() has returned. */
enum rc scan_reply(struct scan *s);
/* The reply for a key that does not exist. */
enum rc scan_reply_empty(struct exec *x);

#endif
