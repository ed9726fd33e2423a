/* proto/words.h - lines of words with quotes: inline commands, configuration files, interactive input.
 *
 * Words are separated by blanks. Within double quotes \n \r \t \b \a \\ \" and \xHH stand for what they name; within
 * single quotes only \' does. A closing quote must be followed by a blank or the end.
 */
#ifndef SORREL_PROTO_WORDS_H
#define SORREL_PROTO_WORDS_H

#include "base/arena.h"

/* A growable array of slices; all-zero is empty. The holder frees it with slice_vec_fini(). */
struct slice_vec {
    struct slice *v;
    size_t n, cap;
};
void slice_vec_grow(struct slice_vec *a, size_t more); /* makes room for that many more */
void slice_vec_add(struct slice_vec *a, struct slice s);
void slice_vec_fini(struct slice_vec *a);

/* True when some word may need unquoting, and with it memory. */
bool words_have_quotes(struct slice line);
/* Appends the words of the line. Those without quotes are slices of it, the others live in `text` (which may be NULL if
 * there are no quotes). False, with `words` as it was, when quotes do not match. */
bool words_split(struct slice line, struct arena *text, struct slice_vec *words);

#endif
