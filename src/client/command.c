/* client/command.c - putting commands together and sending them through a client. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/sha1.h"
#include "client/command_priv.h"
#include "client/error_priv.h"

#include <stdarg.h>

static void
grow(struct command *c)
{
    int cap = c->cap == 0 ? COMMAND_INLINE * 2 : c->cap * 2;

    if (c->argv == NULL) {
        c->argv = mem_get_array((size_t)cap, sizeof(*c->argv));
        c->lens = mem_get_array((size_t)cap, sizeof(*c->lens));
        memcpy(c->argv, c->argv_inline, sizeof(c->argv_inline));
        memcpy(c->lens, c->lens_inline, sizeof(c->lens_inline));
    } else {
        c->argv = mem_resize(c->argv, (size_t)cap * sizeof(*c->argv));
        c->lens = mem_resize(c->lens, (size_t)cap * sizeof(*c->lens));
    }
    c->cap = cap;
}

void
command__bytes(struct command *c, const void *p, size_t len)
{
    if (c->argv == NULL && c->argc < COMMAND_INLINE) {
        c->argv_inline[c->argc] = p;
        c->lens_inline[c->argc++] = len;
        return;
    }
    if (c->argv == NULL || c->argc == c->cap)
        grow(c);
    c->argv[c->argc] = p;
    c->lens[c->argc++] = len;
}

void
command__text(struct command *c, const char *s)
{
    command__bytes(c, s, strlen(s));
}

void
command__int(struct command *c, int64_t v)
{
    CHECK(c->number_count < COMMAND_NUMBERS);
    char *p = c->numbers[c->number_count++];
    command__bytes(c, p, format_int64(p, v));
}

void
command__words(struct command *c, ...)
{
    const char *word;
    va_list ap;

    va_start(ap, c);
    while ((word = va_arg(ap, const char *)) != NULL)
        command__text(c, word);
    va_end(ap);
}

const char *const *
command__argv(const struct command *c)
{
    return c->argv != NULL ? (const char *const *)c->argv : c->argv_inline;
}

const size_t *
command__lens(const struct command *c)
{
    return c->argv != NULL ? c->lens : c->lens_inline;
}

void
command__fini(struct command *c)
{
    mem_free(c->argv);
    mem_free(c->lens);
    c->argv = NULL;
    c->lens = NULL;
    c->argc = c->cap = c->number_count = 0;
}

enum sorrel_rc
command__run(struct command *c, struct sorrel_client *cl, unsigned flags, struct sorrel_reply **out,
             struct sorrel_error *err)
{
    struct sorrel_reply *r = NULL;
    enum sorrel_rc rc = sorrel_client_call(cl, flags, c->argc, command__argv(c), command__lens(c), &r, err);

    command__fini(c);
    if (rc == SORREL_OK && out != NULL)
        *out = r;
    else
        sorrel_reply_free(r);
    return rc;
}

/* Turns a reply, which it frees, into a number, if there is one. */
static enum sorrel_rc
take_int(enum sorrel_rc rc, struct sorrel_reply *r, int64_t *out, struct sorrel_error *err)
{
    int64_t n = 0;

    if (rc != SORREL_OK)
        return rc;
    bool ok = sorrel_reply_int(r, &n);
    sorrel_reply_free(r);
    if (!ok)
        return error__set(err, SORREL_ERR_PROTOCOL, 0, "a number was expected as the reply");
    if (out != NULL)
        *out = n;
    return SORREL_OK;
}

enum sorrel_rc
command__run_int(struct command *c, struct sorrel_client *cl, unsigned flags, int64_t *out, struct sorrel_error *err)
{
    struct sorrel_reply *r = NULL;
    enum sorrel_rc rc = command__run(c, cl, flags, &r, err);

    return take_int(rc, r, out, err);
}

enum sorrel_rc
command__script(struct command *c, struct sorrel_client *cl, const char *script, unsigned flags,
                struct sorrel_reply **out, struct sorrel_error *err)
{
    unsigned char digest[SHA1_BYTES];
    char hex[SHA1_HEX];
    struct sorrel_error why;
    struct command by_digest = {0}, whole = {0};

    sha1(slice_cstr(script), digest);
    sha1_hex(digest, hex);
    command__text(&by_digest, "EVALSHA");
    command__bytes(&by_digest, hex, sizeof(hex));
    command__text(&whole, "EVAL");
    command__text(&whole, script);
    for (int i = 0; i < c->argc; i++) {
        command__bytes(&by_digest, command__argv(c)[i], command__lens(c)[i]);
        command__bytes(&whole, command__argv(c)[i], command__lens(c)[i]);
    }
    enum sorrel_rc rc = command__run(&by_digest, cl, flags, out, &why);
    if (rc == SORREL_ERR_SERVER && strncmp(why.text, "NOSCRIPT", 8) == 0)
        rc = command__run(&whole, cl, flags, out, &why);
    else
        command__fini(&whole);
    command__fini(c);
    if (rc != SORREL_OK && err != NULL)
        *err = why;
    return rc;
}

enum sorrel_rc
command__script_int(struct command *c, struct sorrel_client *cl, const char *script, unsigned flags, int64_t *out,
                    struct sorrel_error *err)
{
    struct sorrel_reply *r = NULL;
    enum sorrel_rc rc = command__script(c, cl, script, flags, &r, err);

    return take_int(rc, r, out, err);
}

enum command_trace
command__marks(struct slice name)
{
    static const struct slice opens[] = {LIT_INIT("MULTI"), LIT_INIT("WATCH")};
    static const struct slice stays[] = {LIT_INIT("SUBSCRIBE"),   LIT_INIT("PSUBSCRIBE"),   LIT_INIT("SSUBSCRIBE"),
                                         LIT_INIT("UNSUBSCRIBE"), LIT_INIT("PUNSUBSCRIBE"), LIT_INIT("SUNSUBSCRIBE"),
                                         LIT_INIT("MONITOR"),     LIT_INIT("SYNC"),         LIT_INIT("PSYNC"),
                                         LIT_INIT("SELECT"),      LIT_INIT("AUTH"),         LIT_INIT("HELLO"),
                                         LIT_INIT("RESET"),       LIT_INIT("QUIT"),         LIT_INIT("READONLY"),
                                         LIT_INIT("READWRITE"),   LIT_INIT("ASKING")};

    for (size_t i = 0; i < sizeof(stays) / sizeof(stays[0]); i++)
        if (slice_eq_nocase(name, stays[i]))
            return COMMAND_STAYS;
    for (size_t i = 0; i < sizeof(opens) / sizeof(opens[0]); i++)
        if (slice_eq_nocase(name, opens[i]))
            return COMMAND_OPENS;
    return COMMAND_LEAVES_NOTHING;
}

char *
command__dup(const char *s, size_t len)
{
    char *p = mem_get(len + 1);

    if (len > 0)
        memcpy(p, s, len);
    p[len] = '\0';
    return p;
}

char *
command__dup_text(const struct sorrel_reply *r, size_t *len)
{
    size_t n;
    const char *s = sorrel_reply_text(r, &n);

    if (s == NULL)
        return NULL;
    if (len != NULL)
        *len = n;
    return command__dup(s, n);
}

char *
command__printf(const char *fmt, ...)
{
    struct buf b = {0};
    size_t len;
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    buf_add_char(&b, '\0');
    return buf_take(&b, &len);
}

char *
command__sibling(const char *key, const char *suffix)
{
    const char *open = strchr(key, '{'), *close = open != NULL ? strchr(open, '}') : NULL;

    return command__printf(close != NULL && close > open + 1 ? "%s:%s" : "{%s}:%s", key, suffix);
}

void
command__random_hex(char *to, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[32];

    CHECK(n <= sizeof(bytes) && rng_system_bytes(bytes, n));
    for (size_t i = 0; i < n; i++) {
        to[i * 2] = digits[bytes[i] >> 4];
        to[i * 2 + 1] = digits[bytes[i] & 15];
    }
    to[n * 2] = '\0';
}

int64_t
command__now_ns(void)
{
    struct clock c = clock_system();

    return clock_mono_ns(&c);
}
