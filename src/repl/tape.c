/* repl/tape.c - see tape.h. */
#include "repl/tape.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum {
    COPY_MAX = 2048, /* shorter pieces are copied: a reference costs as much */
};

/* -- blocks ---------------------------------------------------------------------------------------------------- */

static void
release(void *owner)
{
    struct tape_block *b = owner;

    if (__atomic_sub_fetch(&b->refs, 1, __ATOMIC_ACQ_REL) == 0)
        mem_free(b);
}

static struct tape_block *
block_new(uint64_t at, size_t cap)
{
    struct tape_block *b = mem_get(sizeof(*b) + cap);

    *b = (struct tape_block){.at = at, .cap = cap, .refs = 1};
    return b;
}

/* One of the usual size. Where a backlog is full each new block follows a forgotten one. */
static struct tape_block *
block_take(struct tape *t)
{
    struct tape_block *b = t->spare;

    if (b == NULL)
        return block_new(t->end, TAPE_BLOCK_BYTES);
    t->spare = NULL;
    b->at = t->end;
    b->len = 0;
    return b;
}

static void
block_give(struct tape *t, struct tape_block *b)
{
    /* Nobody else can begin to refer to it: references are made from the tape's own. */
    if (t->spare == NULL && b->cap == TAPE_BLOCK_BYTES && __atomic_load_n(&b->refs, __ATOMIC_ACQUIRE) == 1)
        t->spare = b;
    else
        release(b);
}

static struct tape_slot *
last_slot(const struct tape *t)
{
    return t->count > 0 ? &t->slots[t->first + t->count - 1] : NULL;
}

static struct tape_slot *
push_slot(struct tape *t)
{
    if (t->first + t->count == t->cap) {
        if (t->first > t->cap / 2) {
            memmove(t->slots, t->slots + t->first, t->count * sizeof(*t->slots));
        } else {
            t->cap = t->cap == 0 ? 16 : 2 * t->cap;
            struct tape_slot *fresh = mem_get_array(t->cap, sizeof(*fresh));
            if (t->count > 0)
                memcpy(fresh, t->slots + t->first, t->count * sizeof(*fresh));
            mem_free(t->slots);
            t->slots = fresh;
        }
        t->first = 0;
    }
    return &t->slots[t->first + t->count++];
}

void
tape_init(struct tape *t, uint64_t at, const struct disk *disk)
{
    *t = (struct tape){.end = at, .disk = disk};
}

static void
drop_file(struct tape *t)
{
    if (t->fd > 0)
        (void)t->disk->close(t->disk->ctx, t->fd - 1);
    t->fd = 0;
    t->spilled = 0;
}

void
tape_restart(struct tape *t, uint64_t at)
{
    for (size_t i = 0; i < t->count; i++) {
        if (t->slots[t->first + i].block != NULL)
            release(t->slots[t->first + i].block);
    }
    t->first = t->count = t->memory = 0;
    t->end = at;
    drop_file(t);
}

void
tape_fini(struct tape *t)
{
    tape_restart(t, 0);
    mem_free(t->spare);
    mem_free(t->slots);
    *t = (struct tape){0};
}

uint64_t
tape_begin(const struct tape *t)
{
    return t->count > 0 ? t->slots[t->first].at : t->end;
}

/* -- writing --------------------------------------------------------------------------------------------------- */

char *
tape_room(struct tape *t, size_t n)
{
    struct tape_slot *s = last_slot(t);

    CHECK(n <= TAPE_BLOCK_BYTES);
    if (s == NULL || s->block == NULL || s->block->cap - s->block->len < n) {
        s = push_slot(t);
        *s = (struct tape_slot){.at = t->end, .block = block_take(t)};
        t->memory += sizeof(struct tape_block) + TAPE_BLOCK_BYTES;
    }
    return s->block->data + s->block->len;
}

void
tape_used(struct tape *t, size_t n)
{
    struct tape_slot *s = last_slot(t);

    s->block->len += n;
    s->len += n;
    t->end += n;
}

void
tape_add(struct tape *t, struct slice bytes)
{
    while (bytes.len > 0) {
        const struct tape_slot *s = last_slot(t);
        size_t room = s != NULL && s->block != NULL ? s->block->cap - s->block->len : 0;
        size_t n = room > 0 ? room : TAPE_BLOCK_BYTES;
        n = n < bytes.len ? n : bytes.len;
        memcpy(tape_room(t, n), bytes.ptr, n);
        tape_used(t, n);
        bytes = slice_skip(bytes, n);
    }
}

/* -- reading --------------------------------------------------------------------------------------------------- */

/* The slot that holds that position, which must be held. */
static size_t
find(const struct tape *t, uint64_t at)
{
    size_t lo = 0, hi = t->count;

    while (hi - lo > 1) {
        size_t mid = (lo + hi) / 2;
        if (t->slots[t->first + mid].at <= at)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

static bool
send_from_file(struct tape *t, uint64_t at, size_t n, struct out *out)
{
    struct tape_block *b = block_new(at, n);
    const struct disk *d = t->disk;

    if (d->seek(d->ctx, t->fd - 1, (int64_t)at) != (int64_t)at ||
        disk_read_full(d, t->fd - 1, b->data, n) != (ssize_t)n) {
        mem_free(b);
        return false;
    }
    out_add_ref(out, slice_of(b->data, n), release, b);
    return true;
}

static bool
send_piece(struct tape *t, const struct tape_slot *s, uint64_t at, size_t n, struct out *out)
{
    if (s->block == NULL)
        return send_from_file(t, at, n, out);
    struct slice piece = slice_of(s->block->data + (at - s->at), n);
    if (n <= COPY_MAX) {
        buf_add_slice(&out->bytes, piece);
        return true;
    }
    (void)__atomic_add_fetch(&s->block->refs, 1, __ATOMIC_RELAXED);
    out_add_ref(out, piece, release, s->block);
    return true;
}

size_t
tape_send(struct tape *t, uint64_t at, size_t max, struct out *out, bool *failed)
{
    size_t sent = 0;

    if (at >= t->end)
        return 0;
    CHECK(at >= tape_begin(t));
    for (size_t i = find(t, at); i < t->count && sent < max; i++) {
        const struct tape_slot *s = &t->slots[t->first + i];
        size_t n = (size_t)(s->at + s->len - at);
        if (n == 0)
            continue;
        if (!send_piece(t, s, at, n, out)) {
            *failed = true;
            break;
        }
        sent += n;
        at += n;
    }
    return sent;
}

/* -- forgetting ------------------------------------------------------------------------------------------------ */

void
tape_forget(struct tape *t, uint64_t before)
{
    /* The last block stays: it is being filled. */
    while (t->count > 1) {
        struct tape_slot *s = &t->slots[t->first];
        if (s->at + s->len > before)
            break;
        if (s->block != NULL) {
            t->memory -= sizeof(struct tape_block) + s->block->cap;
            block_give(t, s->block);
        } else {
            t->spilled -= s->len;
        }
        t->first++;
        t->count--;
    }
    if (t->fd > 0 && t->spilled == 0)
        drop_file(t);
}

/* A file without a name. */
static bool
open_file(struct tape *t)
{
    const struct disk *d = t->disk;
    char path[64];

    if (t->fd > 0)
        return true;
    if (d == NULL)
        return false;
    snprintf(path, sizeof(path), "temp-repl-%d-%llx.spill", (int)getpid(), (unsigned long long)(uintptr_t)t);
    int fd = d->open(d->ctx, path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0)
        return false;
    (void)d->unlink(d->ctx, path);
    t->fd = fd + 1;
    return true;
}

bool
tape_spill(struct tape *t, uint64_t before)
{
    const struct disk *d = t->disk;

    for (size_t i = 0; i + 1 < t->count; i++) {
        struct tape_slot *s = &t->slots[t->first + i];
        if (s->at + s->len > before)
            break;
        if (s->block == NULL)
            continue;
        if (!open_file(t) || d->seek(d->ctx, t->fd - 1, (int64_t)s->at) != (int64_t)s->at ||
            disk_write_all(d, t->fd - 1, slice_of(s->block->data, s->len)) < 0)
            return false;
        t->memory -= sizeof(struct tape_block) + s->block->cap;
        release(s->block);
        s->block = NULL;
        t->spilled += s->len;
    }
    return true;
}
