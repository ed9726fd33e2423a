/* store/aof_value.c - see aof_value.h. */
#include "store/aof_value.h"

#include "base/number.h"
#include "store/dump.h"
#include "store/rdb_read.h"
#include "value/deadlines.h"
#include "value/stream_idmp.h"

#include <stdio.h>

enum {
    ELEMENTS = 64, /* in one command */
    ID_TEXT_MAX = 42,
};

enum { STAGE_START, STAGE_ELEMENTS, STAGE_GROUPS, STAGE_CONSUMERS, STAGE_PENDING, STAGE_EXPIRY };

/* -- commands -------------------------------------------------------------------------------------------------- */

void
aof_put_count(struct buf *out, char mark, uint64_t n)
{
    char *to = buf_room(out, INT64_TEXT_MAX + 3);
    size_t len = 1;

    to[0] = mark;
    len += format_uint64(to + 1, n);
    to[len++] = '\r';
    to[len++] = '\n';
    buf_advance(out, len);
}

void
aof_put_arg(struct buf *out, struct slice arg)
{
    aof_put_count(out, '$', arg.len);
    char *to = buf_room(out, arg.len + 2);
    if (arg.len > 0)
        memcpy(to, arg.ptr, arg.len);
    to[arg.len] = '\r';
    to[arg.len + 1] = '\n';
    buf_advance(out, arg.len + 2);
}

void
aof_put_command(struct buf *out, const struct slice *argv, int argc)
{
    aof_put_count(out, '*', (uint64_t)argc);
    for (int i = 0; i < argc; i++)
        aof_put_arg(out, argv[i]);
}

static void
put_int(struct buf *out, int64_t n)
{
    char text[INT64_TEXT_MAX];

    aof_put_arg(out, slice_of(text, format_int64(text, n)));
}

static void
begin(struct buf *out, uint64_t argc, struct slice name, struct slice key)
{
    aof_put_count(out, '*', argc);
    aof_put_arg(out, name);
    aof_put_arg(out, key);
}

void
aof_put_select(struct rdb_chunk *c, int db)
{
    aof_put_count(&c->bytes, '*', 2);
    aof_put_arg(&c->bytes, LIT("SELECT"));
    put_int(&c->bytes, db);
}

static bool
put_library(void *ctx, struct slice code, struct buf *why)
{
    struct rdb_chunk *c = ctx;

    (void)why;
    aof_put_command(&c->bytes, (const struct slice[]){LIT("FUNCTION"), LIT("LOAD"), LIT("REPLACE"), code}, 4);
    return true;
}

static bool
no_key(void *ctx, struct entry *e, const struct rdb_key *k, struct buf *why)
{
    (void)ctx, (void)k, (void)why;
    entry_free(e);
    return true;
}

void
aof_put_libraries(struct rdb_chunk *c, struct slice records)
{
    struct rdb_handler h = {.key = no_key, .function = put_library, .ctx = c};
    struct value_limits limits = value_limits_default((struct hash_seed){0, 0});
    struct rdb_chunk head = {0};

    if (records.len == 0)
        return;
    rdb_put_magic(&head, RDB_VERSION_WRITTEN);
    struct rdb_reader *r = rdb_reader_new(&h, &limits);
    const struct slice parts[] = {buf_slice(&head.bytes), records};
    for (int i = 0; i < 2; i++) {
        char *room = rdb_reader_room(r, parts[i].len);
        CHECK(room != NULL);
        memcpy(room, parts[i].ptr, parts[i].len);
        enum rdb_progress p = rdb_reader_feed(r, parts[i].len);
        CHECK(p == RDB_WANTS_MORE);
    }
    rdb_reader_free(r);
    rdb_chunk_fini(&head);
}

/* -- collections ----------------------------------------------------------------------------------------------- */

static void
put_list(struct buf *out, struct rdb_value *v, struct slice key)
{
    const struct list *list = (const struct list *)entry_handle(v->entry);
    size_t n = v->left < ELEMENTS ? v->left : ELEMENTS;
    struct slice element;

    begin(out, 2 + n, LIT("RPUSH"), key);
    for (size_t i = 0; i < n && list_next(list, &v->it.list, &element); i++)
        aof_put_arg(out, element);
    v->left -= n;
}

static void
put_set(struct buf *out, struct rdb_value *v, struct slice key)
{
    const struct set *set = (const struct set *)entry_handle(v->entry);
    size_t n = v->left < ELEMENTS ? v->left : ELEMENTS;
    struct set_member m;

    begin(out, 2 + n, LIT("SADD"), key);
    for (size_t i = 0; i < n && set_next(set, &v->it.set, &m); i++)
        aof_put_arg(out, m.s);
    v->left -= n;
}

static void
put_hash(struct buf *out, struct rdb_value *v, struct slice key)
{
    const struct hash *hash = (const struct hash *)entry_handle(v->entry);
    size_t n = v->left < ELEMENTS ? v->left : ELEMENTS;
    struct slice field, value;

    begin(out, 2 + 2 * n, LIT("HSET"), key);
    for (size_t i = 0; i < n && hash_next(hash, &v->it.hash, &field, &value); i++) {
        aof_put_arg(out, field);
        aof_put_arg(out, value);
    }
    v->left -= n;
}

static void
put_zset(struct buf *out, struct rdb_value *v, struct slice key)
{
    const struct zset *z = (const struct zset *)entry_handle(v->entry);
    size_t n = v->left < ELEMENTS ? v->left : ELEMENTS;
    struct slice member;
    double score;

    begin(out, 2 + 2 * n, LIT("ZADD"), key);
    for (size_t i = 0; i < n && zset_next(z, &v->it.zset, &member, &score); i++) {
        char text[40];
        aof_put_arg(out, slice_of(text, (size_t)snprintf(text, sizeof(text), "%.17g", score)));
        aof_put_arg(out, member);
    }
    v->left -= n;
}

/* -- streams --------------------------------------------------------------------------------------------------- */

static void
put_id(struct buf *out, struct stream_id id)
{
    char text[ID_TEXT_MAX];

    aof_put_arg(out, slice_of(text, (size_t)snprintf(text, sizeof(text), "%llu-%llu", (unsigned long long)id.ms,
                                                     (unsigned long long)id.seq)));
}

static void
put_stream_entries(struct buf *out, struct rdb_value *v, struct slice key)
{
    struct slice name, value;
    struct stream_entry e;

    for (int n = 0; n < ELEMENTS && v->left > 0 && stream_next(&v->it.stream, &e); n++, v->left--) {
        size_t pairs = e.pairs;
        begin(out, 3 + 2 * pairs, LIT("XADD"), key);
        put_id(out, e.id);
        for (size_t i = 0; i < pairs; i++) {
            stream_entry_pair(&e, &name, &value);
            aof_put_arg(out, name);
            aof_put_arg(out, value);
        }
    }
}

static void
put_stream_counters(struct buf *out, const struct stream *s, struct slice key)
{
    if (stream_count(s) == 0) {
        /* There is no command that makes an empty one. */
        begin(out, 7, LIT("XADD"), key);
        aof_put_arg(out, LIT("MAXLEN"));
        aof_put_arg(out, LIT("0"));
        put_id(out, stream_last_id(s).ms + stream_last_id(s).seq > 0 ? stream_last_id(s) : (struct stream_id){0, 1});
        aof_put_arg(out, LIT("x"));
        aof_put_arg(out, LIT("y"));
    }
    begin(out, 7, LIT("XSETID"), key);
    put_id(out, stream_last_id(s));
    aof_put_arg(out, LIT("ENTRIESADDED"));
    put_int(out, (int64_t)stream_entries_added(s));
    aof_put_arg(out, LIT("MAXDELETEDID"));
    put_id(out, stream_max_deleted_id(s));
}

static void
put_group(struct buf *out, const struct stream_group *g, struct slice key)
{
    aof_put_count(out, '*', 7);
    aof_put_arg(out, LIT("XGROUP"));
    aof_put_arg(out, LIT("CREATE"));
    aof_put_arg(out, key);
    aof_put_arg(out, g->name);
    put_id(out, g->last_id);
    aof_put_arg(out, LIT("ENTRIESREAD"));
    put_int(out, g->entries_read);
}

static void
put_pending(struct buf *out, const struct stream_group *g, const struct stream_consumer *k, size_t at, struct slice key)
{
    const struct stream_pending *p = stream_pending_at(g, k, at);

    begin(out, 12, LIT("XCLAIM"), key);
    aof_put_arg(out, g->name);
    aof_put_arg(out, k->name);
    aof_put_arg(out, LIT("0"));
    put_id(out, p->id);
    aof_put_arg(out, LIT("TIME"));
    put_int(out, p->delivered_ms);
    aof_put_arg(out, LIT("RETRYCOUNT"));
    put_int(out, (int64_t)p->deliveries);
    aof_put_arg(out, LIT("JUSTID"));
    aof_put_arg(out, LIT("FORCE"));
}

/* Groups, each followed by its consumers, each followed by what it has pending; one command at a call. True: no
 * more. */
static bool
put_groups(struct buf *out, struct rdb_value *v, const struct stream *s, struct slice key)
{
    if (v->at.group == stream_group_count(s))
        return true;
    const struct stream_group *g = stream_group_at(s, v->at.group);
    const struct stream_consumer *k = v->at.consumer < g->consumer_count ? g->consumers[v->at.consumer] : NULL;

    if (v->stage == STAGE_GROUPS) {
        put_group(out, g, key);
        v->stage = STAGE_CONSUMERS;
    } else if (k == NULL) {
        v->at.group++;
        v->at.consumer = v->at.pending = 0;
        v->stage = STAGE_GROUPS;
    } else if (v->stage == STAGE_CONSUMERS) {
        aof_put_command(out, (const struct slice[]){LIT("XGROUP"), LIT("CREATECONSUMER"), key, g->name, k->name}, 5);
        v->stage = STAGE_PENDING;
    } else if (v->at.pending < stream_pending_count(g, k)) {
        put_pending(out, g, k, v->at.pending++, key);
    } else {
        v->at.consumer++;
        v->at.pending = 0;
        v->stage = STAGE_CONSUMERS;
    }
    return false;
}

/* XCLAIM passes over entries that the stream does not have, and nothing makes a pending entry that nobody has;
 * XIDMPRECORD wants entries as well, and the counts of messages would begin anew. */
static bool
stream_is_plain(const struct stream *s)
{
    struct stream_idmp_state state;

    if (stream_idmp_state(s, &state))
        return false;
    for (size_t i = 0; i < stream_group_count(s); i++) {
        const struct stream_group *g = stream_group_at(s, i);
        if (g->nobody != NULL)
            return false;
        for (size_t k = 0; k < stream_pending_count(g, NULL); k++) {
            if (!stream_has(s, stream_pending_at(g, NULL, k)->id))
                return false;
        }
    }
    return true;
}

/* -- values ---------------------------------------------------------------------------------------------------- */

static void
put_string(struct rdb_chunk *c, struct entry *e)
{
    begin(&c->bytes, 3, LIT("SET"), entry_key(e));
    aof_put_count(&c->bytes, '$', string_len(e));
    rdb_put_raw(c, e);
    buf_add_slice(&c->bytes, LIT("\r\n"));
}

static void
put_restore(struct buf *out, struct entry *e)
{
    struct buf payload = {0};

    (void)dump_value(e, true, NULL, &payload);
    struct slice argv[4] = {LIT("RESTORE"), entry_key(e), LIT("0"), buf_slice(&payload)};
    aof_put_command(out, argv, 4);
    buf_fini(&payload);
}

/* What comes first: what is done with it, and how many elements there are. */
static void
start(struct rdb_chunk *c, struct rdb_value *v)
{
    struct entry *e = v->entry;
    const void *h = entry_handle(e);

    v->stage = STAGE_ELEMENTS;
    if (entry_type(e) == TYPE_STRING) {
        put_string(c, e);
    } else if (entry_deadlines(e) != NULL || entry_type(e) == TYPE_JSON ||
               (entry_type(e) == TYPE_STREAM && !stream_is_plain(h))) {
        put_restore(&c->bytes, e);
        v->stage = STAGE_EXPIRY;
    } else if (entry_type(e) == TYPE_LIST) {
        v->left = list_count(h);
        v->it.list = list_seek(h, 0, LIST_TAIL);
    } else if (entry_type(e) == TYPE_SET) {
        v->left = set_count(h);
    } else if (entry_type(e) == TYPE_HASH) {
        v->left = hash_count(h);
    } else if (entry_type(e) == TYPE_ZSET) {
        v->left = zset_count(h);
        v->it.zset = zset_seek(h, 0, false);
    } else {
        v->left = stream_count(h);
        v->it.stream = stream_seek(h, STREAM_ID_MIN, false);
    }
}

static void
put_elements(struct buf *out, struct rdb_value *v, struct slice key)
{
    switch (entry_type(v->entry)) {
    case TYPE_LIST: put_list(out, v, key); break;
    case TYPE_SET: put_set(out, v, key); break;
    case TYPE_HASH: put_hash(out, v, key); break;
    case TYPE_ZSET: put_zset(out, v, key); break;
    default: put_stream_entries(out, v, key); break;
    }
}

static void
put_expiry(struct buf *out, const struct entry *e)
{
    if (entry_expiry(e) < 0)
        return;
    begin(out, 3, LIT("PEXPIREAT"), entry_key(e));
    put_int(out, entry_expiry(e));
}

void
aof_put_key(struct rdb_chunk *c, struct rdb_value *v, struct entry *e)
{
    *v = (struct rdb_value){.entry = e};
    c->keys++;
}

bool
aof_put_value(struct rdb_chunk *c, struct rdb_value *v, size_t budget)
{
    struct buf *out = &c->bytes;
    struct slice key = entry_key(v->entry);
    const struct stream *s = entry_type(v->entry) == TYPE_STREAM ? (const struct stream *)entry_handle(v->entry) : NULL;
    size_t from = out->len;

    if (v->stage == STAGE_START)
        start(c, v);
    while (out->len - from < budget) {
        if (v->stage == STAGE_ELEMENTS && v->left > 0) {
            put_elements(out, v, key);
        } else if (v->stage == STAGE_ELEMENTS && s != NULL) {
            put_stream_counters(out, s, key);
            v->stage = STAGE_GROUPS;
        } else if (v->stage == STAGE_ELEMENTS || v->stage == STAGE_EXPIRY || put_groups(out, v, s, key)) {
            put_expiry(out, v->entry);
            return true;
        }
    }
    return false;
}
