/* engine/fieldsets.c - see fieldsets.h. */
#include "engine/fieldsets.h"

#include "engine/engine_priv.h"

struct fieldsets {
    struct table by_name;
    size_t bytes;
};

static struct slice
item_name(const void *item)
{
    return ((const struct fieldset *)item)->name;
}

static uint64_t
item_hash(const void *item, struct hash_seed seed)
{
    return siphash(seed, item_name(item));
}

static const struct table_ops ops = {item_name, item_hash};

static struct fieldsets **
home(struct exec *x)
{
    return x->script != NULL ? &x->script->script_fieldsets : &session__more(x->session)->fieldsets;
}

static struct fieldset *
find(const struct fieldsets *all, struct slice name)
{
    return all == NULL ? NULL : table_find(&all->by_name, &ops, siphash(all->by_name.seed, name), name);
}

static void
drop(struct fieldsets *all, struct fieldset *f)
{
    bool was_there = table_remove(&all->by_name, &ops, siphash(all->by_name.seed, f->name), f);

    CHECK(was_there);
    all->bytes -= mem_size_of(f);
    mem_free(f);
}

void
fieldset_put(struct exec *x, struct slice name, const struct slice *fields, int count)
{
    struct fieldsets **all = home(x);
    size_t bytes = sizeof(struct fieldset) + (size_t)count * sizeof(struct slice) + name.len;

    /* The names were in a request a moment ago, so the sum is one that memory can hold. */
    for (int i = 0; i < count; i++)
        bytes += fields[i].len;
    if (*all == NULL) {
        *all = mem_get_zero(sizeof(**all));
        table_init(&(*all)->by_name, x->engine->hash_seed);
    }
    struct fieldset *f = mem_get(bytes), *old = find(*all, name);
    char *at = (char *)(f->fields + count);
    f->count = count;
    for (int i = -1; i < count; i++) {
        struct slice from = i < 0 ? name : fields[i];
        if (from.len > 0)
            memcpy(at, from.ptr, from.len);
        *(i < 0 ? &f->name : &f->fields[i]) = slice_of(at, from.len);
        at += from.len;
    }
    if (old != NULL)
        drop(*all, old);
    table_insert(&(*all)->by_name, &ops, siphash((*all)->by_name.seed, f->name), f);
    (*all)->bytes += mem_size_of(f);
}

const struct fieldset *
fieldset_find(struct exec *x, struct slice name)
{
    return find(*home(x), name);
}

bool
fieldset_drop(struct exec *x, struct slice name)
{
    struct fieldsets *all = *home(x);
    struct fieldset *f = find(all, name);

    if (f != NULL)
        drop(all, f);
    return f != NULL;
}

size_t
fieldset_drop_all(struct exec *x)
{
    struct fieldsets **all = home(x);
    size_t n = *all != NULL ? table_count(&(*all)->by_name) : 0;

    fieldsets__free(*all);
    *all = NULL;
    return n;
}

void
fieldset_script_over(struct exec *script)
{
    fieldsets__free(script->script_fieldsets);
    script->script_fieldsets = NULL;
}

void
fieldsets__free(struct fieldsets *all)
{
    void *item;
    size_t at = 0;

    if (all == NULL)
        return;
    while ((item = table_drain(&all->by_name, &at)) != NULL)
        mem_free(item);
    table_fini(&all->by_name);
    mem_free(all);
}

size_t
fieldsets__bytes(const struct fieldsets *all)
{
    return all != NULL ? mem_size_of(all) + table_bytes(&all->by_name) + all->bytes : 0;
}
