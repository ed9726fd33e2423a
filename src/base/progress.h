/* base/progress.h - a bar on standard error while a tool does long work; nothing when that is no terminal. */
#ifndef SORREL_BASE_PROGRESS_H
#define SORREL_BASE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool shown, drawn;
    uint64_t total; /* 0: not known, so only the amount is shown */
    int64_t next_ns;
};

void progress_begin(struct progress *p, uint64_t total);
/* Draws at most ten times a second, so it may be called as often as one likes. */
void progress_at(struct progress *p, uint64_t done);
/* Clears the row for other output; the next progress_at() draws the bar again. */
void progress_hide(struct progress *p);
/* The work is over: the last state stays, on a row of its own. */
void progress_end(struct progress *p, uint64_t done);

#endif
