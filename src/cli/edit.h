/* cli/edit.h - editing one line on a terminal.
 *
 * The usual keys: arrows, Home, End, Ctrl-A/E/B/F, Alt-B/F by words; Ctrl-D/H/K/U/W, Alt-D to delete, Ctrl-Y to put
 * back; Ctrl-P/N and up/down through the history, Ctrl-R to search it; Tab and Shift-Tab through the completions, which
 * are shown under the line;
 * Ctrl-L to clear the screen, Ctrl-C to give up the line. The line is one row that scrolls sideways.
 *
 * The editor knows nothing of commands: completions, hints and colours come from an assistant.
 */
#ifndef SORREL_CLI_EDIT_H
#define SORREL_CLI_EDIT_H

#include "base/arena.h"
#include "cli/history.h"
#include "proto/words.h"

#include <termios.h>

/* Functions may be NULL. Lines are UTF-8, mostly. */
struct assistant {
    /* Adds whole lines that `line` (which ends at the cursor) could become; their texts live in `mem`. */
    void (*complete)(void *ctx, struct slice line, struct arena *mem, struct slice_vec *out);
    /* Appends what could follow the line, to be shown faintly. */
    void (*hint)(void *ctx, struct slice line, struct buf *out);
    /* Appends the line with colours; what is visible must not change. */
    void (*paint)(void *ctx, struct slice line, struct buf *out);
    /* A descriptor to watch while waiting for keys (or -1), and what to do when it can be read. The cursor is at the
     * start of an empty row then; whatever is printed ends with a new line. */
    int (*watch)(void *ctx);
    void (*on_readable)(void *ctx);
    void *ctx;
};

enum edit_result { EDIT_LINE, EDIT_END /* of input */, EDIT_GIVEN_UP /* Ctrl-C */ };

struct editor {
    int in, out;
    struct history *history;
    struct assistant assistant;
    bool colours;
    /* below: the editor's own */
    struct termios cooked;
    bool is_raw;
    struct buf line, saved, killed, screen;
    size_t cursor, shown_from;
    size_t column; /* of the cursor on the screen */
    struct slice prompt;
    size_t at;      /* in the history; history->n: the line being written */
    char keys[256]; /* read and not yet used */
    size_t keys_len, keys_at;
};

/* Whether the terminal can do all this; if not, callers read plain lines. */
bool edit_possible(int in, int out);
/* Reads a line into *line (emptied first). The terminal is as it was whenever this returns. */
enum edit_result edit_line(struct editor *e, struct slice prompt, struct buf *line);
void edit_fini(struct editor *e);

#endif
