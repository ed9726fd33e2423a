/* tests/unit/test_cmd_propagation.c - what replicas and the log are told, for commands that they must not get as sent:
 * those that depend on the time or on chance, those that wait, and those that changed nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first. */
#include <cmocka.h>

#include "base/mem.h"
#include "engine/effects.h"
#include "support/loopback.h"

struct world {
    struct loopback *l;
    struct buf told; /* commands since the last look, separated by "; " */
};

static void
record(void *ctx, const struct effect_batch *batch)
{
    struct world *w = ctx;

    for (const struct effect_command *c = batch->commands; c != NULL; c = c->next) {
        if (w->told.len > 0)
            buf_add_slice(&w->told, LIT("; "));
        for (int i = 0; i < c->argc; i++)
            buf_printf(&w->told, "%s%.*s", i > 0 ? " " : "", (int)c->argv[i].len, c->argv[i].ptr);
    }
}

static int
setup(void **state)
{
    struct world *w = mem_get_zero(sizeof(*w));

    w->l = loopback_new(1);
    for (unsigned i = 0; i < 3; i++)
        loopback_open(w->l, i);
    engine_add_sink(w->l->engine, EFFECT_LOG, (struct effect_sink){.apply = record, .ctx = w});
    *state = w;
    return 0;
}

static int
teardown(void **state)
{
    struct world *w = *state;

    engine_remove_sink(w->l->engine, EFFECT_LOG, w);
    loopback_free(w->l);
    buf_fini(&w->told);
    mem_free(w);
    return 0;
}

static void
say(struct world *w, unsigned client, const char *line)
{
    loopback_feed(w->l, client, slice_cstr(line));
    loopback_feed(w->l, client, LIT("\r\n"));
}

static void
expect(struct world *w, const char *line, const char *told)
{
    buf_add_char(&w->told, '\0');
    if (strcmp(w->told.ptr, told) != 0)
        print_error("after: %s\n", line);
    assert_string_equal(w->told.ptr, told);
    buf_reset(&w->told);
}

struct step {
    const char *command, *told;
};

static void
play(struct world *w, const struct step *steps, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        say(w, 0, steps[i].command);
        expect(w, steps[i].command, steps[i].told);
    }
}
#define PLAY(w, ...) \
    play((w), (const struct step[])__VA_ARGS__, sizeof((const struct step[])__VA_ARGS__) / sizeof(struct step))

/* The clock stands at 1700000000000. */
static void
test_strings(void **state)
{
    PLAY(*state, {
                     {"SET k v", "SET k v"},
                     {"SET k v EX 100", "SET k v PXAT 1700000100000"},
                     {"SET k v PX 100 GET", "SET k v PXAT 1700000000100"},
                     {"SET k v GET", "SET k v"},
                     {"SET k v XX KEEPTTL GET", "SET k v KEEPTTL"},
                     {"SET k v KEEPTTL", "SET k v KEEPTTL"},
                     {"SET k v NX", ""},
                     {"SET k2 v NX EX 10", "SET k2 v PXAT 1700000010000"},
                     {"SET k v PXAT 4000000000000", "SET k v PXAT 4000000000000"},
                     {"SETEX k 100 v", "SET k v PXAT 1700000100000"},
                     {"PSETEX k 100 v", "SET k v PXAT 1700000000100"},
                     {"SETNX k v", ""},
                     {"GETSET k w", "SET k w"},
                     {"GETEX k", ""},
                     {"GETEX k EX 100", "PEXPIREAT k 1700000100000"},
                     {"GETEX k PERSIST", "PERSIST k"},
                     {"GETEX k PERSIST", ""},
                     {"GETEX k EXAT 1", "DEL k"},
                     {"GETDEL k2", "DEL k2"},
                     {"GETDEL k2", ""},
                     {"MSETNX a 1 b 2", "MSETNX a 1 b 2"},
                     {"MSETNX c 1 b 2", ""},
                     {"INCRBYFLOAT a 1.5", "SET a 2.5 KEEPTTL"},
                     {"INCR b", "INCR b"},
                     {"INCR a", ""},
                     {"SETRANGE b 1 \"\"", ""},
                 });
}

static void
test_increx(void **state)
{
    PLAY(*state, {
                     {"INCREX n", "SET n 1 KEEPTTL"},
                     {"INCREX n BYINT 5 UBOUND 3", ""},
                     {"INCREX n BYINT 5 UBOUND 3 SATURATE", "SET n 3 KEEPTTL"},
                     {"INCREX n EX 100", "SET n 4 PXAT 1700000100000"},
                     {"INCREX n EX 10 ENX", "SET n 5 KEEPTTL"},
                     {"INCREX n PERSIST", "SET n 6"},
                     {"INCREX n PERSIST", "SET n 7 KEEPTTL"},
                     {"INCREX n BYFLOAT 0.5 PX 10 ENX", "SET n 7.5 PXAT 1700000000010"},
                     {"INCREX n BYFLOAT 1 EXAT 1", "DEL n"},
                 });
}

static void
test_himport(void **state)
{
    PLAY(*state, {
                     {"HIMPORT PREPARE u a b", ""},
                     {"HIMPORT SET h u 1 2", "HSET h a 1 b 2"},
                     {"HIMPORT SET h u 3 4", "DEL h; HSET h a 3 b 4"},
                     {"HIMPORT DISCARD u", ""},
                     {"HIMPORT SET h u 3 4", ""},
                 });
}

static void
test_members(void **state)
{
    PLAY(*state, {
                     {"HSET h a 1 b 2 c 3", "HSET h a 1 b 2 c 3"},
                     {"HEXPIRE h 100 FIELDS 3 a b nofield", "HPEXPIREAT h 1700000100000 FIELDS 2 a b"},
                     {"HEXPIRE h 100 XX FIELDS 2 a c", "HPEXPIREAT h 1700000100000 FIELDS 1 a"},
                     {"HEXPIRE h 100 NX FIELDS 2 a b", ""},
                     {"HEXPIRE h 100 FIELDS 1 nofield", ""},
                     {"HINCRBY h a 1", "HINCRBY h a 1"},
                     {"HINCRBYFLOAT h a 1.5", "HSET h a 3.5; HPEXPIREAT h 1700000100000 FIELDS 1 a"},
                     {"HINCRBYFLOAT h c 1.5", "HSET h c 4.5"},
                     {"HPERSIST h FIELDS 2 a c", "HPERSIST h FIELDS 1 a"},
                     {"HPERSIST h FIELDS 1 a", ""},
                     {"HEXPIREAT h 1 FIELDS 2 a nofield", "HDEL h a"},
                     {"HGETEX h FIELDS 1 b", ""},
                     {"HGETEX h EX 100 FIELDS 2 b nofield", "HPEXPIREAT h 1700000100000 FIELDS 1 b"},
                     {"HGETEX h PERSIST FIELDS 2 b c", "HPERSIST h FIELDS 1 b"},
                     {"HGETEX h PERSIST FIELDS 2 b c", ""},
                     {"HGETEX h PX 0 FIELDS 2 b nofield", "HDEL h b"},
                     {"HGETDEL h FIELDS 2 c nofield", "HDEL h c"},
                     {"HGETDEL h FIELDS 1 c", ""},
                     {"HSETEX h FIELDS 1 a 1", "HSETEX h FIELDS 1 a 1"},
                     {"HSETEX h FNX FIELDS 1 a 1", ""},
                     {"HSETEX h FXX EX 100 FIELDS 1 a 1", "HSETEX h FXX PXAT 1700000100000 FIELDS 1 a 1"},
                     {"HSETEX h EXAT 4000000000 FIELDS 1 a 1", "HSETEX h PXAT 4000000000000 FIELDS 1 a 1"},
                     {"HSETEX h KEEPTTL FIELDS 1 a 2", "HSETEX h KEEPTTL FIELDS 1 a 2"},
                     {"HSETEX h PX 0 FIELDS 2 a 1 b 2", "HDEL h a b"},
                     {"SADD s a b", "SADD s a b"},
                     {"SEXPIRE s 100 MEMBERS 2 a nomember", "SPEXPIREAT s 1700000100000 MEMBERS 1 a"},
                     {"SPEXPIREAT s 1700000200000 FIELDS 1 a", "SPEXPIREAT s 1700000200000 MEMBERS 1 a"},
                     {"SPERSIST s FIELDS 2 a b", "SPERSIST s MEMBERS 1 a"},
                     {"SEXPIREAT s 1 MEMBERS 1 a", "SREM s a"},
                     {"ZADD z 1 a 2 b", "ZADD z 1 a 2 b"},
                     {"ZEXPIRE z 100 MEMBERS 2 a nomember", "ZPEXPIREAT z 1700000100000 MEMBERS 1 a"},
                     {"ZPERSIST z MEMBERS 2 a b", "ZPERSIST z MEMBERS 1 a"},
                     {"ZEXPIREAT z 1 MEMBERS 1 a", "ZREM z a"},
                 });
}

/* What time removes is told, whether it is found by looking or goes by itself. */
static void
test_due_members(void **state)
{
    struct world *w = *state;

    PLAY(w, {{"HSETEX h PX 10 FIELDS 2 a 1 b 2", "HSETEX h PXAT 1700000000010 FIELDS 2 a 1 b 2"},
             {"HSET h c 3", "HSET h c 3"},
             {"SADD s a", "SADD s a"},
             {"SPEXPIRE s 11 MEMBERS 1 a", "SPEXPIREAT s 1700000000011 MEMBERS 1 a"}});
    loopback_advance(w->l, 12);
    expect(w, "(time)", "HDEL h a b; DEL s");
    PLAY(w, {{"ZADD z 1 a 2 b", "ZADD z 1 a 2 b"},
             {"ZPEXPIRE z 10 MEMBERS 1 a", "ZPEXPIREAT z 1700000000022 MEMBERS 1 a"}});
    w->l->now_us += 11000;
    PLAY(w, {{"ZADD z XX 5 a", "ZREM z a"}, {"ZADD z 5 a", "ZADD z 5 a"}});
}

static void
test_expiry(void **state)
{
    PLAY(*state, {
                     {"MSET a 1 b 2 c 3", "MSET a 1 b 2 c 3"},
                     {"EXPIRE a 100", "PEXPIREAT a 1700000100000"},
                     {"PEXPIRE a 100 GT", ""},
                     {"EXPIREAT a 4000000000", "PEXPIREAT a 4000000000000"},
                     {"PERSIST a", "PERSIST a"},
                     {"PERSIST a", ""},
                     {"EXPIRE a -1", "DEL a"},
                     {"PEXPIREAT b 1", "DEL b"},
                     {"EXPIRE nokey 1", ""},
                 });
}

static void
test_lists(void **state)
{
    PLAY(*state, {
                     {"RPUSH l a b c d e", "RPUSH l a b c d e"},
                     {"LPOP l 2", "LPOP l 2"},
                     {"LMPOP 2 x l RIGHT COUNT 50", "RPOP l 3"},
                     {"RPUSHX l a", ""},
                     {"RPUSH l a b c d e", "RPUSH l a b c d e"},
                     {"BLPOP x l 0", "LPOP l"},
                     {"BRPOP x l 0", "RPOP l"},
                     {"BLMPOP 0 1 l LEFT", "LPOP l 1"},
                     {"BLMOVE l m LEFT RIGHT 0", "LMOVE l m LEFT RIGHT"},
                     {"BRPOPLPUSH l m 0", "RPOPLPUSH l m"},
                     {"LMOVE l m LEFT RIGHT", ""},
                     {"LREM m 1 nope", ""},
                     {"LINSERT m BEFORE nope x", ""},
                 });
}

static void
test_waiting(void **state)
{
    struct world *w = *state;

    say(w, 1, "BLMOVE q r LEFT RIGHT 0");
    say(w, 2, "BLPOP q r 0");
    expect(w, "waiting", "");
    say(w, 0, "RPUSH q a b");
    expect(w, "RPUSH q a b", "RPUSH q a b; LMOVE q r LEFT RIGHT; LPOP q");
}

static void
test_hashes_and_sets(void **state)
{
    PLAY(*state, {
                     {"HINCRBYFLOAT h f 1.5", "HSET h f 1.5"},
                     {"HINCRBY h n 2", "HINCRBY h n 2"},
                     {"HSETNX h n 2", ""},
                     {"HDEL h nope", ""},
                     {"SADD s a", "SADD s a"},
                     {"SADD s a", ""},
                     {"SPOP s", "SREM s a"},
                     {"SPOP s", ""},
                     {"SADD s a b", "SADD s a b"},
                     {"SPOP s 0", ""},
                     {"SPOP s 2", "DEL s"},
                     {"SADD s a b", "SADD s a b"},
                     {"SMOVE s t zz", ""},
                     {"SINTERSTORE d s nokey", ""},
                     {"SINTERSTORE d s", "SINTERSTORE d s"},
                     {"SINTERSTORE d s nokey", "SINTERSTORE d s nokey"},
                     {"DEL nokey", ""},
                 });
}

/* What SPOP took must be what the log says, in portions. */
static void
test_spop_many(void **state)
{
    struct world *w = *state;
    struct buf line = {0};

    buf_printf(&line, "SADD s");
    for (int i = 0; i < 3000; i++)
        buf_printf(&line, " %d", i);
    buf_add_char(&line, '\0');
    say(w, 0, line.ptr);
    buf_reset(&w->told);
    say(w, 0, "SPOP s 2500");
    buf_add_char(&w->told, '\0');

    size_t commands = 1, words = 1;
    for (const char *p = w->told.ptr; *p != '\0'; p++) {
        commands += *p == ';';
        words += *p == ' ';
    }
    assert_int_equal(commands, 3);
    assert_int_equal(words, 2500 + 2 * commands);

    /* Playing the log over another copy leaves the same members. */
    buf_reset(&line);
    buf_printf(&line, "SADD copy");
    for (int i = 0; i < 3000; i++)
        buf_printf(&line, " %d", i);
    buf_add_char(&line, '\0');
    say(w, 0, line.ptr);
    char *text = mem_get(w->told.len), *p = text, *end;
    memcpy(text, w->told.ptr, w->told.len);
    for (; p != NULL; p = end != NULL ? end + 2 : NULL) {
        end = strstr(p, "; ");
        if (end != NULL)
            *end = '\0';
        buf_reset(&line);
        buf_printf(&line, "SREM copy%s", p + strlen("SREM s"));
        buf_add_char(&line, '\0');
        say(w, 0, line.ptr);
    }
    mem_free(text);
    buf_reset(&w->l->sessions[0].out);
    say(w, 0, "SCARD copy");
    say(w, 0, "SDIFF copy s");
    buf_add_char(&w->l->sessions[0].out, '\0');
    assert_string_equal(w->l->sessions[0].out.ptr, ":500\r\n*0\r\n");
    buf_fini(&line);
}

static void
test_keys(void **state)
{
    PLAY(*state, {
                     {"SET a 1", "SET a 1"},
                     {"RENAME a a", ""},
                     {"RENAME a b", "RENAME a b"},
                     {"COPY b c", "COPY b c"},
                     {"COPY b c", ""},
                     {"RENAMENX b c", ""},
                     {"MOVE c 1", "MOVE c 1"},
                     {"MOVE c 1", ""},
                     {"SWAPDB 0 1", "SWAPDB 0 1"},
                     {"FLUSHDB", "FLUSHDB"},
                     {"FLUSHALL", "FLUSHALL"},
                 });
}

static void
test_streams(void **state)
{
    PLAY(*state,
         {
             {"XADD s * a 1", "XADD s 1700000000000-0 a 1"},
             {"XADD s 1700000000001-* a 1", "XADD s 1700000000001-0 a 1"},
             {"XADD s DELREF MAXLEN = 2 * a 1", "XADD s DELREF MAXLEN = 2 1700000000001-1 a 1"},
             {"XADD s ACKED MAXLEN ~ 1 * a 1", "XADD s 1700000000001-2 a 1"},
             {"XADD s IDMP p 1 * a 1", "XADD s 1700000000001-3 a 1; XIDMPRECORD s p 1 1700000000001-3"},
             {"XADD s IDMP p 1 * a 1", ""},
             {"XIDMPRECORD s p 1 1700000000001-3", ""},
             {"XCFGSET s IDMP-MAXSIZE 5", "XCFGSET s IDMP-MAXSIZE 5"},
             {"XTRIM s MAXLEN ~ 1", ""},
             {"XGROUP CREATE s g 1700000000001-2", "XGROUP CREATE s g 1700000000001-2"},
             {"XREADGROUP GROUP g c STREAMS s >",
              "XGROUP CREATECONSUMER s g c; XCLAIM s g c 0 1700000000001-3 TIME 1700000000000 RETRYCOUNT 1 FORCE "
              "JUSTID LASTID 1700000000001-3; XGROUP SETID s g 1700000000001-3 ENTRIESREAD 5"},
             {"XREADGROUP GROUP g c CLAIM 0 STREAMS s >",
              "XCLAIM s g c 0 1700000000001-3 TIME 1700000000000 RETRYCOUNT 2 FORCE JUSTID LASTID "
              "1700000000001-3"},
             {"XREADGROUP GROUP g c CLAIM 5 STREAMS s >", ""},
             {"XNACK s g FAIL IDS 1 1-1", ""},
             {"XNACK s g FAIL IDS 1 1700000000001-3", "XNACK s g FAIL IDS 1 1700000000001-3"},
             {"XDELEX s ACKED IDS 1 1700000000001-3", ""},
             {"XDELEX s IDS 1 1700000000001-3", "XDELEX s IDS 1 1700000000001-3"},
             {"XREADGROUP GROUP g c CLAIM 5 STREAMS s >", "XACK s g 1700000000001-3"},
             {"XACKDEL s g IDS 1 1700000000001-3", ""},
         });
}

/* What a script says with redis.set_repl; it ends with the script. */
static void
test_scripts(void **state)
{
    PLAY(*state, {
                     {"EVAL \"redis.call('incr','a') redis.call('incr','b')\" 0", "incr a; incr b"},
                     {"EVAL \"redis.call('incr','a') redis.set_repl(redis.REPL_NONE) redis.call('incr','b') "
                      "redis.set_repl(redis.REPL_AOF) redis.call('incr','c') redis.set_repl(redis.REPL_REPLICA) "
                      "redis.call('incr','d') redis.set_repl(redis.REPL_ALL) redis.call('incr','e')\" 0",
                      "incr a; incr c; incr e"},
                     {"EVAL \"redis.set_repl(redis.REPL_SLAVE) redis.call('incr','a')\" 0", ""},
                     {"INCR a", "INCR a"},
                     {"EVAL \"redis.set_repl(redis.REPL_NONE) redis.call('spop','none') error('x')\" 0", ""},
                     {"INCR a", "INCR a"},
                     {"EVAL \"redis.call('expire','a',100) redis.call('xadd','s','*','f','v')\" 0",
                      "PEXPIREAT a 1700000100000; XADD s 1700000000000-0 f v"},
                 });
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_strings, setup, teardown),
        cmocka_unit_test_setup_teardown(test_expiry, setup, teardown),
        cmocka_unit_test_setup_teardown(test_increx, setup, teardown),
        cmocka_unit_test_setup_teardown(test_himport, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lists, setup, teardown),
        cmocka_unit_test_setup_teardown(test_waiting, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hashes_and_sets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_spop_many, setup, teardown),
        cmocka_unit_test_setup_teardown(test_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_streams, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scripts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_members, setup, teardown),
        cmocka_unit_test_setup_teardown(test_due_members, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
