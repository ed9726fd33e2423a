/* engine/session_info.c - what a session is asked, and told, from outside. */
#include "engine/engine_priv.h"

struct session *
session_first(struct engine *e)
{
    return e->session_first;
}

struct session *
session_next(const struct session *s)
{
    return s->next;
}

size_t
session_count(const struct engine *e)
{
    return e->session_count;
}

struct engine *
session_engine(const struct session *s)
{
    return s->engine;
}

void *
session_host_data(const struct session *s)
{
    return s->host_data;
}

session_id
session_ident(const struct session *s)
{
    return s->id;
}

struct out *
session_out(struct session *s)
{
    return &s->out;
}

bool
session_is_blocked(const struct session *s)
{
    return (s->gate & (GATE_BLOCKED | GATE_HELD)) != 0;
}

bool
session_must_close(const struct session *s)
{
    return (s->gate & GATE_CLOSING) != 0;
}

bool
session_killed(const struct session *s)
{
    return s->killed;
}

struct slice
session_addr(const struct session *s)
{
    return slice_of(s->text, s->laddr_at);
}

struct slice
session_laddr(const struct session *s)
{
    return slice_of(s->text + s->laddr_at, (size_t)(s->text_len - s->laddr_at));
}

struct slice
session_name(const struct session *s)
{
    return s->more != NULL ? s->more->name : (struct slice){NULL, 0};
}

struct slice
session_lib_name(const struct session *s)
{
    return s->more != NULL ? s->more->lib_name : (struct slice){NULL, 0};
}

struct slice
session_lib_ver(const struct session *s)
{
    return s->more != NULL ? s->more->lib_ver : (struct slice){NULL, 0};
}

int
session_db(const struct session *s)
{
    return s->db->index;
}

int
session_resp(const struct session *s)
{
    return s->resp;
}

int64_t
session_opened_ms(const struct session *s)
{
    return s->opened_ms;
}

int64_t
session_active_ms(const struct session *s)
{
    return s->active_ms;
}

const struct command *
session_last_command(const struct session *s)
{
    return s->last;
}

uint64_t
session_commands(const struct session *s)
{
    return s->commands;
}

bool
session_authenticated(const struct session *s)
{
    return (s->gate & GATE_NOAUTH) == 0;
}

unsigned
session_flags(const struct session *s)
{
    return s->flags;
}

enum reply_mode
session_reply_mode(const struct session *s)
{
    return s->reply_mode == REPLY_SKIPPING ? REPLY_SKIP_NEXT : (enum reply_mode)s->reply_mode;
}

size_t
session_output_pending(const struct session *s)
{
    return out_pending(&s->out);
}

void *
session_part(const struct session *s)
{
    return s->more != NULL ? s->more->part : NULL;
}

void
session_set_part(struct session *s, void *part)
{
    if (part != NULL || s->more != NULL)
        session__more(s)->part = part;
}

uint64_t
session_wrote_at(const struct session *s)
{
    return s->wrote_at;
}

void
session_set_wrote_at(struct session *s, uint64_t at)
{
    s->wrote_at = at;
}

uint64_t
session_stored_at(const struct session *s)
{
    return s->stored_at;
}

void
session_set_stored_at(struct session *s, uint64_t at)
{
    s->stored_at = at;
}

void
session_output_added(struct session *s)
{
    s->told = false;
    session__tell_host(s);
}

size_t
session_input_wants(const struct session *s)
{
    return request_wants(&s->parser);
}

int
session_multi_count(const struct session *s)
{
    return s->gate & GATE_MULTI ? (int)s->more->queue_count : -1;
}

size_t
session_multi_memory(const struct session *s)
{
    return s->more != NULL ? s->more->queue_bytes : 0;
}

size_t
session_watch_count(const struct session *s)
{
    return s->more != NULL ? s->more->watch_count : 0;
}

bool
session_tx_dirty(const struct session *s)
{
    return s->more != NULL && s->more->tx_dirty;
}

size_t
session_memory(const struct session *s)
{
    /* What is sent by reference may be nobody else's any more. */
    size_t n = mem_size_of(s) + out_memory(&s->out) + s->out.ref_pending;

    if (s->more != NULL)
        n += mem_size_of(s->more) + s->more->queue_bytes + session_argv_memory(s) + slices__memory(s->more->slow) +
             fieldsets__bytes(s->more->fieldsets);
    return n;
}

size_t
session_argv_memory(const struct session *s)
{
    return s->more != NULL && s->more->wait != NULL ? waiters__memory(s->more->wait) : 0;
}

/* -- setting --------------------------------------------------------------------------------------------------- */

static void
set_text(struct session *s, struct slice *field, struct slice text)
{
    mem_free((void *)(uintptr_t)field->ptr);
    *field = (struct slice){NULL, 0};
    if (text.len > 0) {
        char *p = mem_get(text.len);
        memcpy(p, text.ptr, text.len);
        *field = slice_of(p, text.len);
    }
}

void
session_set_name(struct session *s, struct slice name)
{
    if (name.len > 0 || s->more != NULL)
        set_text(s, &session__more(s)->name, name);
}

void
session_set_lib_name(struct session *s, struct slice name)
{
    if (name.len > 0 || s->more != NULL)
        set_text(s, &session__more(s)->lib_name, name);
}

void
session_set_lib_ver(struct session *s, struct slice ver)
{
    if (ver.len > 0 || s->more != NULL)
        set_text(s, &session__more(s)->lib_ver, ver);
}

static void
set_gate(struct session *s, enum gate bit, bool on)
{
    if (on)
        s->gate |= bit;
    else
        s->gate &= ~(uint32_t)bit;
}

void
session__gate_update(struct session *s)
{
    size_t n = 0;

    for (int i = 0; s->more != NULL && i < PUBSUB_SPACES; i++)
        n += table_count(&s->more->subs[i]);
    set_gate(s, GATE_SUBSCRIBED, n > 0 && s->resp == 2);
}

void
session_set_resp(struct session *s, int resp)
{
    struct exec *x = &s->engine->x;

    s->resp = (uint8_t)resp;
    session__gate_update(s);
    if (s->engine->running == s)
        x->reply.resp = resp;
}

void
session_set_authenticated(struct session *s, bool yes)
{
    struct engine *e = s->engine;

    if (yes == session_authenticated(s))
        return;
    set_gate(s, GATE_NOAUTH, !yes);
    if (yes) {
        *(s->stranger_prev != NULL ? &s->stranger_prev->stranger_next : &e->stranger_first) = s->stranger_next;
        *(s->stranger_next != NULL ? &s->stranger_next->stranger_prev : &e->stranger_last) = s->stranger_prev;
        s->stranger_prev = s->stranger_next = NULL;
        e->stranger_count--;
        return;
    }
    s->stranger_since_ms = e->now_ms;
    s->stranger_prev = e->stranger_last;
    *(s->stranger_prev != NULL ? &s->stranger_prev->stranger_next : &e->stranger_first) = s;
    e->stranger_last = s;
    e->stranger_count++;
}

bool
engine_running(const struct engine *e, struct engine_running *out)
{
    const struct session *s = e->running;

    if (s == NULL)
        return false;
    *out = (struct engine_running){.client = s->id,
                                   .db = s->db->index,
                                   .resp = s->resp,
                                   .argc = e->x.argc,
                                   .flags = s->flags,
                                   .commands = s->commands,
                                   .command = e->x.command != NULL ? e->x.command->name : LIT("(unknown)")};
    return true;
}

struct session *
session_stranger_first(struct engine *e)
{
    return e->stranger_first;
}

struct session *
session_stranger_next(const struct session *s)
{
    return s->stranger_next;
}

size_t
session_stranger_count(const struct engine *e)
{
    return e->stranger_count;
}

int64_t
session_stranger_since_ms(const struct session *s)
{
    return s->stranger_since_ms;
}

void
session_set_restricted(struct session *s, bool restricted)
{
    set_gate(s, GATE_GUARD, restricted);
}

void
session_set_flag(struct session *s, enum session_flag flag, bool on)
{
    s->flags = on ? s->flags | flag : s->flags & ~(uint32_t)flag;
    set_gate(s, GATE_NO_TOUCH, (s->flags & SESSION_NO_TOUCH) != 0);
    set_gate(s, GATE_FED, (s->flags & (SESSION_REPLICA | SESSION_MONITOR)) != 0);
}

void
session_set_reply_mode(struct session *s, enum reply_mode mode)
{
    struct engine *e = s->engine;

    s->reply_mode = mode;
    set_gate(s, GATE_REPLY, mode != REPLY_ON);
    /* The command that switches replies on is answered, the one that switches them off is not, nor what follows it in a
     * transaction. What is to be skipped comes after all that. */
    if (e->running == s && mode != REPLY_SKIP_NEXT)
        e->x.reply.out = mode == REPLY_ON ? &s->out : &e->void_out;
}

size_t
engine_watchers(const struct engine *e)
{
    return e->watchers;
}

size_t
engine_watched_keys(const struct engine *e)
{
    size_t sum = 0;

    for (int i = 0; i < e->db_count; i++)
        sum += table_count(&e->dbs[i].watched);
    return sum;
}
