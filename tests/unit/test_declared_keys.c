/* Class F (CVE-2023-41053, CVE-2023-36824 and their like): the keys that a command touches are those that its row
 * declares.
 *
 * ACL, cluster routing and client-side caching all trust the rows. Here commands made by chance run in an engine whose
 * one door to single keys has a witness, and each key seen there must be declared by the very command that touched it:
 * to be written, if it was changed. DECLARED_KEYS_COMMANDS says how many (400,000). */
#include "unit/engine_fixture.h"

#include "support/commands.h"
#include "support/loopback.h"

#include <stdlib.h>

enum { KEYS_MAX = 128, SESSIONS = 4, REPORTED_MAX = 20 };

struct watch {
    uint64_t touches, changes, mismatches, by_pattern;
    bool seen[1024]; /* commands, by id, that touched a key that they declare */
    const struct exec *inner_most;
};

static void
report(struct watch *w, const struct exec *x, struct slice key, const char *what)
{
    if (w->mismatches++ >= REPORTED_MAX)
        return;
    print_error("%s: key '%.*s' of:", what, (int)key.len, key.ptr);
    for (int i = 0; i < x->argc; i++)
        print_error(" '%.*s'", (int)x->argv[i].len, x->argv[i].ptr);
    print_error("\n");
}

/* SORT reads keys that its patterns make up, having asked acl_may_read_all() (tests/script/acl.t). KEYS looks up a
 * pattern without a wildcard, and RANDOMKEY the one that it found; both tell of all keys anyway. */
static bool
may_use_pattern(const struct exec *x, bool changes)
{
    if (slice_eq(x->command->name, LIT("delmatch")))
        return true; /* it asks acl_may_touch() for each key (tests/script/acl.t) */
    bool sorts = slice_eq(x->command->name, LIT("sort")) || slice_eq(x->command->name, LIT("sort_ro"));

    if ((slice_eq(x->command->name, LIT("keys")) || slice_eq(x->command->name, LIT("randomkey"))) && !changes)
        return true;
    for (int i = 2; sorts && !changes && i + 1 < x->argc; i++)
        if (slice_eq_nocase(x->argv[i], LIT("by")) || slice_eq_nocase(x->argv[i], LIT("get")))
            return true;
    return false;
}

/* Redis declares it to be a read, and %R~ is enough for it: entries stay as they are, but not the state of the
 * group. */
static bool
moves_a_group(const struct exec *x)
{
    return slice_eq(x->command->name, LIT("xreadgroup"));
}

static void
on_touched(void *ctx, const struct exec *x, struct slice key, bool changes)
{
    struct watch *w = ctx;
    int index[KEYS_MAX];
    uint16_t flags[KEYS_MAX];
    unsigned all = 0;
    bool declared = false;

    w->touches++;
    w->changes += changes;
    int n = cmd_keys(x->command->row, x->argv, x->argc, index, flags, KEYS_MAX);
    for (int i = 0; i < n && i < KEYS_MAX; i++) {
        if (!slice_eq(x->argv[index[i]], key) || (flags[i] & KEY_NOT_KEY))
            continue;
        declared = true;
        all |= flags[i];
    }
    if (declared)
        w->seen[x->command->id] = true;
    if (!declared && may_use_pattern(x, changes))
        w->by_pattern++;
    else if (!declared)
        report(w, x, key, "not declared");
    else if (changes && !(all & (KEY_UPDATE | KEY_INSERT | KEY_DELETE | KEY_RW)) && !moves_a_group(x))
        report(w, x, key, "changed, but declared to be read"); /* PFCOUNT (KEY_RW) keeps what it has counted */
}

static bool
is_left_out(const struct command *c)
{
    /* DEBUG is for developers, has no ACL meaning and no declared keys, in redis neither; it looks at keys by name. */
    static const char *const names[] = {"shutdown", "debug",     "monitor",   "quit",       "auth",
                                        "hello",    "acl",       "subscribe", "psubscribe", "ssubscribe",
                                        "client",   "flushall",  "flushdb",   "swapdb",     "sync",
                                        "psync",    "replicaof", "slaveof",   "failover"};
    const struct command *top = c->parent != NULL ? c->parent : c;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (slice_eq(slice_cstr(top->row->name), slice_cstr(names[i])))
            return true;
    return false;
}

static void
let_time_pass(struct loopback *l, struct rng *rng)
{
    loopback_advance(l, (int64_t)rng_below(rng, 3000));
    for (unsigned i = 0; i < SESSIONS; i++) {
        if (rng_below(rng, 4) == 0)
            loopback_close(l, i);
        (void)loopback_open(l, i);
    }
}

static void
run(uint64_t commands, uint64_t seed, struct watch *w, struct loopback *l)
{
    struct rng rng;
    struct arena arena = {0};
    struct command_maker m = {.engine = l->engine, .rng = &rng, .arena = &arena, .wrong_one_in = 40};

    rng_seed(&rng, seed);
    engine_set_key_witness(l->engine, (struct key_witness){on_touched, w});
    engine_settings(l->engine)->proto_max_bulk_len = 1 << 20;
    engine_settings_changed(l->engine);
    for (uint64_t i = 0; i < commands; i++) {
        struct made_command made;
        unsigned session = (unsigned)rng_below(&rng, SESSIONS);
        if (i % 512 == 0)
            let_time_pass(l, &rng);
        if (i % 20000 == 0)
            loopback_command(l, 0, (struct slice[]){LIT("FLUSHALL")}, 1);
        if (l->sessions[session].session == NULL)
            (void)loopback_open(l, session);
        do {
            command_make(&m, command_any(&m), &made);
        } while (is_left_out(made.command));
        loopback_command(l, session, made.v, (size_t)made.n);
        for (unsigned k = 0; k < SESSIONS; k++)
            buf_reset(&l->sessions[k].out);
        arena_reset(&arena);
    }
    arena_fini(&arena);
}

/* Commands that never run in such a test: they are refused, or need a server around the engine. */
static bool
may_stay_unseen(const struct command *c)
{
    static const char *const names[] = {"migrate",    "restore", "restore-asking", "eval",    "eval_ro", "evalsha",
                                        "evalsha_ro", "fcall",   "fcall_ro",       "pfdebug", "watch"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (slice_eq(slice_cstr(c->row->name), slice_cstr(names[i])))
            return true;
    return is_left_out(c);
}

static void
test_touched_keys_are_declared(void **state)
{
    const char *text = getenv("DECLARED_KEYS_COMMANDS"), *seed = getenv("DECLARED_KEYS_SEED");
    uint64_t commands = text != NULL ? strtoull(text, NULL, 10) : 400000;
    struct loopback *l = loopback_new(11);
    struct watch w = {0};
    int unseen = 0;

    (void)state;
#ifndef SORREL_VERIFY
    skip();
#endif
    run(commands, seed != NULL ? strtoull(seed, NULL, 10) : 1, &w, l);
    print_message("%llu commands, %llu touches, %llu changes, %llu by patterns, %llu mismatches\n",
                  (unsigned long long)commands, (unsigned long long)w.touches, (unsigned long long)w.changes,
                  (unsigned long long)w.by_pattern, (unsigned long long)w.mismatches);
    const struct command *c;
    for (size_t id = 0; (c = command_by_id(l->engine, id)) != NULL; id++) {
        const struct key_spec *k = &c->row->keys[0];
        bool has_keys = (k->begin != KEY_BEGIN_NONE && !(k->flags & KEY_NOT_KEY)) || c->row->find_keys != NULL;
        if (has_keys && !w.seen[id] && !may_stay_unseen(c)) {
            print_error("%.*s never touched a key\n", (int)c->name.len, c->name.ptr);
            unseen++;
        }
    }
    assert_int_equal(w.mismatches, 0);
    assert_int_equal(unseen, 0);
    assert_true(w.touches > commands / 4 && w.by_pattern > 0);
    loopback_free(l);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_touched_keys_are_declared)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
