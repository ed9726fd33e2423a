/* value/json_priv.h - the tags of a document's bytes.
 *
 *   00..7f  an integer from 0 to 127          80..bf  a string of 0 to 63 bytes without anything to escape
 *   then what the names say; integers little-endian, a container is its tag, the size of what follows its head and the
 *   number of its children in four bytes each. A key that has been there before in the document may be TAG_KEY: how
 *   many bytes before it that one is, in two bytes.
 */
#ifndef SORREL_VALUE_JSON_PRIV_H
#define SORREL_VALUE_JSON_PRIV_H

#include "value/json.h"

enum json_tag {
    TAG_SHORT = 0x80,
    TAG_NULL = 0xc0,
    TAG_FALSE,
    TAG_TRUE,
    TAG_INT8,
    TAG_INT16,
    TAG_INT32,
    TAG_INT64,
    TAG_UINT64, /* above INT64_MAX */
    TAG_DOUBLE, /* a byte of length, the text */
    TAG_TEXT8,  /* a byte of length, bytes that need no escape */
    TAG_TEXT32,
    TAG_ESCAPE8, /* the same with something to escape */
    TAG_ESCAPE32,
    TAG_KEY,
    TAG_ARRAY,
    TAG_OBJECT,
};
enum { SHORT_MAX = 63, CONTAINER_HEAD = 9, KEY_SIZE = 3 };

static inline uint32_t
json__load32(const unsigned char *p)
{
    uint32_t v;

    memcpy(&v, p, 4);
    return v;
}

/* The key that a TAG_KEY stands for. */
static inline json_node
json__key(json_node n)
{
    uint16_t back;

    memcpy(&back, n + 1, sizeof(back));
    return n - back;
}

static inline bool
json__is_container(json_node n)
{
    return *n >= TAG_ARRAY;
}

/* Bytes of a value whose tag says so alone; the others are looked at by json_size(). */
static inline size_t
json__size(json_node n)
{
    unsigned tag = *n;

    if (tag < TAG_SHORT)
        return 1;
    if (tag < TAG_NULL)
        return 1 + (tag - TAG_SHORT);
    switch (tag) {
    case TAG_INT8: return 2;
    case TAG_INT16:
    case TAG_KEY: return 3;
    case TAG_INT32: return 5;
    case TAG_INT64:
    case TAG_UINT64: return 9;
    case TAG_DOUBLE:
    case TAG_TEXT8:
    case TAG_ESCAPE8: return 2 + (size_t)n[1];
    case TAG_TEXT32:
    case TAG_ESCAPE32: return 5 + (size_t)json__load32(n + 1);
    case TAG_ARRAY:
    case TAG_OBJECT: return CONTAINER_HEAD + (size_t)json__load32(n + 1);
    default: return 1;
    }
}

/* Where plain text ends: the first byte that is a quote, a backslash, a control character or not ASCII. */
const unsigned char *json__plain_end(const unsigned char *p, const unsigned char *end);
/* The length of the UTF-8 sequence at p, 0 if it is none. */
unsigned json__utf8(const unsigned char *p, const unsigned char *end);
/* A string whose need of escapes is known. */
void json__put_text(struct buf *tape, struct slice s, bool escape);
/* The text of a finite double, at most JSON_SCALAR_MAX bytes; returns its length. */
size_t json__double_text(char *out, double v);
void json__put_double_text(struct buf *tape, struct slice text);
/* The number with the shortest text among those that the type rounds as it does v. False when v is beyond its range. */
bool json__round(double v, enum json_float type, double *out);

#endif
