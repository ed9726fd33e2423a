/* cmd/cmd_geo.c - places as scores of sorted sets: GEOADD, GEODIST, GEOHASH, GEOPOS. Searches are in cmd_geo_search.c.
 */
#include "cmd/cmd_geo_priv.h"

#include <stdio.h>

/* -- arguments and replies ------------------------------------------------------------------------------------- */

enum rc
geo__arg_point(struct exec *x, int at, struct geo_point *out)
{
    struct geo_point p;

    TRY(arg_double(x, x->argv[at], &p.lon));
    TRY(arg_double(x, x->argv[at + 1], &p.lat));
    if (!geo_point_valid(p))
        return fail(x, "ERR invalid longitude,latitude pair %f,%f", p.lon, p.lat);
    *out = p;
    return RC_OK;
}

enum rc
geo__arg_unit(struct exec *x, struct slice arg, double *metres)
{
    static const struct {
        struct slice word;
        double metres;
    } units[] = {{LIT_INIT("m"), 1}, {LIT_INIT("km"), 1000}, {LIT_INIT("ft"), 0.3048}, {LIT_INIT("mi"), 1609.34}};

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (arg_is(arg, units[i].word)) {
            *metres = units[i].metres;
            return RC_OK;
        }
    }
    return fail(x, "ERR unsupported unit provided. please use M, KM, FT, MI");
}

bool
geo__place_of(const struct zset *z, struct slice member, struct geo_point *out)
{
    double score;

    if (!zset_score(z, member, &score))
        return false;
    *out = geo_decode(geo_score_bits(score));
    return true;
}

void
geo__reply_distance(struct exec *x, double distance)
{
    char text[400]; /* the largest double has 309 digits */
    int n = snprintf(text, sizeof(text), "%.4f", distance);

    reply_bulk(x, slice_of(text, (size_t)n));
}

void
geo__reply_place(struct exec *x, struct geo_point p)
{
    char *text = arena_get(x->arena, LONG_DOUBLE_TEXT_MAX);

    reply_array(x, 2);
    reply_put_double_text(&x->reply, slice_of(text, format_long_double(text, p.lon)));
    reply_put_double_text(&x->reply, slice_of(text, format_long_double(text, p.lat)));
}

/* -- commands -------------------------------------------------------------------------------------------------- */

struct add_options {
    bool nx, xx, ch;
};

/* Reads what stands before the places; returns where they begin. */
static int
add_options(struct exec *x, struct add_options *o)
{
    int i = 2;

    for (; i < x->argc; i++) {
        if (arg_is(x->argv[i], LIT("nx")))
            o->nx = true;
        else if (arg_is(x->argv[i], LIT("xx")))
            o->xx = true;
        else if (arg_is(x->argv[i], LIT("ch")))
            o->ch = true;
        else
            break;
    }
    return i;
}

static enum rc
cmd_geoadd(struct exec *x)
{
    struct add_options o = {0};
    struct entry *e;
    struct zset *z;
    int64_t added = 0, updated = 0;
    int at = add_options(x, &o), n = (x->argc - at) / 3;

    if ((x->argc - at) % 3 != 0 || (o.nx && o.xx))
        return RC_SYNTAX;
    double *scores = arena_array(x->arena, (size_t)n + 1, sizeof(*scores));
    for (int i = 0; i < n; i++) {
        struct geo_point p;

        TRY(geo__arg_point(x, at + 3 * i, &p));
        scores[i] = (double)geo_encode(p);
    }
    if (n == 0)
        return RC_SYNTAX;
    TRY(edit_zset(x, x->argv[1], o.xx ? ENTRY_EXISTING : ENTRY_CREATE, &e, &z));
    if (e == NULL)
        return reply_int(x, 0);
    for (int i = 0; i < n; i++) {
        struct slice member = x->argv[at + 3 * i + 2];
        double was;
        bool there = zset_score(z, member, &was);

        if (there ? o.nx || was == scores[i] : o.xx)
            continue;
        zset_put(z, x->limits, member, scores[i]);
        *(there ? &updated : &added) += 1;
    }
    if (added + updated > 0)
        entry_changed(x, e, EV_ZADD);
    else
        entry_unchanged(x, e);
    return reply_int(x, o.ch ? added + updated : added);
}

static enum rc
cmd_geodist(struct exec *x)
{
    const struct zset *z;
    struct geo_point a, b;
    double unit = 1;

    if (x->argc > 5)
        return RC_SYNTAX;
    if (x->argc == 5)
        TRY(geo__arg_unit(x, x->argv[4], &unit));
    TRY(read_zset(x, x->argv[1], &z));
    if (z == NULL || !geo__place_of(z, x->argv[2], &a) || !geo__place_of(z, x->argv[3], &b))
        return reply_null(x);
    geo__reply_distance(x, geo_distance(a, b) / unit);
    return RC_OK;
}

static enum rc
cmd_geohash(struct exec *x)
{
    const struct zset *z;
    struct geo_point p;
    char text[GEO_TEXT_LEN];

    TRY(read_zset(x, x->argv[1], &z));
    reply_array(x, (size_t)x->argc - 2);
    for (int i = 2; i < x->argc; i++) {
        if (z == NULL || !geo__place_of(z, x->argv[i], &p)) {
            reply_null(x);
            continue;
        }
        geo_text(p, text);
        reply_bulk(x, slice_of(text, sizeof(text)));
    }
    return RC_OK;
}

static enum rc
cmd_geopos(struct exec *x)
{
    const struct zset *z;
    struct geo_point p;

    TRY(read_zset(x, x->argv[1], &z));
    reply_array(x, (size_t)x->argc - 2);
    for (int i = 2; i < x->argc; i++) {
        if (z == NULL || !geo__place_of(z, x->argv[i], &p))
            reply_null_array(x);
        else
            geo__reply_place(x, p);
    }
    return RC_OK;
}

/* -- rows ------------------------------------------------------------------------------------------------------ */

const struct cmd cmd_geo_family[] = {
    {"geoadd", cmd_geoadd, .arity = -5, .group = GROUP_GEO, .flags = CMD_WRITE | CMD_DENYOOM,
     .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)}, .since = "3.2.0",
     .args = "key condition=[NX|XX]@6.2.0 change=[CH]@6.2.0 data={longitude:double latitude:double member}...",
     .reply = "integer", .about = "Adds places, or moves them.", .complexity = "O(log(N)) for each place",
     .history = "6.2.0 New CH NX XX."},
    {"geodist", cmd_geodist, .arity = -4, .group = GROUP_GEO, .flags = CMD_READONLY,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "3.2.0", .args = "key member1 member2 unit=[M|KM|FT|MI]",
     .reply = "bulk | null", .about = "Returns the distance between two places.", .complexity = "O(1)"},
    {"geohash", cmd_geohash, .arity = -2, .group = GROUP_GEO, .flags = CMD_READONLY,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "3.2.0", .args = "key [member]...", .reply = "array",
     .about = "Returns the usual text form of places.", .complexity = "O(1) for each member"},
    {"geopos", cmd_geopos, .arity = -2, .group = GROUP_GEO, .flags = CMD_READONLY,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .since = "3.2.0", .args = "key [member]...", .reply = "array",
     .about = "Returns longitude and latitude of places.", .complexity = "O(1) for each member"},
    {0},
};
