/* store/rdb_build.c - every type but streams. */
#include "store/rdb_build.h"

#include "base/mem.h"
#include "store/packs.h"
#include "store/rdb_extra.h"
#include "value/hash.h"
#include "value/json.h"
#include "value/list.h"
#include "value/set.h"
#include "value/zset.h"

#include <math.h>

enum { ZSET_SCORE_NAN = 253, ZSET_SCORE_INF = 254, ZSET_SCORE_MINUS_INF = 255 };

/* -- the builder ----------------------------------------------------------------------------------------------- */

void
rdb_build_init(struct rdb_build *b, const struct value_limits *limits)
{
    *b = (struct rdb_build){.limits = limits};
}

void
rdb_build_drop(struct rdb_build *b)
{
    entry_free(b->entry);
    b->entry = NULL;
    b->pel_count = 0;
    zset_fini(&b->deadlines);
    buf_fini(&b->messages);
}

void
rdb_build_fini(struct rdb_build *b)
{
    rdb_build_drop(b);
    buf_fini(&b->a);
    buf_fini(&b->b);
    mem_free(b->pel);
    mem_free(b->fields);
    mem_free(b->items);
}

static const char *
type_trouble(unsigned type, bool valkey)
{
    if (type == RDB_MODULE)
        return "a value of a module's type";
    if ((type == RDB_HASH_EXPIRES_VALKEY || type == RDB_HASH_EXPIRES_VALKEY + 1) &&
        !(valkey && type == RDB_HASH_EXPIRES_VALKEY))
        return "a hash in a form that no release wrote";
    if (type >= RDB_TYPES || type == 8)
        return "a value of no known type";
    return NULL;
}

static enum value_type
value_type_of(unsigned type)
{
    static const unsigned char types[RDB_TYPES] = {
        [RDB_STRING] = TYPE_STRING,
        [RDB_LIST] = TYPE_LIST,
        [RDB_SET] = TYPE_SET,
        [RDB_ZSET] = TYPE_ZSET,
        [RDB_HASH] = TYPE_HASH,
        [RDB_ZSET_2] = TYPE_ZSET,
        [RDB_HASH_ZIPMAP] = TYPE_HASH,
        [RDB_LIST_ZIPLIST] = TYPE_LIST,
        [RDB_SET_INTSET] = TYPE_SET,
        [RDB_ZSET_ZIPLIST] = TYPE_ZSET,
        [RDB_HASH_ZIPLIST] = TYPE_HASH,
        [RDB_LIST_QUICKLIST] = TYPE_LIST,
        [RDB_STREAM] = TYPE_STREAM,
        [RDB_HASH_LISTPACK] = TYPE_HASH,
        [RDB_ZSET_LISTPACK] = TYPE_ZSET,
        [RDB_LIST_QUICKLIST_2] = TYPE_LIST,
        [RDB_STREAM_2] = TYPE_STREAM,
        [RDB_SET_LISTPACK] = TYPE_SET,
        [RDB_STREAM_3] = TYPE_STREAM,
        [RDB_HASH_EXPIRES_VALKEY] = TYPE_HASH,
        [RDB_MODULE_2] = TYPE_JSON,
        [RDB_HASH_EXPIRES] = TYPE_HASH,
        [RDB_HASH_EXPIRES_LISTPACK] = TYPE_HASH,
    };

    return (enum value_type)types[type];
}

bool
rdb_build_begin(struct rdb_build *b, unsigned type, struct slice key, const char **why)
{
    CHECK(b->entry == NULL);
    *why = type_trouble(type, b->valkey);
    if (*why != NULL)
        return false;
    b->type = type;
    b->stage = 0;
    b->left = 0;
    b->pel_count = b->pel_assigned = 0;
    /* A string is made in one piece when its value is there. */
    b->entry = entry_new(value_type_of(type), key);
    return true;
}

static struct hash *
hash_of(struct rdb_build *b)
{
    return (struct hash *)entry_handle(b->entry);
}

static struct list *
list_of(struct rdb_build *b)
{
    return (struct list *)entry_handle(b->entry);
}

static struct set *
set_of(struct rdb_build *b)
{
    return (struct set *)entry_handle(b->entry);
}

static struct zset *
zset_of(struct rdb_build *b)
{
    return (struct zset *)entry_handle(b->entry);
}

/* For every element. */
static enum rdb_got
go_on(struct rdb_build *b, struct rdb_input *in)
{
    return pulse_beat(b->pulse) ? RDB_GOT : rdb_bad(in, "it is not wanted any more");
}

/* -- packed blocks --------------------------------------------------------------------------------------------- */

static enum rdb_got
add_packed_pair(struct rdb_build *b, struct rdb_input *in, const struct pack_item *first,
                const struct pack_item *second)
{
    double score;

    if (value_type_of(b->type) == TYPE_HASH)
        return hash_set(hash_of(b), b->limits, first->s, second->s) ? RDB_GOT : rdb_bad(in, "a hash has a field twice");
    if (second->is_int)
        score = (double)second->i;
    else if (!parse_double(second->s, &score))
        return rdb_bad(in, "a score is no number");
    if (isnan(score))
        return rdb_bad(in, "a score is not a number");
    return zset_put(zset_of(b), b->limits, first->s, score) ? RDB_GOT : rdb_bad(in, "a sorted set has a member twice");
}

/* Adds all elements of a block: one by one (lists, sets), in pairs, or in threes (fields with a time to live). */
static enum rdb_got
add_block(struct rdb_build *b, struct rdb_input *in, enum pack_form form, struct slice block, unsigned group)
{
    struct pack_cursor c;
    struct pack_item it[3];
    enum pack_next got;
    unsigned n = 0;

    if (!pack_open(&c, form, block))
        return rdb_bad(in, c.why);
    while ((got = pack_next(&c, &it[n])) == PACK_ITEM) {
        RDB_TRY(go_on(b, in));
        if (++n < group)
            continue;
        n = 0;
        if (group == 3 && (!it[2].is_int || it[2].i < 0))
            return rdb_bad(in, "a hash field's time to live is no number");
        if (group > 1)
            RDB_TRY(add_packed_pair(b, in, &it[0], &it[1]));
        if (group == 3 && it[2].i > 0)
            RDB_TRY(rdb_add_deadline(b, in, it[0].s, (uint64_t)it[2].i));
        if (group > 1)
            continue;
        if (value_type_of(b->type) == TYPE_LIST)
            list_push(list_of(b), b->limits, LIST_TAIL, it[0].s);
        else if (!set_add(set_of(b), b->limits, it[0].s))
            return rdb_bad(in, "a set has a member twice");
    }
    if (got == PACK_BAD)
        return rdb_bad(in, c.why);
    return n == 0 ? RDB_GOT : rdb_bad(in, "a packed block has half a pair");
}

static enum rdb_got
build_block(struct rdb_build *b, struct rdb_input *in)
{
    struct slice block;

    RDB_TRY(rdb_get_string(in, &b->a, &block));
    switch (b->type) {
    case RDB_HASH_ZIPMAP: return add_block(b, in, PACK_ZIPMAP, block, 2);
    case RDB_LIST_ZIPLIST: return add_block(b, in, PACK_ZIPLIST, block, 1);
    case RDB_SET_INTSET: return add_block(b, in, PACK_INTSET, block, 1);
    case RDB_ZSET_ZIPLIST:
    case RDB_HASH_ZIPLIST: return add_block(b, in, PACK_ZIPLIST, block, 2);
    case RDB_SET_LISTPACK: return add_block(b, in, PACK_LISTPACK, block, 1);
    default: return add_block(b, in, PACK_LISTPACK, block, 2);
    }
}

/* -- element by element ---------------------------------------------------------------------------------------- */

static enum rdb_got
get_text_score(struct rdb_input *in, double *score)
{
    const unsigned char *p, *text;

    RDB_TRY(rdb_get_bytes(in, 1, &p));
    switch (*p) {
    case ZSET_SCORE_NAN: return rdb_bad(in, "a score is not a number");
    case ZSET_SCORE_INF: *score = INFINITY; return RDB_GOT;
    case ZSET_SCORE_MINUS_INF: *score = -INFINITY; return RDB_GOT;
    default: break;
    }
    RDB_TRY(rdb_get_bytes(in, *p, &text));
    return parse_double(slice_of(text, *p), score) ? RDB_GOT : rdb_bad(in, "a score is no number");
}

static enum rdb_got
get_score(struct rdb_build *b, struct rdb_input *in, double *score)
{
    const unsigned char *p;

    if (b->type == RDB_ZSET)
        return get_text_score(in, score);
    RDB_TRY(rdb_get_bytes(in, 8, &p));
    memcpy(score, p, 8);
    return isnan(*score) ? rdb_bad(in, "a score is not a number") : RDB_GOT;
}

static enum rdb_got
add_field(struct rdb_build *b, struct rdb_input *in)
{
    const unsigned char *p;
    struct slice field, value;
    uint64_t ttl = 0;
    int64_t at = -1;

    if (b->type == RDB_HASH_EXPIRES)
        RDB_TRY(rdb_get_len(in, &ttl));
    RDB_TRY(rdb_get_string(in, &b->a, &field));
    RDB_TRY(rdb_get_string(in, &b->b, &value));
    if (b->type == RDB_HASH_EXPIRES_VALKEY) {
        RDB_TRY(rdb_get_bytes(in, 8, &p));
        at = (int64_t)load_le(p, 8);
    } else if (ttl > 0 && (ttl > INT64_MAX / 2 || b->first_ms > INT64_MAX / 2)) {
        return rdb_bad(in, "a hash field's time to live is no time");
    } else if (ttl > 0) {
        at = (int64_t)(b->first_ms + ttl - 1);
    }
    if (!hash_set(hash_of(b), b->limits, field, value))
        return rdb_bad(in, "a hash has a field twice");
    return at >= 0 ? rdb_add_deadline(b, in, field, (uint64_t)at) : RDB_GOT;
}

static enum rdb_got
add_list_node(struct rdb_build *b, struct rdb_input *in)
{
    uint64_t container = RDB_NODE_PACKED;
    struct slice s;

    if (b->type == RDB_LIST_QUICKLIST_2)
        RDB_TRY(rdb_get_len(in, &container));
    if (container != RDB_NODE_PLAIN && container != RDB_NODE_PACKED)
        return rdb_bad(in, "a list's node of no known kind");
    RDB_TRY(rdb_get_string(in, &b->a, &s));
    if (container == RDB_NODE_PLAIN) {
        list_push(list_of(b), b->limits, LIST_TAIL, s);
        return RDB_GOT;
    }
    return add_block(b, in, b->type == RDB_LIST_QUICKLIST ? PACK_ZIPLIST : PACK_LISTPACK, s, 1);
}

static enum rdb_got
add_element(struct rdb_build *b, struct rdb_input *in)
{
    struct slice s;
    double score;

    switch (value_type_of(b->type)) {
    case TYPE_HASH: return add_field(b, in);
    case TYPE_ZSET:
        RDB_TRY(rdb_get_string(in, &b->a, &s));
        RDB_TRY(get_score(b, in, &score));
        return zset_put_exact(zset_of(b), b->limits, s, score) ? RDB_GOT
                                                               : rdb_bad(in, "a sorted set has a member twice");
    case TYPE_SET:
        RDB_TRY(rdb_get_string(in, &b->a, &s));
        return set_add(set_of(b), b->limits, s) ? RDB_GOT : rdb_bad(in, "a set has a member twice");
    default:
        if (b->type != RDB_LIST)
            return add_list_node(b, in);
        RDB_TRY(rdb_get_string(in, &b->a, &s));
        list_push(list_of(b), b->limits, LIST_TAIL, s);
        return RDB_GOT;
    }
}

static enum rdb_got
build_elements(struct rdb_build *b, struct rdb_input *in)
{
    const unsigned char *p;

    if (b->stage == 0) {
        const unsigned char *from = in->p;
        enum rdb_got got = b->type == RDB_HASH_EXPIRES ? rdb_get_bytes(in, 8, &p) : RDB_GOT;
        if (got == RDB_GOT && b->type == RDB_HASH_EXPIRES)
            b->first_ms = load_le(p, 8);
        if (got == RDB_GOT)
            got = rdb_get_len(in, &b->left);
        if (got == RDB_MORE)
            in->p = from;
        if (got != RDB_GOT)
            return got;
        b->stage = 1;
    }
    for (; b->left > 0; b->left--) {
        const unsigned char *from = in->p;
        RDB_TRY(go_on(b, in));
        enum rdb_got got = add_element(b, in);
        if (got == RDB_MORE)
            in->p = from;
        if (got != RDB_GOT)
            return got;
    }
    return RDB_GOT;
}

static enum rdb_got
build_string(struct rdb_build *b, struct rdb_input *in)
{
    struct slice value;

    RDB_TRY(rdb_get_string(in, &b->a, &value));
    struct entry *e = string_set(b->entry, value);
    if (e == NULL)
        return rdb_bad(in, "there is not enough memory for a string");
    b->entry = e;
    return RDB_GOT;
}

static enum rdb_got
build_expires_block(struct rdb_build *b, struct rdb_input *in)
{
    const unsigned char *from = in->p, *p;
    struct slice block;
    enum rdb_got got = rdb_get_bytes(in, 8, &p);

    if (got == RDB_GOT)
        got = rdb_get_string(in, &b->a, &block);
    if (got == RDB_MORE)
        in->p = from;
    return got == RDB_GOT ? add_block(b, in, PACK_LISTPACK, block, 3) : got;
}

/* The parts of a document's value, of which the string is checked as any other JSON text. */
static enum rdb_got
get_json(struct rdb_build *b, struct rdb_input *in, struct slice *text)
{
    uint64_t id, part;

    RDB_TRY(rdb_get_len(in, &id));
    if (id != RDB_JSON_ID)
        return rdb_bad(in, "a value of a module's type");
    RDB_TRY(rdb_get_len(in, &part));
    if (part != RDB_PART_STRING)
        return rdb_bad(in, "a JSON document in a form that is not known");
    RDB_TRY(rdb_get_string(in, &b->a, text));
    RDB_TRY(rdb_get_len(in, &part));
    return part == RDB_PART_END ? RDB_GOT : rdb_bad(in, "a JSON document has more parts than known");
}

static enum rdb_got
build_json(struct rdb_build *b, struct rdb_input *in)
{
    const unsigned char *from = in->p;
    struct json_error error;
    struct slice text;
    enum rdb_got got = get_json(b, in, &text);

    if (got == RDB_MORE)
        in->p = from;
    if (got != RDB_GOT)
        return got;
    buf_reset(&b->b);
    if (!json_read(text, (struct json_reading){.depth_max = JSON_DEPTH_MAX, .share_keys = true}, &b->b, &error))
        return rdb_bad(in, "a JSON document is not valid");
    return json_set_shared((struct json *)entry_handle(b->entry), buf_slice(&b->b))
               ? RDB_GOT
               : rdb_bad(in, "there is not enough memory for a JSON document");
}

static enum rdb_got
build_value(struct rdb_build *b, struct rdb_input *in)
{
    switch (b->type) {
    case RDB_STRING: return build_string(b, in);
    case RDB_MODULE_2: return build_json(b, in);
    case RDB_STREAM:
    case RDB_STREAM_2:
    case RDB_STREAM_3: return rdb__build_stream(b, in);
    case RDB_HASH_EXPIRES_LISTPACK: return build_expires_block(b, in);
    case RDB_LIST:
    case RDB_SET:
    case RDB_ZSET:
    case RDB_ZSET_2:
    case RDB_HASH:
    case RDB_HASH_EXPIRES:
    case RDB_HASH_EXPIRES_VALKEY:
    case RDB_LIST_QUICKLIST:
    case RDB_LIST_QUICKLIST_2: return build_elements(b, in);
    default: return build_block(b, in);
    }
}

enum rdb_got
rdb_build_step(struct rdb_build *b, struct rdb_input *in)
{
    RDB_TRY(build_value(b, in));
    return rdb_attach_extra(b, in);
}

struct entry *
rdb_build_take(struct rdb_build *b)
{
    struct entry *e = b->entry;

    b->entry = NULL;
    if (entry_type(e) != TYPE_STRING && entry_type(e) != TYPE_STREAM && entry_elements(e) == 0) {
        entry_free(e);
        return NULL;
    }
    return e;
}
