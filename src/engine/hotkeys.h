/* engine/hotkeys.h - which keys are used most, and which are largest, without anybody having to ask for it in advance.
 *
 * Hot: of the commands that clients send one in some 1024, chosen by chance, is looked at: its keys, how long it took,
 * how many bytes went in and out. The keys with the highest sums are kept (the space-saving algorithm), and all sums
 * are halved every minute, so that what is told is of late. HOTKEYS START opens a collection of one's own beside that,
 * with its own ratio and end.
 *
 * Big: the databases are swept in small steps, again and again; the largest by bytes and by elements are kept.
 */
#ifndef SORREL_ENGINE_HOTKEYS_H
#define SORREL_ENGINE_HOTKEYS_H

#include "engine/engine.h"

enum hot_metric { HOT_CALLS, HOT_CPU, HOT_NET, HOT_METRICS };
enum { HOTKEYS_MAX = 64, HOTKEYS_ALWAYS_RATIO = 1024 };

struct hot_key {
    struct slice key; /* valid until the next command */
    int db;
    uint64_t sum; /* calls, nanoseconds or bytes of the commands looked at */
};

struct hotkeys_info {
    bool own; /* a collection that HOTKEYS START began, running or over; else the one that always runs */
    bool active;
    unsigned metrics; /* a bit for each enum hot_metric */
    uint64_t ratio;   /* one command in so many is looked at */
    unsigned top;
    int64_t began_ms, duration_ms;
    /* of all commands since; for the one that always runs an estimate from those looked at */
    uint64_t calls, ns, bytes;
    int64_t user_ms, system_ms; /* of the process */
};

/* False when one is running already. duration_ms 0: until it is stopped. */
bool hotkeys_start(struct engine *e, unsigned metrics, unsigned top, uint64_t ratio, int64_t duration_ms);
bool hotkeys_stop(struct engine *e);  /* false: none is running */
bool hotkeys_reset(struct engine *e); /* false: one is running */
struct hotkeys_info hotkeys_info(struct engine *e);
/* The hottest by that metric, at most max, hottest first. always: of the collection that always runs. */
size_t hotkeys_top(struct engine *e, enum hot_metric metric, bool always, struct hot_key *out, size_t max);

enum big_metric { BIG_BYTES, BIG_ELEMENTS, BIG_METRICS };
struct big_key {
    struct slice key; /* valid until the next command */
    int db;
    uint64_t size;
    const char *type;
};
/* The biggest of those that the sweep has seen and that are still there, biggest first, with their present sizes. */
size_t bigkeys_top(struct engine *e, enum big_metric metric, struct big_key *out, size_t max);
struct bigkeys_info {
    uint64_t sweeps; /* that are complete */
    int64_t sweep_began_ms;
};
struct bigkeys_info bigkeys_info(const struct engine *e);

#endif
