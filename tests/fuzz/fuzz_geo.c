/* tests/fuzz/fuzz_geo.c - searches on a map beside looking at every place; and the geo commands with any words.
 *
 * The input is a program: places are added, and what a search by radius or by box finds is compared with what GEODIST
 * says of each place. Those close to the edge may be on either side. Where finds_all() says no, a search may miss
 * places, as redis's does.
 */
#include "base/check.h"
#include "base/number.h"
#include "support/loopback.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PLACES = 16, STEPS_MAX = 80 };

struct input {
    const uint8_t *at, *end;
};

struct place {
    double lon, lat;
};

static unsigned
next(struct input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

/* From low to high, often at one of the ends. */
static double
coordinate(struct input *in, double low, double high)
{
    unsigned how = next(in), v = next(in) << 8 | next(in);

    if (how < 8)
        return low;
    if (how < 16)
        return high;
    if (how < 24)
        return 0;
    return low + (high - low) * v / 65535;
}

static const char *
say(struct loopback *l, const char *line)
{
    struct buf *out = &l->sessions[0].out;

    buf_reset(out);
    loopback_feed(l, 0, slice_cstr(line));
    loopback_feed(l, 0, LIT("\r\n"));
    buf_add_char(out, '\0');
    return out->ptr;
}

static void
add_place(struct loopback *l, struct input *in, struct place places[PLACES])
{
    char line[128];
    unsigned place = next(in) % PLACES;
    double lon = coordinate(in, -180, 180), lat = coordinate(in, -85.05112878, 85.05112878);

    snprintf(line, sizeof(line), "GEOADD g %.10f %.10f p%02u", lon, lat, place);
    (void)say(l, line);
    places[place] = (struct place){lon, lat};
}

/* The distance in metres, or -1. */
static double
distance(struct loopback *l, unsigned a, unsigned b)
{
    char line[64];

    snprintf(line, sizeof(line), "GEODIST g p%02u p%02u", a, b);
    const char *reply = say(l, line);
    const char *text = reply[0] == '$' && reply[1] != '-' ? strchr(reply, '\n') : NULL;
    return text != NULL ? strtod(text + 1, NULL) : -1;
}

/* As in Redis, a search near a pole, or across the meridian of 180 degrees, may miss places. */
static bool
finds_all(struct place from, double radius)
{
    double degrees = radius / 111000, farthest = fabs(from.lat) + degrees;

    return fabs(from.lat) < 60 && radius < 2000000 &&
           fabs(from.lon) + degrees / cos(farthest * 3.14159265358979 / 180) < 180;
}

static void
search(struct loopback *l, struct input *in, const struct place places[PLACES])
{
    static const double sizes[] = {1, 100, 10000, 1000000, 5000000, 10000000, 20000000};
    unsigned from = next(in) % PLACES, found = 0;
    double radius = sizes[next(in) % 7] * (1 + next(in)) / 64;
    char line[128], name[8];

    bool complete = finds_all(places[from], radius);

    if (distance(l, from, from) < 0)
        return;
    snprintf(line, sizeof(line), "GEOSEARCH g FROMMEMBER p%02u BYRADIUS %.3f m %s", from, radius,
             next(in) % 2 ? "ASC" : "DESC");
    const char *reply = say(l, line);
    CHECK(reply[0] == '*');
    for (unsigned i = 0; i < PLACES; i++) {
        snprintf(name, sizeof(name), "p%02u", i);
        found |= (strstr(reply, name) != NULL ? 1u : 0u) << i;
    }
    for (unsigned i = 0; i < PLACES; i++) {
        double d = distance(l, from, i);
        bool in_it = found >> i & 1, edge = fabs(d - radius) < 0.01 + radius * 1e-9;
        CHECK(d >= 0 || !in_it);
        CHECK(d < 0 || edge || in_it == (d <= radius) || (!in_it && !complete));
    }
}

/* What GEOPOS gives back goes to the same cell when it is added again. */
static void
around(struct loopback *l, struct input *in)
{
    char line[160], hash[32];
    unsigned place = next(in) % PLACES;

    snprintf(line, sizeof(line), "ZSCORE g p%02u", place);
    const char *reply = say(l, line);
    if (reply[0] != '$' || reply[1] == '-')
        return;
    snprintf(hash, sizeof(hash), "%s", strchr(reply, '\n') + 1);
    snprintf(line, sizeof(line), "GEOPOS g p%02u", place);
    reply = say(l, line);
    char lon[40], lat[40];
    CHECK(sscanf(reply, "*1\r\n*2\r\n$%*d\r\n%39[^\r]\r\n$%*d\r\n%39[^\r]", lon, lat) == 2);
    snprintf(line, sizeof(line), "GEOADD h %s %s x", lon, lat);
    CHECK(say(l, line)[0] == ':');
    reply = say(l, "ZSCORE h x");
    CHECK(strncmp(strchr(reply, '\n') + 1, hash, strlen(hash)) == 0);
}

static void
any_words(struct loopback *l, struct input *in)
{
    static const char *const names[] = {
        "GEOADD",  "GEOSEARCH", "GEOSEARCHSTORE", "GEORADIUS",    "GEORADIUSBYMEMBER",
        "GEOHASH", "GEOPOS",    "GEODIST",        "GEORADIUS_RO", "GEORADIUSBYMEMBER_RO"};
    static const char *const pool[] = {
        "j",  "h",  "p00",  "p01",      "FROMMEMBER", "FROMLONLAT", "BYRADIUS",  "BYBOX", "BYPOLYGON", "3",   "0",
        "1",  "-1", "180",  "-180",     "85",         "-85.05",     "90",        "1e9",   "1e-300",    "nan", "inf",
        "m",  "km", "mi",   "ft",       "COUNT",      "ANY",        "ASC",       "DESC",  "WITHDIST",  "NX",  "XX",
        "CH", "10", "45.5", "WITHHASH", "STORE",      "STOREDIST",  "WITHCOORD", "",      "1e308"};
    struct buf b = {0};
    unsigned n = 1 + next(in) % 14;

    buf_printf(&b, "*%u\r\n", n + 1);
    const char *name = names[next(in) % 10];
    buf_printf(&b, "$%zu\r\n%s\r\n", strlen(name), name);
    for (; n > 0; n--) {
        const char *word = pool[next(in) % (sizeof(pool) / sizeof(pool[0]))];
        buf_printf(&b, "$%zu\r\n%s\r\n", strlen(word), word);
    }
    buf_reset(&l->sessions[0].out);
    loopback_feed(l, 0, buf_slice(&b));
    CHECK(l->sessions[0].out.len > 0);
    buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, data + size};
    struct loopback *l = loopback_new(3);
    struct place places[PLACES] = {0};

    loopback_open(l, 0);
    for (int i = 0; i < STEPS_MAX && in.at < in.end; i++) {
        unsigned what = next(&in);
        if (what < 110)
            add_place(l, &in, places);
        else if (what < 160)
            search(l, &in, places);
        else if (what < 180)
            around(l, &in);
        else
            any_words(l, &in);
    }
    loopback_free(l);
    return 0;
}
