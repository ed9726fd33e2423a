/* value/json.c - documents: holding the bytes, changing them, looking at values. */
#include "value/json_priv.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Whether keys may be references. */
enum { REP_PLAIN, REP_SHARED };

struct json_block {
    uint32_t len, cap;
    unsigned char bytes[];
};

static struct json_block *
block_of(const struct json *j)
{
    return handle_ptr(&j->h);
}

/* -- documents -------------------------------------------------------------------------------------------------- */

/* A block with room for len bytes, its contents kept; NULL when memory is out. */
static struct json_block *
reserve(struct json *j, size_t len)
{
    struct json_block *b = block_of(j);
    size_t bytes = mem_good_size(sizeof(*b) + len);

    /* Shrinks only when a quarter is to be had: a document that changes back and forth should not move each time. */
    if (b != NULL && len <= b->cap && bytes > (sizeof(*b) + (size_t)b->cap) / 4 * 3)
        return b;
    struct json_block *moved = mem_resize_try(b, bytes);
    if (moved == NULL)
        return NULL;
    moved->cap = (uint32_t)(bytes - sizeof(*moved) > UINT32_MAX ? UINT32_MAX : bytes - sizeof(*moved));
    if (b == NULL)
        moved->len = 0;
    handle_set(&j->h, moved, handle_rep(&j->h));
    return moved;
}

void
json_fini(struct json *j)
{
    mem_free(block_of(j));
    handle_set(&j->h, NULL, 0);
}

struct json
json_copy(const struct json *j)
{
    struct json copy = {0};
    const struct json_block *b = block_of(j);

    if (b != NULL) {
        bool ok = json_set(&copy, slice_of(b->bytes, b->len));
        CHECK(ok);
        handle_set(&copy.h, block_of(&copy), handle_rep(&j->h));
    }
    return copy;
}

size_t
json_bytes(const struct json *j)
{
    return block_of(j) == NULL ? 0 : mem_size_of(block_of(j));
}

json_node
json_root(const struct json *j)
{
    const struct json_block *b = block_of(j);

    return b == NULL || b->len == 0 ? NULL : b->bytes;
}

bool
json_set(struct json *j, struct slice tape)
{
    struct json_block *b;

    if (tape.len > UINT32_MAX || (b = reserve(j, tape.len)) == NULL)
        return false;
    memcpy(b->bytes, tape.ptr, tape.len);
    b->len = (uint32_t)tape.len;
    handle_set(&j->h, b, REP_PLAIN);
    return true;
}

bool
json_set_shared(struct json *j, struct slice tape)
{
    bool ok = json_set(j, tape);

    if (ok)
        handle_set(&j->h, block_of(j), REP_SHARED);
    return ok;
}

static void
store32(unsigned char *p, uint32_t v)
{
    memcpy(p, &v, 4);
}

bool
json_unshare(struct json *j)
{
    struct {
        json_node end;
        size_t at;
    } open[JSON_DEPTH_MAX];
    const struct json_block *b = block_of(j);
    struct buf plain = {0};
    unsigned depth = 0;

    if (b == NULL || handle_rep(&j->h) == REP_PLAIN)
        return true;
    for (json_node n = b->bytes, end = n + b->len; n < end;) {
        if (json__is_container(n)) {
            CHECK(depth < JSON_DEPTH_MAX);
            open[depth].end = n + json__size(n);
            open[depth++].at = plain.len;
            buf_add(&plain, n, CONTAINER_HEAD);
            n += CONTAINER_HEAD;
        } else {
            json_node from = *n == TAG_KEY ? json__key(n) : n;
            buf_add(&plain, from, json__size(from));
            n += json__size(n);
        }
        for (; depth > 0 && n == open[depth - 1].end; depth--) {
            size_t at = open[depth - 1].at;
            store32((unsigned char *)plain.ptr + at + 1, (uint32_t)(plain.len - at - CONTAINER_HEAD));
        }
    }
    bool ok = json_set(j, buf_slice(&plain));
    buf_fini(&plain);
    return ok;
}

/* The child of the container at `at` that holds offset `want`, as an offset. */
static size_t
child_over(const unsigned char *bytes, size_t at, size_t want)
{
    size_t n = at + CONTAINER_HEAD;

    for (;;) {
        size_t size = json__size(bytes + n);
        if (want < n + size)
            return n;
        n += size;
    }
}

bool
json_nests_within(json_node n, unsigned depth_max)
{
    json_node end = n + json__size(n), ends[JSON_DEPTH_MAX];
    unsigned depth = 0;

    depth_max = depth_max < JSON_DEPTH_MAX ? depth_max : JSON_DEPTH_MAX;
    for (; n < end; n += json__is_container(n) ? CONTAINER_HEAD : json__size(n)) {
        while (depth > 0 && n >= ends[depth - 1])
            depth--;
        if (!json__is_container(n))
            continue;
        if (depth == depth_max)
            return false;
        ends[depth++] = n + json__size(n);
    }
    return true;
}

bool
json_splice(struct json *j, size_t parent, size_t at, size_t old, struct slice tape, int64_t more, unsigned depth_max)
{
    struct json_block *b = block_of(j);
    size_t level = 1, len = b->len - old + tape.len;

    depth_max = depth_max < JSON_DEPTH_MAX ? depth_max : JSON_DEPTH_MAX;
    CHECK(parent < at && at + old <= b->len && json__is_container(b->bytes + parent));
    CHECK(handle_rep(&j->h) == REP_PLAIN);
    for (size_t n = 0; n != parent; level++)
        n = child_over(b->bytes, n, parent);
    if (len > UINT32_MAX)
        return false;
    for (size_t n = 0; n < tape.len; n += json__size((json_node)tape.ptr + n))
        if (level > depth_max || !json_nests_within((json_node)tape.ptr + n, depth_max - (unsigned)level))
            return false;
    if (len > b->cap && (b = reserve(j, len + len / 8)) == NULL)
        return false;

    size_t n = 0;
    for (;;) {
        store32(b->bytes + n + 1, (uint32_t)(json__load32(b->bytes + n + 1) - old + tape.len));
        if (n == parent)
            break;
        n = child_over(b->bytes, n, parent);
    }
    store32(b->bytes + parent + 5, (uint32_t)(json__load32(b->bytes + parent + 5) + more));
    memmove(b->bytes + at + tape.len, b->bytes + at + old, b->len - at - old);
    if (tape.len > 0)
        memcpy(b->bytes + at, tape.ptr, tape.len);
    b->len = (uint32_t)len;
    reserve(j, len);
    DEBUG_VERIFY(json_verify(j));
    return true;
}

/* -- values ----------------------------------------------------------------------------------------------------- */

enum json_kind
json_kind(json_node n)
{
    unsigned tag = *n;

    if (tag < TAG_SHORT)
        return JSON_INTEGER;
    if (tag < TAG_NULL)
        return JSON_STRING;
    switch (tag) {
    case TAG_NULL: return JSON_NULL;
    case TAG_FALSE:
    case TAG_TRUE: return JSON_BOOL;
    case TAG_DOUBLE: return JSON_NUMBER;
    case TAG_ARRAY: return JSON_ARRAY;
    case TAG_OBJECT: return JSON_OBJECT;
    case TAG_TEXT8:
    case TAG_TEXT32:
    case TAG_ESCAPE8:
    case TAG_ESCAPE32:
    case TAG_KEY: return JSON_STRING;
    default: return JSON_INTEGER;
    }
}

const char *
json_kind_name(enum json_kind kind)
{
    static const char *const names[] = {"null", "boolean", "integer", "number", "string", "array", "object"};

    return names[kind];
}

size_t
json_size(json_node n)
{
    return json__size(n);
}

size_t
json_count(json_node n)
{
    return json__is_container(n) ? json__load32(n + 5) : 0;
}

json_node
json_first(json_node n)
{
    return n + CONTAINER_HEAD;
}

struct slice
json_string(json_node n)
{
    if (*n == TAG_KEY)
        n = json__key(n);
    if (*n < TAG_NULL)
        return slice_of(n + 1, *n - TAG_SHORT);
    if (*n == TAG_TEXT8 || *n == TAG_ESCAPE8)
        return slice_of(n + 2, n[1]);
    return slice_of(n + 5, json__load32(n + 1));
}

bool
json_true(json_node n)
{
    return *n == TAG_TRUE;
}

bool
json_is_number(json_node n)
{
    enum json_kind kind = json_kind(n);

    return kind == JSON_INTEGER || kind == JSON_NUMBER;
}

bool
json_int64(json_node n, int64_t *out)
{
    unsigned bytes = *n == TAG_INT8 ? 1 : *n == TAG_INT16 ? 2 : *n == TAG_INT32 ? 4 : 8;
    uint64_t v = 0;

    if (*n < TAG_SHORT) {
        *out = *n;
        return true;
    }
    if (*n < TAG_INT8 || *n > TAG_INT64)
        return false;
    memcpy(&v, n + 1, bytes);
    *out = (int64_t)(v << (64 - 8 * bytes)) >> (64 - 8 * bytes);
    return true;
}

double
json_double(json_node n)
{
    char text[JSON_SCALAR_MAX + 1];
    int64_t i;
    uint64_t u;

    if (json_int64(n, &i))
        return (double)i;
    if (*n == TAG_UINT64) {
        memcpy(&u, n + 1, 8);
        return (double)u;
    }
    CHECK(*n == TAG_DOUBLE && n[1] <= JSON_SCALAR_MAX);
    memcpy(text, n + 2, n[1]);
    text[n[1]] = 0;
    return strtod(text, NULL);
}

unsigned
json_depth(json_node n)
{
    json_node end = n + json__size(n), ends[JSON_DEPTH_MAX + 1];
    unsigned depth = 0, max = 1;

    for (; n < end; n += json__is_container(n) ? CONTAINER_HEAD : json__size(n)) {
        while (depth > 0 && n >= ends[depth - 1])
            depth--;
        if (depth + 1 > max)
            max = depth + 1;
        if (json__is_container(n)) {
            CHECK(depth < JSON_DEPTH_MAX);
            ends[depth++] = n + json__size(n);
        }
    }
    return max;
}

json_node
json_get(json_node object, struct slice key)
{
    if (*object != TAG_OBJECT)
        return NULL;
    json_node n = json_first(object);
    for (size_t left = json_count(object); left > 0; left--) {
        json_node value = n + json__size(n);
        if (slice_eq(json_string(n), key))
            return value;
        n = value + json__size(value);
    }
    return NULL;
}

static bool
equal_numbers(json_node a, json_node b)
{
    int64_t x, y;

    if (json_int64(a, &x) && json_int64(b, &y))
        return x == y;
    if (*a == TAG_UINT64 && *b == TAG_UINT64)
        return memcmp(a, b, 9) == 0;
    return json_double(a) == json_double(b);
}

/* Recursion is bounded by JSON_DEPTH_MAX, which every document has been held to. */
bool
json_equal(json_node a, json_node b)
{
    if (json_is_number(a) && json_is_number(b))
        return equal_numbers(a, b);
    if (json_kind(a) != json_kind(b))
        return false;
    if (!json__is_container(a))
        return json_kind(a) == JSON_STRING ? slice_eq(json_string(a), json_string(b)) : *a == *b;
    size_t count = json_count(a);
    if (json_count(b) != count)
        return false;
    json_node x = json_first(a), y = json_first(b);
    for (; count > 0; count--) {
        if (*a == TAG_ARRAY) {
            if (!json_equal(x, y))
                return false;
            y += json__size(y);
        } else {
            json_node other = json_get(b, json_string(x));
            x += json__size(x);
            if (other == NULL || !json_equal(x, other))
                return false;
        }
        x += json__size(x);
    }
    return true;
}

/* -- making values ---------------------------------------------------------------------------------------------- */

void
json_put_int(struct buf *tape, int64_t v)
{
    unsigned char *p = (unsigned char *)buf_room(tape, 9);
    unsigned bytes = v == (int8_t)v ? 1 : v == (int16_t)v ? 2 : v == (int32_t)v ? 4 : 8;

    if (v >= 0 && v < TAG_SHORT) {
        p[0] = (unsigned char)v;
        buf_advance(tape, 1);
        return;
    }
    p[0] = bytes == 1 ? TAG_INT8 : bytes == 2 ? TAG_INT16 : bytes == 4 ? TAG_INT32 : TAG_INT64;
    memcpy(p + 1, &v, bytes);
    buf_advance(tape, 1 + bytes);
}

/* The shortest digits that read back as v, and where the point is: v = 0.DIGITS * 10^*point. */
static int
shortest(char digits[24], double v, int *point)
{
    char text[40];
    int n = 0;

    /* Nearly all need 15 to 17 digits at most; the smallest have fewer that count. */
    for (int precision = v < DBL_MIN ? 0 : 14; precision <= 16; precision++) {
        snprintf(text, sizeof(text), "%.*e", precision, v);
        if (strtod(text, NULL) == v)
            break;
    }
    const char *p = text;
    for (; *p != 'e'; p++)
        if (*p != '.')
            digits[n++] = *p;
    while (n > 1 && digits[n - 1] == '0')
        n--;
    *point = (int)strtol(p + 1, NULL, 10) + 1;
    return n;
}

size_t
json__double_text(char *out, double v)
{
    char digits[24], *p = out;
    int point, n;

    if (signbit(v))
        *p++ = '-';
    v = fabs(v);
    if (v == 0) {
        const struct slice zero = LIT("0.0");
        memcpy(p, zero.ptr, zero.len);
        return (size_t)(p - out) + zero.len;
    }
    n = shortest(digits, v, &point);
    if (point >= n && point <= 16) {
        memcpy(p, digits, (size_t)n);
        memset(p + n, '0', (size_t)(point - n));
        p[point] = '.';
        p[point + 1] = '0';
        return (size_t)(p + point + 2 - out);
    }
    if (point > 0 && point <= 16) {
        memcpy(p, digits, (size_t)point);
        p[point] = '.';
        memcpy(p + point + 1, digits + point, (size_t)(n - point));
        return (size_t)(p + n + 1 - out);
    }
    if (point > -5 && point <= 0) {
        memcpy(p, "0.0000", (size_t)(2 - point));
        memcpy(p + 2 - point, digits, (size_t)n);
        return (size_t)(p + 2 - point + n - out);
    }
    *p++ = digits[0];
    if (n > 1) {
        *p++ = '.';
        memcpy(p, digits + 1, (size_t)(n - 1));
        p += n - 1;
    }
    *p++ = 'e';
    p += format_int64(p, point - 1);
    return (size_t)(p - out);
}

/* What v is in a type with so many bits, whose smallest number is 2^least; beyond the range it is infinite or too large. */
static double
quantize(double v, int bits, int least)
{
    int exponent;

    frexp(v, &exponent);
    int ulp = exponent - bits < least ? least : exponent - bits;
    return v == 0 ? v : ldexp(nearbyint(ldexp(v, -ulp)), ulp);
}

bool
json__round(double v, enum json_float type, double *out)
{
    static const struct {
        int bits, least;
        double max;
    } types[] = {[JSON_BF16] = {8, -133, 0x1.fep127}, [JSON_FP16] = {11, -24, 65504}, [JSON_FP32] = {24, -149, FLT_MAX}};
    char text[40];

    *out = v;
    if (type == JSON_FP64 || type == JSON_FLOAT_ANY)
        return true;
    double rounded = quantize(v, types[type].bits, types[type].least);
    if (fabs(rounded) > types[type].max)
        return false;
    for (int precision = 0; precision <= 16; precision++) {
        snprintf(text, sizeof(text), "%.*e", precision, rounded);
        *out = strtod(text, NULL);
        if (quantize(*out, types[type].bits, types[type].least) == rounded)
            break;
    }
    return true;
}

void
json_put_double(struct buf *tape, double v)
{
    char text[JSON_SCALAR_MAX];

    CHECK(isfinite(v));
    json__put_double_text(tape, slice_of(text, json__double_text(text, v)));
}

void
json_put_string(struct buf *tape, struct slice s)
{
    const unsigned char *p = (const unsigned char *)s.ptr, *end = p + s.len;
    bool need = false;

    for (; p < end && !need; p += p < end)
        if ((p = json__plain_end(p, end)) < end)
            need = *p < 0x80;
    json__put_text(tape, s, need);
}

void
json_put_null(struct buf *tape)
{
    buf_add_char(tape, (char)TAG_NULL);
}

void
json_put_bool(struct buf *tape, bool v)
{
    buf_add_char(tape, (char)(v ? TAG_TRUE : TAG_FALSE));
}

size_t
json_open(struct buf *tape, bool object)
{
    char *p = buf_room(tape, CONTAINER_HEAD);

    p[0] = (char)(object ? TAG_OBJECT : TAG_ARRAY);
    memset(p + 1, 0, CONTAINER_HEAD - 1);
    buf_advance(tape, CONTAINER_HEAD);
    return tape->len - CONTAINER_HEAD;
}

void
json_close(struct buf *tape, size_t at, size_t count)
{
    unsigned char *p = (unsigned char *)tape->ptr + at;

    store32(p + 1, (uint32_t)(tape->len - at - CONTAINER_HEAD));
    store32(p + 5, (uint32_t)count);
}

/* -- checking --------------------------------------------------------------------------------------------------- */

/* A reference stands for a key and leads to one in the document that is none itself. */
static bool
verify_reference(const struct json *j, json_node n, bool key)
{
    uint16_t back;

    memcpy(&back, n + 1, sizeof(back));
    return key && handle_rep(&j->h) == REP_SHARED && back > 0 && back <= n - block_of(j)->bytes &&
           *json__key(n) != TAG_KEY && json_kind(json__key(n)) == JSON_STRING;
}

struct open_level {
    json_node end;
    size_t left; /* values and keys still to come */
    bool object;
};

bool
json_verify(const struct json *j)
{
    const struct json_block *b = block_of(j);
    struct open_level open[JSON_DEPTH_MAX + 1];
    unsigned depth = 0;

    if (b == NULL)
        return true;
    json_node n = b->bytes, end = n + b->len;
    if (b->len > b->cap || n + json__size(n) != end)
        return false;
    while (n < end) {
        bool key = false;
        if (depth > 0) {
            struct open_level *l = &open[depth - 1];
            key = l->object && l->left % 2 == 0;
            if (l->left == 0 || (key && json_kind(n) != JSON_STRING))
                return false;
            l->left--;
        }
        if (*n == TAG_KEY && !verify_reference(j, n, key))
            return false;
        if (json__is_container(n)) {
            if (depth == JSON_DEPTH_MAX)
                return false;
            bool object = *n == TAG_OBJECT;
            open[depth++] = (struct open_level){n + json__size(n), json_count(n) * (object ? 2 : 1), object};
            n += CONTAINER_HEAD;
        } else {
            n += json__size(n);
        }
        while (depth > 0 && n == open[depth - 1].end)
            if (open[--depth].left != 0)
                return false;
        if (depth > 0 && n > open[depth - 1].end)
            return false;
    }
    return n == end && depth == 0;
}
