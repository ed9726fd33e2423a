/* cmd/cmd_json_priv.h - what the JSON commands share: finding values, changing them, replying in both dialects.
 *
 * A JSONPath gets an array with one element for each match, null where the type is not what the command works on; a
 * path of the older dialect gets the one answer, and errors instead of nulls.
 */
#ifndef SORREL_CMD_CMD_JSON_PRIV_H
#define SORREL_CMD_CMD_JSON_PRIV_H

#include "engine/exec.h"
#include "value/json_path.h"

/* Bits of kinds, for what a command works on. */
#define JSON_KIND(k)  (1u << (k))
#define JSON_NUMERIC  (JSON_KIND(JSON_INTEGER) | JSON_KIND(JSON_NUMBER))
#define JSON_ANY_KIND 0x7fu

/* A compiled path and what it matches in a key's document. */
struct json_look {
    struct json_path path;
    json_node root; /* NULL: no such key */
    struct json_match *m;
    size_t n;
    struct json_own own; /* of the match that was looked at last */
};

static inline json_node
json__match(struct json_look *l, size_t i)
{
    return json_match_node(l->root, l->m[i], &l->own);
}

enum rc json__path(struct exec *x, struct slice text, struct json_path *out);
/* The path given as argument n, or the default one: `$` in RESP3, `.` in RESP2. */
struct slice json__arg_path(struct exec *x, int n);
enum rc json__look(struct exec *x, struct slice key, struct slice path, struct json_look *out);
enum rc json__matches(struct exec *x, struct json_look *l);
enum rc json__value(struct exec *x, struct slice text, struct buf *tape); /* parses an argument */
/* For a path: what goes to the root may have references to keys. */
enum rc json__value_for(struct exec *x, const struct json_path *p, struct slice text, enum json_float floats,
                        struct buf *tape);
/* Errors of the older dialect: the path leads nowhere, or to something else. */
enum rc json__no_path(struct exec *x, const struct json_path *p);
enum rc json__wrong_kind(struct exec *x, unsigned kinds, enum json_kind found);

typedef void json_put(struct exec *x, json_node n);
/* Replies with put() for each match of these kinds. */
enum rc json__reply_each(struct exec *x, struct slice path, unsigned kinds, json_put *put);

/* -- changing --------------------------------------------------------------------------------------------------- */

/* What became of a match. The text or value, if any, lies in the work's `texts`. */
struct json_result {
    bool done; /* else the reply is null */
    int64_t number;
    size_t text, text_len;
};

struct json_work {
    struct exec *x;
    struct json_path path;
    unsigned kinds;              /* others are left alone */
    struct buf *tape;            /* what the value becomes */
    struct buf *texts;           /* or values: for replies */
    const void *with;            /* the command's own */
    struct json_result *results; /* in the order of matches */
    size_t n, changed;
    enum json_kind found; /* of the last match of a wrong kind */
};
enum json_outcome { JSON_KEPT, JSON_CHANGED, JSON_GONE, JSON_FAILED /* x->error is set */ };
/* Changes every match in the key, or none: `change` puts into w->tape what n becomes. An absent key is an error. */
enum rc json__change(struct json_work *w, struct slice key, struct slice path, enum event event,
                     enum json_outcome (*change)(struct json_work *w, json_node n, struct json_result *r));
/* Replies after json__change(): numbers, or null; in the older dialect one number or an error. */
enum rc json__reply_numbers(struct json_work *w);
/* In the older dialect: the result that counts, or its error. */
enum rc json__one(struct json_work *w, const struct json_result **out);

/* Where documents are read or edited as a whole. */
enum rc json__edit(struct exec *x, struct slice key, enum edit_mode mode, struct entry **e, struct json **out);
/* Both want tags: where the place is in a packed array, the document must have been loosened. */
bool json__replace(const struct exec *x, struct json *j, struct json_match at, struct slice tape);
bool json__remove(struct json *j, struct json_match at);
/* Looks for what is to be changed: keys become whole first. When numbers of packed arrays are among the matches, arrays
 * are loosened, unless all of those could become `value` (which may be NULL). The caller tightens them again. */
enum rc json__seek(struct exec *x, struct json *j, struct json_look *l, json_node value, bool *loosened);
/* Sorts by place and drops what is there twice; with `outer`, also what lies inside another match. Returns how many. */
size_t json__sort(json_node root, struct json_match *m, size_t n, bool outer);
/* FORMAT of replies, whose word for text differs. With the protocol's types, containers are such down to so many levels
 * and text below. */
enum rc json__reply_format(struct exec *x, struct slice word, struct slice text, unsigned *levels);
void json__put_expanded(struct exec *x, json_node n, unsigned levels);
/* A bulk string that takes the buffer along when it is long. */
enum rc json__reply_text(struct exec *x, struct buf *text);

#endif
