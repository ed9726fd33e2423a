/* engine/monitor.c - MONITOR: every command, as a line, to whoever asked. */
#include "engine/monitor.h"

#include "base/glob.h"
#include "engine/acl.h"
#include "engine/engine_priv.h"

#include <stdio.h>

struct monitor_filter {
    unsigned kinds;  /* of the terms, a bit each */
    uint64_t one_of; /* shows one of so many, by chance */
    size_t n;
    struct monitor_term terms[];
};

struct monitor {
    session_id id;
    struct monitor_filter *filter; /* NULL: everything */
};

static struct monitor_filter *
filter_new(const struct monitor_term *terms, size_t n, uint64_t one_of)
{
    size_t bytes = sizeof(struct monitor_filter) + n * sizeof(*terms);

    if (n == 0 && one_of <= 1)
        return NULL;
    for (size_t i = 0; i < n; i++)
        bytes += terms[i].text.len;
    struct monitor_filter *f = mem_get(bytes);
    *f = (struct monitor_filter){.one_of = one_of, .n = n};
    char *at = (char *)&f->terms[n];
    for (size_t i = 0; i < n; i++) {
        struct slice t = terms[i].text;
        if (t.len > 0)
            memcpy(at, t.ptr, t.len);
        f->terms[i] = (struct monitor_term){terms[i].kind, slice_of(at, t.len), terms[i].number};
        f->kinds |= 1u << terms[i].kind;
        at += t.len;
    }
    return f;
}

static void
forget(struct engine *e, session_id id)
{
    size_t kept = 0;

    for (size_t i = 0; i < e->monitor_count; i++) {
        if (e->monitors[i].id == id)
            mem_free(e->monitors[i].filter);
        else
            e->monitors[kept++] = e->monitors[i];
    }
    e->monitor_count = kept;
}

static void
update_gate(struct engine *e)
{
    e->gate = e->monitor_count > 0 ? e->gate | GATE_MONITORED : e->gate & ~(uint32_t)GATE_MONITORED;
}

void
session_monitor_some(struct session *s, const struct monitor_term *terms, size_t n, uint64_t one_of)
{
    struct engine *e = s->engine;

    forget(e, s->id);
    session_set_flag(s, SESSION_MONITOR, true);
    if (e->monitor_count == e->monitor_cap) {
        e->monitor_cap = e->monitor_cap == 0 ? 4 : e->monitor_cap * 2;
        e->monitors = mem_resize(e->monitors, e->monitor_cap * sizeof(*e->monitors));
    }
    e->monitors[e->monitor_count++] = (struct monitor){s->id, filter_new(terms, n, one_of)};
    update_gate(s->engine);
}

void
session_monitor(struct session *s, bool on)
{
    if (on) {
        session_monitor_some(s, NULL, 0, 1);
    } else if (s->flags & SESSION_MONITOR) {
        session_set_flag(s, SESSION_MONITOR, false);
        forget(s->engine, s->id);
        update_gate(s->engine);
    }
}

/* -- filters --------------------------------------------------------------------------------------------------- */

static bool
has_key_like(const struct exec *x, struct slice pattern)
{
    enum { KEYS_MAX = 128 };
    int index[KEYS_MAX];
    uint16_t flags[KEYS_MAX];
    int n = cmd_keys(x->cmd, x->argv, x->argc, index, flags, KEYS_MAX);

    for (int i = 0; i < n && i < KEYS_MAX; i++) {
        if (glob_match(pattern, x->argv[index[i]], false))
            return true;
    }
    return false;
}

static bool
term_fits(const struct exec *x, const struct monitor_term *t)
{
    const struct command *c = x->command;

    switch (t->kind) {
    case MONITOR_COMMAND:
        return glob_match(t->text, c->name, true) || (c->parent != NULL && glob_match(t->text, c->parent->name, true));
    case MONITOR_KEY: return has_key_like(x, t->text);
    case MONITOR_USER: return slice_eq(t->text, acl_user_name(x->session->user));
    case MONITOR_DB: return t->number == x->session->db->index;
    case MONITOR_ADDR: return glob_match(t->text, session_addr(x->session), false);
    }
    return false;
}

/* Terms of a kind are alternatives; of each kind that is named one must fit. */
static bool
is_wanted(struct exec *x, const struct monitor_filter *f)
{
    unsigned fits = 0;

    if (f == NULL)
        return true;
    for (size_t i = 0; i < f->n; i++) {
        unsigned kind = 1u << f->terms[i].kind;
        if (!(fits & kind) && term_fits(x, &f->terms[i]))
            fits |= kind;
    }
    return fits == f->kinds && (f->one_of <= 1 || rng_below(&x->engine->rng, f->one_of) == 0);
}

/* As redis quotes: printable ASCII as it is, the rest escaped, so that a line is a line whatever an argument holds. */
static void
add_quoted(struct buf *b, struct slice s)
{
    buf_add_char(b, '"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        switch (c) {
        case '\\':
        case '"': buf_printf(b, "\\%c", c); break;
        case '\n': buf_add(b, "\\n", 2); break;
        case '\r': buf_add(b, "\\r", 2); break;
        case '\t': buf_add(b, "\\t", 2); break;
        case '\a': buf_add(b, "\\a", 2); break;
        case '\b': buf_add(b, "\\b", 2); break;
        default:
            if (c >= 0x20 && c < 0x7f)
                buf_add_char(b, (char)c);
            else
                buf_printf(b, "\\x%02x", c);
        }
    }
    buf_add_char(b, '"');
}

static void
write_line(struct exec *x, struct buf *line)
{
    struct engine *e = x->engine;
    struct slice by = x->script != NULL ? LIT("lua") : session_addr(x->session);

    buf_printf(line, "%lld.%06lld [%d %.*s]", (long long)(e->now_us / 1000000), (long long)(e->now_us % 1000000),
               x->session->db->index, (int)by.len, by.ptr);
    for (int i = 0; i < x->argc; i++) {
        buf_add_char(line, ' ');
        add_quoted(line, secrets__shown(x, i));
    }
}

void
monitor_feed(struct exec *x)
{
    struct engine *e = x->engine;
    struct buf line = {0};

    for (size_t i = 0; i < e->monitor_count; i++) {
        struct session *s = engine_session_by_id(e, e->monitors[i].id);
        if (!is_wanted(x, e->monitors[i].filter))
            continue;
        if (line.len == 0)
            write_line(x, &line);
        struct reply r = {session__push_begin(s), s->resp};
        reply_put_simple(&r, buf_slice(&line));
        session__push_end(s);
    }
    buf_fini(&line);
}
