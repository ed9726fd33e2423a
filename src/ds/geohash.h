/* ds/geohash.h - places on Earth as 52-bit numbers, whose order keeps neighbours together.
 *
 * A cell of step n halves longitude and latitude n times each; its bits interleave the two, latitude lowest. A place is
 * a cell of step 26, which a double holds exactly. Latitudes end where the Mercator map does (85.05 degrees).
 */
#ifndef SORREL_DS_GEOHASH_H
#define SORREL_DS_GEOHASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GEO_STEP_MAX = 26, GEO_CELLS_MAX = 9, GEO_TEXT_LEN = 11 };
#define GEO_LON_MAX 180.0
#define GEO_LAT_MAX 85.05112878

struct geo_point {
    double lon, lat; /* degrees */
};

struct geo_box {
    struct geo_point min, max;
};

/* Inside the limits above. */
bool geo_point_valid(struct geo_point p);
/* The cell of step 26 around a valid place, and its middle. Any number may be decoded. */
uint64_t geo_encode(struct geo_point p);
struct geo_point geo_decode(uint64_t bits);
/* The number in a score: sorted sets hold it as a double, which anybody may have set to anything. */
uint64_t geo_score_bits(double score);
/* The eleven characters of the usual text form. */
void geo_text(struct geo_point p, char out[GEO_TEXT_LEN]);

/* Metres along the surface, and along a meridian only. */
double geo_distance(struct geo_point a, struct geo_point b);
double geo_lat_distance(double lat_a, double lat_b);

/* The box that is `width` and `height` metres wide in either direction of a place. */
struct geo_box geo_box_around(struct geo_point centre, double width, double height);

/* Intervals [from, to) of numbers. */
struct geo_span {
    uint64_t from, to;
};
/* The cell around `centre` and those of its neighbours that may hold places inside the box and not more than radius
 * metres away, in the order middle, N, S, E, W, NE, NW, SE, SW, which is the order of unsorted results. */
size_t geo_cover(struct geo_point centre, double radius, const struct geo_box *box, struct geo_span out[GEO_CELLS_MAX]);

#endif
