/* client/command_priv.h - a command being put together, for this folder.
 *
 * Texts are borrowed: they must live until the command has been sent. Numbers are formatted into the struct. All-zero
 * is an empty command; command__fini() is needed only after more than COMMAND_INLINE arguments, and always harmless.
 */
#ifndef SORREL_CLIENT_COMMAND_PRIV_H
#define SORREL_CLIENT_COMMAND_PRIV_H

#include "base/number.h"
#include "sorrel/client.h"

enum { COMMAND_INLINE = 24, COMMAND_NUMBERS = 12 };

struct command {
    const char *argv_inline[COMMAND_INLINE];
    size_t lens_inline[COMMAND_INLINE];
    const char **argv; /* NULL: inline */
    size_t *lens;
    int argc, cap;
    char numbers[COMMAND_NUMBERS][INT64_TEXT_MAX + 1];
    int number_count;
};

void command__bytes(struct command *c, const void *p, size_t len);
void command__text(struct command *c, const char *s);
/* At most COMMAND_NUMBERS of them. */
void command__int(struct command *c, int64_t v);
/* Words up to a NULL. */
void command__words(struct command *c, ...) __attribute__((sentinel));
const char *const *command__argv(const struct command *c);
const size_t *command__lens(const struct command *c);
void command__fini(struct command *c);

/* Sends the command through the client and frees it. *out is the caller's, to free; out NULL: nobody wants it.
 * An error reply is SORREL_ERR_SERVER. */
enum sorrel_rc command__run(struct command *c, struct sorrel_client *cl, unsigned flags, struct sorrel_reply **out,
                            struct sorrel_error *err);
/* The same for commands that answer with a number. */
enum sorrel_rc command__run_int(struct command *c, struct sorrel_client *cl, unsigned flags, int64_t *out,
                                struct sorrel_error *err);

/* A script, called by its digest and sent whole where the server does not know it. The command's arguments so far are
 * what follows the script's name: number of keys, keys, arguments. Frees the command. */
enum sorrel_rc command__script(struct command *c, struct sorrel_client *cl, const char *script, unsigned flags,
                               struct sorrel_reply **out, struct sorrel_error *err);
/* The same for scripts that answer with a number. */
enum sorrel_rc command__script_int(struct command *c, struct sorrel_client *cl, const char *script, unsigned flags,
                                   int64_t *out, struct sorrel_error *err);

/* What a command leaves behind on the connection that it is sent over: connections of a pool go to others afterwards.
 */
enum command_trace {
    COMMAND_LEAVES_NOTHING,
    COMMAND_OPENS, /* something that EXEC closes */
    COMMAND_STAYS, /* another state, or replies that never end */
};
enum command_trace command__marks(struct slice name);
#define COMMAND_NEEDS_CONNECTION "%.*s needs a connection of one's own: see sorrel_client_take()"

/* A string of our own with a NUL, of a text reply; NULL for others. From mem_get(). */
char *command__dup_text(const struct sorrel_reply *r, size_t *len);
char *command__dup(const char *s, size_t len);
/* printf into memory from mem_get(). */
char *command__printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* KEY:SUFFIX in the slot of KEY: "{KEY}:SUFFIX" unless the key has a hash tag of its own. From mem_get(). */
char *command__sibling(const char *key, const char *suffix);

/* 2 * n hex digits and a NUL at `to`, of n bytes of the kernel's randomness: tokens that nobody guesses. n <= 32. */
void command__random_hex(char *to, size_t n);

int64_t command__now_ns(void);
static inline int64_t
command__now_ms(void)
{
    return command__now_ns() / 1000000;
}

#endif
