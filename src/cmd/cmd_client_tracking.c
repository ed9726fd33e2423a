/* cmd/cmd_client_tracking.c - CLIENT TRACKING, CACHING, GETREDIR, TRACKINGINFO. */
#include "cmd/cmd_client_priv.h"
#include "engine/tracking.h"

struct wish {
    bool on;
    unsigned flags;
    session_id redirect;
    struct slice *prefixes;
    size_t n;
};

static enum rc
redirect_parse(struct exec *x, struct slice arg, struct wish *w)
{
    int64_t id;

    if (w->redirect != 0)
        return fail(x, "ERR A client can only redirect to a single other client");
    TRY(arg_int(x, arg, &id));
    if (id <= 0 || engine_session_by_id(x->engine, (session_id)id) == NULL)
        return fail(x, "ERR The client ID you want redirect to does not exist");
    w->redirect = (session_id)id;
    return RC_OK;
}

static enum rc
wish_parse(struct exec *x, struct wish *w)
{
    static const struct {
        const char *word;
        enum tracking_flag flag;
    } flags[] = {
        {"bcast", TRACKING_BCAST},
        {"optin", TRACKING_OPTIN},
        {"optout", TRACKING_OPTOUT},
        {"noloop", TRACKING_NOLOOP},
    };

    w->prefixes = arena_array(x->arena, (size_t)x->argc, sizeof(*w->prefixes));
    for (int i = 3; i < x->argc; i++) {
        bool more = i + 1 < x->argc, known = false;
        if (arg_is(x->argv[i], LIT("redirect")) && more) {
            TRY(redirect_parse(x, x->argv[++i], w));
            continue;
        }
        if (arg_is(x->argv[i], LIT("prefix")) && more) {
            w->prefixes[w->n++] = x->argv[++i];
            continue;
        }
        for (size_t f = 0; f < sizeof(flags) / sizeof(flags[0]); f++) {
            if (arg_is(x->argv[i], slice_cstr(flags[f].word))) {
                w->flags |= flags[f].flag;
                known = true;
            }
        }
        if (!known)
            return RC_SYNTAX;
    }
    w->on = arg_is(x->argv[2], LIT("on"));
    return w->on || arg_is(x->argv[2], LIT("off")) ? RC_OK : RC_SYNTAX;
}

static enum rc
fail_overlap(struct exec *x, struct slice a, struct slice b, const char *which)
{
    return fail(x, "ERR Prefix '%.*s' overlaps with %s prefix '%.*s'. Prefixes for a single client must not overlap.",
                (int)a.len, a.ptr, which, (int)b.len, b.ptr);
}

static bool
overlap(struct slice a, struct slice b)
{
    return a.len < b.len ? slice_starts(b, a) : slice_starts(a, b);
}

static enum rc
prefixes_check(struct exec *x, const struct wish *w)
{
    for (size_t i = 0; i < w->n; i++) {
        for (size_t j = 0; j < session_prefix_count(x->session); j++) {
            struct slice had = session_prefix(x->session, j);
            if (overlap(w->prefixes[i], had))
                return fail_overlap(x, w->prefixes[i], had, "an existing");
        }
        for (size_t j = i + 1; j < w->n; j++) {
            if (overlap(w->prefixes[i], w->prefixes[j]))
                return fail_overlap(x, w->prefixes[i], w->prefixes[j], "another provided");
        }
    }
    return RC_OK;
}

static enum rc
wish_check(struct exec *x, const struct wish *w)
{
    enum { OPT = TRACKING_OPTIN | TRACKING_OPTOUT };
    unsigned had = session_tracking(x->session);

    if (!(w->flags & TRACKING_BCAST) && w->n > 0)
        return fail(x, "ERR PREFIX option requires BCAST mode to be enabled");
    if (had != 0 && ((had ^ w->flags) & TRACKING_BCAST))
        return fail(x, "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then "
                       "re-enabling it with a different mode.");
    if ((w->flags & TRACKING_BCAST) && (w->flags & OPT))
        return fail(x, "ERR OPTIN and OPTOUT are not compatible with BCAST");
    if ((w->flags & OPT) == OPT)
        return fail(x, "ERR You can't specify both OPTIN mode and OPTOUT mode");
    if (((w->flags & TRACKING_OPTIN) && (had & TRACKING_OPTOUT)) ||
        ((w->flags & TRACKING_OPTOUT) && (had & TRACKING_OPTIN)))
        return fail(x, "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then "
                       "re-enabling it with a different mode.");
    return w->flags & TRACKING_BCAST ? prefixes_check(x, w) : RC_OK;
}

enum rc
client__tracking(struct exec *x)
{
    struct wish w = {0};

    TRY(wish_parse(x, &w));
    if (!w.on) {
        session_untrack(x->session);
        return reply_ok(x);
    }
    TRY(wish_check(x, &w));
    session_track(x->session, w.flags, w.redirect, w.prefixes, w.n);
    return reply_ok(x);
}

enum rc
client__caching(struct exec *x)
{
    unsigned had = session_tracking(x->session);

    if (!(had & TRACKING_ON))
        return fail(x, "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT "
                       "mode enabled");
    if (arg_is(x->argv[2], LIT("yes"))) {
        if (!(had & TRACKING_OPTIN))
            return fail(x, "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.");
        session_set_caching(x->session, TRACKING_CACHING_YES);
    } else if (arg_is(x->argv[2], LIT("no"))) {
        if (!(had & TRACKING_OPTOUT))
            return fail(x, "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.");
        session_set_caching(x->session, TRACKING_CACHING_NO);
    } else {
        return RC_SYNTAX;
    }
    return reply_ok(x);
}

enum rc
client__getredir(struct exec *x)
{
    if (session_tracking(x->session) == 0)
        return reply_int(x, -1);
    return reply_int(x, (int64_t)session_redirect(x->session));
}

enum rc
client__trackinginfo(struct exec *x)
{
    static const struct {
        const char *word;
        unsigned flag;
    } words[] = {
        {"on", TRACKING_ON},         {"bcast", TRACKING_BCAST},
        {"optin", TRACKING_OPTIN},   {"caching-yes", TRACKING_CACHING_YES},
        {"optout", TRACKING_OPTOUT}, {"caching-no", TRACKING_CACHING_NO},
        {"noloop", TRACKING_NOLOOP}, {"broken_redirect", TRACKING_BROKEN},
    };
    enum { WORDS = sizeof(words) / sizeof(words[0]) };
    unsigned flags = session_tracking(x->session);
    size_t n = 0;

    reply_map(x, 3);
    reply_bulk(x, LIT("flags"));
    for (int i = 0; i < WORDS; i++)
        n += (flags & words[i].flag) != 0;
    reply_set(x, n > 0 ? n : 1);
    for (int i = 0; i < WORDS; i++) {
        if (flags & words[i].flag)
            reply_bulk(x, slice_cstr(words[i].word));
    }
    if (n == 0)
        reply_bulk(x, LIT("off"));
    reply_bulk(x, LIT("redirect"));
    client__getredir(x);
    reply_bulk(x, LIT("prefixes"));
    reply_array(x, session_prefix_count(x->session));
    for (size_t i = 0; i < session_prefix_count(x->session); i++)
        reply_bulk(x, session_prefix(x->session, i));
    return RC_OK;
}
