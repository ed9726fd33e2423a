/* server/config.h - what the server was told: every directive of redis.conf with its value.
 *
 * Values are read through typed accessors. Setting one checks type, range and form, and nothing else: what a value
 * means, and what must happen when it changes, is the business of whoever uses it (apply.c).
 *
 * Source: the documentation of redis.conf up to 7.4; error texts as redis-server 7.0 gives them.
 * Threads: one owner at a time.
 */
#ifndef SORREL_SERVER_CONFIG_H
#define SORREL_SERVER_CONFIG_H

#include "base/buf.h"

enum config_id {
#define CONFIG(id, name, type, def, least, most, flags, choices, check) CFG_##id,
#include "server/config_rows.h"
#undef CONFIG
    CONFIG_COUNT
};

enum config_type {
    CONFIG_BOOL,
    CONFIG_INT,
    CONFIG_MEMORY, /* bytes, with units */
    CONFIG_ENUM,
    CONFIG_OCTAL,
    CONFIG_TEXT, /* one word, which may be empty or hold blanks */
    CONFIG_LIST, /* several words */
};

enum config_flag {
    CONFIG_IMMUTABLE = 1 << 0, /* only at the start */
    CONFIG_PROTECTED = 1 << 1, /* CONFIG SET only with enable-protected-configs */
    CONFIG_HIDDEN = 1 << 2,    /* CONFIG GET shows it only under its exact name */
    CONFIG_SECRET = 1 << 3,    /* never logged */
    CONFIG_FILE_ONLY = 1 << 4, /* a line that may be repeated, not a value: include, rename-command, user, loadmodule */
    CONFIG_MERGED = 1 << 5,    /* a new value names only what changes of the old one */
};

/* Constant facts about a directive. */
const char *config_name(enum config_id id);
enum config_type config_type_of(enum config_id id);
unsigned config_flags(enum config_id id);
const char *config_default(enum config_id id);
/* Finds a directive by its name or an alias, whatever the case. */
bool config_find(struct slice name, enum config_id *id);
/* The n-th alias (slave-read-only …); false at the end. Some are known but not shown. */
bool config_alias(size_t n, const char **alias, enum config_id *id, bool *shown);
/* The known name that is nearest to a wrong one; NULL if none is near. */
const char *config_nearest(struct slice name);

struct config;
struct config *config_new(void); /* all defaults */
void config_free(struct config *c);

/* Numbers: booleans (0, 1), integers, bytes, octal modes, places in the list of choices. */
int64_t config_num(const struct config *c, enum config_id id);
static inline bool
config_on(const struct config *c, enum config_id id)
{
    return config_num(c, id) != 0;
}
/* Texts and lists (their words joined by one blank). Valid until the value changes; NUL-terminated. */
struct slice config_text(const struct config *c, enum config_id id);
/* Any value as CONFIG GET shows it. */
void config_format(const struct config *c, enum config_id id, struct buf *out);

/* Sets a value from its words; *why gets the reason when it returns false, and nothing has changed. With `add`, a list
 * that can be given on several lines (save, client-output-buffer-limit) grows instead of being replaced. */
bool config_set(struct config *c, enum config_id id, const struct slice *words, size_t n, bool add, struct buf *why);
/* The same from one text: a list is split at blanks. */
bool config_set_text(struct config *c, enum config_id id, struct slice text, struct buf *why);
/* Exchanges the values of two configurations. */
void config_swap(struct config *a, struct config *b, enum config_id id);
void config_copy(struct config *to, const struct config *from, enum config_id id);
bool config_same(const struct config *a, const struct config *b, enum config_id id);

/* Lines that are no values, in the order they came: rename-command, user, loadmodule. */
struct config_line {
    enum config_id id;
    int file;          /* lines of one file have one number; 0: the command line */
    const char *where; /* for messages: file and line */
    int argc;
    struct slice *argv;
};
size_t config_line_count(const struct config *c);
const struct config_line *config_line_at(const struct config *c, size_t n);
void config_add_line(struct config *c, enum config_id id, int file, const char *where, const struct slice *argv,
                     size_t n);
/* If there are lines of that kind among those from the n-th on, the earlier ones go. */
void config_supersede_lines(struct config *c, enum config_id id, size_t n);

/* Bytes of maxmemory, where `auto` is three quarters of what is available, and of maxmemory-clients, which may be a
 * share of that. 0: no limit. */
uint64_t config_maxmemory(const struct config *c, uint64_t available);
uint64_t config_maxmemory_clients(const struct config *c, uint64_t maxmemory);

/* -- structured values --------------------------------------------------------------------------------------- */

/* save: "seconds changes" pairs. Returns how many there are; fills in at most max. */
struct save_point {
    int64_t seconds, changes;
};
size_t config_save_points(const struct config *c, struct save_point *out, size_t max);

enum client_class { CLASS_NORMAL, CLASS_REPLICA, CLASS_PUBSUB, CLIENT_CLASSES };
struct output_limit {
    uint64_t hard, soft;
    int64_t soft_seconds;
};
void config_output_limits(const struct config *c, struct output_limit out[CLIENT_CLASSES]);

#endif
