/* cli/cluster.c - see cluster.h. Everything is read from CLUSTER NODES: a line for each node, of which a node's own one
 * ("myself") says what it serves, and its lines together who serves what. */
#include "cli/cluster.h"

#include "base/mem.h"
#include "base/number.h"

#include <stdio.h>
#include <string.h>

enum { FIELDS = 8 };

/* One line of CLUSTER NODES. */
struct line {
    struct slice id, host, flags, master, slots;
    uint64_t port;
};

static struct slice
next_word(struct slice *rest)
{
    const char *space = rest->len > 0 ? memchr(rest->ptr, ' ', rest->len) : NULL;
    struct slice word = slice_of(rest->ptr, space != NULL ? (size_t)(space - rest->ptr) : rest->len);

    *rest = slice_skip(*rest, space != NULL ? word.len + 1 : rest->len);
    return word;
}

/* id host:port@bus[,name] flags master ping pong epoch link slots... */
static bool
read_line(struct slice text, struct line *out)
{
    struct slice fields[FIELDS];

    for (int i = 0; i < FIELDS; i++)
        fields[i] = next_word(&text);
    struct slice at = fields[1];
    const char *end = at.len > 0 ? memchr(at.ptr, '@', at.len) : NULL;
    if (end != NULL)
        at.len = (size_t)(end - at.ptr);
    const char *colon = at.len > 0 ? memrchr(at.ptr, ':', at.len) : NULL;
    if (colon == NULL || fields[0].len == 0 || fields[0].len > CLUSTER_ID_MAX)
        return false;
    *out = (struct line){.id = fields[0],
                         .host = slice_of(at.ptr, (size_t)(colon - at.ptr)),
                         .flags = fields[2],
                         .master = fields[3],
                         .slots = text};
    return parse_uint64(slice_skip(at, out->host.len + 1), &out->port) && out->port < 65536;
}

static bool
has_flag(struct slice flags, const char *name)
{
    return flags.len > 0 && memmem(flags.ptr, flags.len, name, strlen(name)) != NULL;
}

/* Calls fn for each "a", "a-b", "[a->-id]" and "[a-<-id]" of a line. */
static void
each_range(struct slice rest, void (*fn)(void *ctx, uint64_t from, uint64_t to, enum slot_state state), void *ctx)
{
    while (rest.len > 0) {
        struct slice word = next_word(&rest);
        enum slot_state state = SLOT_OWNED;
        uint64_t from, to;
        if (word.len > 2 && word.ptr[0] == '[') {
            state = memmem(word.ptr, word.len, "-<-", 3) != NULL ? SLOT_IMPORTING : SLOT_MIGRATING;
            word = slice_skip(word, 1);
        }
        const char *dash = word.len > 0 ? memchr(word.ptr, '-', word.len) : NULL;
        if (!parse_uint64(slice_of(word.ptr, dash != NULL ? (size_t)(dash - word.ptr) : word.len), &from))
            continue;
        to = from;
        if (state == SLOT_OWNED && dash != NULL && !parse_uint64(slice_skip(word, (size_t)(dash - word.ptr) + 1), &to))
            continue;
        if (from <= to && to < CLUSTER_SLOTS)
            fn(ctx, from, to, state);
    }
}

static void
mark_slots(void *ctx, uint64_t from, uint64_t to, enum slot_state state)
{
    struct cluster_node *n = ctx;

    for (uint64_t i = from; i <= to; i++)
        n->slots[i] = (uint8_t)state;
}

struct owner_map {
    uint64_t *of;
    uint64_t id;
};

static void
mark_owner(void *ctx, uint64_t from, uint64_t to, enum slot_state state)
{
    const struct owner_map *m = ctx;

    for (uint64_t i = from; state == SLOT_OWNED && i <= to; i++)
        m->of[i] = m->id;
}

/* Ids are random: eight of their digits' bytes tell them apart well enough to compare two views of one cluster. */
static uint64_t
id_number(struct slice id)
{
    uint64_t n = 0;

    memcpy(&n, id.ptr, id.len < sizeof(n) ? id.len : sizeof(n));
    return n;
}

static void
copy_id(char *to, struct slice id)
{
    memcpy(to, id.ptr, id.len);
    to[id.len] = '\0';
}

/* A node at that address, connected; NULL, having said why, if that fails. */
static struct cluster_node *
open_node(const struct options *o, struct slice host, uint16_t port)
{
    struct cluster_node *n = mem_get_zero(sizeof(*n));

    n->host = mem_get(host.len + 1);
    memcpy(n->host, host.ptr, host.len);
    n->host[host.len] = '\0';
    n->port = port;
    session_init(&n->session, o);
    if (session_connect_to(&n->session, n->host, port))
        return n;
    session_fini(&n->session);
    mem_free(n->host);
    mem_free(n);
    return NULL;
}

static void
close_node(struct cluster_node *n)
{
    session_fini(&n->session);
    mem_free(n->host);
    mem_free(n);
}

static void
add_node(struct cluster *c, struct cluster_node *n)
{
    c->nodes = mem_resize(c->nodes, (c->count + 1) * sizeof(struct cluster_node *));
    c->nodes[c->count++] = n;
}

/* Asks n for its view and takes in what n serves itself. With `others`, the further nodes' lines are added to it. */
static bool
take_view(struct cluster *c, struct cluster_node *n, struct buf *others)
{
    static const struct slice ask[] = {LIT_INIT("CLUSTER"), LIT_INIT("NODES")};
    const struct resp_value *v = session_ask(&n->session, 2, ask);
    uint64_t *owners = mem_get_zero(CLUSTER_SLOTS * sizeof(*owners));
    bool found = false;

    if (v != NULL && v->type == RESP_ERROR)
        fprintf(stderr, "[ERR] Node %s:%u %.*s\n", n->host, n->port, (int)v->text.len, v->text.ptr);
    for (struct slice rest = v != NULL && resp_is_text(v) ? v->text : LIT(""); rest.len > 0;) {
        const char *nl = memchr(rest.ptr, '\n', rest.len);
        size_t len = nl != NULL ? (size_t)(nl - rest.ptr) : rest.len;
        struct slice text = slice_of(rest.ptr, len);
        struct line l;
        rest = slice_skip(rest, nl != NULL ? len + 1 : len);
        if (!read_line(text, &l))
            continue;
        struct owner_map m = {owners, id_number(l.id)};
        each_range(l.slots, mark_owner, &m);
        if (has_flag(l.flags, "myself")) {
            copy_id(n->id, l.id);
            if (has_flag(l.flags, "slave") && l.master.len <= CLUSTER_ID_MAX)
                copy_id(n->master, l.master);
            each_range(l.slots, mark_slots, n);
            found = true;
        } else if (others != NULL && !has_flag(l.flags, "noaddr") && !has_flag(l.flags, "handshake") && l.port > 0) {
            buf_add_slice(others, text);
            buf_add_char(others, '\n');
        }
    }
    if (c->owners == NULL) {
        c->owners = owners;
        return found;
    }
    c->agreed = c->agreed && memcmp(c->owners, owners, CLUSTER_SLOTS * sizeof(*owners)) == 0;
    mem_free(owners);
    return found;
}

static void
load_others(struct cluster *c, const struct options *o, struct slice lines)
{
    while (lines.len > 0) {
        const char *nl = memchr(lines.ptr, '\n', lines.len);
        struct line l;
        bool ok = read_line(slice_of(lines.ptr, (size_t)(nl - lines.ptr)), &l);
        lines = slice_skip(lines, (size_t)(nl - lines.ptr) + 1);
        struct cluster_node *n = ok ? open_node(o, l.host, (uint16_t)l.port) : NULL;
        if (n != NULL && take_view(c, n, NULL))
            add_node(c, n);
        else if (n != NULL)
            close_node(n);
    }
}

bool
cluster_load(struct cluster *c, const struct options *o, const char *host, uint16_t port)
{
    struct buf others = {0};
    struct cluster_node *first = open_node(o, slice_cstr(host), port);

    c->agreed = true;
    if (first == NULL)
        return false;
    add_node(c, first);
    bool ok = take_view(c, first, &others);
    if (ok)
        load_others(c, o, buf_slice(&others));
    buf_fini(&others);
    for (size_t i = 0; i < c->count; i++) {
        struct cluster_node *master = cluster_find(c, c->nodes[i]->master);
        if (master != NULL)
            master->replicas++;
    }
    return ok;
}

void
cluster_fini(struct cluster *c)
{
    for (size_t i = 0; i < c->count; i++)
        close_node(c->nodes[i]);
    mem_free(c->nodes);
    mem_free(c->owners);
}

int
cluster_node_slots(const struct cluster_node *n)
{
    int count = 0;

    for (int i = 0; i < CLUSTER_SLOTS; i++)
        count += n->slots[i] == SLOT_OWNED || n->slots[i] == SLOT_MIGRATING;
    return count;
}

struct cluster_node *
cluster_find(const struct cluster *c, const char *id)
{
    for (size_t i = 0; i < c->count; i++)
        if (id[0] != '\0' && strcmp(c->nodes[i]->id, id) == 0)
            return c->nodes[i];
    return NULL;
}
