/* net/gather.c - see gather.h. */
#include "net/gather.h"

static void
count_anew(struct gather *g, int64_t now_ms)
{
    bool follows = now_ms - g->now_ms == 1;

    g->reads_before = follows ? g->reads : 0;
    g->talkers_before = follows ? g->talkers : 0;
    g->reads = g->talkers = 0;
    g->now_ms = now_ms;
    g->epoch++;
}

bool
gather_due(struct gather *g, int64_t now_ms)
{
    uint32_t turn = g->turn;

    g->turn = 0;
    if (now_ms != g->now_ms)
        count_anew(g, now_ms);
    return turn > 0 && g->talkers_before >= GATHER_TALKERS_MIN && g->talkers_before >= GATHER_SHARE * turn &&
           (uint64_t)g->reads_before * g->sleep_us >= GATHER_EXPECTED_MIN * 1000;
}
