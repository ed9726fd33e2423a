/* engine/session.c - sessions: opening, closing, finding them by id, and their rarely used state. */
#include "engine/session.h"

#include "engine/acl.h"
#include "engine/engine_priv.h"
#include "engine/tracking.h"

/* -- registry: open addressing by id, ids are never reused ----------------------------------------------------- */

static size_t
home_of(const struct engine *e, session_id id)
{
    return (size_t)(id * UINT64_C(0x9e3779b97f4a7c15) >> 20) & e->session_mask;
}

static void
place(struct engine *e, struct session *s)
{
    size_t i = home_of(e, s->id);

    while (e->sessions[i] != NULL)
        i = (i + 1) & e->session_mask;
    e->sessions[i] = s;
}

static void
registry_resize(struct engine *e, size_t slots)
{
    mem_free(e->sessions);
    e->sessions = mem_get_zero(slots * sizeof(struct session *));
    e->session_mask = slots - 1;
    for (struct session *s = e->session_first; s != NULL; s = s->next)
        place(e, s);
}

void
sessions__init(struct engine *e)
{
    registry_resize(e, 16);
}

static void
registry_remove(struct engine *e, const struct session *s)
{
    size_t i = home_of(e, s->id), mask = e->session_mask;

    while (e->sessions[i] != s)
        i = (i + 1) & mask;
    /* Close the gap: whoever was displaced past it moves up. */
    for (size_t j = (i + 1) & mask; e->sessions[j] != NULL; j = (j + 1) & mask) {
        size_t home = home_of(e, e->sessions[j]->id);
        if (((j - home) & mask) >= ((j - i) & mask)) {
            e->sessions[i] = e->sessions[j];
            i = j;
        }
    }
    e->sessions[i] = NULL;
}

struct session *
engine_session_by_id(struct engine *e, session_id id)
{
    for (size_t i = home_of(e, id); e->sessions[i] != NULL; i = (i + 1) & e->session_mask) {
        if (e->sessions[i]->id == id)
            return e->sessions[i];
    }
    return NULL;
}

/* -- life ------------------------------------------------------------------------------------------------------ */

struct session *
engine_session_open(struct engine *e, void *host_data, struct slice addr, struct slice laddr)
{
    size_t text = addr.len + laddr.len;

    CHECK(text < UINT16_MAX);
    struct session *s = mem_get_zero(sizeof(*s) + text);
    s->engine = e;
    s->host_data = host_data;
    s->id = ++e->last_id;
    s->db = &e->dbs[0];
    s->resp = 2;
    s->laddr_at = (uint16_t)addr.len;
    s->text_len = (uint16_t)text;
    if (addr.len > 0)
        memcpy(s->text, addr.ptr, addr.len);
    if (laddr.len > 0)
        memcpy(s->text + addr.len, laddr.ptr, laddr.len);
    s->opened_ms = s->active_ms = e->now_ms;
    acl__session_begin(s);
    s->prev = e->session_last;
    *(s->prev != NULL ? &s->prev->next : &e->session_first) = s;
    e->session_last = s;
    e->session_count++;
    e->stats.sessions_opened++;
    if (e->session_count * 2 > e->session_mask)
        registry_resize(e, (e->session_mask + 1) * 2); /* places s as well */
    else
        place(e, s);
    return s;
}

static void
more_free(struct session *s)
{
    struct session_more *m = s->more;

    if (m == NULL)
        return;
    waiters__forget(s);
    slices__forget(s);
    tx__end(s);
    mem_free(m->queue);
    pubsub__forget(s);
    session_untrack(s);
    fieldsets__free(m->fieldsets);
    session_set_name(s, (struct slice){NULL, 0});
    session_set_lib_name(s, (struct slice){NULL, 0});
    session_set_lib_ver(s, (struct slice){NULL, 0});
    mem_free(m);
    s->more = NULL;
}

void
engine_session_close(struct session *s)
{
    struct engine *e = s->engine;

    CHECK(e->running != s);
    session_monitor(s, false);
    e->held_count -= (s->gate & GATE_HELD) != 0;
    more_free(s);
    registry_remove(e, s);
    session_set_authenticated(s, true); /* nobody needs to keep an eye on it any more */
    session_set_user(s, NULL);
    *(s->prev != NULL ? &s->prev->next : &e->session_first) = s->next;
    *(s->next != NULL ? &s->next->prev : &e->session_last) = s->prev;
    e->session_count--;
    request_parser_fini(&s->parser);
    out_fini(&s->out);
    mem_free(s);
}

void
sessions__fini(struct engine *e)
{
    while (e->session_first != NULL)
        engine_session_close(e->session_first);
    mem_free(e->sessions);
    mem_free(e->monitors); /* closing sessions have freed what is in it */
}

struct session_more *
session__more(struct session *s)
{
    if (s->more == NULL) {
        s->more = mem_get_zero(sizeof(*s->more));
        for (int i = 0; i < PUBSUB_SPACES; i++)
            table_init(&s->more->subs[i], s->engine->hash_seed);
    }
    return s->more;
}

void
session_reset(struct session *s)
{
    struct engine *e = s->engine;

    void *part = session_part(s);
    session_monitor(s, false);
    more_free(s);
    session_set_part(s, part);
    s->db = &e->dbs[0];
    if (e->x.session == s)
        e->x.db = s->db;
    s->flags &= SESSION_UNIX | SESSION_INTERNAL;
    /* Who has to log in still has to, and since as long; a reply to be skipped may be this very command's. */
    bool skips = s->reply_mode == REPLY_SKIPPING;
    s->gate &= skips ? GATE_CLOSING | GATE_NOAUTH | GATE_REPLY : GATE_CLOSING | GATE_NOAUTH;
    acl__session_begin(s);
    session_set_resp(s, 2);
    if (!skips)
        session_set_reply_mode(s, REPLY_ON);
}

/* -- output that nobody asked for just now --------------------------------------------------------------------- */

void
session__tell_host(struct session *s)
{
    struct engine *e = s->engine;

    if (e->running == s || e->host.session_ready == NULL)
        return;
    if (s->told && (out_pending(&s->out) > 0 || (s->gate & GATE_CLOSING)))
        return;
    s->told = true;
    e->host.session_ready(e->host.ctx, s);
}

void
session_flushed(struct session *s)
{
    s->told = false;
}

struct out *
session__push_begin(struct session *s)
{
    if (s->engine->running == s)
        return &s->engine->own_push;
    if (out_pending(&s->out) == 0)
        s->told = false;
    return &s->out;
}

void
session__push_end(struct session *s)
{
    if (s->engine->running != s && !s->told) {
        s->told = true;
        if (s->engine->host.session_ready != NULL)
            s->engine->host.session_ready(s->engine->host.ctx, s);
    }
}

void
session_close_after_reply(struct session *s)
{
    s->gate |= GATE_CLOSING;
    s->told = false;
    session__tell_host(s);
}

void
session_kill(struct session *s)
{
    s->killed = true;
    session_close_after_reply(s);
}
