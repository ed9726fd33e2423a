/* cmd/cmd_client_filter.c - which connections CLIENT LIST and CLIENT KILL mean: any number of conditions and their
 * opposites, of which all must hold. */
#include "cmd/cmd_client_priv.h"
#include "engine/acl.h"
#include "engine/pubsub.h"
#include "engine/session.h"

enum client_kind
client__kind(const struct session *s)
{
    unsigned flags = session_flags(s);

    if ((flags & SESSION_REPLICA) && !(flags & SESSION_MONITOR))
        return KIND_REPLICA;
    if (flags & SESSION_PRIMARY)
        return KIND_MASTER;
    return pubsub_session_all(s) > 0 ? KIND_PUBSUB : KIND_NORMAL;
}

static int
shown(struct slice text)
{
    return (int)(text.len < 128 ? text.len : 128);
}

static enum rc
kind_parse(struct exec *x, struct slice word, enum client_kind *out)
{
    if (arg_is(word, LIT("normal")))
        *out = KIND_NORMAL;
    else if (arg_is(word, LIT("slave")) || arg_is(word, LIT("replica")))
        *out = KIND_REPLICA;
    else if (arg_is(word, LIT("pubsub")))
        *out = KIND_PUBSUB;
    else if (arg_is(word, LIT("master")) || arg_is(word, LIT("primary")))
        *out = KIND_MASTER;
    else
        return fail(x, "ERR Unknown client type '%.*s'", shown(word), word.ptr);
    return RC_OK;
}

static const struct {
    const char *word;
    enum filter_field field;
} fields[] = {
    {"id", FILTER_ID},       {"type", FILTER_TYPE},         {"user", FILTER_USER},       {"addr", FILTER_ADDR},
    {"laddr", FILTER_LADDR}, {"maxage", FILTER_MAXAGE},     {"name", FILTER_NAME},       {"idle", FILTER_IDLE},
    {"flags", FILTER_FLAGS}, {"lib-name", FILTER_LIB_NAME}, {"lib-ver", FILTER_LIB_VER}, {"db", FILTER_DB},
    {"ip", FILTER_IP},       {"capa", FILTER_CAPA},
};

static bool
is_number(struct slice arg)
{
    int64_t n;

    return parse_int64(arg, &n);
}

static enum rc
number_parse(struct exec *x, const char *what, struct slice arg, int64_t least, int64_t *out)
{
    if (!parse_int64(arg, out))
        return fail(x, "ERR %s is not an integer or out of range", what);
    if (*out < least)
        return fail(x, "ERR %s should be greater than 0", what);
    return RC_OK;
}

static bool
letters_among(struct slice text, const char *known)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\0' || strchr(known, text.ptr[i]) == NULL)
            return false;
    }
    return true;
}

static enum rc
condition_parse(struct exec *x, struct client_condition *c, int *i)
{
    struct slice value = x->argv[*i];

    c->text = value;
    switch (c->field) {
    case FILTER_ID:
        /* One id or several: as long as there are numbers. */
        c->ids = x->argv + *i;
        do {
            int64_t id;
            if (arg_int(x, x->argv[*i], &id) != RC_OK || id < 1)
                return fail(x, "ERR client-id should be greater than 0");
            c->id_count++;
        } while (*i + 1 < x->argc && is_number(x->argv[*i + 1]) && ++*i);
        return RC_OK;
    case FILTER_TYPE: return kind_parse(x, value, &c->kind);
    case FILTER_USER:
        if (acl_find(engine_acl(x->engine), value) == NULL)
            return fail(x, "ERR No such user '%.*s'", shown(value), value.ptr);
        return RC_OK;
    case FILTER_MAXAGE: return number_parse(x, "maxage", value, 1, &c->number);
    case FILTER_IDLE: return number_parse(x, "idle", value, 1, &c->number);
    case FILTER_DB:
        if (!parse_int64(value, &c->number) || db_at(x, c->number) == NULL)
            return RC_BAD_DB;
        return RC_OK;
    case FILTER_FLAGS:
        if (!letters_among(value, "NOSMPxbtRBdcuAUreTIEi"))
            return fail(x, "ERR Unknown flags found in the provided filter: %.*s", shown(value), value.ptr);
        return RC_OK;
    case FILTER_CAPA:
        if (!letters_among(value, "r"))
            return fail(x, "ERR Unknown capa found in the provided filter: %.*s", shown(value), value.ptr);
        return RC_OK;
    default: return RC_OK;
    }
}

enum rc
client__filter_parse(struct exec *x, int from, struct client_filter *f)
{
    f->conditions = arena_array(x->arena, (size_t)x->argc, sizeof(*f->conditions));
    for (int i = from; i < x->argc; i++) {
        struct client_condition *c = &f->conditions[f->count];
        bool negated = x->argv[i].len > 4 && slice_starts_nocase(x->argv[i], LIT("not-"));
        struct slice word = negated ? slice_skip(x->argv[i], 4) : x->argv[i];
        size_t n = 0;

        if (i + 1 >= x->argc)
            return RC_SYNTAX;
        i++;
        if (!negated && arg_is(word, LIT("skipme"))) {
            f->skip_me = arg_is(x->argv[i], LIT("yes"));
            if (!f->skip_me && !arg_is(x->argv[i], LIT("no")))
                return RC_SYNTAX;
            continue;
        }
        while (n < sizeof(fields) / sizeof(fields[0]) && !arg_is(word, slice_cstr(fields[n].word)))
            n++;
        if (n == sizeof(fields) / sizeof(fields[0]))
            return RC_SYNTAX;
        *c = (struct client_condition){.field = fields[n].field, .negated = negated};
        TRY(condition_parse(x, c, &i));
        f->count++;
    }
    return RC_OK;
}

static bool
has_id(const struct client_condition *c, const struct session *s)
{
    for (size_t i = 0; i < c->id_count; i++) {
        int64_t id;
        if (parse_int64(c->ids[i], &id) && (session_id)id == session_ident(s))
            return true;
    }
    return false;
}

/* "1.2.3.4:5" and "[::1]:5" without what follows the last colon. */
static struct slice
ip_of(struct slice addr)
{
    size_t n = addr.len;

    while (n > 0 && addr.ptr[n - 1] != ':')
        n--;
    return n > 0 ? slice_of(addr.ptr, n - 1) : addr;
}

static bool
has_letters(const struct session *s, void (*describe)(const struct session *s, struct buf *out), struct slice wanted)
{
    struct buf b = {0};
    bool all = true;

    describe(s, &b);
    for (size_t i = 0; i < wanted.len; i++)
        all = all && memchr(b.ptr, wanted.ptr[i], b.len) != NULL;
    buf_fini(&b);
    return all;
}

static bool
holds(const struct exec *x, const struct client_condition *c, const struct session *s)
{
    switch (c->field) {
    case FILTER_ID: return has_id(c, s);
    case FILTER_TYPE: return client__kind(s) == c->kind;
    case FILTER_USER: return session_user(s) != NULL && slice_eq(acl_user_name(session_user(s)), c->text);
    case FILTER_ADDR: return slice_eq(session_addr(s), c->text);
    case FILTER_LADDR: return slice_eq(session_laddr(s), c->text);
    case FILTER_MAXAGE: return (x->now_ms - session_opened_ms(s)) / 1000 >= c->number;
    case FILTER_NAME: return slice_eq(session_name(s), c->text);
    case FILTER_IDLE: return (x->now_ms - session_active_ms(s)) / 1000 >= c->number;
    case FILTER_FLAGS: return has_letters(s, session_describe_flags, c->text);
    case FILTER_LIB_NAME: return slice_eq(session_lib_name(s), c->text);
    case FILTER_LIB_VER: return slice_eq(session_lib_ver(s), c->text);
    case FILTER_DB: return session_db(s) == c->number;
    case FILTER_IP: return slice_eq(ip_of(session_addr(s)), c->text);
    case FILTER_CAPA: return has_letters(s, session_describe_capa, c->text);
    }
    return false;
}

bool
client__filter_fits(const struct exec *x, const struct client_filter *f, const struct session *s)
{
    if (session_killed(s) || (session_flags(s) & (SESSION_INTERNAL | SESSION_PRIMARY)) == SESSION_INTERNAL ||
        (f->skip_me && s == x->session))
        return false;
    for (size_t i = 0; i < f->count; i++) {
        if (holds(x, &f->conditions[i], s) == f->conditions[i].negated)
            return false;
    }
    return true;
}
