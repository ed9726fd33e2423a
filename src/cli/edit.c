/* cli/edit.c - keys, the line, and one write to the terminal for each change. */
#include "cli/edit.h"

#include "base/mem.h"
#include "cli/text.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* clang-format off */
enum key {
    KEY_NONE = 256, KEY_END_OF_INPUT, KEY_UP, KEY_DOWN, KEY_LEFT, KEY_RIGHT, KEY_HOME, KEY_END, KEY_DELETE,
    KEY_WORD_LEFT, KEY_WORD_RIGHT, KEY_WORD_DELETE, KEY_BACKTAB, KEY_ESCAPE,
};
/* clang-format on */

enum { MENU_ROWS = 5 };

#define KEY_CTRL(c) ((c)&0x1f)

bool
edit_possible(int in, int out)
{
    const char *term = getenv("TERM");

    return isatty(in) && isatty(out) && term != NULL && term[0] != '\0' && strcmp(term, "dumb") != 0;
}

void
edit_fini(struct editor *e)
{
    buf_fini(&e->line);
    buf_fini(&e->saved);
    buf_fini(&e->killed);
    buf_fini(&e->screen);
}

/* ---- the terminal ------------------------------------------------------------------------------------------------ */

static void
raw_on(struct editor *e)
{
    struct termios t;

    if (e->is_raw || tcgetattr(e->in, &e->cooked) != 0)
        return;
    t = e->cooked;
    t.c_iflag &= ~(tcflag_t)(BRKINT | ICRNL | INPCK | ISTRIP | IXON);
    t.c_lflag &= ~(tcflag_t)(ECHO | ICANON | IEXTEN | ISIG);
    t.c_cc[VMIN] = 1;
    t.c_cc[VTIME] = 0;
    /* DRAIN, not FLUSH: what was typed ahead stays. */
    e->is_raw = tcsetattr(e->in, TCSADRAIN, &t) == 0;
}

static void
raw_off(struct editor *e)
{
    if (e->is_raw)
        tcsetattr(e->in, TCSADRAIN, &e->cooked);
    e->is_raw = false;
}

static void
emit(struct editor *e, struct slice s)
{
    while (s.len > 0) {
        ssize_t n = write(e->out, s.ptr, s.len);
        if (n < 0 && errno != EINTR)
            return;
        if (n > 0)
            s = slice_skip(s, (size_t)n);
    }
}

static size_t
columns(const struct editor *e)
{
    struct winsize w;

    return ioctl(e->out, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : 80;
}

/* Control characters in the line (pasted ones) are shown as blanks, so that they can't move the cursor. */
static void
add_visible(struct buf *out, struct slice s)
{
    size_t from = out->len;

    buf_add_slice(out, s);
    for (size_t i = from; i < out->len; i++)
        if ((unsigned char)out->ptr[i] < ' ' || out->ptr[i] == 0x7f)
            out->ptr[i] = ' ';
}

/* Chooses which part of the line is shown so that the cursor is in it. */
static struct slice
visible_part(struct editor *e, size_t room)
{
    struct slice all = buf_slice(&e->line);

    if (e->shown_from > e->cursor)
        e->shown_from = e->cursor;
    while (text_width(slice_of(all.ptr + e->shown_from, e->cursor - e->shown_from)) >= room &&
           e->shown_from < e->cursor)
        e->shown_from = text_next(all, e->shown_from);
    /* When text was deleted, more of the beginning fits again. */
    while (e->shown_from > 0) {
        size_t before = text_previous(all, e->shown_from);
        if (text_width(slice_skip(all, before)) >= room)
            break;
        e->shown_from = before;
    }
    return text_fit(slice_skip(all, e->shown_from), room);
}

static void
add_hint(struct editor *e, size_t room)
{
    struct buf hint = {0};

    if (e->assistant.hint != NULL && e->cursor == e->line.len)
        e->assistant.hint(e->assistant.ctx, buf_slice(&e->line), &hint);
    if (hint.len > 0 && room > 0) {
        if (e->colours)
            buf_add_slice(&e->screen, LIT("\x1b[90m"));
        add_visible(&e->screen, text_fit(buf_slice(&hint), room));
        if (e->colours)
            buf_add_slice(&e->screen, LIT("\x1b[0m"));
    }
    buf_fini(&hint);
}

static void
add_column(struct editor *e)
{
    buf_add_char(&e->screen, '\r');
    if (e->column > 0)
        buf_printf(&e->screen, "\x1b[%zuC", e->column);
}

/* Draws prompt, line and hint, with nothing below them, and puts the cursor where it belongs. */
static void
refresh(struct editor *e, struct slice prompt, bool hints)
{
    size_t cols = columns(e), prompt_width = text_width(prompt);
    size_t room = cols > prompt_width + 10 ? cols - prompt_width : 10;
    struct slice part = visible_part(e, room);
    size_t width = text_width(part);

    buf_reset(&e->screen);
    buf_add_slice(&e->screen, LIT("\r\x1b[J"));
    add_visible(&e->screen, prompt);
    if (e->colours && e->assistant.paint != NULL && e->shown_from == 0 && part.len == e->line.len)
        e->assistant.paint(e->assistant.ctx, part, &e->screen);
    else
        add_visible(&e->screen, part);
    if (hints && room > width + 1)
        add_hint(e, room - width - 1);
    e->column = prompt_width + text_width(slice_of(e->line.ptr + e->shown_from, e->cursor - e->shown_from));
    add_column(e);
    emit(e, buf_slice(&e->screen));
}

/* ---- keys -------------------------------------------------------------------------------------------------------- */

/* Waits for a byte; ms -1: for ever. -1 when the time is over, -2 at the end of input. */
static int
next_byte(struct editor *e, int ms)
{
    for (;;) {
        if (e->keys_at < e->keys_len)
            return (unsigned char)e->keys[e->keys_at++];
        int fd = e->assistant.watch != NULL && ms < 0 ? e->assistant.watch(e->assistant.ctx) : -1;
        struct pollfd p[2] = {{.fd = e->in, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
        int n = poll(p, 2, ms);
        if (n == 0)
            return -1;
        if (n < 0 && errno != EINTR)
            return -2;
        if (n < 0) {
            refresh(e, e->prompt, true); /* the window may have changed its size */
            continue;
        }
        if (p[1].revents != 0) {
            emit(e, LIT("\r\x1b[J"));
            raw_off(e);
            e->assistant.on_readable(e->assistant.ctx);
            raw_on(e);
            refresh(e, e->prompt, true);
        }
        if (p[0].revents == 0)
            continue;
        ssize_t got = read(e->in, e->keys, sizeof(e->keys));
        if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
            return -2;
        e->keys_at = 0;
        e->keys_len = got > 0 ? (size_t)got : 0;
    }
}

/* What follows ESC [ or ESC O. */
static int
escape_sequence(struct editor *e)
{
    int first = next_byte(e, 50), number = 0, modifier = 0, c = first;

    while ((c >= '0' && c <= '9') || c == ';') {
        if (c == ';') {
            modifier = 0;
            c = next_byte(e, 50);
            while (c >= '0' && c <= '9') {
                modifier = modifier < 100 ? modifier * 10 + c - '0' : modifier;
                c = next_byte(e, 50);
            }
            break;
        }
        number = number < 1000 ? number * 10 + c - '0' : number;
        c = next_byte(e, 50);
    }
    switch (c) {
    case 'A': return KEY_UP;
    case 'B': return KEY_DOWN;
    case 'C': return modifier > 1 ? KEY_WORD_RIGHT : KEY_RIGHT;
    case 'D': return modifier > 1 ? KEY_WORD_LEFT : KEY_LEFT;
    case 'H': return KEY_HOME;
    case 'F': return KEY_END;
    case 'Z': return KEY_BACKTAB;
    case '~': break;
    default: return KEY_NONE;
    }
    switch (number) {
    case 1:
    case 7: return KEY_HOME;
    case 4:
    case 8: return KEY_END;
    case 3: return KEY_DELETE;
    default: return KEY_NONE;
    }
}

static int
next_key(struct editor *e)
{
    int c = next_byte(e, -1);

    if (c == -2)
        return KEY_END_OF_INPUT;
    if (c != 27)
        return c;
    c = next_byte(e, 50);
    switch (c) {
    case '[':
    case 'O': return escape_sequence(e);
    case 'b': return KEY_WORD_LEFT;
    case 'f': return KEY_WORD_RIGHT;
    case 'd': return KEY_WORD_DELETE;
    case -1: return KEY_ESCAPE;
    default: return KEY_NONE;
    }
}

/* ---- changing the line ------------------------------------------------------------------------------------------- */

static void
set_line(struct editor *e, struct slice text)
{
    buf_reset(&e->line);
    buf_add_slice(&e->line, text);
    e->cursor = e->line.len;
}

static void
insert(struct editor *e, struct slice text)
{
    buf_room(&e->line, text.len);
    memmove(e->line.ptr + e->cursor + text.len, e->line.ptr + e->cursor, e->line.len - e->cursor);
    memcpy(e->line.ptr + e->cursor, text.ptr, text.len);
    e->line.len += text.len;
    e->cursor += text.len;
}

static void
delete_range(struct editor *e, size_t from, size_t to, bool keep)
{
    if (from >= to)
        return;
    if (keep) {
        buf_reset(&e->killed);
        buf_add(&e->killed, e->line.ptr + from, to - from);
    }
    memmove(e->line.ptr + from, e->line.ptr + to, e->line.len - to);
    e->line.len -= to - from;
    e->cursor = from;
}

static size_t
word_left(const struct editor *e)
{
    size_t at = e->cursor;

    while (at > 0 && e->line.ptr[at - 1] == ' ')
        at--;
    while (at > 0 && e->line.ptr[at - 1] != ' ')
        at--;
    return at;
}

static size_t
word_right(const struct editor *e)
{
    size_t at = e->cursor;

    while (at < e->line.len && e->line.ptr[at] == ' ')
        at++;
    while (at < e->line.len && e->line.ptr[at] != ' ')
        at++;
    return at;
}

static void
transpose(struct editor *e)
{
    struct slice s = buf_slice(&e->line);
    size_t right = e->cursor == s.len ? text_previous(s, e->cursor) : e->cursor, end = text_next(s, right);
    size_t left = text_previous(s, right);

    if (left == right)
        return;
    struct buf swapped = {0};
    buf_add(&swapped, s.ptr + right, end - right);
    buf_add(&swapped, s.ptr + left, right - left);
    memcpy(e->line.ptr + left, swapped.ptr, swapped.len);
    e->cursor = end;
    buf_fini(&swapped);
}

static void
history_move(struct editor *e, bool older)
{
    struct history *h = e->history;

    if (h == NULL || (older ? e->at == 0 : e->at >= h->n))
        return;
    if (e->at == h->n) {
        buf_reset(&e->saved);
        buf_add_slice(&e->saved, buf_slice(&e->line));
    }
    e->at += older ? (size_t)-1 : 1;
    set_line(e, e->at == h->n ? buf_slice(&e->saved) : h->lines[e->at]);
}

static bool
contains(struct slice s, struct slice part)
{
    return part.len == 0 || (s.len > 0 && memmem(s.ptr, s.len, part.ptr, part.len) != NULL);
}

/* Ctrl-R: returns the key that ended the search, to be handled as usual. */
static int
search(struct editor *e)
{
    struct buf what = {0}, prompt = {0}, before = {0};
    size_t from = e->history != NULL ? e->history->n : 0, found = from;
    int key;

    buf_add_slice(&before, buf_slice(&e->line));
    for (;;) {
        buf_reset(&prompt);
        buf_printf(&prompt, "(search)`%.*s': ", (int)what.len, what.len > 0 ? what.ptr : "");
        refresh(e, buf_slice(&prompt), false);
        key = next_key(e);
        if (key == KEY_CTRL('H') || key == 127)
            what.len = text_previous(buf_slice(&what), what.len);
        else if (key >= ' ' && key < 256)
            buf_add_char(&what, (char)key);
        else if (key != KEY_CTRL('R'))
            break;
        size_t start = key == KEY_CTRL('R') ? found : from;
        for (size_t i = start; i-- > 0;) {
            if (contains(e->history->lines[i], buf_slice(&what))) {
                found = i;
                set_line(e, e->history->lines[i]);
                break;
            }
        }
    }
    if (key == KEY_CTRL('G') || key == KEY_ESCAPE || key == KEY_CTRL('C')) {
        set_line(e, buf_slice(&before));
        key = KEY_NONE;
    }
    buf_fini(&what);
    buf_fini(&prompt);
    buf_fini(&before);
    return key;
}

static struct slice
last_word(struct slice line)
{
    const char *space = line.len > 0 ? memrchr(line.ptr, ' ', line.len) : NULL;

    return space != NULL ? slice_skip(line, (size_t)(space - line.ptr) + 1) : line;
}

/* Shows the candidates in columns under the line, the one at `at` set apart; where they are many, the rows around
 * it. */
static void
show_menu(struct editor *e, const struct slice_vec *found, size_t at)
{
    size_t cols = columns(e), width = 0, lines = 0;

    for (size_t i = 0; i < found->n; i++) {
        size_t w = text_width(last_word(found->v[i]));
        width = w > width ? w : width;
    }
    width = width + 2 < cols ? width + 2 : cols;
    size_t per_row = cols / width, rows = (found->n + per_row - 1) / per_row;
    size_t first = at < found->n ? at / per_row / MENU_ROWS * MENU_ROWS : 0;
    buf_reset(&e->screen);
    for (size_t row = first; row < rows && row < first + MENU_ROWS; row++, lines++) {
        buf_add_slice(&e->screen, LIT("\r\n"));
        for (size_t i = row * per_row; i < (row + 1) * per_row && i < found->n; i++) {
            struct slice word = text_fit(last_word(found->v[i]), width - 1);
            buf_add_slice(&e->screen, i == at ? LIT("\x1b[7m") : e->colours ? LIT("\x1b[90m") : LIT(""));
            add_visible(&e->screen, word);
            buf_printf(&e->screen, "\x1b[0m%*s", (int)(i + 1 < (row + 1) * per_row ? width - text_width(word) : 0), "");
        }
    }
    if (first + MENU_ROWS < rows)
        buf_printf(&e->screen, "\r\n... %zu in all", found->n);
    buf_printf(&e->screen, "\x1b[%zuA", lines + (first + MENU_ROWS < rows));
    add_column(e);
    emit(e, buf_slice(&e->screen));
}

/* Tab: shows one completion after the other. Returns the key that ended it. */
static int
complete(struct editor *e)
{
    struct arena mem = {0};
    struct slice_vec found = {0};
    struct buf tail = {0}, head = {0};
    size_t at = 0;
    int key = KEY_NONE;

    buf_add(&head, e->line.ptr, e->cursor);
    buf_add(&tail, e->line.ptr + e->cursor, e->line.len - e->cursor);
    if (e->assistant.complete != NULL)
        e->assistant.complete(e->assistant.ctx, buf_slice(&head), &mem, &found);
    if (found.n == 0)
        emit(e, LIT("\a"));
    while (found.n > 0) {
        set_line(e, at < found.n ? found.v[at] : buf_slice(&head));
        size_t cursor = e->cursor;
        buf_add_slice(&e->line, buf_slice(&tail));
        e->cursor = cursor;
        if (found.n == 1)
            break;
        refresh(e, e->prompt, false);
        show_menu(e, &found, at);
        key = next_key(e);
        if (key == '\t')
            at = at == found.n ? 0 : at + 1;
        else if (key == KEY_BACKTAB)
            at = at == 0 ? found.n : at - 1;
        else
            break;
        key = KEY_NONE;
    }
    if (key == KEY_ESCAPE) {
        set_line(e, buf_slice(&head));
        buf_add_slice(&e->line, buf_slice(&tail));
        key = KEY_NONE;
    }
    slice_vec_fini(&found);
    arena_fini(&mem);
    buf_fini(&tail);
    buf_fini(&head);
    return key;
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

static void
move_key(struct editor *e, int key)
{
    struct slice s = buf_slice(&e->line);

    switch (key) {
    case KEY_LEFT:
    case KEY_CTRL('B'): e->cursor = text_previous(s, e->cursor); break;
    case KEY_RIGHT:
    case KEY_CTRL('F'): e->cursor = text_next(s, e->cursor); break;
    case KEY_HOME:
    case KEY_CTRL('A'): e->cursor = 0; break;
    case KEY_END:
    case KEY_CTRL('E'): e->cursor = s.len; break;
    case KEY_WORD_LEFT: e->cursor = word_left(e); break;
    case KEY_WORD_RIGHT: e->cursor = word_right(e); break;
    case KEY_UP:
    case KEY_CTRL('P'): history_move(e, true); break;
    case KEY_DOWN:
    case KEY_CTRL('N'): history_move(e, false); break;
    default: break;
    }
}

static void
change_key(struct editor *e, int key)
{
    struct slice s = buf_slice(&e->line);

    switch (key) {
    case KEY_CTRL('H'):
    case 127: delete_range(e, text_previous(s, e->cursor), e->cursor, false); break;
    case KEY_DELETE:
    case KEY_CTRL('D'): delete_range(e, e->cursor, text_next(s, e->cursor), false); break;
    case KEY_CTRL('K'): delete_range(e, e->cursor, s.len, true); break;
    case KEY_CTRL('U'): delete_range(e, 0, e->cursor, true); break;
    case KEY_CTRL('W'): delete_range(e, word_left(e), e->cursor, true); break;
    case KEY_WORD_DELETE: delete_range(e, e->cursor, word_right(e), true); break;
    case KEY_CTRL('Y'): insert(e, buf_slice(&e->killed)); break;
    case KEY_CTRL('T'): transpose(e); break;
    case KEY_CTRL('L'): emit(e, LIT("\x1b[H\x1b[2J")); break;
    default:
        if (key >= ' ' && key < 256) {
            char c = (char)key;
            insert(e, slice_of(&c, 1));
        } else {
            move_key(e, key);
        }
    }
}

/* Whether more keys are waiting: then drawing can wait as well (pasted text). */
static bool
more_keys(const struct editor *e)
{
    return e->keys_at < e->keys_len;
}

static enum edit_result
edit_keys(struct editor *e)
{
    for (;;) {
        if (!more_keys(e))
            refresh(e, e->prompt, true);
        int key = next_key(e);
        if (key == KEY_CTRL('R'))
            key = search(e);
        if (key == '\t')
            key = complete(e);
        switch (key) {
        case '\r':
        case '\n': return EDIT_LINE;
        case KEY_CTRL('C'): return EDIT_GIVEN_UP;
        case KEY_END_OF_INPUT: return EDIT_END;
        case KEY_CTRL('D'):
            if (e->line.len == 0)
                return EDIT_END;
            break;
        default: break;
        }
        change_key(e, key);
    }
}

enum edit_result
edit_line(struct editor *e, struct slice prompt, struct buf *line)
{
    e->prompt = prompt;
    e->cursor = e->shown_from = 0;
    e->at = e->history != NULL ? e->history->n : 0;
    buf_reset(&e->line);
    raw_on(e);
    enum edit_result res = edit_keys(e);
    /* Leave the line as it was typed, without a hint. */
    e->cursor = e->line.len;
    refresh(e, prompt, false);
    emit(e, LIT("\r\n"));
    raw_off(e);
    buf_reset(line);
    buf_add_slice(line, buf_slice(&e->line));
    return res;
}
