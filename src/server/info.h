/* server/info.h - the sections of INFO (for info.c and info_sections.c). */
#ifndef SORREL_SERVER_INFO_H
#define SORREL_SERVER_INFO_H

#include "server/server.h"

/* Writes the section's fields, each a line ended by CR LF. */
typedef void info_section(struct server *s, struct buf *out);

info_section info_server, info_clients, info_memory, info_persistence, info_stats, info_replication, info_cpu,
    info_modules, info_commandstats, info_errorstats, info_latencystats, info_cluster, info_keyspace;

/* "name:value" with the value from a printf format. */
void info_field(struct buf *out, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Bytes as people read them: 1.50M. */
void info_human(struct buf *out, const char *name, uint64_t bytes);

/* For MEMORY STATS. */
void info_host_memory(struct server *s, struct host_memory *out);

#endif
