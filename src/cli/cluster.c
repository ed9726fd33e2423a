/* cli/cluster.c - see cluster.h. Everything is read from CLUSTER NODES: a line for each node, of which a node's own one
 * ("myself") says what it serves, and its lines together who serves what. */
#include "cli/cluster.h"

#include "base/mem.h"
#include "base/number.h"
#include "cli/cluster_show.h"

#include <stdio.h>
#include <string.h>

enum { FIELDS = 8 };

/* One line of CLUSTER NODES. */
struct line {
    struct slice id, host, flags, master, slots;
    uint64_t port, bus_port, epoch;
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
    struct slice at = fields[1], bus = LIT("");
    const char *end = at.len > 0 ? memchr(at.ptr, '@', at.len) : NULL;
    if (end != NULL) {
        bus = slice_skip(at, (size_t)(end - at.ptr) + 1);
        at.len = (size_t)(end - at.ptr);
    }
    const char *comma = bus.len > 0 ? memchr(bus.ptr, ',', bus.len) : NULL;
    if (comma != NULL)
        bus.len = (size_t)(comma - bus.ptr);
    const char *colon = at.len > 0 ? memrchr(at.ptr, ':', at.len) : NULL;
    if (colon == NULL || fields[0].len == 0 || fields[0].len > CLUSTER_ID_MAX)
        return false;
    *out = (struct line){.id = fields[0],
                         .host = slice_of(at.ptr, (size_t)(colon - at.ptr)),
                         .flags = fields[2],
                         .master = fields[3],
                         .slots = text};
    if (!parse_uint64(bus, &out->bus_port) || out->bus_port > 65535)
        out->bus_port = 0;
    if (!parse_uint64(fields[6], &out->epoch))
        out->epoch = 0;
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

/* A node's own line. */
static void
take_own_line(struct cluster_node *n, const struct line *l)
{
    copy_id(n->id, l->id);
    n->master[0] = '\0';
    if (has_flag(l->flags, "slave") && l->master.len <= CLUSTER_ID_MAX)
        copy_id(n->master, l->master);
    n->bus_port = (uint16_t)l->bus_port;
    n->epoch = l->epoch;
    memset(n->slots, SLOT_NONE, sizeof(n->slots));
    each_range(l->slots, mark_slots, n);
}

/* Asks n for its view: takes in what n says of itself, and who it says owns what. With `others`, the further nodes'
 * lines are added to it. */
static bool
take_view(struct cluster_node *n, uint64_t *owners, struct buf *others)
{
    const struct resp_value *v = CLUSTER_ASK(n, "CLUSTER", "NODES");
    bool found = false;

    n->known = 0;
    if (v != NULL && v->type == RESP_ERROR && memmem(v->text.ptr, v->text.len, "support disabled", 16) != NULL)
        printf("[ERR] Node %s:%u is not configured as a cluster node.\n", n->host, n->port);
    else
        (void)cluster_answered(n, v);
    for (struct slice rest = v != NULL && resp_is_text(v) ? v->text : LIT(""); rest.len > 0;) {
        const char *nl = memchr(rest.ptr, '\n', rest.len);
        size_t len = nl != NULL ? (size_t)(nl - rest.ptr) : rest.len;
        struct slice text = slice_of(rest.ptr, len);
        struct line l;
        rest = slice_skip(rest, nl != NULL ? len + 1 : len);
        if (!read_line(text, &l) || has_flag(l.flags, "handshake"))
            continue;
        struct owner_map m = {owners, id_number(l.id)};
        each_range(l.slots, mark_owner, &m);
        n->known++;
        if (has_flag(l.flags, "myself")) {
            take_own_line(n, &l);
            found = true;
        } else if (others != NULL && !has_flag(l.flags, "noaddr") && l.host.len > 0 && l.port > 0) {
            buf_add_slice(others, text);
            buf_add_char(others, '\n');
        }
    }
    return found;
}

/* Asks n and compares with what the first one said; the first to be asked is what the others are compared with. */
static bool
compare_view(struct cluster *c, struct cluster_node *n, struct buf *others)
{
    uint64_t *owners = mem_get_zero(CLUSTER_SLOTS * sizeof(*owners));
    bool found = take_view(n, owners, others);

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
        if (n != NULL && compare_view(c, n, NULL)) {
            add_node(c, n);
            continue;
        }
        if (n != NULL)
            close_node(n);
        if (ok && has_flag(l.flags, "master") && l.slots.len > 0)
            c->masters_away++;
    }
}

static bool
load_through(struct cluster *c, const struct options *o, struct cluster_node *first)
{
    struct buf others = {0};

    c->agreed = true;
    add_node(c, first);
    bool ok = compare_view(c, first, &others);
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

bool
cluster_load(struct cluster *c, const struct options *o, const char *host, uint16_t port)
{
    struct cluster_node *first = open_node(o, slice_cstr(host), port);

    return first != NULL && load_through(c, o, first);
}

bool
cluster_reload(struct cluster *c, const struct options *o)
{
    struct cluster_node *first = c->nodes[0];

    for (size_t i = 1; i < c->count; i++)
        close_node(c->nodes[i]);
    mem_free(c->nodes);
    mem_free(c->owners);
    *c = (struct cluster){0};
    first->replicas = 0;
    return load_through(c, o, first);
}

struct cluster_node *
cluster_add_alone(struct cluster *c, const struct options *o, const char *host, uint16_t port)
{
    struct cluster_node *n = open_node(o, slice_cstr(host), port);
    uint64_t *owners = mem_get_zero(CLUSTER_SLOTS * sizeof(*owners));
    bool ok = n != NULL && take_view(n, owners, NULL);

    mem_free(owners);
    if (ok)
        add_node(c, n);
    else if (n != NULL)
        close_node(n);
    return ok ? n : NULL;
}

bool
cluster_joined(struct cluster *c, size_t count)
{
    bool all = true;

    mem_free(c->owners);
    c->owners = NULL;
    c->agreed = true;
    for (size_t i = 0; i < c->count; i++) {
        all &= compare_view(c, c->nodes[i], NULL);
        all &= c->nodes[i]->known == count;
    }
    return all && c->agreed;
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

struct cluster_node *
cluster_master_with_fewest_replicas(const struct cluster *c, const struct cluster_node *but)
{
    struct cluster_node *best = NULL;

    for (size_t i = 0; i < c->count; i++) {
        struct cluster_node *n = c->nodes[i];
        if (n != but && cluster_node_is_master(n) && (best == NULL || n->replicas < best->replicas))
            best = n;
    }
    return best;
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

const struct resp_value *
cluster_ask(struct cluster_node *n, int argc, const char *const *argv)
{
    struct slice args[16];

    CHECK(argc <= 16);
    for (int i = 0; i < argc; i++)
        args[i] = slice_cstr(argv[i]);
    return session_ask(&n->session, argc, args);
}

bool
cluster_answered(const struct cluster_node *n, const struct resp_value *v)
{
    if (v != NULL && v->type == RESP_ERROR)
        cluster_say(TONE_BAD, "[ERR] Node %s:%u replied with error:\n%.*s\n", n->host, n->port, (int)v->text.len,
                    v->text.ptr);
    return v != NULL && v->type != RESP_ERROR;
}

bool
cluster_split_address(const char *text, char **host, uint16_t *port)
{
    const char *colon = strrchr(text, ':');
    uint64_t n;

    if (colon == NULL || colon == text || !parse_uint64(slice_cstr(colon + 1), &n) || n < 1 || n > 65535)
        return false;
    size_t len = (size_t)(colon - text);
    *host = mem_get(len + 1);
    memcpy(*host, text, len);
    (*host)[len] = '\0';
    *port = (uint16_t)n;
    return true;
}
