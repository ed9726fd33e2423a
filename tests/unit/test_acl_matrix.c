/* The matrix of users, commands, keys and channels: every command of the table, for users that may run it or not, with
 * keys and channels that they may use or not, sent plainly, in MULTI, from Lua and from a function, and run by EXEC
 * after the user's rights have shrunk.
 *
 * What must come out is worked out here from how the command was made: the grammar says which words are keys and to
 * which specification they belong. So the tables' two ways to say where keys are check each other. */
#include "unit/engine_fixture.h"

#include "engine/acl.h"
#include "proto/words.h"
#include "support/commands.h"
#include "support/loopback.h"

#include <stdlib.h>

enum { READS = 1, WRITES = 2, SESSION = 3, REPORTED_MAX = 30 };
enum expected { EXPECT_RUN, EXPECT_COMMAND, EXPECT_KEY, EXPECT_CHANNEL };
enum way { PLAIN, QUEUED, LUA, FUNCTION, EXEC_LATER, WAYS };

static const struct key_right {
    const char *name;
    unsigned rights; /* of the users with patterns */
} key_rights[] = {{"r1", READS}, {"w1", WRITES}, {"b1", READS | WRITES}, {"n1", 0}};

static const struct rule {
    const char *text;
    int kind; /* 0 nothing, 1 patterns, 2 all */
} key_rules[] = {{"resetkeys", 0}, {"%R~r* %W~w* ~b*", 1}, {"~*", 2}},
  channel_rules[] = {{"resetchannels", 0}, {"resetchannels &c*", 1}, {"&*", 2}};

struct matrix {
    struct loopback *l;
    struct rng rng;
    struct arena arena;
    struct command_maker maker;
    uint64_t cells, refused[4], failures;
};

struct cell {
    bool command_allowed;
    int keys, channels; /* kind of rule */
};

/* -- what must come out ------------------------------------------------------------------------------------------ */

static unsigned
rights_of_key(struct slice key, int kind)
{
    if (kind != 1)
        return kind == 2 ? READS | WRITES : 0;
    for (size_t i = 0; i < sizeof(key_rights) / sizeof(key_rights[0]); i++)
        if (slice_eq(key, slice_cstr(key_rights[i].name)))
            return key_rights[i].rights;
    return 0;
}

static bool
channel_is_allowed(struct slice channel, bool pattern, int kind)
{
    return kind == 2 ||
           (kind == 1 && (pattern ? slice_eq(channel, LIT("c*")) : channel.len > 0 && channel.ptr[0] == 'c'));
}

static enum expected
work_out(const struct made_command *made, const struct cell *cell)
{
    if (!cell->command_allowed && !(made->command->flags & CMD_NO_AUTH))
        return EXPECT_COMMAND;
    for (int i = 0; i < made->n; i++) {
        unsigned need = made->key_flags[i] & KEY_ACCESS ? READS : 0;
        need |= made->key_flags[i] & (KEY_UPDATE | KEY_INSERT | KEY_DELETE) ? WRITES : 0;
        if (made->is_key[i] && cell->keys != 2 &&
            ((rights_of_key(made->v[i], cell->keys) & need) != need || rights_of_key(made->v[i], cell->keys) == 0))
            return EXPECT_KEY;
    }
    for (int i = 0; i < made->n; i++)
        if (made->channel[i] != 0 && !channel_is_allowed(made->v[i], made->channel[i] == 2, cell->channels))
            return EXPECT_CHANNEL;
    return EXPECT_RUN;
}

/* SET and BITFIELD read or write as their options say: then only keys with all rights or none have one right answer. */
static bool
depends_on_options(const struct made_command *made, const struct cell *cell)
{
    for (int i = 0; i < made->n && cell->keys == 1; i++) {
        unsigned has = rights_of_key(made->v[i], 1);
        if (made->is_key[i] && (made->key_flags[i] & KEY_VARIABLE) && has != 0 && has != (READS | WRITES))
            return true;
    }
    return false;
}

/* -- the ways ---------------------------------------------------------------------------------------------------- */

static struct slice
send(struct matrix *m, const struct slice *argv, int argc)
{
    struct buf *out = &m->l->sessions[SESSION].out;

    buf_reset(out);
    if (m->l->sessions[SESSION].session == NULL)
        return LIT("closed");
    loopback_command(m->l, SESSION, argv, (size_t)argc);
    return buf_slice(&m->l->sessions[SESSION].out);
}

static void
become(struct matrix *m, struct acl_user *u)
{
    session_set_user(m->l->sessions[SESSION].session, u);
}

static struct slice
run(struct matrix *m, enum way way, const struct made_command *made, struct acl_user *u)
{
    struct slice argv[COMMAND_WORDS_MAX + 3], multi = LIT("MULTI"), exec = LIT("EXEC");
    struct slice head[2][3] = {{LIT("EVAL"), LIT("return redis.pcall(unpack(ARGV))"), LIT("0")},
                               {LIT("FCALL"), LIT("matrix"), LIT("0")}};

    loopback_close(m->l, SESSION);
    (void)loopback_open(m->l, SESSION);
    switch (way) {
    case QUEUED: (void)send(m, &multi, 1); break;
    case EXEC_LATER: {
        (void)send(m, &multi, 1);
        struct slice reply = send(m, made->v, made->n);
        if (!slice_eq(reply, LIT("+QUEUED\r\n")))
            return LIT("");
        become(m, u);
        return send(m, &exec, 1);
    }
    case LUA:
    case FUNCTION:
        memcpy(argv, head[way == FUNCTION], sizeof(head[0]));
        memcpy(argv + 3, made->v, (size_t)made->n * sizeof(*argv));
        become(m, u);
        return send(m, argv, made->n + 3);
    default: break;
    }
    become(m, u);
    return send(m, made->v, made->n);
}

static bool
contains(struct slice s, const char *text)
{
    return s.len > 0 && memmem(s.ptr, s.len, text, strlen(text)) != NULL;
}

static enum expected
what_came(enum way way, struct slice reply)
{
    static const char *const words[WAYS][4] = {
        [PLAIN] = {"", "NOPERM User u has no permissions to run", "NOPERM No permissions to access a key",
                   "NOPERM No permissions to access a channel"},
        [LUA] = {"", "-ERR ACL failure in script: User u has",
                 "-ERR ACL failure in script: No permissions to access a key",
                 "-ERR ACL failure in script: No permissions to access a channel"},
        [EXEC_LATER] = {"", "no permission to execute the command", "no permission to touch the specified keys",
                        "no permission to access one of the channels"}};
    enum way like = way == QUEUED ? PLAIN : way == FUNCTION ? LUA : way;

    for (int i = EXPECT_COMMAND; i <= EXPECT_CHANNEL; i++)
        if (contains(reply, words[like][i]))
            return (enum expected)i;
    return EXPECT_RUN;
}

/* -- which cells there are --------------------------------------------------------------------------------------- */

static bool
has_name(const struct command *c, const char *const *names)
{
    const struct command *top = c->parent != NULL ? c->parent : c;

    for (; *names != NULL; names++)
        if (slice_eq(c->name, slice_cstr(*names)) || slice_eq(slice_cstr(top->row->name), slice_cstr(*names)))
            return true;
    return false;
}

/* What would end, stop or change the test itself: such a command is looked at only where it is refused. */
static bool
is_dangerous(const struct command *c)
{
    /* clang-format off */
    static const char *const names[] = {"shutdown", "debug", "acl|setuser", "acl|deluser", "acl|load", "acl|save", "client|pause",
                                        "client|kill", "client|reply", "auth", "hello", "reset", "function|delete",
                                        "function|flush", "function|load", "function|restore", "failover", "monitor", NULL};
    /* clang-format on */
    return has_name(c, names);
}

static bool
way_fits(enum way way, const struct command *c)
{
    static const char *const transactions[] = {"multi", "exec", "discard", "watch", "unwatch", "quit", "reset", NULL};

    if (way == QUEUED || way == EXEC_LATER)
        return !(c->flags & CMD_NO_MULTI) && !has_name(c, transactions);
    if (way == LUA || way == FUNCTION)
        return !(c->flags & CMD_NOSCRIPT) && !(c->flags & CMD_NO_AUTH);
    return true;
}

static void
complain(struct matrix *m, const struct made_command *made, enum way way, const char *rules, int expected, int came,
         struct slice reply)
{
    static const char *const ways[] = {"plain", "queued", "lua", "function", "exec"};

    if (m->failures++ >= REPORTED_MAX)
        return;
    print_error("%s, user %s: expected %d, came %d (%.*s):", ways[way], rules, expected, came,
                (int)(reply.len < 100 ? reply.len : 100), reply.ptr);
    for (int i = 0; i < made->n; i++)
        print_error(" '%.*s'%s", (int)made->v[i].len, made->v[i].ptr, made->is_key[i] ? "(key)" : "");
    print_error("\n");
}

static void
try_cell(struct matrix *m, const struct made_command *made, const struct cell *cell, struct acl_user *u,
         const char *rules)
{
    enum expected expected = work_out(made, cell);

    if (!command_arity_ok(made->command, made->n)) /* a row without a grammar */
        return;
    if ((expected == EXPECT_RUN && is_dangerous(made->command)) || depends_on_options(made, cell))
        return;
    for (int way = 0; way < WAYS; way++) {
        bool exec = made->command->flags & CMD_NO_AUTH;
        if (!way_fits((enum way)way, made->command) || (exec && way != PLAIN))
            continue;
        struct slice reply = run(m, (enum way)way, made, u);
        if (way == EXEC_LATER && reply.len == 0)
            continue;
        enum expected came = what_came((enum way)way, reply);
        m->cells++;
        m->refused[came]++;
        if (came != expected)
            complain(m, made, (enum way)way, rules, (int)expected, (int)came, reply);
    }
}

static void
try_command(struct matrix *m, struct command *c, unsigned variants)
{
    struct acl *acl = engine_acl(m->l->engine);
    struct buf rules = {0}, why = {0};
    struct made_command made;

    for (int k = 0; k < 3; k++) {
        for (int ch = 0; ch < 3; ch++) {
            for (int may = 0; may < 2; may++) {
                buf_reset(&rules);
                buf_printf(&rules, "reset on nopass %s %s ", key_rules[k].text, channel_rules[ch].text);
                buf_printf(&rules, may ? "+@all" : "+@all -%.*s", (int)c->name.len, c->name.ptr);
                struct slice_vec words = {0};
                assert_true(words_split(buf_slice(&rules), NULL, &words));
                if (!acl_set(acl, LIT("u"), words.v, (int)words.n, &why))
                    fail_msg("%.*s: %.*s", (int)rules.len, rules.ptr, (int)why.len, why.ptr);
                slice_vec_fini(&words);
                buf_add_char(&rules, '\0');
                struct cell cell = {may, key_rules[k].kind, channel_rules[ch].kind};
                for (unsigned v = 0; v < variants; v++) {
                    m->maker.no_options = v == 0;
                    command_make(&m->maker, c, &made);
                    try_cell(m, &made, &cell, acl_find(acl, LIT("u")), rules.ptr);
                    arena_reset(&m->arena);
                }
            }
        }
    }
    buf_fini(&rules);
    buf_fini(&why);
}

static struct slice
pick_key(void *ctx, const struct command *c)
{
    struct matrix *m = ctx;

    (void)c;
    return slice_cstr(key_rights[rng_below(&m->rng, sizeof(key_rights) / sizeof(key_rights[0]))].name);
}

static void
test_matrix(void **state)
{
    const char *text = getenv("ACL_MATRIX_VARIANTS");
    struct matrix m = {.l = loopback_new(5)};
    struct command *c;

    (void)state;
    rng_seed(&m.rng, 3);
    m.maker =
        (struct command_maker){.engine = m.l->engine, .rng = &m.rng, .arena = &m.arena, .key = pick_key, .ctx = &m};
    (void)loopback_open(m.l, 0);
    loopback_command(
        m.l, 0,
        (struct slice[]){
            LIT("FUNCTION"), LIT("LOAD"),
            LIT("#!lua name=l\nredis.register_function('matrix', function(k, a) return redis.pcall(unpack(a)) end)")},
        3);
    for (size_t id = 0; (c = command_by_id(m.l->engine, id)) != NULL; id++) {
        if (c->sub_count > 0)
            continue;
        loopback_command(m.l, 0, (struct slice[]){LIT("FLUSHALL")}, 1);
        try_command(&m, c, text != NULL ? (unsigned)strtoul(text, NULL, 10) : 2);
    }
    print_message("%llu cells: %llu run, %llu refused the command, %llu a key, %llu a channel; %llu wrong\n",
                  (unsigned long long)m.cells, (unsigned long long)m.refused[0], (unsigned long long)m.refused[1],
                  (unsigned long long)m.refused[2], (unsigned long long)m.refused[3], (unsigned long long)m.failures);
    assert_int_equal(m.failures, 0);
    assert_true(m.refused[0] > 10000 && m.refused[1] > 10000 && m.refused[2] > 5000 && m.refused[3] > 50);
    arena_fini(&m.arena);
    loopback_free(m.l);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_matrix)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
