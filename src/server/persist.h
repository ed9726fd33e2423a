/* server/persist.h - snapshots of a server: when they are made, what is known of them, and loading one at the start.
 *
 * One snapshot at a time, made without fork() (store/snapshot.h); the loop gives it a slice of every turn.
 */
#ifndef SORREL_SERVER_PERSIST_H
#define SORREL_SERVER_PERSIST_H

#include "base/disk.h"
#include "server/server.h"

struct persist;

struct persist *persist_new(struct server *s);
/* A snapshot that is under way is given up. */
void persist_free(struct persist *p);

/* Loads the snapshot file, if there is one; meanwhile the loop turns and clients are told -LOADING. False with a reason
 * when there is a file and it can't be loaded. */
bool persist_load(struct persist *p, struct buf *why);
/* Before that: removes what processes that were killed have left of snapshots they never completed. */
void persist_tidy(struct persist *p);
/* Tells systemd, once a second while the server starts, how far that is: it must not think that the start has
 * failed. */
void persist_load_tell(struct persist *p);
/* Something else is being loaded; for INFO and the loop. */
void persist_load_progress(struct persist *p, bool loading, uint64_t done, uint64_t total);
/* Libraries of functions wait until the dataset is there, then replace those there are. The first is for rdb_into. */
bool persist_keep_library(void *persist, struct slice code, struct buf *why);
bool persist_load_libraries(struct persist *p, struct buf *why);
/* True while persist_load() runs. */
bool persist_loading(const struct persist *p);

/* In every turn: gives a snapshot its slice. Returns in how many milliseconds it wants to be called again (0: at once),
 * or -1: there is nothing to do. `busy`: the turn had clients to serve. */
int64_t persist_turn(struct persist *p, bool busy);
/* Now and then: save points, what has been scheduled. */
void persist_cron(struct persist *p);

/* Refuses writes, or no more, by how the last snapshot went and what the configuration says of that; reads go on. */
void persist_judge(struct persist *p);

/* Saves in the foreground. False with a reason. */
bool persist_save(struct persist *p, struct buf *why);
/* Starts a snapshot; false with a reason when that is not possible. */
bool persist_background_save(struct persist *p, struct buf *why);
enum { RELOAD_MERGE = 1, RELOAD_NOFLUSH = 2, RELOAD_NOSAVE = 4 };
/* Saves, empties all databases, and loads again (DEBUG RELOAD). */
bool persist_reload(struct persist *p, struct exec *x, unsigned flags, struct buf *why);
bool persist_saving(const struct persist *p);
/* A snapshot for replicas, written to that disk; replication is told when it is over. False with a reason. */
bool persist_stream(struct persist *p, const struct disk *to, struct buf *why);
/* Ends that one, now. */
void persist_stream_cancel(struct persist *p);
void persist_schedule(struct persist *p);
/* FLUSHALL: with save points a snapshot is due, and one that is under way is of no use. */
void persist_flushed(struct persist *p);
/* Stops a snapshot in the making and what is scheduled; false if there was none. */
bool persist_cancel(struct persist *p);
/* The last thing before the end: saves unless the configuration or the flags (enum shutdown_flag) say otherwise. False:
 * that failed, so there should be no end. */
bool persist_shutdown(struct persist *p, unsigned flags);
int64_t persist_last_save_s(const struct persist *p);

/* INFO's fields, up to where those of the append-only file begin. */
void persist_info(struct persist *p, struct buf *out);

#endif
