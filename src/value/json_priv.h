/* value/json_priv.h - the tags of a document's bytes.
 *
 *   00..7f  an integer from 0 to 127          80..bf  a string of 0 to 63 bytes without anything to escape
 *   then what the names say; integers little-endian, a container is its tag, the size of what follows its head and the
 *   number of its children in four bytes each. An array that has only numbers, of one type, is TAG_PACKED, the type
 * (enum pack), the size of what follows in four bytes, and the numbers without tags. A key that has been there before
 * in the document may be TAG_KEY: how many bytes before it that one is, in two bytes.
 */
#ifndef SORREL_VALUE_JSON_PRIV_H
#define SORREL_VALUE_JSON_PRIV_H

#include "base/decimal.h"
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
    TAG_DOUBLE, /* a byte of length, the text: of REAL_TEXT_MAX bytes at most */
    TAG_REAL,   /* other doubles, as they are */
    TAG_TEXT8,  /* a byte of length, bytes that need no escape */
    TAG_TEXT32,
    TAG_ESCAPE8, /* the same with something to escape */
    TAG_ESCAPE32,
    TAG_KEY,
    TAG_PACKED,
    TAG_ARRAY,
    TAG_OBJECT,
};
enum { SHORT_MAX = 63, CONTAINER_HEAD = 9, PACKED_HEAD = 6, KEY_SIZE = 3, REAL_TEXT_MAX = 16 };

/* What the elements of a packed array are. The narrow floating-point types stand for the numbers with the fewest digits
 * that are nearest to them, as people write them: a vector of 32-bit numbers comes as 0.1, not as 0.10000000149011612.
 * Where it comes so all the same, SINGLE has the values as they are. */
enum pack {
    PACK_INT8,
    PACK_UINT8,
    PACK_INT16,
    PACK_UINT16,
    PACK_INT32,
    PACK_UINT32,
    PACK_INT64,
    PACK_FP16,
    PACK_BF16,
    PACK_FP32,
    PACK_SINGLE,
    PACK_FP64,
    PACK_TYPES,
    PACK_WHOLE = 0x80, /* beside a floating-point type: what has no fraction is an integer */
};

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

/* Whether values with tags lie inside: the numbers of a packed array do not. */
static inline bool
json__is_container(json_node n)
{
    return *n >= TAG_ARRAY;
}

static inline unsigned
json__width(json_node packed)
{
    static const unsigned char widths[PACK_TYPES] = {1, 1, 2, 2, 4, 4, 8, 2, 2, 4, 4, 8};

    return widths[packed[1] & ~PACK_WHOLE];
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
    case TAG_UINT64:
    case TAG_REAL: return 9;
    case TAG_DOUBLE:
    case TAG_TEXT8:
    case TAG_ESCAPE8: return 2 + (size_t)n[1];
    case TAG_TEXT32:
    case TAG_ESCAPE32: return 5 + (size_t)json__load32(n + 1);
    case TAG_PACKED: return PACKED_HEAD + (size_t)json__load32(n + 2);
    case TAG_ARRAY:
    case TAG_OBJECT: return CONTAINER_HEAD + (size_t)json__load32(n + 1);
    default: return 1;
    }
}

/* Where plain text ends: the first byte that is a quote, a backslash, a control character or not ASCII. */
const unsigned char *json__plain_end(const unsigned char *p, const unsigned char *end);
/* A string whose need of escapes is known. */
void json__put_text(struct buf *tape, struct slice s, bool escape);
/* The text of a finite double, at most JSON_SCALAR_MAX bytes; returns its length. */
size_t json__double_text(char *out, double v);
/* The same for digits that are known; none: zero. */
size_t json__decimal_text(char *out, bool minus, struct decimal d);
void json__put_double_text(struct buf *tape, struct slice text);
void json__put_real(struct buf *tape, double v);
/* Appends the number that the text at *p begins with. False with *why, and *p where it is wrong. With `as_is`, a double
 * is put as it is, whatever its text, and *as_is set. */
bool json__read_number(const unsigned char **p, const unsigned char *end, struct buf *out, bool *as_is,
                       const char **why);
/* An integer with its tag; returns its size. */
size_t json__write_int(unsigned char *out, int64_t v);
/* json_close() of an array that is to keep its tags. */
void json__close_plain(struct buf *tape, size_t at, size_t count);
/* The number with the shortest text among those that the type rounds as it does v. False when v is beyond its range. */
bool json__round(double v, enum json_float type, double *out);

/* -- packed arrays (json_pack.c) ---------------------------------------------------------------------------------- */

/* The array of `count` values that was opened at `at`, whose head is not written yet, becomes a packed one. False,
 * changing nothing, when it has other values than numbers or when it would take more room. */
bool json__pack(struct buf *tape, size_t at, size_t count);
/* Appends the same array with tags. */
void json__unpack(struct buf *tape, json_node packed);
/* The element whose bytes are there, with its tag. */
json_node json__element(json_node packed, const unsigned char *at, struct json_own *own);
/* Appends its text. */
void json__print_element(json_node packed, const unsigned char *at, struct buf *out);
/* Writes a number in the form of the elements to `out`, of eight bytes. False when it would not be the same number. */
bool json__encode(json_node packed, json_node number, unsigned char *out);
bool json__verify_packed(json_node packed);

#endif
