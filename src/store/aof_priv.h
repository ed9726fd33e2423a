/* store/aof_priv.h - between aof.c, aof_load.c and aof_rewrite.c. */
#ifndef SORREL_STORE_AOF_PRIV_H
#define SORREL_STORE_AOF_PRIV_H

#include "store/aof.h"
#include "store/chore.h"
#include "store/manifest.h"
#include "store/snapshot.h"

/* Of a rewrite. In all but REWRITE_WALKING the loop only looks whether a thread is ready. */
enum rewrite_stage {
    REWRITE_NONE,
    REWRITE_PREPARING,  /* the next increment is being made, and named in the manifest */
    REWRITE_WALKING,    /* commands go to it, and the snapshot is being made */
    REWRITE_SETTLING,   /* the snapshot is complete; the increment is being synced */
    REWRITE_PUBLISHING, /* the manifest that names both is being written, and history removed */
};

struct aof {
    struct engine *engine;
    void (*records)(const struct engine *e, struct buf *out); /* see struct aof_options */
    const struct disk *disk;
    struct clock clock;
    char *dir, *name;
    bool threaded;
    struct slice sync_cores, rewrite_cores;
    struct aof_settings settings;

    struct manifest manifest;
    bool manifest_known; /* it is what the disk says */
    struct aof_log *log; /* NULL: off, or waiting for its first rewrite */
    bool on, listening;
    bool unpublished;     /* the increment that is being written is in no manifest yet */
    uint64_t older_bytes; /* of base and increments before the one that is being written */
    uint64_t base_size;   /* of the log after the last rewrite */
    int open_error;       /* why there is no log though there should be one */

    struct { /* while loading */
        struct aof_reader *reader;
        size_t at; /* in the manifest */
        uint64_t total, before;
        bool never_expire;
    } load;

    struct {
        enum rewrite_stage stage;
        bool waits;
        struct chore chore;    /* of REWRITE_PREPARING and REWRITE_PUBLISHING */
        struct manifest next;  /* what it writes */
        struct aof_log *fresh; /* the increment that it has opened; NULL: none */
        bool remove_history;   /* when that is on the disk */
        int error;             /* how writing the manifest went */
        struct buf why;
        int syncs; /* of the present increment, before the next one is begun */
        /* how much of the increment must be on the disk before it is published; 0: not known yet */
        uint64_t sync_to;
        struct rdb_file *file;
        struct snapshot *snapshot;
        bool walking, given_up;
        uint64_t old_incr; /* increments up to this one are in the snapshot */
        char *base;
        bool commands;
        uint64_t base_seq;
        int64_t begun_ms, last_ms, retry_ms, grown_retry_ms;
        uint64_t done, failures, cow_bytes;
        bool failed;
    } rewrite;
};

/* "dir/name" with a NUL. */
const char *aof__path(const struct aof *a, struct buf *to, const char *name);
const char *aof__manifest_path(const struct aof *a, struct buf *to);
int aof__store_manifest(struct aof *a, const struct manifest *m);
bool aof__make_dir(struct aof *a, struct buf *why);
int64_t aof__file_size(const struct aof *a, const char *path);
/* Opens a new increment of that number. */
struct aof_log *aof__new_log(struct aof *a, uint64_t seq, struct buf *name, struct buf *why);
/* Removes the files of that manifest's history, then writes it without them. */
void aof__remove_history(struct aof *a, struct manifest *m);
/* There is no manifest: files that one may have named are not written over. */
void aof__spare_files(struct aof *a);
void aof__listen(struct aof *a, bool on);
int64_t aof__now_ms(const struct aof *a);
void aof__rewrite_fini(struct aof *a);

#endif
