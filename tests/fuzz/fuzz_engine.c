/* tests/fuzz/fuzz_engine.c - commands of several sessions in an in-process engine on a clock that the input moves.
 *
 * The input is a program: each step's first byte says what happens (a command by the grammar of its row, a command of
 * arbitrary words, raw bytes, time, a session's end). Words come from small pools, so that commands meet on the same
 * keys. At the end every database must agree with itself, and nothing may be left allocated.
 */
#include "engine/cmd_grammar.h"
#include "engine/dispatch.h"
#include "engine/keyspace.h"
#include "engine/settings.h"
#include "support/loopback.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SESSIONS = 5, CHECKER = 6, STEPS_MAX = 200, WORDS_MAX = 300, DEPTH_MAX = 8 };

struct input {
    const uint8_t *at, *end;
};

static unsigned
next(struct input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

/* -- words ------------------------------------------------------------------------------------------------------- */

static const char *const keys[] = {"a", "b", "c", "d", "e", "f", "", "{t}g"};
/* clang-format off */
static const char *const members[] = {"a", "b", "c", "1", "2", "-3", "10", "1.5", "", "x\r\n", "abcdefghijklmnopqrstuvwxyz",
                                      "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"};
static const char *const numbers[] = {"0", "1", "-1", "2", "3", "5", "10", "100", "-2", "-100", "1000", "9223372036854775807",
                                      "-9223372036854775808", "9223372036854775808", "2147483648", "4294967296", "1e308", "inf",
                                      "-inf", "nan", "0.1", "-0", "1.5", "", "abc", "(1", "(2.5", "[a", "(b", "-", "+", "1-1",
                                      "2-2", "*", "$", ">", "1000000", "1700000001", "1700000001000", "4000000000"};
static const char *const options[] = {"NX", "XX", "GT", "LT", "CH", "INCR", "EX", "PX", "EXAT", "PXAT", "KEEPTTL", "GET", "COUNT",
                                      "MATCH", "TYPE", "LIMIT", "WITHSCORES", "WITHSCORE", "WITHVALUES", "NOVALUES", "BYSCORE",
                                      "BYLEX", "REV", "LEFT", "RIGHT", "BEFORE", "AFTER", "WEIGHTS", "AGGREGATE", "SUM", "MIN",
                                      "MAX", "REPLACE", "DB", "MAXLEN", "MINID", "~", "=", "BLOCK", "STREAMS", "GROUP", "NOACK",
                                      "MKSTREAM", "ENTRIESREAD", "JUSTID", "IDLE", "RANK", "PERSIST", "ALPHA", "BY", "STORE",
                                      "ASC", "DESC", "AND", "OR", "NOT", "BIT", "BYTE", "SET", "OVERFLOW", "SAT", "u8", "i64",
                                      "FREQ", "IDLETIME", "FIELDS", "IDX", "WITHMATCHLEN", "MINMATCHLEN", "LEN"};
/* clang-format on */
#define PICK(table, in) slice_cstr((table)[next(in) % (sizeof(table) / sizeof((table)[0]))])

struct words {
    struct slice v[WORDS_MAX];
    int n;
};

static void
add(struct words *w, struct slice s)
{
    if (w->n < WORDS_MAX)
        w->v[w->n++] = s;
}

static struct slice
raw(struct input *in)
{
    size_t left = (size_t)(in->end - in->at), n = next(in) % 40;

    n = n < left ? n : (size_t)(in->end - in->at);
    struct slice s = slice_of(in->at, n);
    in->at += n;
    return s;
}

static struct slice
any_word(struct input *in)
{
    switch (next(in) % 6) {
    case 0: return PICK(keys, in);
    case 1: return PICK(members, in);
    case 2: return PICK(numbers, in);
    case 3: return PICK(options, in);
    case 4: return PICK(numbers, in);
    default: return raw(in);
    }
}

static struct slice
value_word(struct input *in, enum cmd_arg_type type)
{
    if (next(in) % 32 == 0)
        return any_word(in);
    switch (type) {
    case ARG_KEY: return PICK(keys, in);
    case ARG_INTEGER:
    case ARG_DOUBLE:
    case ARG_UNIX_TIME: return PICK(numbers, in);
    case ARG_PATTERN: return next(in) % 2 ? LIT("*") : LIT("[a-c]?");
    default: return next(in) % 4 == 0 ? PICK(numbers, in) : PICK(members, in);
    }
}

/* Walks the row's grammar, letting the input choose. */
static void
by_grammar(struct input *in, const struct cmd_arg *arg, struct words *w, int depth)
{
    for (; arg != NULL && depth < DEPTH_MAX; arg = arg->next) {
        unsigned choice = next(in);
        int times = arg->multiple ? 1 + (choice >> 4) % 4 : 1;

        if (arg->optional && choice % 3 != 0)
            continue;
        for (int i = 0; i < times; i++) {
            if (arg->token.len > 0 && (i == 0 || arg->multiple_token || arg->type == ARG_PURE_TOKEN))
                add(w, arg->token);
            if (arg->type == ARG_PURE_TOKEN)
                continue;
            if (arg->type == ARG_BLOCK) {
                by_grammar(in, arg->children, w, depth + 1);
            } else if (arg->type == ARG_ONEOF) {
                const struct cmd_arg *one = arg->children;
                for (unsigned skip = next(in) % 16; skip > 0 && one != NULL && one->next != NULL; skip--)
                    one = one->next;
                if (one != NULL) {
                    struct cmd_arg alone = *one;
                    alone.next = NULL;
                    alone.optional = false;
                    by_grammar(in, &alone, w, depth + 1);
                }
            } else if (slice_starts_nocase(arg->name, LIT("num"))) {
                static const char *const counts[] = {"1", "2", "3", "1", "2", "0", "-1", "9223372036854775807"};
                add(w, PICK(counts, in));
            } else {
                add(w, value_word(in, arg->type));
            }
        }
    }
}

/* -- steps ------------------------------------------------------------------------------------------------------- */

/* A client may ask for as many random members as it likes, and scripts may run for ever: neither is what we look
 * for. */
static bool
too_much(const struct words *w)
{
    struct slice name = w->v[0];

    if (slice_starts_nocase(name, LIT("eval")) || slice_starts_nocase(name, LIT("fcall")) ||
        slice_eq_nocase(name, LIT("debug")) || slice_eq_nocase(name, LIT("shutdown")))
        return true;
    if (slice_eq_nocase(name, LIT("srandmember")) || slice_eq_nocase(name, LIT("hrandfield")) ||
        slice_eq_nocase(name, LIT("zrandmember")))
        for (int i = 2; i < w->n; i++)
            if (w->v[i].len > 6)
                return true;
    return false;
}

static void
send_words(struct loopback *l, unsigned session, const struct words *w)
{
    struct buf b = {0};

    if (w->n == 0 || too_much(w))
        return;
    buf_printf(&b, "*%d\r\n", w->n);
    for (int i = 0; i < w->n; i++) {
        buf_printf(&b, "$%zu\r\n", w->v[i].len);
        buf_add_slice(&b, w->v[i]);
        buf_add(&b, "\r\n", 2);
    }
    loopback_feed(l, session, buf_slice(&b));
    buf_fini(&b);
}

static void
step_command(struct loopback *l, struct input *in, unsigned session)
{
    unsigned id = next(in);
    id = id << 8 | next(in);
    const struct command *c = command_at(l->engine, id % command_count(l->engine));
    struct words w = {.n = 0};
    struct arena arena = {0};
    const struct cmd *row = c->row;
    const char *error = NULL;

    add(&w, slice_cstr(row->name));
    if (c->sub_count > 0) {
        row = c->subs[next(in) % c->sub_count].row;
        add(&w, slice_cstr(row->name));
    }
    by_grammar(in, cmd_grammar_parse(&arena, row, &error), &w, 0);
    send_words(l, session, &w);
    arena_fini(&arena);
}

static void
step(struct loopback *l, struct input *in)
{
    static const int64_t times[] = {1, 10, 100, 1000, 1001, 60000, 1000000, 100000000};
    unsigned what = next(in), session = what % SESSIONS;

    if (l->sessions[session].session == NULL)
        loopback_open(l, session);
    if (what < 180) {
        step_command(l, in, session);
    } else if (what < 215) {
        struct words w = {.n = 0};
        for (unsigned n = 1 + next(in) % 8; n > 0; n--)
            add(&w, any_word(in));
        send_words(l, session, &w);
    } else if (what < 225) {
        loopback_feed(l, session, raw(in));
    } else if (what < 240) {
        loopback_advance(l, times[next(in) % (sizeof(times) / sizeof(times[0]))]);
    } else if (what < 246) {
        loopback_close(l, session);
    } else {
        struct words w = {.v = {LIT_INIT("HELLO"), slice_cstr(what % 2 ? "3" : "2")}, .n = 2};
        send_words(l, session, &w);
    }
    for (unsigned i = 0; i < SESSIONS; i++)
        buf_reset(&l->sessions[i].out);
}

/* -- afterwards -------------------------------------------------------------------------------------------------- */

/* The number in the first line of the reply to a command of the checking session. */
static long
ask(struct loopback *l, const char *line)
{
    struct buf *out = &l->sessions[CHECKER].out;

    buf_reset(out);
    loopback_feed(l, CHECKER, slice_cstr(line));
    buf_add_char(out, '\0');
    return out->len > 2 ? strtol(out->ptr + 1, NULL, 10) : -1;
}

static void
check_databases(struct loopback *l)
{
    char line[32];

    CHECK(loopback_open(l, CHECKER));
    for (int db = 0; db < 4; db++) {
        snprintf(line, sizeof(line), "SELECT %d\r\n", db);
        (void)ask(l, line);
        long listed = ask(l, "KEYS *\r\n");
        CHECK(listed == ask(l, "DBSIZE\r\n"));
        CHECK(keyspace_verify(engine_db(l->engine, db)));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, data + size};
    struct loopback *l = loopback_new(7);

    engine_settings(l->engine)->proto_max_bulk_len = 1 << 20;
    engine_settings_changed(l->engine);
    for (int i = 0; i < STEPS_MAX && in.at < in.end; i++)
        step(l, &in);
    check_databases(l);
    loopback_free(l);
    return 0;
}
