/* bench/nodes.c - see nodes.h. */
#include "bench/nodes.h"

#include "base/mem.h"
#include "client/slot.h"
#include "sorrel/conn.h"

#include <stdio.h>
#include <string.h>

/* The first number of TAG_DIGITS digits for each slot. */
static uint32_t *
tags_by_slot(void)
{
    enum { NUMBERS = 1000000, NONE = NUMBERS };
    uint32_t *tags = mem_get_array(CLUSTER_SLOTS, sizeof(*tags));
    int left = CLUSTER_SLOTS;
    char text[TAG_DIGITS + 1];

    for (int i = 0; i < CLUSTER_SLOTS; i++)
        tags[i] = NONE;
    for (uint32_t n = 0; left > 0 && n < NUMBERS; n++) {
        snprintf(text, sizeof(text), "%06u", n);
        uint32_t *at = &tags[cluster_slot(slice_of(text, TAG_DIGITS))];
        left -= *at == NONE;
        *at = *at == NONE ? n : *at;
    }
    return tags;
}

static struct load_node *
node_at(struct load_nodes *nodes, const struct sorrel_url *u, const char *host, size_t host_len, uint16_t port)
{
    for (uint32_t i = 0; i < nodes->count; i++)
        if (nodes->v[i].url.port == port && strlen(nodes->v[i].url.host) == host_len &&
            memcmp(nodes->v[i].url.host, host, host_len) == 0)
            return &nodes->v[i];
    nodes->v = mem_resize(nodes->v, (nodes->count + 1) * sizeof(*nodes->v));
    struct load_node *n = &nodes->v[nodes->count++];
    memset(n, 0, sizeof(*n));
    sorrel_url_copy(u, &n->url);
    mem_free(n->url.host);
    n->url.host = mem_get(host_len + 1);
    memcpy(n->url.host, host, host_len);
    n->url.host[host_len] = '\0';
    n->url.port = port;
    n->url.transport = SORREL_TCP;
    n->url.db = 0;
    n->tags = mem_get_array(CLUSTER_SLOTS, sizeof(*n->tags));
    return n;
}

/* How many slots the reply to CLUSTER SLOTS gives to somebody. */
static int
read_map(struct load_nodes *nodes, const struct sorrel_url *u, const struct sorrel_reply *r)
{
    uint32_t *tags = tags_by_slot();
    int served = 0;

    for (size_t i = 0; i < sorrel_reply_count(r); i++) {
        const struct sorrel_reply *range = sorrel_reply_at(r, i), *master = sorrel_reply_at(range, 2);
        int64_t from, to, port;
        size_t len = 0;
        const char *host = sorrel_reply_text(sorrel_reply_at(master, 0), &len);
        if (!sorrel_reply_int(sorrel_reply_at(range, 0), &from) || !sorrel_reply_int(sorrel_reply_at(range, 1), &to) ||
            !sorrel_reply_int(sorrel_reply_at(master, 1), &port) || from < 0 || to >= CLUSTER_SLOTS || port < 1 ||
            port > UINT16_MAX)
            continue;
        if (host == NULL || len == 0) {
            host = u->host != NULL ? u->host : "127.0.0.1";
            len = strlen(host);
        }
        struct load_node *n = node_at(nodes, u, host, len, (uint16_t)port);
        for (int64_t slot = from; slot <= to && n->tag_count < CLUSTER_SLOTS; slot++, served++)
            n->tags[n->tag_count++] = tags[slot];
    }
    mem_free(tags);
    return served;
}

bool
load_nodes_find(struct load_nodes *nodes, const struct sorrel_url *u)
{
    struct sorrel_conn *c = NULL;
    struct sorrel_error err;
    int served = 0;

    if (sorrel_conn_open(u, &c, &err) != SORREL_OK) {
        fprintf(stderr, "%s\n", err.text);
        return false;
    }
    const struct sorrel_reply *r = sorrel_conn_do(c, &err, "CLUSTER", "SLOTS", NULL);
    if (r != NULL && sorrel_reply_type(r) == SORREL_ERROR) {
        size_t len;
        const char *text = sorrel_reply_text(r, &len);
        fprintf(stderr, "%.*s\n", (int)len, text);
    } else if (r != NULL) {
        served = read_map(nodes, u, r);
        if (served != CLUSTER_SLOTS)
            fprintf(stderr, "Only %d of the cluster's %d slots are served.\n", served, CLUSTER_SLOTS);
    } else {
        fprintf(stderr, "%s\n", err.text);
    }
    sorrel_conn_close(c);
    return served == CLUSTER_SLOTS;
}

void
load_nodes_fini(struct load_nodes *nodes)
{
    for (uint32_t i = 0; i < nodes->count; i++) {
        sorrel_url_fini(&nodes->v[i].url);
        mem_free(nodes->v[i].tags);
    }
    mem_free(nodes->v);
}
