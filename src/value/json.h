/* value/json.h - a JSON document as one run of bytes.
 *
 * A document is its values in the order of the text, each a tag with what belongs to it: small integers and short
 * strings share the tag's byte, integers take as many bytes as they need, a container knows its size and its number of
 * children. So a value is skipped in one step, the descendants of a value are the bytes inside it, copying is memcpy()
 * and nothing is freed piece by piece; a change moves what is behind it. Values are spoken of by their offset or
 * address, which hold until the next change.
 *
 * An array that has only numbers is one block of them without tags, of the narrowest type that has them all exactly,
 * where that takes no more room. Such a number has an offset but no tag: who looks at it is given a copy with one
 * (struct json_own). Where one is changed to what its type cannot be, the array is loosened first.
 *
 * In a document as it was read, a key that has been there before may be a reference to where it was: lists of like
 * objects, which services tell of, are a seventh smaller. A change would break references, so the first one replaces
 * them all.
 *
 * Integers keep their exact value up to 64 bits, signed or unsigned; other numbers are doubles, kept as the shortest
 * text that reads back as the same or, where that is long, as they are. Strings are valid UTF-8 without their escapes.
 * No value lies deeper than JSON_DEPTH_MAX. All-zero is a document that is not there yet. Source: RFC 8259 and the
 * documentation of the JSON commands.
 */
#ifndef SORREL_VALUE_JSON_H
#define SORREL_VALUE_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "value/handle.h"

struct json {
    struct handle h;
};

typedef const unsigned char *json_node; /* the address of a value's tag */
struct json_own {                       /* room for a number of a packed array, with its tag */
    unsigned char bytes[9];
};

enum { JSON_DEPTH_MAX = 128, JSON_SCALAR_MAX = 48 };
enum json_kind { JSON_NULL, JSON_BOOL, JSON_INTEGER, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* -- documents -------------------------------------------------------------------------------------------------- */

void json_fini(struct json *j); /* leaves an empty one */
struct json json_copy(const struct json *j);
size_t json_bytes(const struct json *j); /* outside the entry */
/* The root; NULL when there is none. */
json_node json_root(const struct json *j);
/* Makes the document these bytes, from json_parse() or of a value elsewhere. False when memory is out. */
bool json_set(struct json *j, struct slice tape);
/* The same for what json_read() may have put references to keys in. */
bool json_set_shared(struct json *j, struct slice tape);
/* Replaces references to keys by the keys: due before matches are looked for that are to be changed, or values are
 * copied out of the document. False when memory is out or the document would be too large. */
bool json_unshare(struct json *j);
/* The same, and gives tags to all numbers: due before something is put in the place of one that json_store() cannot, or
 * one is taken away. json_tighten() packs arrays again; when memory is out they stay as they are. */
bool json_loosen(struct json *j);
void json_tighten(struct json *j);
/* Whether a packed array could have the value without being loosened; puts it in the place of a number of one. */
bool json_fits(json_node packed, json_node value);
bool json_store(struct json *j, size_t parent, size_t at, json_node value);
/* In a document without references: replaces `old` bytes at offset `at` inside the container at `parent` by those of
 * `tape`, which must not lie in the document, and adds `more` to its number of children. False when memory is out or
 * the document would be too large or deeper than `depth_max` (at most JSON_DEPTH_MAX); nothing has changed then. */
bool json_splice(struct json *j, size_t parent, size_t at, size_t old, struct slice tape, int64_t more,
                 unsigned depth_max);
/* Walks everything. */
bool json_verify(const struct json *j);

/* -- text ------------------------------------------------------------------------------------------------------- */

struct json_error {
    const char *why;
    size_t line, column;
};
/* Appends the value's bytes to `tape`. False with *error set for anything that is not exactly one JSON value; the
 * buffer may have grown then. `depth_max` is at most JSON_DEPTH_MAX. */
bool json_parse(struct slice text, unsigned depth_max, struct buf *tape, struct json_error *error);

enum json_float { JSON_FLOAT_ANY, JSON_BF16, JSON_FP16, JSON_FP32, JSON_FP64 };
struct json_reading {
    unsigned depth_max;
    /* The elements of every array that has only numbers become numbers of this type: rounded to it, kept as the
     * shortest text that it reads back as the same. It is an error when one is beyond its range. */
    enum json_float floats;
    bool share_keys; /* a key that is there again becomes a reference to where it was: for json_set_shared() */
};
bool json_read(struct slice text, struct json_reading how, struct buf *tape, struct json_error *error);

struct json_format {
    struct slice indent, newline, space;
};
/* Appends the text. format NULL: as short as possible. */
void json_print(json_node n, const struct json_format *format, struct buf *out);
/* The same where the value lies `level` levels deep in something that the caller prints. */
void json_print_at(json_node n, const struct json_format *format, unsigned level, struct buf *out);
/* Appends a string with its quotes and escapes. */
void json_print_string(struct slice s, struct buf *out);

/* -- values ----------------------------------------------------------------------------------------------------- */

enum json_kind json_kind(json_node n);
/* As JSON.TYPE names them. */
const char *json_kind_name(enum json_kind kind);
size_t json_size(json_node n);  /* bytes, tag included */
size_t json_count(json_node n); /* children of a container, else 0; an object's key and value count as one */
/* Whether it is an array whose numbers have no tags. */
bool json_is_packed(json_node n);
struct slice json_string(json_node n); /* of a string or a key */
bool json_true(json_node n);
bool json_is_number(json_node n);
/* False when it is no integer, or beyond INT64_MAX. */
bool json_int64(json_node n, int64_t *out);
double json_double(json_node n);
unsigned json_depth(json_node n); /* 1 for a scalar */
/* Whether at most so many containers lie in one another here, as json_parse() counts them: none in a scalar. Takes
 * values that were put together of others, which may be deeper than a document can be. */
bool json_nests_within(json_node n, unsigned depth_max);
/* The value under a key; NULL when there is none or it is no object. */
json_node json_get(json_node object, struct slice key);
/* Equal values, whatever the order of keys; 1 and 1.0 are equal. */
bool json_equal(json_node a, json_node b);

/* Goes through a container: for (c = json_children(n); json_next(&c);). */
struct json_children {
    json_node value, key; /* of an object; the value is good until the next call */
    json_node container;
    const unsigned char *at; /* of the next */
    size_t left;
    struct json_own own;
};
struct json_children json_children(json_node container);
bool json_next(struct json_children *c);
/* The same from the array's element `i` on, which may be its count. At once where it is packed. */
struct json_children json_children_from(json_node array, size_t i);

/* -- making values ---------------------------------------------------------------------------------------------- */

void json_put_int(struct buf *tape, int64_t v);
void json_put_double(struct buf *tape, double v); /* finite */
void json_put_string(struct buf *tape, struct slice utf8);
void json_put_bool(struct buf *tape, bool v);
/* A container is opened, its children put, and closed; `at` is where it was opened. */
size_t json_open(struct buf *tape, bool object);
void json_close(struct buf *tape, size_t at, size_t count);
/* An array that is made of parts of another one: opened in its likeness, it stays packed while what comes is of its
 * type. */
size_t json_open_like(struct buf *tape, json_node array);
void json_put_part(struct buf *tape, size_t at, json_node array, size_t from, size_t count);
void json_put_values(struct buf *tape, size_t at, struct slice values);
void json_close_like(struct buf *tape, size_t at, size_t count);

#endif
