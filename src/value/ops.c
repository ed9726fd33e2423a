/* value/ops.c - the rows of value_ops: each type's functions seen through its handle. */
#include "value/ops.h"

#include "value/hash.h"
#include "value/json.h"
#include "value/list.h"
#include "value/set.h"
#include "value/stream.h"
#include "value/zset.h"

/* Every collection is a struct around its handle, so the casts below change nothing but the name. */
#define ADAPT(T)                                                                                               \
    static void T##_ops_fini(struct handle *h)                                                                 \
    {                                                                                                          \
        T##_fini((struct T *)h);                                                                               \
    }                                                                                                          \
    static struct handle T##_ops_copy(const struct handle *h, const struct value_limits *lim, struct pulse *p) \
    {                                                                                                          \
        return T##_copy((const struct T *)h, lim, p).h;                                                        \
    }                                                                                                          \
    static size_t T##_ops_bytes(const struct handle *h)                                                        \
    {                                                                                                          \
        return T##_bytes((const struct T *)h);                                                                 \
    }                                                                                                          \
    static const char *T##_ops_encoding(const struct handle *h)                                                \
    {                                                                                                          \
        return T##_encoding((const struct T *)h);                                                              \
    }                                                                                                          \
    static size_t T##_ops_elements(const struct handle *h)                                                     \
    {                                                                                                          \
        return T##_count((const struct T *)h);                                                                 \
    }

ADAPT(hash)
ADAPT(list)
ADAPT(set)
ADAPT(zset)

#define ROW(T, how, ...)                                                                                  \
    {                                                                                                     \
        .fini = T##_ops_fini, .copy = T##_ops_copy, .bytes = T##_ops_bytes, .encoding = T##_ops_encoding, \
        .effort = how, .elements = T##_ops_elements, __VA_ARGS__                                          \
    }

static void
hash_ops_expect(const struct handle *h, const struct slice *members, int n, int step)
{
    hash_expect((const struct hash *)h, members, n, step);
}

static void
set_ops_expect(const struct handle *h, const struct slice *members, int n, int step)
{
    set_expect((const struct set *)h, members, n, step);
}

static void
zset_ops_expect(const struct handle *h, const struct slice *members, int n, int step)
{
    zset_expect((const struct zset *)h, members, n, step);
}

/* Hashes and sets keep about sixteen members in an allocation; long members have one of their own. */
static size_t
hash_effort(const struct handle *h)
{
    return hash_count((const struct hash *)h) / 8;
}

static size_t
set_effort(const struct handle *h)
{
    return set_count((const struct set *)h) / 8;
}

/* A list is freed by the block, and pages going back to the system are what costs. */
static size_t
list_effort(const struct handle *h)
{
    return list_bytes((const struct list *)h) >> 12;
}

static size_t
zset_effort(const struct handle *h)
{
    return zset_count((const struct zset *)h);
}

static void
stream_ops_fini(struct handle *h)
{
    stream_fini((struct stream *)h);
}

static struct handle
stream_ops_copy(const struct handle *h, const struct value_limits *lim, struct pulse *p)
{
    (void)lim;
    return stream_copy((const struct stream *)h, p).h;
}

static size_t
stream_ops_bytes(const struct handle *h)
{
    return stream_bytes((const struct stream *)h);
}

static size_t
stream_effort(const struct handle *h)
{
    return stream_blocks((const struct stream *)h);
}

static size_t
stream_ops_elements(const struct handle *h)
{
    return stream_count((const struct stream *)h);
}

static const char *
stream_ops_encoding(const struct handle *h)
{
    (void)h;
    return "stream";
}

static size_t
json_ops_elements(const struct handle *h)
{
    return json_root((const struct json *)h) != NULL;
}

static void
json_ops_fini(struct handle *h)
{
    json_fini((struct json *)h);
}

static struct handle
json_ops_copy(const struct handle *h, const struct value_limits *lim, struct pulse *p)
{
    (void)lim;
    (void)p;
    return json_copy((const struct json *)h).h;
}

static size_t
json_ops_bytes(const struct handle *h)
{
    return json_bytes((const struct json *)h);
}

/* One allocation; pages going back to the system are what costs. */
static size_t
json_effort(const struct handle *h)
{
    return json_bytes((const struct json *)h) >> 14;
}

static const char *
json_ops_encoding(const struct handle *h)
{
    (void)h;
    return "raw";
}

const struct value_ops value_ops[TYPE_COUNT] = {
    [TYPE_LIST] = ROW(list, list_effort),
    [TYPE_SET] = ROW(set, set_effort, .expect = set_ops_expect),
    [TYPE_ZSET] = ROW(zset, zset_effort, .expect = zset_ops_expect),
    [TYPE_HASH] = ROW(hash, hash_effort, .expect = hash_ops_expect),
    [TYPE_JSON] = {json_ops_fini, json_ops_copy, json_ops_bytes, json_effort, json_ops_encoding, json_ops_elements,
                   NULL},
    [TYPE_STREAM] = {stream_ops_fini, stream_ops_copy, stream_ops_bytes, stream_effort, stream_ops_encoding,
                     stream_ops_elements, NULL},
};
