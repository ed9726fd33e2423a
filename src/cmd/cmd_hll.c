/* cmd/cmd_hll.c - HyperLogLog: PFADD, PFCOUNT, PFMERGE, PFDEBUG, PFSELFTEST.
 *
 * A sketch is a string in the bytes of ds/hll.h. Anybody can set one, so each is validated as a whole before use.
 * Sparse ones are short and are changed in a copy; dense ones in place. */
#include "base/mem.h"
#include "ds/hll.h"
#include "engine/exec.h"
#include "engine/settings.h"

static size_t
sparse_max(const struct exec *x)
{
    return engine_settings(x->engine)->hll_sparse_max_bytes;
}

/* What an entry holds. Bytes and place are valid until the entry changes. */
struct sketch {
    struct slice bytes;
    struct hll_place near;      /* leads to the register that was asked for */
    bool made;                  /* there was none */
    char text[STRING_TEXT_MAX]; /* where the bytes may be */
};

/* The sketch in an entry, validated, and the way to a register. */
static enum rc
sketch_near(struct exec *x, const struct entry *e, uint32_t index, struct sketch *s)
{
    s->bytes = string_get(e, s->text);
    if (!hll_looks_right(s->bytes))
        return fail(x, "WRONGTYPE Key is not a valid HyperLogLog string value.");
    if (!hll_valid_near(s->bytes, index, &s->near))
        return fail(x, "INVALIDOBJ Corrupted HLL object detected");
    return RC_OK;
}

static enum rc
sketch_of(struct exec *x, const struct entry *e, struct sketch *s)
{
    return sketch_near(x, e, 0, s);
}

/* Makes the entry, which is being edited, hold these bytes. */
static enum rc
store(struct exec *x, struct entry **e, struct slice sketch)
{
    struct entry *moved;
    char *bytes;

    /* Setting may shrink it; editing marks it as what it is, raw bytes. */
    if (string_len(*e) > sketch.len) {
        moved = string_set_bytes(*e, slice_skip(sketch, sketch.len));
        if (moved == NULL)
            return RC_NO_MEMORY;
        *e = entry_moved(x, *e, moved);
    }
    moved = string_edit(*e, sketch.len, &bytes);
    if (moved == NULL)
        return RC_NO_MEMORY;
    memcpy(bytes, sketch.ptr, sketch.len);
    *e = entry_moved(x, *e, moved);
    return RC_OK;
}

/* Opens the sketch in a key to change it, first of all that register; makes an empty one if needed. */
static enum rc
edit_sketch(struct exec *x, struct slice key, uint32_t index, struct entry **e, struct sketch *s)
{
    TRY(edit_entry(x, key, TYPE_STRING, ENTRY_EXISTING, e));
    s->made = *e == NULL;
    if (s->made) {
        struct buf *empty = exec_scratch(x);

        hll_empty(empty);
        TRY(edit_entry(x, key, TYPE_STRING, ENTRY_CREATE, e));
        TRY(store(x, e, buf_slice(empty)));
    }
    enum rc rc = sketch_near(x, *e, index, s);
    if (rc != RC_OK)
        entry_unchanged(x, *e);
    return rc;
}

/* -- PFADD ----------------------------------------------------------------------------------------------------- */

static enum rc
add_dense(struct exec *x, struct entry **e, bool *changed)
{
    char *bytes;
    struct entry *moved = string_edit(*e, 0, &bytes);

    if (moved == NULL)
        return RC_NO_MEMORY;
    *e = entry_moved(x, *e, moved);
    for (int i = 2; i < x->argc; i++)
        *changed |= hll_dense_raise(bytes, hll_item_of(x->argv[i]));
    if (*changed)
        hll_cache_drop(bytes);
    return RC_OK;
}

static enum rc
add_sparse(struct exec *x, struct entry **e, const struct sketch *sketch, bool *changed)
{
    /* Copying is cheaper than finding a register. */
    struct buf *copy = exec_scratch(x);

    buf_add_slice(copy, sketch->bytes);
    if (x->argc > 2)
        *changed |= hll_raise_near(copy, hll_item_of(x->argv[2]), sparse_max(x), sketch->near);
    for (int i = 3; i < x->argc; i++)
        *changed |= hll_raise(copy, hll_item_of(x->argv[i]), sparse_max(x));
    if (!*changed)
        return RC_OK;
    hll_cache_drop(copy->ptr);
    return store(x, e, buf_slice(copy));
}

static enum rc
cmd_pfadd(struct exec *x)
{
    struct entry *e;
    struct sketch sketch;
    uint32_t first = x->argc > 2 ? hll_item_of(x->argv[2]).index : 0;

    TRY(edit_sketch(x, x->argv[1], first, &e, &sketch));
    bool changed = sketch.made;
    enum rc rc = hll_is_dense(sketch.bytes) ? add_dense(x, &e, &changed) : add_sparse(x, &e, &sketch, &changed);
    if (rc != RC_OK || !changed)
        entry_unchanged(x, e);
    else
        entry_changed(x, e, EV_PFADD);
    return rc == RC_OK ? reply_int(x, changed) : rc;
}

/* -- PFCOUNT and PFMERGE --------------------------------------------------------------------------------------- */

static enum rc
merge_key(struct exec *x, struct slice key, uint8_t *registers, bool *dense)
{
    const struct entry *e;
    struct sketch sketch;

    TRY(read_string(x, key, &e));
    if (e == NULL)
        return RC_OK;
    TRY(sketch_of(x, e, &sketch));
    *dense |= hll_is_dense(sketch.bytes);
    hll_merge(registers, sketch.bytes);
    return RC_OK;
}

/* Keeps the cardinality in the sketch, a change that nobody is told of, but which replicas and the log repeat. */
static enum rc
keep_count(struct exec *x, struct slice key, uint64_t count)
{
    struct entry *e;
    char *bytes;

    TRY(edit_entry(x, key, TYPE_STRING, ENTRY_EXISTING, &e));
    CHECK(e != NULL);
    struct entry *moved = string_edit(e, 0, &bytes);
    if (moved == NULL) {
        entry_unchanged(x, e);
        return RC_NO_MEMORY;
    }
    e = entry_moved(x, e, moved);
    hll_cache(bytes, count);
    entry_changed(x, e, EV_NONE);
    return RC_OK;
}

static enum rc
cmd_pfcount(struct exec *x)
{
    const struct entry *e;
    struct sketch sketch;
    uint64_t count;

    if (x->argc > 2) {
        uint8_t *registers = arena_get(x->arena, HLL_REGISTERS);
        bool dense = false;

        memset(registers, 0, HLL_REGISTERS);
        for (int i = 1; i < x->argc; i++)
            TRY(merge_key(x, x->argv[i], registers, &dense));
        return reply_int(x, (int64_t)hll_count_registers(registers));
    }
    TRY(read_string(x, x->argv[1], &e));
    if (e == NULL)
        return reply_int(x, 0);
    TRY(sketch_of(x, e, &sketch));
    if (!hll_cached(sketch.bytes, &count)) {
        count = hll_count(sketch.bytes);
        TRY(keep_count(x, x->argv[1], count));
    }
    return reply_int(x, (int64_t)count);
}

static enum rc
cmd_pfmerge(struct exec *x)
{
    uint8_t *registers = arena_get(x->arena, HLL_REGISTERS);
    struct entry *e;
    struct sketch sketch;
    bool dense = false;

    memset(registers, 0, HLL_REGISTERS);
    for (int i = 1; i < x->argc; i++)
        TRY(merge_key(x, x->argv[i], registers, &dense));
    TRY(edit_sketch(x, x->argv[1], 0, &e, &sketch));
    /* A buffer of its own: edit_sketch() may have used the scratch one. */
    struct buf copy = {0};
    buf_add_slice(&copy, sketch.bytes);
    if (dense)
        hll_to_dense(&copy);
    for (uint32_t i = 0; i < HLL_REGISTERS; i++)
        if (registers[i] > 0)
            hll_raise(&copy, (struct hll_item){i, registers[i]}, sparse_max(x));
    hll_cache_drop(copy.ptr);
    enum rc rc = store(x, &e, buf_slice(&copy));
    buf_fini(&copy);
    if (rc != RC_OK) {
        entry_unchanged(x, e);
        return rc;
    }
    entry_changed(x, e, EV_PFADD);
    return reply_ok(x);
}

/* -- PFDEBUG and PFSELFTEST ------------------------------------------------------------------------------------ */

static enum rc
make_dense(struct exec *x, struct slice sketch)
{
    struct buf copy = {0};
    struct entry *e;

    buf_add_slice(&copy, sketch);
    hll_to_dense(&copy);
    enum rc rc = edit_entry(x, x->argv[2], TYPE_STRING, ENTRY_EXISTING, &e);
    CHECK(rc == RC_OK && e != NULL);
    rc = store(x, &e, buf_slice(&copy));
    buf_fini(&copy);
    if (rc != RC_OK)
        entry_unchanged(x, e);
    else
        entry_changed(x, e, EV_NONE);
    return rc;
}

static enum rc
reply_registers(struct exec *x, struct slice sketch)
{
    uint8_t *registers = arena_get(x->arena, HLL_REGISTERS);

    memset(registers, 0, HLL_REGISTERS);
    hll_merge(registers, sketch);
    if (!hll_is_dense(sketch))
        TRY(make_dense(x, sketch));
    reply_array(x, HLL_REGISTERS);
    for (int i = 0; i < HLL_REGISTERS; i++)
        reply_int(x, registers[i]);
    return RC_OK;
}

static enum rc
cmd_pfdebug(struct exec *x)
{
    struct slice word = x->argv[1];
    const struct entry *e;
    struct sketch sketch;

    TRY(read_string(x, x->argv[2], &e));
    if (e == NULL)
        return fail(x, "ERR The specified key does not exist");
    TRY(sketch_of(x, e, &sketch));
    bool dense = hll_is_dense(sketch.bytes);
    if (arg_is(word, LIT("getreg")))
        return reply_registers(x, sketch.bytes);
    if (arg_is(word, LIT("encoding")))
        return reply_simple(x, dense ? LIT("dense") : LIT("sparse"));
    if (arg_is(word, LIT("todense"))) {
        if (!dense)
            TRY(make_dense(x, sketch.bytes));
        return reply_int(x, !dense);
    }
    if (arg_is(word, LIT("decode"))) {
        struct buf *out = exec_scratch(x);

        if (dense)
            return fail(x, "ERR HLL encoding is not sparse");
        hll_runs_text(sketch.bytes, out);
        return reply_bulk(x, buf_slice(out));
    }
    return fail(x, "ERR Unknown PFDEBUG subcommand '%.*s'", (int)(word.len < 128 ? word.len : 128), word.ptr);
}

/* Adds the same elements to a sparse and a dense sketch: both must agree, and estimate within 5 %. */
static enum rc
cmd_pfselftest(struct exec *x)
{
    enum { ELEMENTS = 20000 };
    struct buf sparse = {0}, dense = {0};
    bool good = true;

    hll_empty(&sparse);
    hll_empty(&dense);
    hll_to_dense(&dense);
    for (int64_t i = 1; i <= ELEMENTS && good; i++) {
        struct hll_item item = hll_item_of(slice_of(&i, sizeof(i)));
        good = hll_raise(&sparse, item, sparse_max(x)) == hll_dense_raise(dense.ptr, item);
        if ((i & (i - 1)) == 0 || i == ELEMENTS) {
            int64_t n = (int64_t)hll_count(buf_slice(&dense));
            good = good && hll_valid(buf_slice(&sparse)) && (int64_t)hll_count(buf_slice(&sparse)) == n &&
                   (n > i ? n - i : i - n) * 20 <= i + 20;
        }
    }
    buf_fini(&sparse);
    buf_fini(&dense);
    return good ? reply_ok(x) : fail(x, "ERR the self-test of HyperLogLog failed");
}

/* -- rows ------------------------------------------------------------------------------------------------------ */

const struct cmd cmd_hll_family[] = {
    {"pfadd", cmd_pfadd, .arity = -2, .group = GROUP_HYPERLOGLOG, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
     .keys = {KEY_AT(1, KEY_RW | KEY_INSERT)}, .since = "2.8.9", .args = "key [element]...", .reply = "integer",
     .about = "Adds elements to a HyperLogLog; returns whether its estimate may have changed.", .complexity = "O(1)"},
    {"pfcount", cmd_pfcount, .arity = -2, .group = GROUP_HYPERLOGLOG, .flags = CMD_READONLY,
     .keys = {KEY_RANGE(1, -1, 1, KEY_RW | KEY_ACCESS)}, .since = "2.8.9", .args = "key...", .reply = "integer",
     .about = "Estimates how many distinct elements HyperLogLogs have seen together.",
     .complexity = "O(1) for one key, O(N) for N"},
    {"pfmerge", cmd_pfmerge, .arity = -2, .group = GROUP_HYPERLOGLOG, .flags = CMD_WRITE | CMD_DENYOOM,
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_INSERT), KEY_RANGE(2, -1, 1, KEY_RO | KEY_ACCESS)}, .since = "2.8.9",
     .args = "destkey:key [sourcekey:key]...", .reply = "simple",
     .about = "Merges HyperLogLogs into one, which may exist already.", .complexity = "O(N)"},
    {"pfdebug", cmd_pfdebug, .arity = 3, .group = GROUP_HYPERLOGLOG, .flags = CMD_WRITE | CMD_DENYOOM | CMD_ADMIN,
     .keys = {KEY_AT(2, KEY_RW | KEY_ACCESS)}, .since = "2.8.9", .args = "subcommand key", .reply = "any",
     .about = "Shows what a HyperLogLog is made of.", .complexity = "O(N)"},
    {"pfselftest", cmd_pfselftest, .arity = 1, .group = GROUP_HYPERLOGLOG, .flags = CMD_ADMIN, .since = "2.8.9",
     .reply = "simple", .about = "Checks the HyperLogLog code.", .complexity = "O(N)"},
    {0},
};
