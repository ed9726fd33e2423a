/* script/convert.c - replies to Lua values and back, as Redis converts them.
 *
 * Neither way recurses: what is open lies in an array on our side, so nesting costs memory that is bounded and no
 * stack.
 */
#include "script/script_priv.h"

#include "base/number.h"

#include <math.h>
#include <stdlib.h>

/* -- replies to values ----------------------------------------------------------------------------------------- */

enum { READ_DEPTH_MAX = 64 };

enum reading { READ_ARRAY, READ_MAP, READ_SET, READ_SKIP };
struct read_frame {
    enum reading kind;
    int64_t left; /* elements still to come; of a map keys and values */
    int next;     /* index in an array */
};

struct reply_reader {
    lua_State *L;
    const char *p, *end;
    struct read_frame frames[READ_DEPTH_MAX];
    int depth;
};

/* The line from p, without its end; moves behind it. */
static struct slice
take_line(struct reply_reader *r)
{
    const char *eol = memchr(r->p, '\r', (size_t)(r->end - r->p));

    CHECK(eol != NULL && eol + 1 < r->end);
    struct slice line = slice_of(r->p, (size_t)(eol - r->p));
    r->p = eol + 2;
    return line;
}

static int64_t
take_int(struct reply_reader *r)
{
    int64_t v = 0;
    struct slice line = take_line(r);

    CHECK(parse_int64(line, &v));
    return v;
}

static struct slice
take_bytes(struct reply_reader *r, int64_t n)
{
    CHECK(n >= 0 && r->end - r->p >= n + 2);
    struct slice s = slice_of(r->p, (size_t)n);
    r->p += n + 2;
    return s;
}

static void
push_field(lua_State *L, const char *field, struct slice s)
{
    lua_createtable(L, 0, 1);
    lua_pushlstring(L, s.ptr, s.len);
    lua_setfield(L, -2, field);
}

static void
push_double(lua_State *L, struct slice text)
{
    double v = 0;

    if (text.len == 3 && slice_eq(text, LIT("nan")))
        v = NAN;
    else
        (void)parse_double(text, &v);
    lua_createtable(L, 0, 1);
    lua_pushnumber(L, v);
    lua_setfield(L, -2, "double");
}

static void
push_verbatim(lua_State *L, struct slice s)
{
    lua_createtable(L, 0, 1);
    lua_createtable(L, 0, 2);
    lua_pushlstring(L, s.ptr, s.len < 3 ? s.len : 3);
    lua_setfield(L, -2, "format");
    s = slice_skip(s, 4);
    lua_pushlstring(L, s.ptr, s.len);
    lua_setfield(L, -2, "string");
    lua_setfield(L, -2, "verbatim_string");
}

static void
open_frame(struct reply_reader *r, enum reading kind, int64_t elements)
{
    CHECK(r->depth < READ_DEPTH_MAX); /* no command of ours nests like that */
    luaL_checkstack(r->L, 8, "in a reply");
    if (kind == READ_ARRAY) {
        lua_createtable(r->L, elements < INT16_MAX ? (int)elements : INT16_MAX, 0);
    } else if (kind != READ_SKIP) {
        lua_createtable(r->L, 0, 1);
        lua_newtable(r->L);
    }
    r->frames[r->depth++] = (struct read_frame){kind, elements, 1};
}

/* Reads one value's header, pushing it if it is complete. False: a frame was opened. */
static bool
read_value(struct reply_reader *r)
{
    lua_State *L = r->L;
    int64_t n;

    switch (*r->p++) {
    case ':': lua_pushnumber(L, (lua_Number)take_int(r)); return true;
    case '$':
        n = take_int(r);
        if (n < 0) {
            lua_pushboolean(L, 0);
        } else {
            struct slice s = take_bytes(r, n);
            lua_pushlstring(L, s.ptr, s.len);
        }
        return true;
    case '+': push_field(L, "ok", take_line(r)); return true;
    case '-': script__push_error(L, take_line(r), true); return true;
    case '*':
    case '>':
        n = take_int(r);
        if (n < 0)
            lua_pushboolean(L, 0);
        else
            open_frame(r, READ_ARRAY, n);
        return n < 0;
    case '%': open_frame(r, READ_MAP, 2 * take_int(r)); return false;
    case '~': open_frame(r, READ_SET, take_int(r)); return false;
    case '|': open_frame(r, READ_SKIP, 2 * take_int(r)); return false;
    case '_':
        take_line(r);
        lua_pushnil(L);
        return true;
    case '#': lua_pushboolean(L, take_line(r).ptr[0] == 't'); return true;
    case ',': push_double(L, take_line(r)); return true;
    case '(': push_field(L, "big_number", take_line(r)); return true;
    case '=': push_verbatim(L, take_bytes(r, take_int(r))); return true;
    default: CHECK(!"a reply of a known type"); return true;
    }
}

/* The value on top goes where the innermost frame wants it. */
static void
store_value(struct reply_reader *r)
{
    lua_State *L = r->L;
    struct read_frame *f = &r->frames[r->depth - 1];

    f->left--;
    switch (f->kind) {
    case READ_ARRAY: lua_rawseti(L, -2, f->next++); break;
    case READ_MAP:
        if (f->left % 2 != 0)
            break; /* a key waits on the stack for its value */
        if (lua_isnil(L, -2))
            lua_pop(L, 2);
        else
            lua_rawset(L, -3);
        break;
    case READ_SET:
        if (lua_isnil(L, -1)) {
            lua_pop(L, 1);
            break;
        }
        lua_pushboolean(L, 1);
        lua_rawset(L, -3);
        break;
    case READ_SKIP: lua_pop(L, 1); break;
    }
}

/* Closes what is full. True when the whole value is on the stack. */
static bool
close_frames(struct reply_reader *r)
{
    while (r->depth > 0 && r->frames[r->depth - 1].left <= 0) {
        enum reading kind = r->frames[--r->depth].kind;
        if (kind == READ_SKIP)
            return false; /* an attribute is followed by the value that it belongs to */
        if (kind != READ_ARRAY)
            lua_setfield(r->L, -2, kind == READ_MAP ? "map" : "set");
        if (r->depth > 0)
            store_value(r);
    }
    return r->depth == 0;
}

void
script__push_reply(lua_State *L, struct slice bytes)
{
    struct reply_reader r;

    r.L = L;
    r.p = bytes.ptr;
    r.end = bytes.ptr + bytes.len;
    r.depth = 0;
    if (UNLIKELY(bytes.len == 0)) { /* a command that answers nothing */
        lua_pushboolean(L, 0);
        return;
    }
    do {
        if (read_value(&r)) {
            if (r.depth == 0)
                return;
            store_value(&r);
        }
    } while (!close_frames(&r));
}

/* -- values to replies ----------------------------------------------------------------------------------------- */

/* Depth as far as Lua's own stack of C functions would go with Redis. */
enum { WRITE_DEPTH_MAX = 1500, FRAMES_FIRST = 16 };

enum writing { WRITE_ARRAY, WRITE_MAP, WRITE_SET };
struct write_frame {
    enum writing kind;
    bool value_next; /* of a map: the key has been written */
    size_t count;
    struct reply_mark mark;
};

struct value_writer {
    lua_State *L;
    struct reply *r;
    int resp;
    struct script_host *host;
    size_t depth;
};

/* Replaces the table on top by its field, if that has the type. */
static bool
take_field(lua_State *L, const char *name, int type)
{
    lua_pushstring(L, name);
    lua_rawget(L, -2);
    if (lua_type(L, -1) == type) {
        lua_remove(L, -2);
        return true;
    }
    lua_pop(L, 1);
    return false;
}

static struct slice
top_string(lua_State *L)
{
    struct slice s;

    s.ptr = lua_tolstring(L, -1, &s.len);
    return s;
}

/* Texts of errors and states end at a NUL. */
static struct slice
top_line(lua_State *L)
{
    return slice_cstr(lua_tostring(L, -1));
}

static void
open_write(struct value_writer *w, enum writing kind)
{
    struct script_host *h = w->host;

    if (w->depth == h->frames_cap) {
        h->frames_cap = h->frames_cap == 0 ? FRAMES_FIRST : h->frames_cap * 2;
        h->frames = mem_resize(h->frames, h->frames_cap * sizeof(*h->frames));
    }
    h->frames[w->depth++] = (struct write_frame){kind, false, 0, reply_mark_here(w->r)};
    if (kind != WRITE_ARRAY)
        lua_pushnil(w->L); /* the first key */
}

/* {err = …}: the whole line; a counted one is not counted again. */
static void
put_error_field(struct value_writer *w)
{
    struct slice line = top_line(w->L);

    lua_pushliteral(w->L, "ignore_error_stats_update");
    lua_rawget(w->L, -3);
    bool counted = lua_toboolean(w->L, -1);
    lua_pop(w->L, 1);
    while (line.len > 0 && (line.ptr[line.len - 1] == '\r' || line.ptr[line.len - 1] == '\n'))
        line.len--;
    if (!counted)
        engine_count_error(w->host->engine, line);
    reply_put_error(w->r, line);
}

/* It stands on a line of its own in RESP3, and has none in RESP2 either. */
static void
put_bignum(struct value_writer *w, struct slice digits)
{
    struct buf *b = &w->host->error;

    buf_reset(b);
    for (size_t i = 0; i < digits.len; i++)
        buf_add_char(b, digits.ptr[i] == '\r' || digits.ptr[i] == '\n' ? ' ' : digits.ptr[i]);
    reply_put_bignum(w->r, buf_slice(b));
}

static bool
put_verbatim(struct value_writer *w)
{
    lua_State *L = w->L;

    lua_pushliteral(L, "format");
    lua_rawget(L, -2);
    lua_pushliteral(L, "string");
    lua_rawget(L, -3);
    bool ok = lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TSTRING;
    if (ok) {
        size_t len;
        char format[3] = {' ', ' ', ' '};
        const char *given = lua_tolstring(L, -2, &len);
        memcpy(format, given, len < 3 ? len : 3);
        reply_put_verbatim(w->r, format, top_string(L));
    }
    lua_pop(L, 2);
    return ok;
}

/* The table on top. True: written and still on top, to be popped. False: a frame was opened on it. */
static bool
put_table(struct value_writer *w)
{
    lua_State *L = w->L;

    lua_pushliteral(L, "err");
    lua_rawget(L, -2);
    if (lua_type(L, -1) == LUA_TSTRING) {
        put_error_field(w);
        lua_pop(L, 1);
        return true;
    }
    lua_pop(L, 1);
    if (take_field(L, "ok", LUA_TSTRING)) {
        reply_put_simple(w->r, top_line(L));
        return true;
    }
    if (take_field(L, "double", LUA_TNUMBER)) {
        reply_put_double(w->r, lua_tonumber(L, -1));
        return true;
    }
    if (take_field(L, "map", LUA_TTABLE)) {
        open_write(w, WRITE_MAP);
        return false;
    }
    if (take_field(L, "set", LUA_TTABLE)) {
        open_write(w, WRITE_SET);
        return false;
    }
    if (take_field(L, "big_number", LUA_TSTRING)) {
        put_bignum(w, top_string(L));
        return true;
    }
    lua_pushliteral(L, "verbatim_string");
    lua_rawget(L, -2);
    if (lua_type(L, -1) == LUA_TTABLE && put_verbatim(w)) {
        lua_pop(L, 1);
        return true;
    }
    lua_pop(L, 1);
    open_write(w, WRITE_ARRAY);
    return false;
}

/* What a conversion in C does on this machine: out of range gives the smallest number. */
static int64_t
whole_number(lua_Number v)
{
    if (!(v > -9223372036854775809.0 && v < 9223372036854775808.0))
        return INT64_MIN;
    return (int64_t)v;
}

static bool
put_one(struct value_writer *w)
{
    lua_State *L = w->L;

    switch (lua_type(L, -1)) {
    case LUA_TSTRING: reply_put_bulk(w->r, top_string(L)); return true;
    case LUA_TNUMBER: reply_put_int(w->r, whole_number(lua_tonumber(L, -1))); return true;
    case LUA_TBOOLEAN:
        if (w->resp >= 3)
            reply_put_bool(w->r, lua_toboolean(L, -1));
        else if (lua_toboolean(L, -1))
            reply_put_int(w->r, 1);
        else
            reply_put_null(w->r);
        return true;
    case LUA_TTABLE:
        if (w->depth >= WRITE_DEPTH_MAX || !lua_checkstack(L, 8)) {
            reply_put_error(w->r, LIT("ERR reached lua stack limit"));
            return true;
        }
        return put_table(w);
    default: reply_put_null(w->r); return true;
    }
}

/* Pushes what the innermost frame wants written next; false when it is complete and closed. */
static bool
next_element(struct value_writer *w)
{
    lua_State *L = w->L;
    struct write_frame *f = &w->host->frames[w->depth - 1];

    if (f->kind == WRITE_ARRAY) {
        lua_rawgeti(L, -1, (int)(f->count + 1));
        if (!lua_isnil(L, -1)) {
            f->count++;
            return true;
        }
        lua_pop(L, 1);
        reply_close_array(w->r, f->mark, f->count);
        return false;
    }
    if (f->value_next) { /* table key value */
        f->value_next = false;
        return true;
    }
    if (!lua_next(L, -2)) {
        if (f->kind == WRITE_MAP)
            reply_close_map(w->r, f->mark, f->count);
        else
            reply_close_set(w->r, f->mark, f->count);
        return false;
    }
    f->count++;
    if (f->kind == WRITE_SET) {
        lua_pop(L, 1);
        lua_pushvalue(L, -1);
        return true;
    }
    /* table key value: write the key first, then the value. */
    lua_pushvalue(L, -2);
    f->value_next = true;
    return true;
}

void
script__put_value(lua_State *L, struct reply *r, int resp, struct script_host *h)
{
    struct value_writer w = {.L = L, .r = r, .resp = resp, .host = h};

    if (put_one(&w)) {
        lua_pop(L, 1);
        return;
    }
    while (w.depth > 0) {
        if (next_element(&w)) {
            if (put_one(&w))
                lua_pop(L, 1);
        } else {
            w.depth--;
            lua_pop(L, 1);
        }
    }
}
