/* engine/engine.c - making an engine, feeding it, and its sense of time.
 *
 * engine_feed() is the hot path. It parses up to BATCH_MAX commands where they lie, finds their rows, hashes their
 * first keys and asks for the buckets; then it runs them one after another, asking for the entries of several
 * commands at a time some way ahead. So the memory latency of all of them overlaps with work. Nothing that is looked up
 * ahead is more than a hint to what follows, so a command in the batch may change whatever it likes.
 */
#include "engine/engine.h"

#include "engine/acl_priv.h"
#include "engine/evict.h"
#include "engine/latency.h"

/* A command array larger than this is not kept for the next batch. */
enum { ARGV_KEPT = 16384, CLOCK_STALE_US = 1000, TABLE_STEP = 64 };
/* For how many commands the members are asked for at a time: their lines come while one another's are waited for. */
enum { EXPECT_AHEAD = 16 };
/* Commands of at most so many bytes are timed in groups, unless the slow log asks for more than the shortest times. */
enum { TIMED_TOGETHER = 8, QUICK_BYTES_MAX = 4096, QUICK_US = 500 };

static void
settings_default(struct engine_settings *s, const struct engine_options *opt)
{
    *s = (struct engine_settings){
        .proto_max_bulk_len = 512u << 20,
        .slowlog_slower_than_us = 10000,
        .slowlog_max_len = 128,
        .slowlog_args_max = 32,
        .slowlog_arg_bytes_max = 128,
        .large_request_bytes = 1 << 20,
        .large_reply_bytes = 1 << 20,
        .large_request_max_len = 128,
        .large_reply_max_len = 128,
        .script_busy_ms = 5000,
        .active_expire = true,
        .lazy_expire_deletes = true,
        .lfu_log_factor = 10,
        .lfu_decay_time = 1,
        .hll_sparse_max_bytes = 3000,
        .limits = opt->limits,
        .maxmemory_policy = EVICT_NONE,
        .latency_tracking = true,
        .slice_us = 500,
        .tracking_table_max_keys = 1000000,
        .maxmemory_samples = 5,
        .maxmemory_eviction_tenacity = 10,
    };
}

struct engine *
engine_new(const struct engine_options *opt)
{
    struct engine *e = mem_get_zero(sizeof(*e));

    e->clock = opt->clock;
    e->host = opt->host;
    e->hash_seed = opt->hash_seed;
    rng_seed(&e->rng, opt->rng_seed);
    settings_default(&e->settings, opt);
    ticks_init(&e->ticks, opt->clock);
    e->x = (struct exec){.engine = e, .rng = &e->rng, .arena = &e->arena, .limits = &e->settings.limits};
    e->ready_last = &e->ready_first;
    effects__init(e);
    keyspace__init(e, opt->databases > 0 ? opt->databases : 16);
    commands__init(e, opt->families);
    e->acl = acl_new(e);
    engine_set_guard(e, (struct command_guard){acl__guard, NULL});
    dispatch__mark_special(e);
    sessions__init(e);
    pubsub__init(e);
    engine_now_update(e);
    engine_settings_changed(e);
    hotkeys__init(e);
    bigkeys__init(e);
    e->memory.at_start = e->memory.peak = mem_used();
    return e;
}

void
engine_free(struct engine *e)
{
    if (e == NULL)
        return;
    for (int i = 0; i < ENGINE_PARTS; i++) {
        if (e->parts[i].fini != NULL)
            e->parts[i].fini(e->parts[i].state);
    }
    sessions__fini(e);
    pubsub__fini(e);
    keyspace__fini(e);
    effects__fini(e);
    commandlog__fini(e);
    hotkeys__fini(e);
    bigkeys__fini(e);
    auth_limit__fini(e);
    evict__fini(e);
    (void)latency_reset(e, LIT(""));
    tracking__fini(e);
    engine_stats_reset(e); /* frees what it counted, and needs the commands for it */
    acl_free(e->acl);
    slices__fini(e);
    commands__fini(e);
    mem_free(e->errors);
    btree_fini(&e->wait_deadlines);
    slice_vec_fini(&e->argv);
    arena_fini(&e->arena);
    buf_fini(&e->scratch[0]);
    buf_fini(&e->scratch[1]);
    buf_fini(&e->error);
    buf_fini(&e->notify_channel);
    out_fini(&e->void_out);
    out_fini(&e->own_push);
    name_free(e->password);
    name_free(e->misconf);
    name_free(e->redirect);
    mem_free(e);
}

const struct engine_host *
engine_host_of(const struct engine *e)
{
    return &e->host;
}

void
engine_set_part(struct engine *e, enum engine_part part, void *state, void (*fini)(void *state))
{
    CHECK(e->parts[part].state == NULL);
    e->parts[part].state = state;
    e->parts[part].fini = fini;
}

void *
engine_part_of(const struct engine *e, enum engine_part part)
{
    return e->parts[part].state;
}

struct engine_settings *
engine_settings(struct engine *e)
{
    return &e->settings;
}

void
engine_settings_changed(struct engine *e)
{
    const struct engine_settings *s = &e->settings;

    e->limits = (struct request_limits){s->proto_max_bulk_len, INT32_MAX, 64 << 10, 0};
    e->limits_unauth = (struct request_limits){s->proto_max_bulk_len, 10, 64 << 10, 16 << 10};
    e->quick_ticks = ticks_from_us(&e->ticks, QUICK_US);
    e->slow_ticks = s->slowlog_slower_than_us < 0 ? UINT64_MAX : ticks_from_us(&e->ticks, s->slowlog_slower_than_us);
    if (s->latency_threshold_ms > 0 && s->latency_threshold_ms < INT64_MAX / 1000) {
        uint64_t ticks = ticks_from_us(&e->ticks, s->latency_threshold_ms * 1000);
        e->slow_ticks = ticks < e->slow_ticks ? ticks : e->slow_ticks;
    }
    e->ns_per_tick = 1000 / e->ticks.per_us;
    e->large_request = s->large_request_bytes < 0 ? SIZE_MAX : (size_t)s->large_request_bytes;
    e->large_reply = s->large_reply_bytes < 0 ? SIZE_MAX : (size_t)s->large_reply_bytes;
    e->memory_limited = s->maxmemory > 0;
    if (!e->memory_limited) {
        e->over_memory = false;
        engine_set_condition(e, COND_OVER_MEMORY, false);
    }
    effects__listen(e, LISTEN_NOTIFY, (s->notify_mask & (NOTIFY_KEYSPACE | NOTIFY_KEYEVENT)) != 0);
}

static void
set_owned(struct slice *field, struct slice s)
{
    struct slice copy = name_copy(s);

    name_free(*field);
    *field = copy;
}

void
engine_set_password(struct engine *e, struct slice password)
{
    set_owned(&e->password, password);
    acl_set_default_password(e->acl, password);
}

struct slice
engine_password(const struct engine *e)
{
    return e->password;
}

void
engine_set_misconf(struct engine *e, struct slice text)
{
    set_owned(&e->misconf, text);
}

void
engine_set_redirect(struct engine *e, struct slice where)
{
    if (!slice_eq(e->redirect, where))
        set_owned(&e->redirect, where);
}

struct engine_memory
engine_memory_marks(const struct engine *e)
{
    struct engine_memory m = e->memory;
    size_t used = mem_used();

    m.peak = used > m.peak ? used : m.peak;
    return m;
}

/* -- time ------------------------------------------------------------------------------------------------------ */

void
engine_now_update(struct engine *e)
{
    e->now_us = clock_wall_us(&e->clock);
    e->now_ms = e->now_us / 1000;
    e->access_clock = (uint32_t)(e->now_ms / 1000) & 0xffffff;
    e->access = entry_access_of((unsigned)(e->now_ms % 1000) / 125, true);
    e->now_read = ticks_now(&e->ticks);
    if (ticks_calibrate(&e->ticks))
        engine_settings_changed(e);
}

void
engine_input_read(struct engine *e)
{
    e->arrived = ticks_now(&e->ticks);
}

struct clock
engine_clock(const struct engine *e)
{
    return e->clock;
}

uint64_t
engine_ticks(const struct engine *e)
{
    return ticks_now(&e->ticks);
}

int64_t
engine_ticks_us(const struct engine *e, uint64_t n)
{
    return ticks_to_us(&e->ticks, n);
}

int64_t
engine_now_us(const struct engine *e)
{
    return e->now_us;
}

int64_t
engine_now_ms(const struct engine *e)
{
    return e->now_ms;
}

static bool
expire_due(struct engine *e, int64_t deadline_ns)
{
    uint64_t before = e->stats.expired + e->stats.expired_members, began = ticks_now(&e->ticks);
    bool more = keyspace__tick(e, deadline_ns);

    if (e->stats.expired + e->stats.expired_members != before)
        e->stats.expiry_ticks += ticks_now(&e->ticks) - began;
    return more;
}

int64_t
engine_tick(struct engine *e, int64_t budget_us)
{
    int64_t deadline = clock_mono_ns(&e->clock) + budget_us * 1000;

    e->turn++;
    engine_now_update(e);
    waiters__tick(e);
    int64_t slices_at = slices__tick(e);
    int64_t paused_until = pause__tick(e);
    size_t used = mem_used();
    e->memory.peak = used > e->memory.peak ? used : e->memory.peak;
    bool more = expire_due(e, deadline);
    if (e->memory_limited && evict__make_room(e))
        more = true;
    /* Each key that expires is a change of its own: nobody needs to see them together. */
    e->effects.atomic = false;
    engine_propagate(e);
    for (int i = 0; i < e->db_count && !more; i++) {
        struct table *t = &e->dbs[i].by_key;
        while (table_step(t, &keyspace_table_ops, TABLE_STEP)) {
            if (clock_mono_ns(&e->clock) >= deadline) {
                more = true;
                break;
            }
        }
    }
    hotkeys__tick(e);
    int64_t sweep_at = bigkeys__tick(e);
    if (more)
        return 0;
    int64_t next = keyspace__next_expiry(e), wait = waiters__next_deadline(e);
    next = wait < next ? wait : next;
    next = paused_until < next ? paused_until : next;
    next = slices_at < next ? slices_at : next;
    next = sweep_at < next ? sweep_at : next;
    if (next <= e->now_ms)
        return 0;
    return next - e->now_ms < ENGINE_TICK_MS_MAX ? next - e->now_ms : ENGINE_TICK_MS_MAX;
}

/* -- feeding --------------------------------------------------------------------------------------------------- */

struct batch {
    unsigned n;
    size_t used;           /* of the input, by everything that was parsed */
    enum parse_result end; /* DONE: the batch is full, there may be more */
    struct slice error;
};

/* Keys that differ mostly differ in their last bytes, so those are looked at first. */
static inline bool
same_bytes(struct slice a, struct slice b)
{
    uint64_t x, y;

    if (a.len != b.len)
        return false;
    if (a.len < 8) {
        for (size_t i = a.len; i > 0; i--) {
            if (a.ptr[i - 1] != b.ptr[i - 1])
                return false;
        }
        return true;
    }
    memcpy(&x, a.ptr + a.len - 8, 8);
    memcpy(&y, b.ptr + b.len - 8, 8);
    return x == y && memcmp(a.ptr, b.ptr, a.len - 8) == 0;
}

/* Finds the row and hashes the first key. What the command before has too needs no second look: the commands of a
 * pipeline are mostly of one kind, and on a queue or a counter they have one key. */
static inline void
prepare(struct engine *e, struct batch_command *c, const struct batch_command *before)
{
    const struct slice *argv = e->argv.v + c->argv_at;
    struct command *command = before != NULL && same_bytes(e->argv.v[before->argv_at], argv[0])
                                  ? before->command
                                  : commands__find(&e->commands, argv[0]);

    c->command = command;
    c->hashed = command != NULL && command->first_key > 0 && c->argc > command->first_key;
    c->again = false;
    if (LIKELY(c->hashed)) {
        struct slice key = argv[command->first_key];
        c->key = key;
        if (before != NULL && before->hashed && same_bytes(before->key, key)) {
            c->hash = before->hash;
            c->again = true;
            return;
        }
        c->hash = siphash(e->hash_seed, key);
    }
}

static void
batch_parse(struct engine *e, struct session *s, struct slice in, struct batch *b)
{
    /* What a session may send changes when it logs in, so until then commands are looked at one by one. */
    bool unauth = (s->gate & GATE_NOAUTH) != 0;
    unsigned max = unauth ? 1 : BATCH_MAX;
    const struct request_limits *lim = unauth ? &e->limits_unauth : &e->limits;
    size_t at = 0;

    e->argv.n = 0;
    b->n = 0;
    b->end = PARSE_DONE;
    while (b->n < max) {
        size_t used = 0, from = e->argv.n;
        b->end = request_parse(&s->parser, lim, slice_skip(in, at), &e->argv, &used, &b->error);
        if (b->end != PARSE_DONE)
            break;
        at += used;
        if (UNLIKELY(e->argv.n == from))
            continue; /* an empty line */
        struct batch_command *c = &e->batch[b->n++];
        c->argv_at = (uint32_t)from;
        c->argc = (int)(e->argv.n - from);
        c->bytes = used;
        c->end = at;
        prepare(e, c, b->n > 1 ? c - 1 : NULL);
        if (UNLIKELY(e->argv.n > ARGV_KEPT))
            break;
    }
    b->used = at;
    /* All at once, so that what they wait for overlaps (see engine_fetch_end()). */
    for (unsigned i = 0; i < b->n && b->n > 1; i++) {
        if (e->batch[i].hashed && !e->batch[i].again)
            table_prefetch_bucket(&s->db->by_key, e->batch[i].hash);
    }
}

/* Commands of a kind that follow one another and are known to be quick share one reading of the counter. */
static inline bool
may_share_time(const struct engine *e, const struct command *c, const struct command *next, size_t bytes)
{
    return next == c && c != NULL && c->quick && bytes <= QUICK_BYTES_MAX && e->slow_ticks >= e->quick_ticks;
}

static inline bool
same_again(const struct engine *e, unsigned i, unsigned n)
{
    const struct batch_command *c = &e->batch[i];

    return i + 1 < n && (i & (TIMED_TOGETHER - 1)) != TIMED_TOGETHER - 1 &&
           may_share_time(e, c->command, c[1].command, c->bytes);
}

/* Runs a command and looks at what it costs. Returns the place in the batch of the next one to be looked at. */
static unsigned
run_sampled(struct engine *e, struct session *s, unsigned i, unsigned n)
{
    const struct batch_command *c = &e->batch[i];
    struct hot_sample sample = {c->command, e->argv.v + c->argv_at, c->argc, s->db->index, 0, c->bytes};
    size_t before = s->out.bytes.len + s->out.ref_pending;
    uint64_t began = ticks_now(&e->ticks);

    e->untimed = false;
    dispatch__run(e, s, c->command, sample.argv, c->argc, c->hash, c->hashed);
    if (c->command != NULL) {
        size_t after = s->out.bytes.len + s->out.ref_pending;
        sample.ns = (uint64_t)((double)(ticks_now(&e->ticks) - began) * e->ns_per_tick);
        sample.bytes += after > before ? after - before : 0;
        hotkeys__note(e, &sample);
    }
    uint64_t next = (uint64_t)i + 1 + hotkeys__next_sample(e);
    if (next < n)
        return (unsigned)next;
    e->sample_in = (uint32_t)(next - n);
    return UINT32_MAX;
}

/* Asks for what the commands [from, to), EXPECT_AHEAD at most, will look up inside of large values. Nothing runs in
 * between, so that commands in a row with the same key can share what was found. */
static void
batch_expect(const struct engine *e, const struct table *t, unsigned from, unsigned to)
{
    struct slice members[EXPECT_AHEAD];
    const struct entry *found = NULL;
    bool known = false; /* `found` belongs to the command before */
    int n = 0;

    for (unsigned i = from; i < to; i++) {
        const struct batch_command *c = &e->batch[i];
        int at = c->hashed ? c->command->row->member : 0;
        at = at < 0 ? c->argc + at : at;
        bool same = known && c->again;
        if (!same && n > 0) {
            entry_expect(found, members, n, 1);
            n = 0;
        }
        known = at > 0 && at < c->argc;
        if (!known)
            continue;
        if (!same)
            found = table_find(t, &keyspace_table_ops, c->hash, c->key);
        if (found != NULL)
            members[n++] = e->argv.v[c->argv_at + (uint32_t)at];
    }
    if (n > 0)
        entry_expect(found, members, n, 1);
}

/* Runs the batch until the session stops. Returns how many commands ran. */
static unsigned
batch_run(struct engine *e, struct session *s, const struct batch *b, size_t out_soft_max)
{
    const struct table *t = &s->db->by_key;
    unsigned ahead = b->n > 1 ? 0 : b->n, sampled = UINT32_MAX;
    unsigned expected = b->n > 1 ? 0 : b->n; /* the first command whose member has not been asked for */

    if (UNLIKELY(e->sample_in < b->n))
        sampled = e->sample_in;
    else
        e->sample_in -= b->n;
    for (unsigned i = 0; i < b->n; i++) {
        const struct batch_command *c = &e->batch[i];
        for (unsigned to = engine_fetch_end(i, ahead, b->n); ahead < to; ahead++) {
            if (e->batch[ahead].hashed && !e->batch[ahead].again)
                table_prefetch_item(t, e->batch[ahead].hash);
        }
        if (i == expected) {
            expected = i + EXPECT_AHEAD < b->n ? i + EXPECT_AHEAD : b->n;
            batch_expect(e, t, i, expected);
        }
        e->untimed = same_again(e, i, b->n);
        e->x.request_bytes = c->bytes;
        if (UNLIKELY(i == sampled))
            sampled = run_sampled(e, s, i, b->n);
        else
            dispatch__run(e, s, c->command, e->argv.v + c->argv_at, c->argc, c->hash, c->hashed);
        if (UNLIKELY((s->gate & GATE_STOPPED) != 0 || out_pending(&s->out) > out_soft_max))
            return i + !(s->gate & GATE_HELD); /* what is held comes again */
    }
    return b->n;
}

/* Reads "$length" at *at and steps over the bulk string. False for anything unusual. */
static inline bool
skim_bulk(const char **at, const char *end, struct slice *out)
{
    const char *p = *at;
    size_t len = 0;

    if (end - p < 5 || *p++ != '$')
        return false;
    for (int digits = 0; p < end && *p != '\r'; p++, digits++) {
        if (*p < '0' || *p > '9' || digits > 3)
            return false;
        len = len * 10 + (size_t)(*p - '0');
    }
    if ((size_t)(end - p) < len + 4)
        return false;
    *out = slice_of(p + 2, len);
    *at = p + len + 4;
    return true;
}

void
engine_hint(struct engine *e, struct session *s, struct slice in)
{
    const char *p = in.ptr, *end = in.ptr + in.len;
    struct slice name, key;

    s->hint = 0;
    /* Nearly every command has its first key right behind its name. */
    if (s->parser.held != NULL || in.len < 4 || p[0] != '*' || p[2] != '\r')
        return;
    p += 4;
    if (!skim_bulk(&p, end, &name) || !skim_bulk(&p, end, &key))
        return;
    s->hint = keyspace__hash(e, key);
    table_prefetch_bucket(&s->db->by_key, s->hint);
}

void
engine_hint_again(struct engine *e, struct session *s)
{
    if (s->hint != 0)
        table_prefetch_item(&s->db->by_key, s->hint);
}

static void
protocol_error(struct engine *e, struct session *s, struct slice line)
{
    struct reply r = {&s->out, s->resp};

    reply_put_error(&r, line);
    dispatch__count_error(e, line);
    s->gate |= GATE_CLOSING;
}

size_t
engine_feed(struct engine *e, struct session *s, struct slice in, size_t out_soft_max)
{
    size_t done = 0;

    s->told = false;
    s->active_ms = e->now_ms;
    while (done < in.len && !(s->gate & GATE_STOPPED)) {
        struct batch b;
        batch_parse(e, s, slice_skip(in, done), &b);
        e->ticks.mark = ticks_now(&e->ticks);
        unsigned ran = batch_run(e, s, &b, out_soft_max);
        if (UNLIKELY(e->argv.cap > ARGV_KEPT))
            slice_vec_fini(&e->argv);
        /* One look at the counter a batch tells whether the clock is still good. */
        if (UNLIKELY(e->ticks.mark - e->now_read > ticks_from_us(&e->ticks, CLOCK_STALE_US)))
            engine_now_update(e);
        if (ran < b.n) {
            /* Parsed for nothing: what follows comes again, from its first byte. */
            done += ran > 0 ? e->batch[ran - 1].end : 0;
            request_parser_fini(&s->parser);
            break;
        }
        done += b.used;
        request_forget(&s->parser);
        if (b.end == PARSE_BAD && !(s->gate & GATE_STOPPED)) {
            protocol_error(e, s, b.error);
            return in.len;
        }
        if (b.end != PARSE_DONE || out_pending(&s->out) > out_soft_max)
            break;
    }
    return done;
}

static void
run_given(struct engine *e, struct session *s, const struct ahead *a, const struct slice *argv, int argc)
{
    if (a->together == 0)
        e->arrived = e->ticks.mark = ticks_now(&e->ticks);
    e->untimed = a->timed_later;
    e->x.request_bytes = a->bytes;
    dispatch__run(e, s, a->command, argv, argc, a->hash, a->hashed);
}

static size_t
bytes_of(const struct slice *argv, int argc)
{
    size_t n = 0;

    for (int i = 0; i < argc; i++)
        n += argv[i].len;
    return n;
}

void
engine_run(struct engine *e, struct session *s, const struct slice *argv, int argc)
{
    if (argc <= 0 || (s->gate & GATE_STOPPED))
        return;
    struct ahead a = {.command = commands__find(&e->commands, argv[0]), .bytes = bytes_of(argv, argc)};
    run_given(e, s, &a, argv, argc);
}

struct ahead
engine_look_ahead(struct engine *e, const struct slice *argv, int argc, struct ahead *before)
{
    struct ahead a = {.command = commands__find(&e->commands, argv[0]), .bytes = bytes_of(argv, argc)};

    a.hashed = a.command != NULL && a.command->first_key > 0 && argc > a.command->first_key;
    if (a.hashed)
        a.hash = siphash(e->hash_seed, argv[a.command->first_key]);
    if (before != NULL && before->together + 1 < TIMED_TOGETHER &&
        may_share_time(e, before->command, a.command, before->bytes)) {
        before->timed_later = true;
        a.together = before->together + 1;
    }
    return a;
}

void
engine_expect_ahead(const struct session *s, const struct ahead *a)
{
    if (a->hashed)
        table_prefetch_bucket(&s->db->by_key, a->hash);
}

void
engine_fetch_ahead(const struct session *s, const struct ahead *a)
{
    if (a->hashed)
        table_prefetch_item(&s->db->by_key, a->hash);
}

void
engine_run_ahead(struct engine *e, struct session *s, const struct ahead *a, const struct slice *argv, int argc)
{
    if (argc > 0 && !(s->gate & GATE_STOPPED))
        run_given(e, s, a, argv, argc);
}
