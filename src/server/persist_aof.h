/* server/persist_aof.h - the append-only log of a server: configuration, loading, the turn, INFO. */
#ifndef SORREL_SERVER_PERSIST_AOF_H
#define SORREL_SERVER_PERSIST_AOF_H

#include "server/server.h"

/* Settings, and whether there is a log at all. `changed` as for server_apply(). */
void persist_aof_apply(struct server *s, const bool *changed);
void persist_aof_free(struct server *s);
/* At the start, with appendonly on: loads the log, then goes on writing it. False with a reason. */
bool persist_aof_load(struct server *s, struct buf *why);
/* The dataset is there: from now on `appendonly` is heeded. */
void persist_aof_ready(struct server *s);
/* In every turn: a rewrite gets its slice. In how many ms it wants to be called again; -1: nothing to do. */
int64_t persist_aof_turn(struct server *s, bool busy);
/* Before replies are sent: writes, and syncs if it must. Connections whose writes could not be made as safe as promised
 * are closed without their replies. */
void persist_aof_flush(struct server *s);
/* Gives a rewrite up: somebody needs a snapshot now (the last save before the end). */
void persist_aof_cancel(struct server *s);
/* Writes and syncs as persist_aof_flush() does, and closes nobody: false when replies must wait. */
bool persist_aof_safe(struct server *s);
/* The dataset has come about in another way than by commands: a log that is on is rewritten, when the next turn
 * begins. */
void persist_aof_renew(struct server *s);
/* DEBUG LOADAOF, when the next turn begins. */
void persist_aof_reload_soon(struct server *s);
/* A rewrite is under way: nobody else may make a snapshot. */
bool persist_aof_rewriting(const struct server *s);
/* It has been switched on, and its first rewrite is not complete: a start would find no log, or an older one. */
bool persist_aof_incomplete(const struct server *s);
/* The dataset is about to be replaced by another: nothing is logged until persist_aof_resume(), which begins anew. */
void persist_aof_suspend(struct server *s);
void persist_aof_resume(struct server *s);
/* Up to which position of the stream of changes the log is on the disk; false: there is no log. `now`: waits for
 * all. */
bool persist_aof_synced(struct server *s, uint64_t *position, bool now);
/* Bytes that are not written yet. */
size_t persist_aof_buffered(const struct server *s);
/* INFO's fields. */
void persist_aof_info(const struct server *s, struct buf *out);

#endif
