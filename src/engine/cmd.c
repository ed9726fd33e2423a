/* engine/cmd.c - an engine's table of commands: made from the rows, found by name. */
#include "engine/engine_priv.h"

#include <stdio.h>

/* -- names ----------------------------------------------------------------------------------------------------- */

const char *
cmd_flag_name(int bit)
{
    /* clang-format off */
    static const char *const names[] = {
        "write", "readonly", "denyoom", "admin", "pubsub", "noscript", "blocking", "loading", "stale", "skip_monitor",
        "skip_slowlog", "asking", "fast", "no_auth", "movablekeys", "allow_busy", "no_async_loading", "no_multi",
        "no_mandatory_keys",
    };
    /* clang-format on */

    return bit >= 0 && bit < (int)(sizeof(names) / sizeof(names[0])) ? names[bit] : NULL;
}

const char *
cmd_category_name(enum acl_category category)
{
    /* clang-format off */
    static const char *const names[CAT_COUNT] = {
        "keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap", "hyperloglog", "geo", "stream",
        "pubsub", "admin", "fast", "slow", "blocking", "dangerous", "connection", "transaction", "scripting", "json",
    };
    /* clang-format on */

    return names[category];
}

const char *
cmd_group_name(enum cmd_group group)
{
    /* clang-format off */
    static const char *const names[GROUP_COUNT] = {
        "generic", "string", "list", "set", "sorted-set", "hash", "pubsub", "transactions", "connection", "server",
        "scripting", "hyperloglog", "cluster", "sentinel", "geo", "stream", "bitmap", "json",
    };
    /* clang-format on */

    return names[group];
}

const char *
key_flag_name(int bit)
{
    static const char *const names[] = {
        "RO", "RW", "OW", "RM", "access", "update", "insert", "delete", "not_key", "incomplete", "variable_flags",
    };

    return bit >= 0 && bit < (int)(sizeof(names) / sizeof(names[0])) ? names[bit] : NULL;
}

uint64_t
cmd_categories(const struct cmd *row, const struct cmd *parent)
{
    static const uint64_t by_group[GROUP_COUNT] = {
        [GROUP_GENERIC] = CAT(KEYSPACE),
        [GROUP_STRING] = CAT(STRING),
        [GROUP_LIST] = CAT(LIST),
        [GROUP_SET] = CAT(SET),
        [GROUP_SORTED_SET] = CAT(SORTEDSET),
        [GROUP_HASH] = CAT(HASH),
        [GROUP_TRANSACTIONS] = CAT(TRANSACTION),
        [GROUP_CONNECTION] = CAT(CONNECTION),
        [GROUP_SCRIPTING] = CAT(SCRIPTING),
        [GROUP_HYPERLOGLOG] = CAT(HYPERLOGLOG),
        [GROUP_GEO] = CAT(GEO),
        [GROUP_STREAM] = CAT(STREAM),
        [GROUP_BITMAP] = CAT(BITMAP),
        [GROUP_JSON] = CAT(JSON),
    };
    uint64_t c = row->categories & ~CAT_NOT_BY_GROUP;

    if (!(row->categories & CAT_NOT_BY_GROUP) && (row->subs == NULL || row->handler != NULL))
        c |= by_group[row->group];
    if (row->flags & CMD_WRITE)
        c |= CAT(WRITE);
    if ((row->flags & CMD_READONLY) && !(c & CAT(SCRIPTING)))
        c |= CAT(READ);
    if (row->flags & CMD_ADMIN)
        c |= CAT(ADMIN) | CAT(DANGEROUS);
    if (row->flags & CMD_PUBSUB)
        c |= CAT(PUBSUB);
    if (row->flags & CMD_BLOCKING)
        c |= CAT(BLOCKING);
    return c | (row->flags & CMD_FAST ? CAT(FAST) : CAT(SLOW));
}

/* -- finding --------------------------------------------------------------------------------------------------- */

struct folded {
    uint64_t lo, hi;
};

/* The first and last eight bytes with bit 5 set, which for letters is lower case. For names of at most 16 letters equal
 * words and lengths mean equal names. */
static inline struct folded
fold(struct slice name)
{
    const char *p = name.ptr;
    struct folded f = {0, 0};

    if (name.len >= 8) {
        memcpy(&f.lo, p, 8);
        memcpy(&f.hi, p + name.len - 8, 8);
    } else if (name.len >= 4) {
        uint32_t a, b;
        memcpy(&a, p, 4);
        memcpy(&b, p + name.len - 4, 4);
        f.lo = a;
        f.hi = b;
    } else if (name.len > 0) {
        f.lo = (uint64_t)(unsigned char)p[0] | (uint64_t)(unsigned char)p[name.len / 2] << 8;
        f.hi = (unsigned char)p[name.len - 1];
    }
    f.lo |= 0x2020202020202020u;
    f.hi |= 0x2020202020202020u;
    return f;
}

static inline uint32_t
slot_of(const struct command_table *t, struct folded f, size_t len)
{
    uint64_t h = (f.lo ^ (f.hi << 7 | f.hi >> 57)) * UINT64_C(0x9e3779b97f4a7c15) + len * UINT64_C(0xd6e8feb86659fd93);

    return (uint32_t)(h >> 32) & t->mask;
}

struct command *
commands__find(const struct command_table *t, struct slice name)
{
    struct folded f = fold(name);

    for (uint32_t i = slot_of(t, f, name.len);; i = (i + 1) & t->mask) {
        const struct command_slot *s = &t->slots[i];
        if (s->command == NULL)
            return NULL;
        if (s->lo == f.lo && s->hi == f.hi && s->len == name.len &&
            (!s->exact || slice_eq_nocase(s->command->name, name)))
            return s->command;
    }
}

static void
add_slot(struct command_table *t, struct command *c)
{
    struct folded f = fold(c->name);
    uint32_t i = slot_of(t, f, c->name.len);
    bool exact = c->name.len > 16;

    for (size_t k = 0; k < c->name.len; k++)
        exact = exact || ascii_lower(c->name.ptr[k]) < 'a' || ascii_lower(c->name.ptr[k]) > 'z';
    while (t->slots[i].command != NULL)
        i = (i + 1) & t->mask;
    t->slots[i] = (struct command_slot){f.lo, f.hi, (uint32_t)c->name.len, exact, c};
}

static void
index_names(struct command_table *t)
{
    mem_free(t->slots);
    t->mask = 63;
    while (t->mask < t->top_count * 4)
        t->mask = t->mask * 2 + 1;
    t->slots = mem_get_zero((t->mask + 1) * sizeof(*t->slots));
    for (size_t i = 0; i < t->top_count; i++) {
        if (t->items[i].name.len > 0)
            add_slot(t, &t->items[i]);
    }
}

struct command *
command_find(struct engine *e, struct slice name)
{
    return commands__find(&e->commands, name);
}

struct command *
command_find_original(struct engine *e, struct slice name)
{
    struct command *c = command_find(e, name);

    if (c != NULL && slice_eq_nocase(slice_cstr(c->row->name), name))
        return c;
    for (size_t i = 0; i < e->commands.top_count; i++) {
        if (slice_eq_nocase(slice_cstr(e->commands.items[i].row->name), name))
            return &e->commands.items[i];
    }
    return NULL;
}

struct command *
command_sub(const struct command *c, struct slice name)
{
    for (uint32_t i = 0; i < c->sub_count; i++) {
        if (slice_eq_nocase(slice_cstr(c->subs[i].row->name), name))
            return &c->subs[i];
    }
    return NULL;
}

struct command *
command_resolve(struct engine *e, const struct slice *argv, int argc)
{
    struct command *c = argc > 0 ? command_find(e, argv[0]) : NULL;

    return c == NULL || c->sub_count == 0 || argc < 2 ? c : command_sub(c, argv[1]);
}

struct command *
command_by_full_name(struct engine *e, struct slice name)
{
    const char *bar = name.len > 0 ? memchr(name.ptr, '|', name.len) : NULL;

    if (bar == NULL)
        return command_find(e, name);
    struct command *c = command_find(e, slice_of(name.ptr, (size_t)(bar - name.ptr)));
    return c != NULL ? command_sub(c, slice_skip(name, (size_t)(bar - name.ptr) + 1)) : NULL;
}

struct command *
command_at(struct engine *e, size_t n)
{
    return n < e->commands.top_count ? &e->commands.items[n] : NULL;
}

size_t
command_count(const struct engine *e)
{
    return e->commands.top_count;
}

struct command *
command_by_id(struct engine *e, size_t id)
{
    return id < e->commands.count ? &e->commands.items[id] : NULL;
}

uint64_t
command_usec(const struct engine *e, const struct command *c)
{
    return (uint64_t)ticks_to_us(&e->ticks, c->ticks);
}

/* -- making ---------------------------------------------------------------------------------------------------- */

static struct slice
copy_name(const char *parent, const char *name)
{
    size_t a = parent != NULL ? strlen(parent) + 1 : 0, b = strlen(name);
    char *p = mem_get(a + b + 1);

    snprintf(p, a + b + 1, "%s%s%s", parent != NULL ? parent : "", parent != NULL ? "|" : "", name);
    return slice_of(p, a + b);
}

static void
make(struct command *c, const struct cmd *row, struct command *parent, size_t id)
{
    const struct key_spec *k = &row->keys[0];

    *c = (struct command){
        .row = row,
        .handler = row->handler,
        .arity = row->arity,
        .id = (uint16_t)id,
        .flags = row->flags,
        .categories = cmd_categories(row, parent != NULL ? parent->row : NULL),
        .parent = parent,
        .name = copy_name(parent != NULL ? parent->row->name : NULL, row->name),
    };
    c->quick = (row->flags & CMD_FAST) || (row->complexity != NULL && strcmp(row->complexity, "O(1)") == 0);
    if (k->begin == KEY_BEGIN_INDEX && k->find == KEY_FIND_RANGE && !(k->flags & KEY_NOT_KEY))
        c->first_key = k->index;
}

static size_t
count_rows(const struct cmd *rows)
{
    size_t n = 0;

    while (rows != NULL && rows[n].name != NULL)
        n++;
    return n;
}

void
commands__init(struct engine *e, const struct cmd *const *families)
{
    struct command_table *t = &e->commands;
    size_t total = 0;

    for (size_t f = 0; families != NULL && families[f] != NULL; f++) {
        size_t rows = count_rows(families[f]);
        t->top_count += rows;
        for (size_t i = 0; i < rows; i++)
            total += 1 + count_rows(families[f][i].subs);
    }
    t->items = mem_get_zero((total + 1) * sizeof(*t->items));
    t->count = total;
    size_t top = 0, sub = t->top_count;
    for (size_t f = 0; families != NULL && families[f] != NULL; f++) {
        for (const struct cmd *row = families[f]; row->name != NULL; row++) {
            struct command *c = &t->items[top];
            make(c, row, NULL, top++);
            c->subs = &t->items[sub];
            c->sub_count = (uint32_t)count_rows(row->subs);
            for (uint32_t i = 0; i < c->sub_count; i++, sub++)
                make(&t->items[sub], &row->subs[i], c, sub);
        }
    }
    index_names(t);
}

void
commands__fini(struct engine *e)
{
    for (size_t i = 0; i < e->commands.count; i++)
        mem_free((void *)(uintptr_t)e->commands.items[i].name.ptr);
    mem_free(e->commands.items);
    mem_free(e->commands.slots);
}

bool
command_rename(struct engine *e, struct slice from, struct slice to)
{
    struct command *c = command_find(e, from);

    if (c == NULL || (to.len > 0 && command_find(e, to) != NULL))
        return false;
    char *name = mem_get(to.len + 1);
    for (size_t i = 0; i < to.len; i++)
        name[i] = ascii_lower(to.ptr[i]);
    mem_free((void *)(uintptr_t)c->name.ptr);
    c->name = slice_of(name, to.len);
    index_names(&e->commands);
    return true;
}

/* -- keys ------------------------------------------------------------------------------------------------------ */

struct key_list {
    int *index;
    uint16_t *flags;
    int max, n;
};

static void
add_key(struct key_list *l, int index, uint16_t flags)
{
    if (l->n < l->max) {
        l->index[l->n] = index;
        l->flags[l->n] = flags;
    }
    l->n++;
}

/* Where a specification's keys begin: an argument index, 0 when its keyword is not there. It may lie beyond the end:
 * the sources of PFMERGE may be left out. */
static int
begin_of(const struct key_spec *k, const struct slice *argv, int argc)
{
    if (k->begin == KEY_BEGIN_INDEX)
        return k->index;
    if (k->begin != KEY_BEGIN_KEYWORD)
        return 0;
    struct slice word = slice_cstr(k->keyword);
    int from = k->index >= 0 ? k->index : argc + k->index, step = k->index >= 0 ? 1 : -1;
    for (int i = from; i > 0 && i < argc - (step > 0 ? 1 : 0); i += step) {
        if (slice_eq_nocase(argv[i], word))
            return i + 1 < argc ? i + 1 : 0;
    }
    return 0;
}

static bool
keys_of_spec(const struct key_spec *k, const struct slice *argv, int argc, bool may_be_none, struct key_list *l)
{
    int first = begin_of(k, argv, argc), last = 0, step = k->step > 0 ? k->step : 1;

    if (first == 0)
        return true;
    if (k->find == KEY_FIND_RANGE) {
        last = k->last >= 0 ? first + k->last : argc + k->last;
        if (k->last < 0 && k->limit > 1)
            last = first + (argc - first) / k->limit + k->last;
    } else if (k->find == KEY_FIND_KEYNUM) {
        int64_t n;
        int at = first + k->numkeys_at;
        if (at >= argc || !parse_int64(argv[at], &n) || n < (may_be_none ? 0 : 1) || n > INT32_MAX / 4)
            return false;
        first += k->first_at;
        if (n > (argc - first + step - 1) / step)
            return false;
        last = first + (int)(n - 1) * step;
    } else {
        return true;
    }
    for (int i = first; i <= last; i += step) {
        if (i >= argc)
            return false;
        add_key(l, i, k->flags);
    }
    return true;
}

int
cmd_keys(const struct cmd *row, const struct slice *argv, int argc, int *index, uint16_t *flags, int max)
{
    struct key_list l = {index, flags, max, 0};

    if (row->find_keys != NULL)
        return row->find_keys(argv, argc, index, flags, max);
    for (int i = 0; i < KEY_SPECS_MAX; i++) {
        const struct key_spec *k = &row->keys[i];
        if (k->begin == KEY_BEGIN_NONE || (k->flags & KEY_NOT_KEY))
            continue;
        if (!keys_of_spec(k, argv, argc, (row->flags & CMD_NO_MANDATORY_KEYS) != 0, &l))
            return -1;
    }
    return l.n;
}
