/* cmd/cmd_geo_search.c - GEOSEARCH, GEOSEARCHSTORE, GEORADIUS, GEORADIUSBYMEMBER and their reading forms.
 *
 * All of them read their arguments into one struct search. A search goes over the few cells that cover the area and
 * keeps what lies inside; unsorted results come in the order of cells, then of scores. */
#include "cmd/cmd_geo_priv.h"

#include <math.h>
#include <stdlib.h>

enum shape { SHAPE_NONE, SHAPE_CIRCLE, SHAPE_BOX, SHAPE_POLYGON };
enum order { ORDER_NONE, ORDER_ASC, ORDER_DESC };
enum form { FORM_SEARCH, FORM_STORE, FORM_RADIUS, FORM_RADIUS_RO }; /* GEOSEARCH, GEOSEARCHSTORE, GEORADIUS… */

struct search {
    enum form form;
    const struct zset *zset; /* NULL: absent */
    enum shape shape;
    bool from_place, from_member;
    struct geo_point centre;
    double radius, width, height; /* metres */
    double unit;                  /* metres in one */
    struct geo_point *corners;
    int corner_count;
    enum order order;
    int64_t count;
    bool any, with_distance, with_hash, with_place, store, store_distance;
    struct slice destination;
    exec_body *again;  /* the handler */
    size_t candidates; /* members in the cells that cover the area, as far as they have been looked at */
};

struct found {
    double distance; /* metres */
    double score;
    struct slice member;
};

/* -- arguments ------------------------------------------------------------------------------------------------- */

static enum rc
arg_radius(struct exec *x, int at, struct search *s)
{
    if (arg_double(x, x->argv[at], &s->radius) != RC_OK)
        return fail(x, "ERR need numeric radius");
    if (s->radius < 0)
        return fail(x, "ERR radius cannot be negative");
    TRY(geo__arg_unit(x, x->argv[at + 1], &s->unit));
    s->radius *= s->unit;
    s->shape = SHAPE_CIRCLE;
    return RC_OK;
}

static enum rc
arg_box(struct exec *x, int at, struct search *s)
{
    if (arg_double(x, x->argv[at], &s->width) != RC_OK)
        return fail(x, "ERR need numeric width");
    if (arg_double(x, x->argv[at + 1], &s->height) != RC_OK)
        return fail(x, "ERR need numeric height");
    if (s->width < 0 || s->height < 0)
        return fail(x, "ERR height or width cannot be negative");
    TRY(geo__arg_unit(x, x->argv[at + 2], &s->unit));
    s->width *= s->unit;
    s->height *= s->unit;
    s->shape = SHAPE_BOX;
    return RC_OK;
}

/* n, then n places. Distances are from the middle of the corners. */
static enum rc
arg_polygon(struct exec *x, int at, struct search *s)
{
    int64_t n;

    TRY(arg_int(x, x->argv[at], &n));
    if (n < 3)
        return fail(x, "ERR GEOSEARCH BYPOLYGON must have at least 3 vertices");
    if (n > (x->argc - at - 1) / 2)
        return RC_SYNTAX;
    s->corner_count = (int)n;
    s->corners = arena_array(x->arena, (size_t)n, sizeof(*s->corners));
    s->centre = (struct geo_point){0, 0};
    for (int i = 0; i < s->corner_count; i++) {
        TRY(geo__arg_point(x, at + 1 + 2 * i, &s->corners[i]));
        s->centre.lon += s->corners[i].lon / (double)n;
        s->centre.lat += s->corners[i].lat / (double)n;
    }
    s->unit = 1;
    s->shape = SHAPE_POLYGON;
    return RC_OK;
}

static enum rc
arg_member(struct exec *x, struct slice member, struct search *s)
{
    s->from_member = true;
    if (s->zset != NULL && !geo__place_of(s->zset, member, &s->centre))
        return fail(x, "ERR could not decode requested zset member");
    return RC_OK;
}

/* What only the GEOSEARCH forms know: where and how far. Returns the number of words taken, 0 for none, -1 after *rc.
 */
static int
area_option(struct exec *x, struct search *s, int at, enum rc *rc)
{
    struct slice w = x->argv[at];
    int left = x->argc - at - 1;

    if (left >= 1 && arg_is(w, LIT("frommember")) && !s->from_place && s->shape != SHAPE_POLYGON) {
        *rc = arg_member(x, x->argv[at + 1], s);
        return 2;
    }
    if (left >= 2 && arg_is(w, LIT("fromlonlat")) && !s->from_member && s->shape != SHAPE_POLYGON) {
        *rc = geo__arg_point(x, at + 1, &s->centre);
        s->from_place = true;
        return 3;
    }
    if (left >= 2 && arg_is(w, LIT("byradius")) && (s->shape == SHAPE_NONE || s->shape == SHAPE_CIRCLE)) {
        *rc = arg_radius(x, at + 1, s);
        return 3;
    }
    if (left >= 3 && arg_is(w, LIT("bybox")) && (s->shape == SHAPE_NONE || s->shape == SHAPE_BOX)) {
        *rc = arg_box(x, at + 1, s);
        return 4;
    }
    if (left >= 1 && arg_is(w, LIT("bypolygon")) && s->shape == SHAPE_NONE && !s->from_member && !s->from_place) {
        *rc = arg_polygon(x, at + 1, s);
        return 2 + 2 * s->corner_count;
    }
    if (s->form == FORM_STORE && arg_is(w, LIT("storedist"))) {
        s->store_distance = true;
        return 1;
    }
    return 0;
}

/* One option at argv[*at]; moves on behind it. */
static enum rc
option(struct exec *x, struct search *s, int *at)
{
    struct slice w = x->argv[*at];
    int left = x->argc - *at - 1;
    enum rc rc = RC_OK;

    ++*at;
    if (arg_is(w, LIT("withdist"))) {
        s->with_distance = true;
    } else if (arg_is(w, LIT("withhash"))) {
        s->with_hash = true;
    } else if (arg_is(w, LIT("withcoord"))) {
        s->with_place = true;
    } else if (arg_is(w, LIT("any"))) {
        s->any = true;
    } else if (arg_is(w, LIT("asc"))) {
        s->order = ORDER_ASC;
    } else if (arg_is(w, LIT("desc"))) {
        s->order = ORDER_DESC;
    } else if (arg_is(w, LIT("count")) && left >= 1) {
        TRY(arg_int(x, x->argv[(*at)++], &s->count));
        if (s->count <= 0)
            return fail(x, "ERR COUNT must be > 0");
    } else if (s->form == FORM_RADIUS && left >= 1 && (arg_is(w, LIT("store")) || arg_is(w, LIT("storedist")))) {
        s->store = true;
        s->store_distance = arg_is(w, LIT("storedist"));
        s->destination = x->argv[(*at)++];
    } else {
        int taken = s->form == FORM_SEARCH || s->form == FORM_STORE ? area_option(x, s, *at - 1, &rc) : 0;
        if (taken == 0)
            return RC_SYNTAX;
        *at += taken - 1;
    }
    return rc;
}

static enum rc
check_options(struct exec *x, struct search *s)
{
    bool searches = s->form == FORM_SEARCH || s->form == FORM_STORE;
    const struct slice name = x->argv[0];

    if (s->store && (s->with_distance || s->with_hash || s->with_place))
        return fail(x, "ERR %s is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
                    s->form == FORM_STORE ? "GEOSEARCHSTORE" : "STORE option in GEORADIUS");
    if (searches && s->shape != SHAPE_POLYGON && !s->from_member && !s->from_place)
        return fail(x, "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for %.*s", (int)name.len,
                    name.ptr);
    if (searches && s->shape == SHAPE_NONE)
        return fail(x, "ERR exactly one of BYRADIUS and BYBOX can be specified for %.*s", (int)name.len, name.ptr);
    if (s->any && s->count == 0)
        return fail(x, "ERR the ANY argument requires COUNT argument");
    if (s->count != 0 && s->order == ORDER_NONE && !s->any)
        s->order = ORDER_ASC;
    return RC_OK;
}

/* -- what lies inside ------------------------------------------------------------------------------------------ */

/* A ray to the east crosses the outline an odd number of times. */
static bool
inside_polygon(const struct search *s, struct geo_point p)
{
    bool in = false;

    for (int i = 0, j = s->corner_count - 1; i < s->corner_count; j = i++) {
        struct geo_point a = s->corners[i], b = s->corners[j];
        if ((a.lat > p.lat) != (b.lat > p.lat) && p.lon < (b.lon - a.lon) * (p.lat - a.lat) / (b.lat - a.lat) + a.lon)
            in = !in;
    }
    return in;
}

static bool
inside(const struct search *s, struct geo_point p, double *distance)
{
    double north = geo_lat_distance(s->centre.lat, p.lat);

    if (s->shape == SHAPE_POLYGON) {
        if (!inside_polygon(s, p))
            return false;
    } else if (s->shape == SHAPE_BOX) {
        if (north > s->height / 2 || geo_distance((struct geo_point){s->centre.lon, p.lat}, p) > s->width / 2)
            return false;
    } else if (north > s->radius * (1 + 1e-9)) {
        return false; /* without any trigonometry */
    }
    *distance = geo_distance(s->centre, p);
    return s->shape != SHAPE_CIRCLE || *distance <= s->radius;
}

/* The middle, radius and box from which the cells follow. */
static size_t
cover(const struct search *s, struct geo_span *spans)
{
    struct geo_box box;

    if (s->shape == SHAPE_CIRCLE) {
        box = geo_box_around(s->centre, s->radius, s->radius);
        return geo_cover(s->centre, s->radius, &box, spans);
    }
    if (s->shape == SHAPE_BOX) {
        box = geo_box_around(s->centre, s->width / 2, s->height / 2);
        return geo_cover(s->centre, sqrt((s->width / 2) * (s->width / 2) + (s->height / 2) * (s->height / 2)), &box,
                         spans);
    }
    box = (struct geo_box){s->corners[0], s->corners[0]};
    for (int i = 1; i < s->corner_count; i++) {
        struct geo_point p = s->corners[i];
        box.min.lon = fmin(box.min.lon, p.lon);
        box.min.lat = fmin(box.min.lat, p.lat);
        box.max.lon = fmax(box.max.lon, p.lon);
        box.max.lat = fmax(box.max.lat, p.lat);
    }
    struct geo_point middle = {(box.min.lon + box.max.lon) / 2, (box.min.lat + box.max.lat) / 2};
    double radius = fmax(geo_distance(middle, box.min), geo_distance(middle, box.max));
    /* Degrees of longitude are longest nearest to the equator. */
    double lat = box.min.lat <= 0 && box.max.lat >= 0 ? 0 : fmin(fabs(box.min.lat), fabs(box.max.lat));
    radius = fmax(radius, geo_distance((struct geo_point){box.min.lon, lat}, (struct geo_point){box.max.lon, lat}));
    return geo_cover(middle, radius, &box, spans);
}

/* Ends early where there is so much to look at that it is to be done in slices. */
static enum rc
search_run(struct exec *x, struct search *s, struct found **out, size_t *count)
{
    struct geo_span spans[GEO_CELLS_MAX];
    size_t n = 0, cap = 0, cells = cover(s, spans), limit = s->any ? (size_t)s->count : SIZE_MAX;
    struct found *all = NULL;

    for (size_t c = 0; c < cells && n < limit; c++) {
        struct zset_range range = {(double)spans[c].from, (double)spans[c].to, false, true};
        size_t from, to;
        struct slice member;
        double score, distance;

        zset_span_score(s->zset, &range, &from, &to);
        if (from >= to)
            continue;
        s->candidates += to - from;
        if (exec_is_long(x, s->candidates))
            return RC_OK;
        struct zset_iter it = zset_seek(s->zset, from, false);
        for (; from < to && n < limit && zset_next(s->zset, &it, &member, &score); from++) {
            TRY(exec_pulse(x));
            if (!inside(s, geo_decode(geo_score_bits(score)), &distance))
                continue;
            if (n == cap) {
                cap = cap == 0 ? 64 : cap * 2;
                struct found *grown = arena_array(x->arena, cap, sizeof(*grown));
                if (n > 0)
                    memcpy(grown, all, n * sizeof(*grown));
                all = grown;
            }
            all[n++] = (struct found){distance, score, member};
        }
    }
    *out = all;
    *count = n;
    return RC_OK;
}

static int
nearest_first(const void *a, const void *b)
{
    double da = ((const struct found *)a)->distance, db = ((const struct found *)b)->distance;

    return (da > db) - (da < db);
}

static int
farthest_first(const void *a, const void *b)
{
    return nearest_first(b, a);
}

/* -- results --------------------------------------------------------------------------------------------------- */

static enum rc
reply_found(struct exec *x, const struct search *s, const struct found *all, size_t n)
{
    size_t parts = 1 + (size_t)s->with_distance + (size_t)s->with_hash + (size_t)s->with_place;

    reply_array(x, n);
    for (size_t i = 0; i < n; i++) {
        if (parts > 1)
            reply_array(x, parts);
        reply_bulk(x, all[i].member);
        if (s->with_distance)
            geo__reply_distance(x, all[i].distance / s->unit);
        if (s->with_hash)
            reply_int(x, (int64_t)geo_score_bits(all[i].score));
        if (s->with_place)
            geo__reply_place(x, geo_decode(geo_score_bits(all[i].score)));
        TRY(exec_pulse(x));
    }
    return RC_OK;
}

static enum rc
store_found(struct exec *x, const struct search *s, const struct found *all, size_t n)
{
    if (n == 0) {
        key_delete(x, x->db, s->destination, EV_DEL);
        return reply_int(x, 0);
    }
    struct entry *made = entry_new(TYPE_ZSET, s->destination);
    struct zset *z = (struct zset *)entry_handle(made);
    enum rc rc = RC_OK;
    for (size_t i = 0; i < n && (rc = exec_pulse(x)) == RC_OK; i++)
        zset_put(z, x->limits, all[i].member, s->store_distance ? all[i].distance / s->unit : all[i].score);
    if (rc != RC_OK) {
        entry_drop(x, made);
        return rc;
    }
    key_put(x, x->db, made, s->form == FORM_STORE ? EV_GEOSEARCHSTORE : EV_GEORADIUSSTORE);
    return reply_int(x, (int64_t)n);
}

/* Reads the options from argv[at] on and does what they say. */
static enum rc
search(struct exec *x, struct search *s, int at)
{
    struct found *all = NULL;
    size_t n = 0;

    while (at < x->argc)
        TRY(option(x, s, &at));
    TRY(check_options(x, s));
    if (s->zset != NULL)
        TRY(search_run(x, s, &all, &n));
    if (exec_is_long(x, s->candidates))
        return exec_in_slices(x, s->again, 0);
    if (s->order != ORDER_NONE && n > 1)
        qsort(all, n, sizeof(*all), s->order == ORDER_ASC ? nearest_first : farthest_first);
    if (s->count > 0 && (uint64_t)s->count < n)
        n = (size_t)s->count;
    return s->store ? store_found(x, s, all, n) : reply_found(x, s, all, n);
}

/* -- commands -------------------------------------------------------------------------------------------------- */

static enum rc
cmd_geosearch(struct exec *x)
{
    struct search s = {.form = FORM_SEARCH, .again = cmd_geosearch};

    TRY(read_zset(x, x->argv[1], &s.zset));
    return search(x, &s, 2);
}

static enum rc
cmd_geosearchstore(struct exec *x)
{
    struct search s = {.form = FORM_STORE, .again = cmd_geosearchstore, .store = true, .destination = x->argv[1]};

    TRY(read_zset(x, x->argv[2], &s.zset));
    return search(x, &s, 3);
}

static enum rc
radius(struct exec *x, exec_body *again, enum form form)
{
    struct search s = {.form = form, .again = again};

    TRY(read_zset(x, x->argv[1], &s.zset));
    TRY(geo__arg_point(x, 2, &s.centre));
    TRY(arg_radius(x, 4, &s));
    return search(x, &s, 6);
}

static enum rc
radius_by_member(struct exec *x, exec_body *again, enum form form)
{
    struct search s = {.form = form, .again = again, .unit = 1};

    TRY(read_zset(x, x->argv[1], &s.zset));
    /* Without a key redis does not look at the radius. */
    if (s.zset != NULL) {
        TRY(arg_member(x, x->argv[2], &s));
        TRY(arg_radius(x, 3, &s));
    }
    return search(x, &s, 5);
}

static enum rc
cmd_georadius(struct exec *x)
{
    return radius(x, cmd_georadius, FORM_RADIUS);
}

static enum rc
cmd_georadius_ro(struct exec *x)
{
    return radius(x, cmd_georadius_ro, FORM_RADIUS_RO);
}

static enum rc
cmd_georadiusbymember(struct exec *x)
{
    return radius_by_member(x, cmd_georadiusbymember, FORM_RADIUS);
}

static enum rc
cmd_georadiusbymember_ro(struct exec *x)
{
    return radius_by_member(x, cmd_georadiusbymember_ro, FORM_RADIUS_RO);
}

/* Appends the keys that follow a word; returns how many keys there are then. */
static int
keys_after(struct slice word, const struct slice *argv, int argc, int n, int *index, uint16_t *flags, int max)
{
    for (int i = 5; i + 1 < argc; i++) {
        if (!slice_eq_nocase(argv[i], word))
            continue;
        i++;
        if (n < max) {
            index[n] = i;
            flags[n++] = KEY_OW | KEY_UPDATE;
        }
    }
    return n;
}

/* The source, then every destination. The command writes to the last one only; redis names the first of each word,
 * which lets a user write to a key that was never checked. */
static int
radius_keys(const struct slice *argv, int argc, int *index, uint16_t *flags, int max)
{
    int n = 0;

    if (argc > 1 && max > 0) {
        index[n] = 1;
        flags[n++] = KEY_RO | KEY_ACCESS;
    }
    n = keys_after(LIT("store"), argv, argc, n, index, flags, max);
    return keys_after(LIT("storedist"), argv, argc, n, index, flags, max);
}

/* -- rows ------------------------------------------------------------------------------------------------------ */

#define UNIT  "unit=<M|KM|FT|MI>"
#define WITHS "[WITHCOORD] [WITHDIST] [WITHHASH]"
#define AREA                                                                                       \
    "from=<FROMMEMBER member|FROMLONLAT fromlonlat={longitude:double latitude:double}> "           \
    "by=<circle={BYRADIUS radius:double " UNIT "}|box={BYBOX width:double height:double " UNIT "}" \
    "|polygon={BYPOLYGON num-vertices:int vertices={longitude:double latitude:double}...}@9.0.0> " \
    "order=[ASC|DESC] count-block=[COUNT count:int [ANY]]"
#define RADIUS_TAIL(any) WITHS " count-block=[COUNT count:int [ANY]" any "] order=[ASC|DESC]"
#define STORES           " store=[STORE storekey:key#1|STOREDIST storedistkey:key#2]"
#define STORE_KEY(word, at)                                                                                        \
    {                                                                                                              \
        .flags = KEY_OW | KEY_UPDATE | KEY_INCOMPLETE, .begin = KEY_BEGIN_KEYWORD, .keyword = word, .index = (at), \
        .step = 1                                                                                                  \
    }
#define COST      "O(N+log(M)) for N places around the area and M in the key"
#define ROW_READS .group = GROUP_GEO, .flags = CMD_READONLY, .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}
#define ROW_MAY_STORE(at)                                                                         \
    .group = GROUP_GEO, .flags = CMD_WRITE | CMD_DENYOOM | CMD_MOVABLEKEYS,                       \
    .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS), STORE_KEY("STORE", at), STORE_KEY("STOREDIST", at)}, \
    .find_keys = radius_keys
#define HISTORY_UNITS "7.0.0 Units in any case."

const struct cmd cmd_geo_search_family[] = {
    {"georadius", cmd_georadius, .arity = -6, ROW_MAY_STORE(6), .since = "3.2.0",
     .args = "key longitude:double latitude:double radius:double " UNIT " " RADIUS_TAIL("@6.2.0") STORES,
     .reply = "array | integer", .about = "Returns or stores the places around a point.", .complexity = COST,
     .deprecated_since = "6.2.0", .replaced_by = "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument",
     .history = "6.2.0 New ANY.|" HISTORY_UNITS},
    {"georadiusbymember", cmd_georadiusbymember, .arity = -5, ROW_MAY_STORE(5), .since = "3.2.0",
     .args = "key member radius:double " UNIT " " RADIUS_TAIL("") STORES, .reply = "array | integer",
     .about = "Returns or stores the places around one of them.", .complexity = COST, .deprecated_since = "6.2.0",
     .replaced_by = "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments",
     .history = "6.2.0 New ANY.|" HISTORY_UNITS},
    {"georadius_ro", cmd_georadius_ro, .arity = -6, ROW_READS, .since = "3.2.10",
     .args = "key longitude:double latitude:double radius:double " UNIT " " RADIUS_TAIL("@6.2.0"), .reply = "array",
     .about = "Returns the places around a point.", .complexity = COST, .deprecated_since = "6.2.0",
     .replaced_by = "`GEOSEARCH` with the `BYRADIUS` argument", .history = "6.2.0 New ANY.|" HISTORY_UNITS},
    {"georadiusbymember_ro", cmd_georadiusbymember_ro, .arity = -5, ROW_READS, .since = "3.2.10",
     .args = "key member radius:double " UNIT " " RADIUS_TAIL(""), .reply = "array",
     .about = "Returns the places around one of them.", .complexity = COST, .deprecated_since = "6.2.0",
     .replaced_by = "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments",
     .history = "6.2.0 New ANY.|" HISTORY_UNITS},
    {"geosearch", cmd_geosearch, .arity = -7, ROW_READS, .since = "6.2.0", .args = "key " AREA " " WITHS,
     .reply = "array", .about = "Returns the places inside a circle, a box or a polygon.", .complexity = COST,
     .history = HISTORY_UNITS "|9.0.0 New BYPOLYGON."},
    {"geosearchstore", cmd_geosearchstore, .arity = -8, .group = GROUP_GEO, .flags = CMD_WRITE | CMD_DENYOOM,
     .keys = {KEY_AT(1, KEY_OW | KEY_UPDATE), KEY_AT(2, KEY_RO | KEY_ACCESS)}, .since = "6.2.0",
     .args = "destination:key source:key " AREA " [STOREDIST]", .reply = "integer",
     .about = "Stores the places inside a circle, a box or a polygon.", .complexity = COST,
     .history = HISTORY_UNITS "|9.0.0 New BYPOLYGON."},
    {0},
};
