/* URLs of every form, the passwords that people paste into them, and what is said about broken ones. */
#include "sorrel/url.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
assert_str(const char *got, const char *want)
{
    if (want == NULL)
        assert_null(got);
    else {
        assert_non_null(got);
        assert_string_equal(got, want);
    }
}

struct expectation {
    const char *text;
    enum sorrel_transport transport;
    bool tls;
    const char *user, *password, *host;
    int port, db;
};

static void
test_servers(void **state)
{
    static const struct expectation cases[] = {
        {"redis://localhost", SORREL_TCP, false, NULL, NULL, "localhost", 6379, 0},
        {"redis://", SORREL_TCP, false, NULL, NULL, "127.0.0.1", 6379, 0},
        {"redis:///3", SORREL_TCP, false, NULL, NULL, "127.0.0.1", 6379, 3},
        {"redis://:7000", SORREL_TCP, false, NULL, NULL, "127.0.0.1", 7000, 0},
        {"REDIS://h:1/", SORREL_TCP, false, NULL, NULL, "h", 1, 0},
        {"valkey://h:65535/15", SORREL_TCP, false, NULL, NULL, "h", 65535, 15},
        {"rediss://u:p@h:6380/1", SORREL_TCP, true, "u", "p", "h", 6380, 1},
        {"valkeys://h", SORREL_TCP, true, NULL, NULL, "h", 6379, 0},
        {"redis://[::1]:7001/2", SORREL_TCP, false, NULL, NULL, "::1", 7001, 2},
        {"redis://u:p@[fe80::1%25eth0]", SORREL_TCP, false, "u", "p", "fe80::1%25eth0", 6379, 0},
        {"redis://user@h", SORREL_TCP, false, "user", NULL, "h", 6379, 0},
        {"redis://:secret@h", SORREL_TCP, false, NULL, "secret", "h", 6379, 0},
        {"redis://user:@h", SORREL_TCP, false, "user", NULL, "h", 6379, 0},
        {"redis://a%40b:c%2Fd%3A%25@h/4", SORREL_TCP, false, "a@b", "c/d:%", "h", 6379, 4},
        {"redis://:80u7dxerdVK+ZaKp2drp76OKtH0O1EYXLwebTQ/q7mA=@redis-master:6379/0", SORREL_TCP, false, NULL,
         "80u7dxerdVK+ZaKp2drp76OKtH0O1EYXLwebTQ/q7mA=", "redis-master", 6379, 0},
        {"redis://default:p@ss:w/rd%@h:1/9", SORREL_TCP, false, "default", "p@ss:w/rd%", "h", 1, 9},
        {"redis://:100%zz%4@h", SORREL_TCP, false, NULL, "100%zz%4", "h", 6379, 0},
        {"redis://:pa%3Fss@h?db=5", SORREL_TCP, false, NULL, "pa?ss", "h", 6379, 5},
        {"redis://h?username=u&password=p%40q", SORREL_TCP, false, "u", "p@q", "h", 6379, 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct expectation *c = &cases[i];
        struct sorrel_url u;
        struct sorrel_error err;
        if (sorrel_url_parse(c->text, &u, &err) != SORREL_OK)
            fail_msg("%s: %s", c->text, err.text);
        assert_int_equal(u.transport, c->transport);
        assert_int_equal(u.tls, c->tls);
        assert_str(u.username, c->user);
        assert_str(u.password, c->password);
        assert_str(u.host, c->host);
        assert_int_equal(u.port, c->port);
        assert_int_equal(u.db, c->db);
        sorrel_url_fini(&u);
    }
}

static void
test_unix(void **state)
{
    struct sorrel_url u;

    assert_int_equal(sorrel_url_parse("unix:///run/user@1000/s.sock?db=3", &u, NULL), SORREL_OK);
    assert_int_equal(u.transport, SORREL_UNIX);
    assert_str(u.path, "/run/user@1000/s.sock");
    assert_null(u.username);
    assert_int_equal(u.db, 3);
    sorrel_url_fini(&u);
    assert_int_equal(sorrel_url_parse("redis+unix://me:p@/ss@/run/my%20socket", &u, NULL), SORREL_OK);
    assert_str(u.username, "me");
    assert_str(u.password, "p@/ss");
    assert_str(u.path, "/run/my socket");
    sorrel_url_fini(&u);
}

static void
test_sentinel(void **state)
{
    struct sorrel_url u, service;
    char *text;

    assert_int_equal(
        sorrel_url_parse("redis+sentinel://u:p/@h1:26380, h2 ,[::1]:5/mymaster/2?socket_timeout=0.5", &u, NULL),
        SORREL_OK);
    assert_int_equal(u.transport, SORREL_SENTINEL);
    assert_str(u.service, "mymaster");
    assert_int_equal(u.db, 2);
    assert_int_equal(u.sentinel_count, 3);
    assert_str(u.sentinels[0].host, "h1");
    assert_int_equal(u.sentinels[0].port, 26380);
    assert_str(u.sentinels[1].host, "h2");
    assert_int_equal(u.sentinels[1].port, 26379);
    assert_str(u.sentinels[2].host, "::1");
    assert_int_equal(u.socket_timeout_ms, 500);
    assert_str(u.password, "p/");
    text = sorrel_url_format(&u, true);
    assert_str(text, "redis+sentinel://u:p%2F@h1:26380,h2:26379,[::1]:5/2/mymaster?socket_timeout=0.500");
    sorrel_free(text);
    sorrel_url_fini(&u);
    assert_int_equal(
        sorrel_url_parse("redis+sentinel://:data@h/m?sentinel_username=me&sentinel_password=a%26b&client_name=x", &u,
                         NULL),
        SORREL_OK);
    assert_str(u.password, "data");
    assert_str(u.sentinel_username, "me");
    assert_str(u.sentinel_password, "a&b");
    text = sorrel_url_format(&u, true);
    assert_str(text, "redis+sentinel://:data@h:26379/0/m?sentinel_username=me&sentinel_password=a%26b&client_name=x");
    sorrel_free(text);
    text = sorrel_url_format(&u, false);
    assert_str(text, "redis+sentinel://:***@h:26379/0/m?sentinel_username=me&sentinel_password=***&client_name=x");
    sorrel_free(text);
    sorrel_url_fini(&u);
    /* The order that python-socketio uses, and a service whose name is a number. */
    assert_int_equal(sorrel_url_parse("redis+sentinel://h/0/m", &u, NULL), SORREL_OK);
    assert_str(u.service, "m");
    sorrel_url_fini(&u);
    assert_int_equal(sorrel_url_parse("redis+sentinel://h/1/2", &u, NULL), SORREL_OK);
    assert_str(u.service, "2");
    assert_int_equal(u.db, 1);
    sorrel_url_fini(&u);

    assert_int_equal(sorrel_url_parse("redis://user:a+b/c=@themaster:6379/4", &service, NULL), SORREL_OK);
    assert_int_equal(sorrel_url_with_sentinels(&service, "s1, s2:1234", 26379, &u, NULL), SORREL_OK);
    text = sorrel_url_format(&u, true);
    assert_str(text, "redis+sentinel://user:a%2Bb%2Fc%3D@s1:26379,s2:1234/4/themaster");
    sorrel_free(text);
    text = sorrel_url_format(&u, false);
    assert_str(text, "redis+sentinel://user:***@s1:26379,s2:1234/4/themaster");
    sorrel_free(text);
    sorrel_url_fini(&u);
    /* A name alone is a password. */
    assert_int_equal(sorrel_url_parse("redis://secret@h", &u, NULL), SORREL_OK);
    text = sorrel_url_format(&u, false);
    assert_str(text, "redis://***@h:6379");
    sorrel_free(text);
    sorrel_url_fini(&u);
    assert_int_equal(sorrel_url_with_sentinels(&service, "s1,,s2", 26379, &u, NULL), SORREL_ERR_USAGE);
    sorrel_url_fini(&service);
}

static void
test_options(void **state)
{
    struct sorrel_url u;

    assert_int_equal(sorrel_url_parse("rediss://h/1?db=2&protocol=3&socket_timeout=5&socket_connect_timeout=0.25"
                                      "&client_name=a%20b&max_connections=50&health_check_interval=30"
                                      "&ssl_cert_reqs=none&ssl_ca_certs=/etc/ca.pem&decode_responses=True"
                                      "&ssl_check_hostname=False&ssl_ca_path=/etc/ca&ssl_ciphers=HIGH:!x"
                                      "&ssl_ciphersuites=TLS_AES_128_GCM_SHA256",
                                      &u, NULL),
                     SORREL_OK);
    assert_int_equal(u.db, 2);
    assert_int_equal(u.protocol, 3);
    assert_int_equal(u.socket_timeout_ms, 5000);
    assert_int_equal(u.connect_timeout_ms, 250);
    assert_int_equal(u.max_connections, 50);
    assert_int_equal(u.health_check_ms, 30000);
    assert_true(u.tls_insecure);
    assert_str(u.client_name, "a b");
    assert_str(u.ca_file, "/etc/ca.pem");
    assert_true(u.tls_any_name);
    assert_str(u.ca_dir, "/etc/ca");
    assert_str(u.ciphers, "HIGH:!x");
    assert_str(u.cipher_suites, "TLS_AES_128_GCM_SHA256");
    struct sorrel_url again;
    char *text = sorrel_url_format(&u, true);
    assert_int_equal(sorrel_url_parse(text, &again, NULL), SORREL_OK);
    assert_true(again.tls_any_name && again.tls_insecure && again.tls);
    assert_str(again.ca_dir, "/etc/ca");
    assert_str(again.ciphers, "HIGH:!x");
    assert_str(again.cipher_suites, "TLS_AES_128_GCM_SHA256");
    sorrel_free(text);
    sorrel_url_fini(&again);
    sorrel_url_fini(&u);
}

static void
test_broken(void **state)
{
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"", "scheme"},
        {"localhost:6379", "scheme"},
        {"http://hunter2@h", "scheme"},
        {"redis:/h", "scheme"},
        {"redis://u:hunter2@", "host"},
        {"redis://u:hunter2@:7", "host"},
        {"redis://user:hunter2", "port"},
        {"redis://u:hunter2@h:0", "port"},
        {"redis://u:hunter2@h:65536", "port"},
        {"redis://u:hunter2@h:12x", "port"},
        {"redis://u:hunter2@::1", "IPv6"},
        {"redis://u:hunter2@[::1", "IPv6"},
        {"redis://u:hunter2@[::1]x", "IPv6"},
        {"redis://u:hunter2@h ost", "host"},
        {"redis://u:hunter2@h/abc", "database"},
        {"redis://u:hunter2@h/-1", "database"},
        {"redis://u:hunter2@h/99999999999", "database"},
        {"redis://h/1/2", "database"},
        {"redis://:hunter2/x", "port"},
        {"redis://:hun?ter2@h", "'?'"},
        {"redis://u:p%00hunter2@h", "password"},
        {"redis://h?nonsense", "option number 1"},
        {"redis://h?db=1&hunter2=1", "option number 2"},
        {"redis://h?protocol=4", "protocol"},
        {"redis://h?socket_timeout=-1", "socket_timeout"},
        {"redis://h?socket_timeout=nan", "socket_timeout"},
        {"redis://h?db=x", "db"},
        {"redis://h?ssl_cert_reqs=maybe", "ssl_cert_reqs"},
        {"unix://", "path"},
        {"unix://relative", "path"},
        {"redis+sentinel://h", "service"},
        {"redis+sentinel://h/", "service"},
        {"redis+sentinel://,h/m", "host"},
        {"redis+sentinel://h:x/m", "port"},
        {"redis+sentinel://h/m/1/2", "path"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sorrel_url u = {.port = 4711};
        struct sorrel_error err;
        if (sorrel_url_parse(cases[i].text, &u, &err) != SORREL_ERR_USAGE)
            fail_msg("'%s' was accepted", cases[i].text);
        assert_int_equal(u.port, 4711);
        if (strstr(err.text, cases[i].part) == NULL)
            fail_msg("'%s' gave '%s', which does not name the %s", cases[i].text, err.text, cases[i].part);
        if (strstr(err.text, "unter2") != NULL)
            fail_msg("'%s' gave '%s'", cases[i].text, err.text);
    }
}

/* Whatever comes out can be written and read back; whatever is refused leaks nothing (ASan watches). */
static void
test_random_texts(void **state)
{
    /* clang-format off */
    static const char *const pieces[] = {"redis://", "unix://", "redis+sentinel://", "@", ":", "/", "?", "&", "=", "%",
                                         "%41", "[", "]", ",", "::1", "h", "user", "6379", "0", "db=1", " ", "+",
                                         "protocol=3", "socket_timeout=1.5", "password=x", "\xc3\xa9"};
    /* clang-format on */
    struct rng g;
    unsigned good = 0;

    rng_seed(&g, 4242);
    for (int round = 0; round < 30000; round++) {
        char text[256] = "";
        size_t len = 0;
        if (rng_below(&g, 4) != 0)
            len = (size_t)snprintf(text, sizeof(text), "%s", pieces[rng_below(&g, 3)]);
        for (uint64_t n = rng_below(&g, 12); n > 0; n--)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s",
                                    pieces[rng_below(&g, sizeof(pieces) / sizeof(pieces[0]))]);
        struct sorrel_url u, again;
        struct sorrel_error err;
        if (sorrel_url_parse(text, &u, &err) != SORREL_OK)
            continue;
        good++;
        char *written = sorrel_url_format(&u, true);
        if (sorrel_url_parse(written, &again, &err) != SORREL_OK)
            fail_msg("'%s' was written as '%s': %s", text, written, err.text);
        char *twice = sorrel_url_format(&again, true);
        assert_string_equal(written, twice);
        assert_int_equal(u.db, again.db);
        assert_str(again.password, u.password);
        sorrel_free(written);
        sorrel_free(twice);
        sorrel_url_fini(&u);
        sorrel_url_fini(&again);
    }
    assert_true(good > 500);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_servers), cmocka_unit_test(test_unix),   cmocka_unit_test(test_sentinel),
        cmocka_unit_test(test_options), cmocka_unit_test(test_broken), cmocka_unit_test(test_random_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
