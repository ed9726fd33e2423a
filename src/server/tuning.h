/* server/tuning.h - what the configuration asks of the kernel for this process: whether its memory may lie in huge
 * pages, and how gladly it is killed when the machine has no memory left.
 */
#ifndef SORREL_SERVER_TUNING_H
#define SORREL_SERVER_TUNING_H

#include "server/config.h"

/* disable-thp. Nothing is lost by huge pages but memory that has been given back in pieces: snapshots do not fork. */
void tuning_huge_pages(const struct config *c);

/* oom-score-adj and oom-score-adj-values. All zero at first. */
struct oom_score {
    bool ours;   /* the score has been changed */
    int64_t was; /* before that */
};
/* For a primary or a replica; back to what it was when the directive says no. False, with the reason in the log, when
 * the kernel refuses: only root may lower a score. */
bool tuning_oom_score(struct oom_score *o, const struct config *c, bool replica);

#endif
