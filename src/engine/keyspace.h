/* engine/keyspace.h - the databases: keys by name and, if they expire, by time.
 *
 * Handlers go through exec.h; this is for those who look at whole databases (INFO, snapshots, loading).
 */
#ifndef SORREL_ENGINE_KEYSPACE_H
#define SORREL_ENGINE_KEYSPACE_H

#include "ds/btree.h"
#include "ds/table.h"
#include "engine/engine.h"
#include "value/entry.h"

/* Keys that have members with deadlines (value/deadlines.h), by (first deadline, address). */
struct deadline_index {
    struct btree keys;
    size_t hashes; /* those of them that are hashes */
};

struct db {
    struct table by_key;    /* struct entry */
    struct btree by_expiry; /* struct entry, those with an expiry, by (time, address) */
    struct deadline_index by_deadline;
    struct table watched; /* by key: sessions that WATCH it (tx.c) */
    struct table waiting; /* by key: sessions that wait for it (waiters.c) */
    int index;
};

extern const struct table_ops keyspace_table_ops;
extern const struct btree_ops keyspace_expiry_ops;

struct db *engine_db(struct engine *e, int index); /* NULL when out of range */
int engine_db_count(const struct engine *e);
/* Keys that are not expired, those of them that will expire, and the average milliseconds they have left. */
size_t keyspace_count(const struct engine *e, const struct db *db);
size_t keyspace_volatile(const struct engine *e, const struct db *db);
int64_t keyspace_average_ttl(const struct engine *e, const struct db *db);
/* How many keys have members with deadlines. */
size_t keyspace_with_deadlines(const struct db *db);
/* NULL if absent or expired; deletes nothing, counts nothing. */
struct entry *keyspace_find(struct engine *e, struct db *db, struct slice key);
/* Puts an entry into the indexes by time that it belongs to, or takes it out: before and after whatever changes its
 * place there, or its address. */
void keyspace_index(struct db *db, struct entry *entry);
void keyspace_unindex(struct db *db, struct entry *entry);
/* For loading: links the entry without any consequence. The key must be absent. Takes ownership. */
void keyspace_load(struct engine *e, struct db *db, struct entry *entry);
/* Room for that many keys at once. */
void keyspace_reserve(struct engine *e, struct db *db, size_t keys);
/* Frees the keys of tables that are no longer a database's, and the tables; elsewhere if the host can. */
void keyspace_bury(struct engine *e, struct table *by_key, struct btree *by_expiry);
/* A database of e exchanges its keys with another one, of e or of an engine with the same seed, without any consequence
 * but for commands that are under way: those that need its keys as they are come to their end first. */
void keyspace_exchange(struct engine *e, struct db *a, struct db *b);
/* Whether the indexes by time hold what they should, and deadlines belong to members that are there. For tests. */
bool keyspace_verify(const struct db *db);
/* Empties a database for what will be loaded: watches, waiters and clients' caches hear of it, but nobody repeats it.
 */
void keyspace_discard(struct engine *e, struct db *db);

#endif
