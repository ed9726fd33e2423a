/* client/reply.c - the public view of a reply: a thin coat over proto/reply_read.h's tree. */
#include "client/reply.h"

#include "base/mem.h"
#include "base/number.h"

static bool
has_text(const struct resp_value *v)
{
    return v != NULL && !resp_is_aggregate(v) && v->type != RESP_NIL;
}

enum sorrel_type
sorrel_reply_type(const struct sorrel_reply *r)
{
    return r == NULL ? SORREL_NIL : (enum sorrel_type)reply_value(r)->type;
}

const char *
sorrel_reply_text(const struct sorrel_reply *r, size_t *len)
{
    const struct resp_value *v = reply_value(r);

    if (!has_text(v))
        return NULL;
    if (len != NULL)
        *len = v->text.len;
    return v->text.ptr;
}

bool
sorrel_reply_int(const struct sorrel_reply *r, int64_t *out)
{
    const struct resp_value *v = reply_value(r);

    if (v == NULL)
        return false;
    if (v->type == RESP_INTEGER || v->type == RESP_BOOL) {
        *out = v->integer;
        return true;
    }
    return has_text(v) && v->type != RESP_ERROR && parse_int64(v->text, out);
}

bool
sorrel_reply_double(const struct sorrel_reply *r, double *out)
{
    const struct resp_value *v = reply_value(r);

    if (v == NULL)
        return false;
    if (v->type == RESP_DOUBLE) {
        *out = v->number;
        return true;
    }
    if (v->type == RESP_INTEGER) {
        *out = (double)v->integer;
        return true;
    }
    return has_text(v) && v->type != RESP_ERROR && parse_double(v->text, out);
}

size_t
sorrel_reply_count(const struct sorrel_reply *r)
{
    const struct resp_value *v = reply_value(r);

    return v != NULL && resp_is_aggregate(v) ? v->count : 0;
}

const struct sorrel_reply *
sorrel_reply_at(const struct sorrel_reply *r, size_t i)
{
    return i < sorrel_reply_count(r) ? value_reply(&reply_value(r)->items[i]) : NULL;
}

const struct sorrel_reply *
sorrel_reply_get(const struct sorrel_reply *r, const char *key)
{
    size_t n = sorrel_reply_count(r);
    struct slice name = slice_cstr(key);

    for (size_t i = 0; i + 1 < n; i += 2) {
        const struct resp_value *k = &reply_value(r)->items[i];
        if (resp_is_text(k) && slice_eq(k->text, name))
            return value_reply(k + 1);
    }
    return NULL;
}

const struct sorrel_reply *
sorrel_reply_attributes(const struct sorrel_reply *r)
{
    return r == NULL ? NULL : value_reply(reply_value(r)->attributes);
}

bool
sorrel_reply_is(const struct sorrel_reply *r, const char *text)
{
    const struct resp_value *v = reply_value(r);

    return v != NULL && resp_is_text(v) && slice_eq(v->text, slice_cstr(text));
}

/* A copy: the root first, so that a pointer to it is a pointer to the reply; what is below it lives in the arena. */
struct owned {
    struct resp_value root;
    struct arena arena;
};

struct sorrel_reply *
sorrel_reply_copy(const struct sorrel_reply *r)
{
    if (r == NULL)
        return NULL;
    struct owned *o = mem_get_zero(sizeof(*o));
    o->root = *resp_copy(&o->arena, reply_value(r));
    return (struct sorrel_reply *)o;
}

void
sorrel_reply_free(struct sorrel_reply *r)
{
    struct owned *o = (struct owned *)r;

    if (o == NULL)
        return;
    arena_fini(&o->arena);
    mem_free(o);
}
