/* client/error_priv.h - filling a struct sorrel_error, for this folder. */
#ifndef SORREL_CLIENT_ERROR_PRIV_H
#define SORREL_CLIENT_ERROR_PRIV_H

#include "sorrel/reply.h"

/* Sets *err (NULL is fine) and returns `code`, so that a failing function can end with one line. */
enum sorrel_rc error__set(struct sorrel_error *err, enum sorrel_rc code, int sys_errno, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* The same with the line of an error reply as the text. */
enum sorrel_rc error__reply(struct sorrel_error *err, enum sorrel_rc code, const struct sorrel_reply *r);

#endif
