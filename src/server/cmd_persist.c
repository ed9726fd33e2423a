/* server/cmd_persist.c - SAVE, BGSAVE, LASTSAVE. */
#include "engine/exec.h"
#include "server/persist.h"
#include "server/persist_aof.h"

static struct persist *
persist_of(struct exec *x)
{
    struct server *s = engine_host_of(x->engine)->ctx;

    return s->persist;
}

static enum rc
cmd_save(struct exec *x)
{
    struct buf why = {0};

    if (persist_saving(persist_of(x)))
        return fail(x, "ERR Background save already in progress");
    bool ok = persist_save(persist_of(x), &why);
    buf_fini(&why);
    return ok ? reply_ok(x) : fail(x, "ERR");
}

static enum rc
cmd_bgsave(struct exec *x)
{
    struct persist *p = persist_of(x);
    struct buf why = {0};
    bool schedule = false;

    if (x->argc > 1) {
        if (x->argc == 2 && arg_is(x->argv[1], LIT("cancel")))
            return persist_cancel(p) ? reply_simple(x, LIT("Background saving cancelled"))
                                     : fail(x, "ERR Background saving is currently not in progress or scheduled");
        if (x->argc != 2 || !arg_is(x->argv[1], LIT("schedule")))
            return RC_SYNTAX;
        schedule = true;
    }
    if (persist_saving(p))
        return fail(x, "ERR Background save already in progress");
    if (persist_aof_rewriting(engine_host_of(x->engine)->ctx)) {
        if (!schedule)
            return fail(x, "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in "
                           "order to schedule a BGSAVE whenever possible.");
        persist_schedule(p);
        return reply_simple(x, LIT("Background saving scheduled"));
    }
    bool ok = persist_background_save(p, &why);
    buf_fini(&why);
    return ok ? reply_simple(x, LIT("Background saving started")) : fail(x, "ERR");
}

static enum rc
cmd_lastsave(struct exec *x)
{
    return reply_int(x, persist_last_save_s(persist_of(x)));
}

const struct cmd cmd_persist_family[] = {
    {"save", cmd_save, .arity = 1, .group = GROUP_SERVER,
     .flags = CMD_ADMIN | CMD_NO_ASYNC_LOADING | CMD_NO_MULTI | CMD_NOSCRIPT, .since = "1.0.0", .reply = "OK",
     .about = "Writes a snapshot to disk and keeps everybody waiting meanwhile.", .complexity = "O(N) for N keys"},
    {"bgsave", cmd_bgsave, .arity = -1, .group = GROUP_SERVER, .flags = CMD_ADMIN | CMD_NO_ASYNC_LOADING | CMD_NOSCRIPT,
     .since = "1.0.0", .args = "[SCHEDULE]@3.2.2", .reply = "simple",
     .about = "Writes a snapshot to disk in the background.", .complexity = "O(1)",
     .history = "3.2.2 Option SCHEDULE."},
    {"lastsave", cmd_lastsave, .arity = 1, .group = GROUP_SERVER, .flags = CMD_LOADING | CMD_STALE | CMD_FAST,
     .categories = CAT(ADMIN) | CAT(DANGEROUS), .since = "1.0.0", .reply = "integer",
     .about = "Tells when the last snapshot was written.", .complexity = "O(1)", .tips = "nondeterministic_output"},
    {0},
};
