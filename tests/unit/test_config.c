/* Unit tests of server/config*.c: types, ranges, special forms, files with includes, options, rewriting. */
#include "base/mem.h"
#include "server/config.h"
#include "server/config_load.h"
#include "server/config_rewrite.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <errno.h>

/* -- values ---------------------------------------------------------------------------------------------------- */

static void
expect_shown(const struct config *c, enum config_id id, const char *want)
{
    struct buf text = {0};

    config_format(c, id, &text);
    buf_add_char(&text, '\0');
    assert_string_equal(text.ptr, want);
    buf_fini(&text);
}

/* Sets a value by text: `why` is the expected refusal, NULL for success with the value `shown`. */
static void
expect_set(struct config *c, enum config_id id, const char *text, const char *shown, const char *why)
{
    struct buf got = {0}, before = {0}, after = {0};

    config_format(c, id, &before);
    bool ok = config_set_text(c, id, slice_cstr(text), &got);
    if (why == NULL) {
        assert_true(ok);
        expect_shown(c, id, shown);
    } else {
        buf_add_char(&got, '\0');
        assert_false(ok);
        assert_string_equal(got.ptr, why);
        config_format(c, id, &after);
        assert_true(slice_eq(buf_slice(&before), buf_slice(&after)));
    }
    buf_fini(&got);
    buf_fini(&before);
    buf_fini(&after);
}

static void
test_defaults(void **state)
{
    struct config *c = config_new();

    for (int i = 0; i < CONFIG_COUNT; i++) {
        enum config_id id, self = (enum config_id)i;
        assert_true(config_find(slice_cstr(config_name(self)), &id));
        assert_int_equal(id, self);
        if (!(config_flags(self) & CONFIG_FILE_ONLY))
            expect_shown(c, self, config_default(self));
    }
    assert_int_equal(config_num(c, CFG_PORT), 6379);
    assert_true(config_on(c, CFG_PROTECTED_MODE));
    assert_int_equal(config_num(c, CFG_HASH_MAX_LISTPACK_ENTRIES), 512);
    config_free(c);
}

static void
test_numbers(void **state)
{
    struct config *c = config_new();

    expect_set(c, CFG_PORT, "0", "0", NULL);
    expect_set(c, CFG_PORT, "65536", NULL, "argument must be between 0 and 65535 inclusive");
    expect_set(c, CFG_PORT, "-1", NULL, "argument must be between 0 and 65535 inclusive");
    expect_set(c, CFG_PORT, "x", NULL, "argument couldn't be parsed into an integer");
    expect_set(c, CFG_PORT, "", NULL, "argument couldn't be parsed into an integer");
    expect_set(c, CFG_PORT, " 5", NULL, "argument couldn't be parsed into an integer");
    expect_set(c, CFG_MAXCLIENTS, "0", NULL, "argument must be between 1 and 4294967295 inclusive");
    expect_set(c, CFG_LIST_MAX_LISTPACK_SIZE, "-5", "-5", NULL);
    expect_set(c, CFG_APPENDONLY, "YES", "yes", NULL);
    expect_set(c, CFG_APPENDONLY, "maybe", NULL, "argument must be 'yes' or 'no'");
    expect_set(c, CFG_MAXMEMORY, "1k", "1000", NULL);
    expect_set(c, CFG_MAXMEMORY, "2KB", "2048", NULL);
    expect_set(c, CFG_MAXMEMORY, "3gb", "3221225472", NULL);
    expect_set(c, CFG_MAXMEMORY, "-1", NULL, "argument must be a memory value");
    expect_set(c, CFG_MAXMEMORY, "10x", NULL, "argument must be a memory value");
    expect_set(c, CFG_MAXMEMORY, "99999999999gb", NULL, "argument must be a memory value");
    expect_set(c, CFG_PROTO_MAX_BULK_LEN, "1", NULL,
               "argument must be between 1048576 and 9223372036854775807 inclusive");
    expect_set(c, CFG_UNIXSOCKETPERM, "770", "770", NULL);
    assert_int_equal(config_num(c, CFG_UNIXSOCKETPERM), 0770);
    expect_set(c, CFG_UNIXSOCKETPERM, "778", NULL, "argument couldn't be parsed as an octal number");
    expect_set(c, CFG_UNIXSOCKETPERM, "1000", NULL, "argument must be between 0 and 777 inclusive");
    expect_set(c, CFG_LOGLEVEL, "WARNING", "warning", NULL);
    expect_set(c, CFG_LOGLEVEL, "loud", NULL,
               "argument(s) must be one of the following: debug, verbose, notice, warning, nothing");
    config_free(c);
}

static void
test_texts(void **state)
{
    struct config *c = config_new();
    struct buf why = {0};

    expect_set(c, CFG_REQUIREPASS, "two words", "two words", NULL);
    expect_set(c, CFG_DBFILENAME, "a/b", NULL, "dbfilename can't be a path, just a filename");
    expect_set(c, CFG_DBFILENAME, "", NULL, "argument must not be empty");
    expect_set(c, CFG_NOTIFY_KEYSPACE_EVENTS, "Kx$", "$xK", NULL);
    expect_set(c, CFG_NOTIFY_KEYSPACE_EVENTS, "Q", NULL, "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
    expect_set(c, CFG_MAXMEMORY_CLIENTS, "5%", "5%", NULL);
    expect_set(c, CFG_MAXMEMORY_CLIENTS, "1mb", "1048576", NULL);
    expect_set(c, CFG_MAXMEMORY_CLIENTS, "200%", NULL, "percentage argument must be less or equal to 100");
    expect_set(c, CFG_PROC_TITLE_TEMPLATE, "{title} {port}", "{title} {port}", NULL);
    expect_set(c, CFG_PROC_TITLE_TEMPLATE, "{foo}", NULL, "template format is invalid or contains unknown variables");
    assert_false(config_set_text(c, CFG_REQUIREPASS, LIT("a\0b"), &why));
    buf_fini(&why);
    config_free(c);
}

static void
test_lists(void **state)
{
    struct config *c = config_new();
    struct save_point points[4];
    struct output_limit limits[CLIENT_CLASSES];

    expect_set(c, CFG_SAVE, "60 1  300 10", "60 1 300 10", NULL);
    assert_int_equal(config_save_points(c, points, 4), 2);
    assert_int_equal(points[1].seconds, 300);
    assert_int_equal(points[1].changes, 10);
    expect_set(c, CFG_SAVE, "60", NULL, "Invalid save parameters");
    expect_set(c, CFG_SAVE, "0 1", NULL, "Invalid save parameters");
    expect_set(c, CFG_SAVE, "60 -1", NULL, "Invalid save parameters");
    expect_set(c, CFG_SAVE, "", "", NULL);
    assert_int_equal(config_save_points(c, points, 4), 0);

    expect_set(c, CFG_CLIENT_OUTPUT_BUFFER_LIMIT, "pubsub 1mb 512kb 5",
               "normal 0 0 0 slave 268435456 67108864 60 pubsub 1048576 524288 5", NULL);
    expect_set(c, CFG_CLIENT_OUTPUT_BUFFER_LIMIT, "normal 1 2 3 replica 0 0 0",
               "normal 1 2 3 slave 0 0 0 pubsub 1048576 524288 5", NULL);
    config_output_limits(c, limits);
    assert_int_equal(limits[CLASS_PUBSUB].hard, 1048576);
    assert_int_equal(limits[CLASS_NORMAL].soft_seconds, 3);
    expect_set(c, CFG_CLIENT_OUTPUT_BUFFER_LIMIT, "foo 1 2 3", NULL,
               "Invalid client class specified in buffer limit configuration.");
    expect_set(c, CFG_CLIENT_OUTPUT_BUFFER_LIMIT, "normal 1 2", NULL,
               "Wrong number of arguments in buffer limit configuration.");
    expect_set(c, CFG_CLIENT_OUTPUT_BUFFER_LIMIT, "normal 1 2 -3", NULL,
               "Error in hard, soft or soft_seconds setting in buffer limit configuration.");

    expect_set(c, CFG_OOM_SCORE_ADJ_VALUES, "1 2", NULL, "wrong number of arguments");
    expect_set(c, CFG_OOM_SCORE_ADJ_VALUES, "0 100 2001", NULL,
               "Invalid oom-score-adj-values, elements must be between -2000 and 2000.");
    expect_set(c, CFG_LATENCY_TRACKING_INFO_PERCENTILES, "50 99.9", "50 99.9", NULL);
    expect_set(c, CFG_LATENCY_TRACKING_INFO_PERCENTILES, "101", NULL,
               "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]");
    expect_set(c, CFG_SHUTDOWN_ON_SIGTERM, "now default", "now", NULL);
    expect_set(c, CFG_SHUTDOWN_ON_SIGTERM, "now foo", NULL,
               "argument(s) must be one of the following: default, save, nosave, now, force");
    expect_set(c, CFG_REPLICAOF, "localhost 6379", "localhost 6379", NULL);
    expect_set(c, CFG_REPLICAOF, "no one", "", NULL);
    expect_set(c, CFG_REPLICAOF, "localhost", NULL, "it needs a host and a port between 0 and 65535");
    config_free(c);
}

static void
test_copies(void **state)
{
    struct config *a = config_new(), *b = config_new();

    expect_set(a, CFG_REQUIREPASS, "x", "x", NULL);
    assert_false(config_same(a, b, CFG_REQUIREPASS));
    config_copy(b, a, CFG_REQUIREPASS);
    assert_true(config_same(a, b, CFG_REQUIREPASS));
    expect_set(b, CFG_REQUIREPASS, "y", "y", NULL);
    config_swap(a, b, CFG_REQUIREPASS);
    expect_shown(a, CFG_REQUIREPASS, "y");
    expect_shown(b, CFG_REQUIREPASS, "x");
    config_free(a);
    config_free(b);
}

static void
test_names(void **state)
{
    enum config_id id;

    assert_true(config_find(LIT("MaxMemory"), &id) && id == CFG_MAXMEMORY);
    assert_true(config_find(LIT("slave-read-only"), &id) && id == CFG_REPLICA_READ_ONLY);
    assert_true(config_find(LIT("primaryauth"), &id) && id == CFG_MASTERAUTH);
    assert_false(config_find(LIT("maxmemor"), &id));
    assert_string_equal(config_nearest(LIT("maxmemroy")), "maxmemory");
    assert_string_equal(config_nearest(LIT("apendonly")), "appendonly");
    assert_string_equal(config_nearest(LIT("tcp_backlog")), "tcp-backlog");
    assert_null(config_nearest(LIT("zzzzqqqqzzzz")));
}

/* -- files ----------------------------------------------------------------------------------------------------- */

struct folder {
    char path[64];
};

static int
make_folder(void **state)
{
    struct folder *f = mem_get_zero(sizeof(*f));

    memcpy(f->path, "/tmp/sorrel-config-XXXXXX", sizeof("/tmp/sorrel-config-XXXXXX"));
    *state = f;
    return mkdtemp(f->path) != NULL ? 0 : -1;
}

static int
remove_folder(void **state)
{
    static const char *const names[] = {"main.conf", "a.conf", "b.conf", "loop.conf"};
    struct folder *f = *state;
    char path[128];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", f->path, names[i]);
        (void)unlink(path);
    }
    int rc = rmdir(f->path);
    mem_free(f);
    return rc;
}

static const char *
write_file(const struct folder *f, const char *name, const char *text, char path[128])
{
    snprintf(path, 128, "%s/%s", f->path, name);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_int_equal(fwrite(text, 1, strlen(text), out), strlen(text));
    assert_int_equal(fclose(out), 0);
    return path;
}

static struct config_loader
load(const struct folder *f, const char *text, bool *ok)
{
    struct config_loader l = {.config = config_new()};
    char path[128];

    *ok = config_load_file(&l, write_file(f, "main.conf", text, path));
    buf_add_char(&l.error, '\0');
    return l;
}

static void
unload(struct config_loader *l)
{
    config_free(l->config);
    buf_fini(&l->error);
}

static void
test_file(void **state)
{
    bool ok;
    struct config_loader l = load(*state,
                                  "# a comment\n\n  port 7000  \r\nrequirepass \"a b\\x21\"\nSAVE 60 1\nsave 30 5\n"
                                  "bind 127.0.0.1 -::1\nrename-command CONFIG \"\"\nuser default on nopass\n"
                                  "client-output-buffer-limit normal 1 2 3\ndir /tmp # not a comment here\n",
                                  &ok);

    assert_false(ok); /* words after a value are too many: a comment needs its own line */
    assert_non_null(strstr(l.error.ptr, "main.conf, line 11: dir: wrong number of arguments"));
    assert_int_equal(config_num(l.config, CFG_PORT), 7000);
    expect_shown(l.config, CFG_REQUIREPASS, "a b!");
    expect_shown(l.config, CFG_SAVE, "60 1 30 5");
    expect_shown(l.config, CFG_BIND, "127.0.0.1 -::1");
    assert_int_equal(config_line_count(l.config), 2);
    assert_int_equal(config_line_at(l.config, 0)->id, CFG_RENAME_COMMAND);
    assert_true(slice_eq(config_line_at(l.config, 0)->argv[1], LIT("")));
    assert_int_equal(config_line_at(l.config, 1)->argc, 3);
    unload(&l);
}

static void
test_file_mistakes(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"maxmemroy 5\n", "line 1: unknown directive 'maxmemroy' (did you mean 'maxmemory'?)"},
        {"\nport x\n", "line 2: port: argument couldn't be parsed into an integer"},
        {"port\n", "line 1: port: wrong number of arguments"},
        {"port 1 2\n", "line 1: port: wrong number of arguments"},
        {"requirepass \"x\n", "line 1: requirepass: unbalanced quotes"},
        {"save 60\n", "line 1: save: Invalid save parameters"},
        {"rename-command x\n", "line 1: rename-command: it needs the command's name and its new one"},
        {"include /nonexistent/x.conf\n", "line 1: include: can't read '/nonexistent/x.conf'"},
        {"Sentinel monitor m 127.0.0.1 6379 2\n", "line 1: sentinel directive while not in sentinel mode"},
        {"qqqqzzzz 1\n", "line 1: unknown directive 'qqqqzzzz'"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool ok;
        struct config_loader l = load(*state, cases[i].text, &ok);
        assert_false(ok);
        if (strstr(l.error.ptr, cases[i].want) == NULL)
            fail_msg("'%s' is not in '%s'", cases[i].want, l.error.ptr);
        unload(&l);
    }
}

static void
test_include(void **state)
{
    const struct folder *f = *state;
    struct buf text = {0};
    char path[128];
    bool ok;

    write_file(f, "a.conf", "port 1111\ntimeout 5\n", path);
    write_file(f, "b.conf", "port 2222\n", path);
    buf_printf(&text, "include %s/[ab].conf\ninclude %s/none-*.conf\ntimeout 6\n", f->path, f->path);
    buf_add_char(&text, '\0');
    struct config_loader l = load(f, text.ptr, &ok);
    assert_true(ok);
    assert_int_equal(config_num(l.config, CFG_PORT), 2222);
    assert_int_equal(config_num(l.config, CFG_TIMEOUT), 6);
    unload(&l);

    buf_reset(&text);
    buf_printf(&text, "include %s/loop.conf\n", f->path);
    buf_add_char(&text, '\0');
    write_file(f, "loop.conf", text.ptr, path);
    l = load(f, text.ptr, &ok);
    assert_false(ok);
    assert_non_null(strstr(l.error.ptr, "files include one another too deeply"));
    unload(&l);
    buf_fini(&text);
}

static void
test_arguments(void **state)
{
    struct config_loader l = {.config = config_new()};
    const char *argv[] = {"--save",
                          "",
                          "--port",
                          "7001",
                          "--save",
                          "30 1",
                          "--save",
                          "60",
                          "5",
                          "--appendonly",
                          "yes",
                          "--maxmemory-policy",
                          "allkeys-lru",
                          "--client-output-buffer-limit",
                          "pubsub",
                          "1",
                          "2",
                          "3",
                          "--list-max-listpack-size",
                          "-3"};

    assert_true(config_load_args(&l, (int)(sizeof(argv) / sizeof(argv[0])), (char **)(uintptr_t)argv));
    expect_shown(l.config, CFG_SAVE, "30 1 60 5");
    assert_int_equal(config_num(l.config, CFG_PORT), 7001);
    expect_shown(l.config, CFG_MAXMEMORY_POLICY, "allkeys-lru");
    assert_int_equal(config_num(l.config, CFG_LIST_MAX_LISTPACK_SIZE), -3);
    config_free(l.config);

    l = (struct config_loader){.config = config_new()};
    const char *only_save[] = {"--save", "--port", "1"};
    assert_true(config_load_args(&l, 3, (char **)(uintptr_t)only_save));
    expect_shown(l.config, CFG_SAVE, "");
    const char *whole[] = {"--port 7002", "--save 10 1", "20", "2", "--requirepass \"a b\"", "--masterauth", "--x"};
    assert_true(config_load_args(&l, 7, (char **)(uintptr_t)whole));
    assert_int_equal(config_num(l.config, CFG_PORT), 7002);
    expect_shown(l.config, CFG_REQUIREPASS, "a b");
    expect_shown(l.config, CFG_MASTERAUTH, "--x");
    const char *open[] = {"--requirepass \"a b", "--port", "1"};
    assert_false(config_load_args(&l, 3, (char **)(uintptr_t)open));
    buf_add_char(&l.error, '\0');
    assert_string_equal(l.error.ptr, "command line: requirepass: unbalanced quotes");
    buf_reset(&l.error);
    const char *bad[] = {"--prot", "1"};
    assert_false(config_load_args(&l, 2, (char **)(uintptr_t)bad));
    buf_add_char(&l.error, '\0');
    assert_string_equal(l.error.ptr, "command line: unknown directive 'prot' (did you mean 'port'?)");
    unload(&l);
}

/* -- rewriting ------------------------------------------------------------------------------------------------- */

static void
expect_file(const char *path, const char *want)
{
    char got[4096];
    FILE *in = fopen(path, "r");

    assert_non_null(in);
    size_t n = fread(got, 1, sizeof(got) - 1, in);
    fclose(in);
    got[n] = '\0';
    assert_string_equal(got, want);
}

static void
test_rewrite(void **state)
{
    bool ok;
    struct config_loader l = load(*state,
                                  "# my server\nport 7000\n\nmaxmemory 1gb\ntimeout 5\nsave 60 1\nsave 30 5\n"
                                  "user old on\nslave-priority 50\nuser older on\n",
                                  &ok);
    struct slice users = LIT("user default on\nuser new off\n");
    struct buf why = {0};
    char path[128];
    struct stat st;

    assert_true(ok);
    snprintf(path, sizeof(path), "%s/main.conf", ((struct folder *)*state)->path);
    assert_int_equal(chmod(path, 0600), 0);
    expect_set(l.config, CFG_PORT, "7001", "7001", NULL);
    expect_set(l.config, CFG_TIMEOUT, "0", "0", NULL);
    expect_set(l.config, CFG_REQUIREPASS, "a \"b\"", "a \"b\"", NULL);
    assert_true(config_rewrite(l.config, users, path, &why));
    expect_file(
        path,
        "# my server\nport 7001\n\nmaxmemory 1gb\nsave 60 1 30 5\nuser default on\nuser new off\nslave-priority 50\n"
        "# Written by CONFIG REWRITE\nrequirepass \"a \\\"b\\\"\"\n");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    /* What was written reads back as the same, and writing it again changes nothing. */
    struct config_loader again = {.config = config_new()};
    assert_true(config_load_file(&again, path));
    for (int i = 0; i < CONFIG_COUNT; i++)
        assert_true(config_same(l.config, again.config, (enum config_id)i));
    assert_true(config_rewrite(again.config, users, path, &why));
    expect_file(
        path,
        "# my server\nport 7001\n\nmaxmemory 1gb\nsave 60 1 30 5\nuser default on\nuser new off\nslave-priority 50\n"
        "# Written by CONFIG REWRITE\nrequirepass \"a \\\"b\\\"\"\n");
    unload(&again);
    unload(&l);
    assert_false(config_rewrite(l.config = config_new(), LIT(""), "/nonexistent/dir/x.conf", &why));
    config_free(l.config);
    buf_fini(&why);
}

static void
test_overlay(void **state)
{
    bool ok;
    struct config_loader l =
        load(*state, "port 7000\nmaxmemory 1gb\nuser old on\nsave 60 1\nsave 30 5\ndir /tmp\n", &ok);
    struct buf why = {0};
    char path[128], overlay[160];

    assert_true(ok);
    snprintf(path, sizeof(path), "%s/main.conf", ((struct folder *)*state)->path);
    snprintf(overlay, sizeof(overlay), "%s/" CONFIG_OVERLAY, ((struct folder *)*state)->path);
    expect_set(l.config, CFG_MAXMEMORY, "0", "0", NULL); /* back to the default: the overlay has to say so */
    expect_set(l.config, CFG_SAVE, "10 1", "10 1", NULL);
    expect_set(l.config, CFG_DIR, "/", "/", NULL);
    assert_true(config_overlay_write(l.config, LIT("user new off\n"), path, overlay, &why));
    struct config_loader again = {.config = config_new()};
    assert_true(config_load_file(&again, path));
    size_t before = config_line_count(again.config);
    memset(again.given, 0, sizeof(again.given));
    assert_true(config_load_file(&again, overlay));
    config_supersede_lines(again.config, CFG_USER, before);
    assert_int_equal(config_line_count(again.config), 1);
    assert_true(slice_eq(config_line_at(again.config, 0)->argv[0], LIT("new")));
    assert_true(slice_eq(config_text(again.config, CFG_DIR), LIT("/tmp"))); /* it must not lead away from itself */
    for (int i = 0; i < CONFIG_COUNT; i++)
        assert_true(i == CFG_DIR || config_same(l.config, again.config, (enum config_id)i));
    assert_true(config_is_read_only(EROFS) && config_is_read_only(EACCES) && !config_is_read_only(ENOSPC));
    assert_int_equal(unlink(overlay), 0);
    unload(&again);
    unload(&l);
    buf_fini(&why);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_names),
        cmocka_unit_test_setup_teardown(test_file, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_file_mistakes, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_include, make_folder, remove_folder),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test_setup_teardown(test_overlay, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_rewrite, make_folder, remove_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
