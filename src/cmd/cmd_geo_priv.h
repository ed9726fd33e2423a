/* cmd/cmd_geo_priv.h - what the files of the geo family share: reading of places and distances, and their replies. */
#ifndef SORREL_CMD_CMD_GEO_PRIV_H
#define SORREL_CMD_CMD_GEO_PRIV_H

#include "ds/geohash.h"
#include "engine/exec.h"

/* Longitude and latitude in argv[at] and argv[at + 1]. */
enum rc geo__arg_point(struct exec *x, int at, struct geo_point *out);
/* Metres in a unit: m, km, ft, mi. */
enum rc geo__arg_unit(struct exec *x, struct slice arg, double *metres);
bool geo__place_of(const struct zset *z, struct slice member, struct geo_point *out);
/* A distance with four digits after the point; a place as longitude and latitude. */
void geo__reply_distance(struct exec *x, double distance);
void geo__reply_place(struct exec *x, struct geo_point p);

#endif
