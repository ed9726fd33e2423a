/* base/progress.c - drawing the bar. */
#include "base/progress.h"

#include "base/clock.h"

#include <stdio.h>
#include <unistd.h>

enum { BAR_WIDTH = 40, EVERY_NS = 100 * 1000 * 1000 };

void
progress_begin(struct progress *p, uint64_t total)
{
    *p = (struct progress){.shown = isatty(STDERR_FILENO) != 0, .total = total};
}

static void
draw(struct progress *p, uint64_t done)
{
    p->drawn = true;
    if (p->total == 0) {
        fprintf(stderr, "\r%llu", (unsigned long long)done);
        return;
    }
    double part = done < p->total ? (double)done / (double)p->total : 1;
    int filled = (int)(part * BAR_WIDTH);
    fprintf(stderr, "\r[%.*s%*s] %3d%%", filled, "========================================", BAR_WIDTH - filled, "",
            (int)(part * 100));
}

void
progress_at(struct progress *p, uint64_t done)
{
    struct clock clock = clock_system();

    if (!p->shown)
        return;
    int64_t now = clock_mono_ns(&clock);
    if (p->drawn && now < p->next_ns)
        return;
    p->next_ns = now + EVERY_NS;
    draw(p, done);
    fflush(stderr);
}

void
progress_hide(struct progress *p)
{
    if (p->drawn)
        fprintf(stderr, "\r\x1b[K");
    p->drawn = false;
}

void
progress_end(struct progress *p, uint64_t done)
{
    if (!p->shown)
        return;
    draw(p, done);
    fputc('\n', stderr);
    p->drawn = false;
}
