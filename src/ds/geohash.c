/* ds/geohash.c - places on Earth as 52-bit numbers. */
#include "ds/geohash.h"

#include <math.h>
#include <string.h>

#define EARTH_RADIUS 6372797.560856 /* metres; the one Redis computes with */
#define MERCATOR_MAX 20037726.37    /* metres from the middle of the map to its edge */

static const struct geo_box world = {{-GEO_LON_MAX, -GEO_LAT_MAX}, {GEO_LON_MAX, GEO_LAT_MAX}};

static inline double
radians(double degrees)
{
    return degrees * (M_PI / 180.0);
}

static inline double
degrees_of(double angle)
{
    return angle / (M_PI / 180.0);
}

/* -- bits ------------------------------------------------------------------------------------------------------ */

/* Spreads 32 bits over the even bits of 64. */
static uint64_t
spread(uint64_t v)
{
    v &= 0xffffffff;
    v = (v | v << 16) & UINT64_C(0x0000ffff0000ffff);
    v = (v | v << 8) & UINT64_C(0x00ff00ff00ff00ff);
    v = (v | v << 4) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    v = (v | v << 2) & UINT64_C(0x3333333333333333);
    return (v | v << 1) & UINT64_C(0x5555555555555555);
}

/* The even bits of 64. */
static uint32_t
gather(uint64_t v)
{
    v &= UINT64_C(0x5555555555555555);
    v = (v | v >> 1) & UINT64_C(0x3333333333333333);
    v = (v | v >> 2) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    v = (v | v >> 4) & UINT64_C(0x00ff00ff00ff00ff);
    v = (v | v >> 8) & UINT64_C(0x0000ffff0000ffff);
    return (uint32_t)(v | v >> 16);
}

struct cell {
    uint32_t x, y; /* counted from the south-west corner */
    int step;
};

static uint64_t
cell_bits(struct cell c)
{
    return spread(c.y) | spread(c.x) << 1;
}

static struct cell
cell_at(struct geo_point p, int step, const struct geo_box *limits)
{
    double n = (double)(UINT64_C(1) << step);
    double x = (p.lon - limits->min.lon) / (limits->max.lon - limits->min.lon) * n;
    double y = (p.lat - limits->min.lat) / (limits->max.lat - limits->min.lat) * n;

    return (struct cell){(uint32_t)x, (uint32_t)y, step};
}

static struct geo_box
cell_box(struct cell c)
{
    double n = (double)(UINT64_C(1) << c.step), w = 2 * GEO_LON_MAX, h = GEO_LAT_MAX + GEO_LAT_MAX;

    return (struct geo_box){
        {-GEO_LON_MAX + (c.x * 1.0 / n) * w, -GEO_LAT_MAX + (c.y * 1.0 / n) * h},
        {-GEO_LON_MAX + ((c.x + 1.0) / n) * w, -GEO_LAT_MAX + ((c.y + 1.0) / n) * h},
    };
}

bool
geo_point_valid(struct geo_point p)
{
    return p.lon >= -GEO_LON_MAX && p.lon <= GEO_LON_MAX && p.lat >= -GEO_LAT_MAX && p.lat <= GEO_LAT_MAX;
}

uint64_t
geo_encode(struct geo_point p)
{
    return cell_bits(cell_at(p, GEO_STEP_MAX, &world));
}

static double
clamp(double v, double limit)
{
    return v > limit ? limit : v < -limit ? -limit : v;
}

struct geo_point
geo_decode(uint64_t bits)
{
    struct geo_box b = cell_box((struct cell){gather(bits >> 1), gather(bits), GEO_STEP_MAX});

    return (struct geo_point){clamp((b.min.lon + b.max.lon) / 2, GEO_LON_MAX),
                              clamp((b.min.lat + b.max.lat) / 2, GEO_LAT_MAX)};
}

uint64_t
geo_score_bits(double score)
{
    const double half = 9223372036854775808.0;

    /* What x86 makes of a double that fits no 64-bit number. */
    if (!(score < half * 2))
        return 0;
    if (score < -half)
        return UINT64_C(1) << 63;
    return score < half ? (uint64_t)(int64_t)score : (uint64_t)(int64_t)(score - half) ^ UINT64_C(1) << 63;
}

void
geo_text(struct geo_point p, char out[GEO_TEXT_LEN])
{
    static const char letters[] = "0123456789bcdefghjkmnpqrstuvwxyz";
    /* The text form is defined for all latitudes. Of its 55 bits the last three are not known. */
    static const struct geo_box all = {{-180, -90}, {180, 90}};
    uint64_t bits = cell_bits(cell_at(p, GEO_STEP_MAX, &all));

    for (int i = 0; i < GEO_TEXT_LEN - 1; i++)
        out[i] = letters[bits >> (47 - 5 * i) & 31];
    out[GEO_TEXT_LEN - 1] = letters[0];
}

/* -- distances ------------------------------------------------------------------------------------------------- */

double
geo_lat_distance(double lat_a, double lat_b)
{
    return EARTH_RADIUS * fabs(radians(lat_b) - radians(lat_a));
}

/* The haversine formula. */
double
geo_distance(struct geo_point a, struct geo_point b)
{
    double lat_a = radians(a.lat), lat_b = radians(b.lat);
    double v = sin((radians(b.lon) - radians(a.lon)) / 2), u;

    if (v == 0)
        return geo_lat_distance(a.lat, b.lat);
    u = sin((lat_b - lat_a) / 2);
    return 2.0 * EARTH_RADIUS * asin(sqrt(u * u + cos(lat_a) * cos(lat_b) * v * v));
}

struct geo_box
geo_box_around(struct geo_point centre, double width, double height)
{
    double up = degrees_of(height / EARTH_RADIUS);
    /* The box is widest, in degrees, where it is nearest to a pole. */
    double lat = centre.lat < 0 ? centre.lat - up : centre.lat + up;
    double side = degrees_of(width / EARTH_RADIUS / cos(radians(lat)));

    return (struct geo_box){{centre.lon - side, centre.lat - up}, {centre.lon + side, centre.lat + up}};
}

/* -- covering an area ------------------------------------------------------------------------------------------ */

/* The finest step at which three by three cells can cover the radius. Near the poles cells get narrow. */
static int
step_for(double radius, double lat)
{
    int step = 1;

    if (radius == 0)
        return GEO_STEP_MAX;
    while (radius < MERCATOR_MAX) {
        radius *= 2;
        step++;
    }
    step -= 2;
    if (fabs(lat) > 66)
        step--;
    if (fabs(lat) > 80)
        step--;
    return step < 1 ? 1 : step > GEO_STEP_MAX ? GEO_STEP_MAX : step;
}

/* The neighbour dx columns east and dy rows north; the map is a torus. */
static struct cell
neighbour(struct cell c, int dx, int dy)
{
    uint32_t mask = (UINT32_C(1) << c.step) - 1;

    /* The very edge of the map is a column of its own until one moves away from it. */
    return (struct cell){dx == 0 ? c.x : (c.x + (uint32_t)dx) & mask, dy == 0 ? c.y : (c.y + (uint32_t)dy) & mask,
                         c.step};
}

static bool
too_fine(struct cell c, const struct geo_box *box)
{
    return cell_box(neighbour(c, 0, 1)).max.lat < box->max.lat ||
           cell_box(neighbour(c, 0, -1)).min.lat > box->min.lat ||
           cell_box(neighbour(c, 1, 0)).max.lon < box->max.lon || cell_box(neighbour(c, -1, 0)).min.lon > box->min.lon;
}

size_t
geo_cover(struct geo_point centre, double radius, const struct geo_box *box, struct geo_span out[GEO_CELLS_MAX])
{
    static const struct {
        int dx, dy;
    } moves[GEO_CELLS_MAX] = {{0, 0}, {0, 1}, {0, -1}, {1, 0}, {-1, 0}, {1, 1}, {-1, 1}, {1, -1}, {-1, -1}};
    int step = step_for(radius, centre.lat);
    struct cell c = cell_at(centre, step, &world);
    size_t n = 0;

    if (step > 1 && too_fine(c, box))
        c = cell_at(centre, --step, &world);
    struct geo_box middle = cell_box(c);
    bool prune = step >= 2;
    bool no_south = prune && middle.min.lat < box->min.lat, no_north = prune && middle.max.lat > box->max.lat;
    bool no_west = prune && middle.min.lon < box->min.lon, no_east = prune && middle.max.lon > box->max.lon;
    unsigned shift = 2 * (GEO_STEP_MAX - (unsigned)step);

    for (int i = 0; i < GEO_CELLS_MAX; i++) {
        int dx = moves[i].dx, dy = moves[i].dy;
        if ((dy > 0 && no_north) || (dy < 0 && no_south) || (dx > 0 && no_east) || (dx < 0 && no_west))
            continue;
        uint64_t bits = cell_bits(neighbour(c, dx, dy));
        /* At the coarsest step, neighbours on both sides are the same cell. */
        if (n > 1 && out[n - 1].from == bits << shift)
            continue;
        out[n++] = (struct geo_span){bits << shift, (bits + 1) << shift};
    }
    return n;
}
