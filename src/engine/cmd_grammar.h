/* engine/cmd_grammar.h - the compact notation of struct cmd's `.args`, and the argument tree made from it.
 *
 * COMMAND DOCS, docs/commands.md and the CLI's hints are made from the tree. A row says, for instance,
 *
 *     .args = "key condition=[NX|XX]@3.0.2 comparison=[GT|LT]@6.2.0 change=[CH] increment=[INCR] data={score:double
 * member}..." .args = "key min:double max:double [WITHSCORES] [LIMIT {offset:int count:int}]" .args = "destination:key
 * numkeys:int key... [WEIGHTS weight:int...] [AGGREGATE <SUM|MIN|MAX>]"
 *
 * Notation. Items are separated by one blank; the command's own name(s) are not part of it; "" or NULL: no arguments.
 *
 *   word            an argument: lower-case letters, digits, '-', '_'. Its type follows a colon: `:int`, `:double`,
 * `:key`,
 *                   `:pattern`, `:time` (unix time), `:string`. Without one it is a string, except that `key` is a key.
 *   WORD            a literal token (upper case, digits, '-'), a pure-token argument whose name is the word in lower
 * case. Other literals are quoted: 'normal' '=' '~' '*' '$'. WORD x          a token directly before a word, {…} or <…>
 * belongs to that argument: `COUNT count:int`, `LIMIT {offset:int count:int}`, `AGGREGATE <SUM|MIN|MAX>`. Before [,
 * another WORD, or at the end of its group it stands alone. {a b …}         a block: items that go together. <a|b|…>
 * exactly one of them (each alternative is one item). [a]  [a|b]      optional; several alternatives make an optional
 * <a|b>; several items, [a b], an optional block. name=item       gives the item its name (in COMMAND DOCS). <…>, {…}
 * and […] of several need one, unless a token is bound to it (then the token's lower-case is the name). With a token,
 * `name=TYPE <…>` and `TYPE name=<…>` are the same. item...         may be repeated. `[GET pattern]...` repeats the
 * token each time, `[GET pattern...]` gives it once. item@6.2.0      exists since that version, where that is later
 * than the command. Comes last: `[a]...@7.0.0`. :key#2          a key that the row's key specification 2 finds; by
 * default the first key argument belongs to specification 0, the second to 1, … (the last one takes what is beyond).
 * :key#- belongs to none.
 */
#ifndef SORREL_ENGINE_CMD_GRAMMAR_H
#define SORREL_ENGINE_CMD_GRAMMAR_H

#include "base/arena.h"
#include "base/buf.h"
#include "engine/cmd.h"

enum cmd_arg_type {
    ARG_STRING,
    ARG_INTEGER,
    ARG_DOUBLE,
    ARG_KEY,
    ARG_PATTERN,
    ARG_UNIX_TIME,
    ARG_PURE_TOKEN,
    ARG_ONEOF,
    ARG_BLOCK
};

struct cmd_arg {
    struct slice name;
    struct slice token; /* empty: none */
    struct slice since; /* empty: as old as the command */
    enum cmd_arg_type type;
    int key_spec; /* ARG_KEY; -1: none */
    bool optional, multiple, multiple_token;
    struct cmd_arg *children; /* ARG_ONEOF, ARG_BLOCK */
    struct cmd_arg *next;
};

/* Compiles a row's grammar. The tree lives in the arena (and points into the row's text). NULL with *error NULL: the
 * command takes no arguments; NULL with *error set: the text is wrong, which only a test of the rows should ever see.
 */
struct cmd_arg *cmd_grammar_parse(struct arena *a, const struct cmd *cmd, const char **error);
/* The name COMMAND DOCS prints. */
const char *cmd_arg_type_name(enum cmd_arg_type type);
/* How many words the arguments take: at least *min and at most *max (-1: no bound). */
void cmd_grammar_words(const struct cmd_arg *args, int *min, int *max);
/* Appends the syntax as people read it: "key [NX | XX] score member [score member ...]". */
void cmd_grammar_text(const struct cmd_arg *args, struct buf *out);

#endif
