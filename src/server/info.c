/* server/info.c - INFO: which sections, in which order. */
#include "server/info.h"

#include "engine/exec.h"
#include "proto/words.h"

#include <stdio.h>

enum info_when {
    BY_DEFAULT, /* shown when nothing is asked for */
    ON_ALL,     /* shown by name, or with "all" */
};

static const struct section {
    struct slice name;
    const char *heading;
    enum info_when when;
    info_section *write;
} sections[] = {
    {LIT_INIT("server"), "Server", BY_DEFAULT, info_server},
    {LIT_INIT("clients"), "Clients", BY_DEFAULT, info_clients},
    {LIT_INIT("memory"), "Memory", BY_DEFAULT, info_memory},
    {LIT_INIT("persistence"), "Persistence", BY_DEFAULT, info_persistence},
    {LIT_INIT("stats"), "Stats", BY_DEFAULT, info_stats},
    {LIT_INIT("replication"), "Replication", BY_DEFAULT, info_replication},
    {LIT_INIT("cpu"), "CPU", BY_DEFAULT, info_cpu},
    {LIT_INIT("modules"), "Modules", BY_DEFAULT, info_modules},
    {LIT_INIT("commandstats"), "Commandstats", ON_ALL, info_commandstats},
    {LIT_INIT("errorstats"), "Errorstats", BY_DEFAULT, info_errorstats},
    {LIT_INIT("latencystats"), "Latencystats", ON_ALL, info_latencystats},
    {LIT_INIT("cluster"), "Cluster", BY_DEFAULT, info_cluster},
    {LIT_INIT("keyspace"), "Keyspace", BY_DEFAULT, info_keyspace},
};
enum { SECTIONS = sizeof(sections) / sizeof(sections[0]) };

void
info_field(struct buf *out, const char *name, const char *fmt, ...)
{
    va_list ap;

    buf_printf(out, "%s:", name);
    va_start(ap, fmt);
    buf_vprintf(out, fmt, ap);
    va_end(ap);
    buf_add(out, "\r\n", 2);
}

void
info_human(struct buf *out, const char *name, uint64_t bytes)
{
    static const char units[] = "BKMGTP";
    double v = (double)bytes;
    int unit = 0;

    while (v >= 1024 && unit < 5) {
        v /= 1024;
        unit++;
    }
    if (unit == 0)
        info_field(out, name, "%lluB", (unsigned long long)bytes);
    else
        info_field(out, name, "%.2f%c", v, units[unit]);
}

/* Marks what one argument asks for. */
static void
choose(struct slice word, bool chosen[SECTIONS])
{
    bool all = slice_eq_nocase(word, LIT("all")) || slice_eq_nocase(word, LIT("everything"));
    bool usual = slice_eq_nocase(word, LIT("default"));

    for (int i = 0; i < SECTIONS; i++)
        if (all || (usual && sections[i].when == BY_DEFAULT) || slice_eq_nocase(word, sections[i].name))
            chosen[i] = true;
}

static enum rc
cmd_info(struct exec *x)
{
    struct server *s = engine_host_of(x->engine)->ctx;
    bool chosen[SECTIONS] = {false};
    struct buf *out = exec_scratch(x);

    if (x->argc == 1)
        choose(LIT("default"), chosen);
    for (int i = 1; i < x->argc; i++)
        choose(x->argv[i], chosen);
    buf_reset(out);
    for (int i = 0; i < SECTIONS; i++) {
        if (!chosen[i])
            continue;
        buf_printf(out, "%s# %s\r\n", out->len > 0 ? "\r\n" : "", sections[i].heading);
        sections[i].write(s, out);
    }
    reply_put_verbatim(&x->reply, "txt", buf_slice(out));
    return RC_OK;
}

const struct cmd cmd_info_family[] = {
    {"info", cmd_info, .arity = -1, .group = GROUP_SERVER, .flags = CMD_LOADING | CMD_STALE,
     .categories = CAT(DANGEROUS), .since = "1.0.0", .args = "[section]...", .reply = "verbatim text",
     .about = "Tells how the server is doing.", .complexity = "O(1)",
     .tips = "nondeterministic_output request_policy:all_shards response_policy:special",
     .history = "7.0.0 Accepts several sections."},
    {0},
};
