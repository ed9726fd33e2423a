/* value/json.c - documents: holding the bytes, changing them, looking at values. */
#include "value/json_priv.h"

#include "base/check.h"
#include "base/mem.h"

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

enum rewriting { RESTORE_KEYS, LOOSEN, TIGHTEN };

/* Builds the document again. False when memory is out. */
static bool
rewrite(struct json *j, enum rewriting how)
{
    struct {
        json_node end;
        size_t at, count;
    } open[JSON_DEPTH_MAX];
    const struct json_block *b = block_of(j);
    struct buf plain = {0};
    unsigned depth = 0;

    for (json_node n = b->bytes, end = n + b->len; n < end;) {
        if (json__is_container(n)) {
            CHECK(depth < JSON_DEPTH_MAX);
            open[depth].end = n + json__size(n);
            open[depth].count = json_count(n);
            open[depth++].at = json_open(&plain, *n == TAG_OBJECT);
            n += CONTAINER_HEAD;
        } else {
            json_node from = *n == TAG_KEY ? json__key(n) : n;
            if (how == LOOSEN && *n == TAG_PACKED)
                json__unpack(&plain, n);
            else
                buf_add(&plain, from, json__size(from));
            n += json__size(n);
        }
        for (; depth > 0 && n == open[depth - 1].end; depth--) {
            if (how == TIGHTEN)
                json_close(&plain, open[depth - 1].at, open[depth - 1].count);
            else
                json__close_plain(&plain, open[depth - 1].at, open[depth - 1].count);
        }
    }
    bool ok = json_set(j, buf_slice(&plain));
    buf_fini(&plain);
    return ok;
}

bool
json_unshare(struct json *j)
{
    return block_of(j) == NULL || handle_rep(&j->h) == REP_PLAIN || rewrite(j, RESTORE_KEYS);
}

bool
json_loosen(struct json *j)
{
    return block_of(j) == NULL || rewrite(j, LOOSEN);
}

void
json_tighten(struct json *j)
{
    if (block_of(j) != NULL)
        rewrite(j, TIGHTEN);
}

bool
json_fits(json_node packed, json_node value)
{
    unsigned char ignored[8];

    return json__encode(packed, value, ignored);
}

bool
json_store(struct json *j, size_t parent, size_t at, json_node value)
{
    unsigned char *bytes = block_of(j)->bytes, number[8];

    if (bytes[parent] != TAG_PACKED || !json__encode(bytes + parent, value, number))
        return false;
    memcpy(bytes + at, number, json__width(bytes + parent));
    return true;
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
        if (json_kind(n) < JSON_ARRAY)
            continue;
        if (depth == depth_max)
            return false;
        if (json__is_container(n))
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
    case TAG_DOUBLE:
    case TAG_REAL: return JSON_NUMBER;
    case TAG_PACKED:
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
    if (*n == TAG_PACKED)
        return json__load32(n + 2) / json__width(n);
    return json__is_container(n) ? json__load32(n + 5) : 0;
}

bool
json_is_packed(json_node n)
{
    return *n == TAG_PACKED;
}

struct json_children
json_children(json_node container)
{
    return (struct json_children){
        .container = container,
        .at = container + (*container == TAG_PACKED ? PACKED_HEAD : CONTAINER_HEAD),
        .left = json_count(container),
    };
}

struct json_children
json_children_from(json_node array, size_t i)
{
    struct json_children c = json_children(array);

    c.left -= i;
    if (*array == TAG_PACKED)
        c.at += i * json__width(array);
    else
        for (; i > 0; i--)
            c.at += json__size(c.at);
    return c;
}

bool
json_next(struct json_children *c)
{
    if (c->left == 0)
        return false;
    c->left--;
    if (*c->container == TAG_PACKED) {
        c->value = json__element(c->container, c->at, &c->own);
        c->at += json__width(c->container);
        return true;
    }
    if (*c->container == TAG_OBJECT) {
        c->key = c->at;
        c->at += json__size(c->at);
    }
    c->value = c->at;
    c->at += json__size(c->at);
    return true;
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

unsigned
json_depth(json_node n)
{
    json_node end = n + json__size(n), ends[JSON_DEPTH_MAX + 1];
    unsigned depth = 0, max = 1;

    for (; n < end; n += json__is_container(n) ? CONTAINER_HEAD : json__size(n)) {
        while (depth > 0 && n >= ends[depth - 1])
            depth--;
        unsigned here = depth + 1 + (*n == TAG_PACKED);
        if (here > max)
            max = here;
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
    json_node n = object + CONTAINER_HEAD;
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

static bool
equal_arrays(json_node a, json_node b)
{
    struct json_children x = json_children(a), y = json_children(b);

    while (json_next(&x) && json_next(&y))
        if (!json_equal(x.value, y.value))
            return false;
    return true;
}

static bool
equal_objects(json_node a, json_node b)
{
    for (struct json_children c = json_children(a); json_next(&c);) {
        json_node other = json_get(b, json_string(c.key));
        if (other == NULL || !json_equal(c.value, other))
            return false;
    }
    return true;
}

/* Recursion is bounded by JSON_DEPTH_MAX, which every document has been held to. */
bool
json_equal(json_node a, json_node b)
{
    enum json_kind kind = json_kind(a);

    if (json_is_number(a) && json_is_number(b))
        return equal_numbers(a, b);
    if (kind != json_kind(b))
        return false;
    if (kind == JSON_STRING)
        return slice_eq(json_string(a), json_string(b));
    if (kind < JSON_ARRAY)
        return *a == *b;
    if (json_count(a) != json_count(b))
        return false;
    return kind == JSON_ARRAY ? equal_arrays(a, b) : equal_objects(a, b);
}

/* -- making values ---------------------------------------------------------------------------------------------- */

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
    if ((unsigned char)tape->ptr[at] == TAG_OBJECT || !json__pack(tape, at, count))
        json__close_plain(tape, at, count);
}

void
json__close_plain(struct buf *tape, size_t at, size_t count)
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
        if ((*n == TAG_KEY && !verify_reference(j, n, key)) || (*n == TAG_PACKED && !json__verify_packed(n)) ||
            (*n == TAG_DOUBLE && n[1] > REAL_TEXT_MAX))
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
