/* repl/stream.c - from batches of effects to the bytes of the stream. */
#include "base/number.h"
#include "repl/repl_priv.h"

enum { HEAD_MAX = INT64_TEXT_MAX + 3 };

static char *
put_count(char *to, char mark, uint64_t n)
{
    *to++ = mark;
    if (n < 100) {
        if (n >= 10)
            *to++ = (char)('0' + n / 10);
        *to++ = (char)('0' + n % 10);
    } else {
        to += format_uint64(to, n);
    }
    *to++ = '\r';
    *to++ = '\n';
    return to;
}

static void
add_count(struct tape *t, char mark, uint64_t n)
{
    char text[HEAD_MAX];

    tape_add(t, slice_of(text, (size_t)(put_count(text, mark, n) - text)));
}

void
repl__put(struct repl *r, const struct slice *argv, int argc)
{
    size_t most = HEAD_MAX;

    for (int i = 0; i < argc && most <= TAPE_BLOCK_BYTES; i++)
        most += argv[i].len <= TAPE_BLOCK_BYTES ? argv[i].len + HEAD_MAX + 2 : argv[i].len;
    if (most > TAPE_BLOCK_BYTES) {
        add_count(&r->log, '*', (uint64_t)argc);
        for (int i = 0; i < argc; i++) {
            add_count(&r->log, '$', argv[i].len);
            tape_add(&r->log, argv[i]);
            tape_add(&r->log, LIT("\r\n"));
        }
        return;
    }
    char *from = tape_room(&r->log, most), *to = put_count(from, '*', (uint64_t)argc);
    for (int i = 0; i < argc; i++) {
        to = put_count(to, '$', argv[i].len);
        if (argv[i].len > 0)
            memcpy(to, argv[i].ptr, argv[i].len);
        to += argv[i].len;
        *to++ = '\r';
        *to++ = '\n';
    }
    tape_used(&r->log, (size_t)(to - from));
}

static void
select_db(struct repl *r, int db)
{
    char text[INT64_TEXT_MAX];

    if (r->stream_db == db)
        return;
    repl__put(r, (const struct slice[]){LIT("SELECT"), slice_of(text, format_int64(text, db))}, 2);
    r->stream_db = db;
}

static void
on_batch(void *ctx, const struct effect_batch *b)
{
    struct repl *r = ctx;
    struct slice multi = LIT("MULTI"), exec = LIT("EXEC");
    struct session *changer = engine_changer(r->engine);

    if (b->commands == NULL)
        return;
    select_db(r, b->commands->db);
    if (b->atomic)
        repl__put(r, &multi, 1);
    for (const struct effect_command *c = b->commands; c != NULL; c = c->next) {
        select_db(r, c->db);
        repl__put(r, c->argv, c->argc);
    }
    if (b->atomic)
        repl__put(r, &exec, 1);
    if (changer != NULL)
        session_set_wrote_at(changer, tape_end(&r->log));
    if (UNLIKELY(r->set.reply_replicas > 0))
        repl__confirm_later(r, changer);
}

void
repl__listen(struct repl *r)
{
    bool should = r->active && r->link == NULL && !r->muted;

    if (should && !r->listening)
        engine_add_sink(r->engine, EFFECT_REPLICAS,
                        (struct effect_sink){.apply = on_batch, .ctx = r, .commands_only = true});
    else if (!should && r->listening)
        engine_remove_sink(r->engine, EFFECT_REPLICAS, r);
    r->listening = should;
}

void
repl_mute(struct repl *r, bool on)
{
    r->muted = on;
    repl__listen(r);
}

void
repl__activate(struct repl *r)
{
    if (r->active)
        return;
    r->active = true;
    r->stream_db = -1;
    repl__listen(r);
}

void
repl__deactivate(struct repl *r)
{
    if (!r->active)
        return;
    r->active = false;
    tape_restart(&r->log, tape_end(&r->log));
    repl__listen(r);
}

/* What no replica and no backlog needs is forgotten; what only slow ones need goes to the file, if it is too much. */
void
repl__trim(struct repl *r)
{
    uint64_t end = tape_end(&r->log), keep = end > r->set.backlog_size ? end - r->set.backlog_size : 0, backlog = keep;
    uint64_t most = r->set.out_hard > r->set.backlog_size ? r->set.out_hard : r->set.backlog_size;

    for (const struct replica *p = r->first; p != NULL; p = p->next) {
        if (p->state != REPLICA_SHAKES && p->state != REPLICA_WAITS && p->state != REPLICA_SERVED && p->at < keep)
            keep = p->at;
    }
    tape_forget(&r->log, keep);
    if (r->set.spill_max > 0 && r->set.out_hard > 0 && tape_memory(&r->log) > most + TAPE_BLOCK_BYTES * 16)
        (void)tape_spill(&r->log, backlog);
}
