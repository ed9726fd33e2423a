/* engine/monitor.h - MONITOR that shows a part of what runs. */
#ifndef SORREL_ENGINE_MONITOR_H
#define SORREL_ENGINE_MONITOR_H

#include "engine/session.h"

enum monitor_kind { MONITOR_COMMAND, MONITOR_KEY, MONITOR_USER, MONITOR_DB, MONITOR_ADDR };

/* COMMAND, KEY and ADDR are patterns; USER is a name, DB a number. */
struct monitor_term {
    enum monitor_kind kind;
    struct slice text;
    int64_t number;
};

/* The session is fed with the commands that fit: of each kind named one term must, and of those one in one_of is shown,
 * by chance. Replaces what it asked for before. The terms are copied. */
void session_monitor_some(struct session *s, const struct monitor_term *terms, size_t n, uint64_t one_of);

#endif
