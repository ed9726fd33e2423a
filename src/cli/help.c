/* cli/help.c - help, help COMMAND ..., help @group: from what the server says of its commands. */
#include "cli/assist.h"
#include "cli/pager.h"
#include "cli/text.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { COLUMNS_DEFAULT = 80, INDENT = 2, INDENT_MORE = 6 };

struct help {
    const char *strong, *faint, *label, *end; /* colours, or empty */
    size_t columns;
    struct buf text;
};

static size_t
columns(void)
{
    struct winsize w;

    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > INDENT_MORE ? w.ws_col : COLUMNS_DEFAULT;
}

/* Adds s word by word, each new row further in. `column` is where it begins. */
static void
add_wrapped(struct help *h, size_t column, struct slice s)
{
    bool first = true;

    while (s.len > 0) {
        const char *space = memchr(s.ptr, ' ', s.len);
        struct slice word = slice_of(s.ptr, space != NULL ? (size_t)(space - s.ptr) : s.len);
        size_t width = text_width(word);
        s = slice_skip(s, space != NULL ? word.len + 1 : s.len);
        if (!first && column + 1 + width > h->columns) {
            buf_printf(&h->text, "\n%*s", INDENT_MORE, "");
            column = INDENT_MORE;
        } else if (!first) {
            buf_add_char(&h->text, ' ');
            column++;
        }
        buf_add_slice(&h->text, word);
        column += width;
        first = false;
    }
}

static void
add_field(struct help *h, const char *label, struct slice value)
{
    if (value.len == 0)
        return;
    buf_printf(&h->text, "%*s%s%s:%s ", INDENT, "", h->label, label, h->end);
    add_wrapped(h, INDENT + strlen(label) + 2, value);
    buf_add_char(&h->text, '\n');
}

static void
add_command(struct help *h, const struct doc *doc, bool with_group)
{
    struct buf syntax = {0};

    docs_syntax(doc, &syntax);
    buf_printf(&h->text, "\n%*s%s%.*s%s %s", INDENT, "", h->strong, (int)doc->name.len, doc->name.ptr, h->end,
               h->faint);
    add_wrapped(h, INDENT + doc->name.len + 1, buf_slice(&syntax));
    buf_printf(&h->text, "%s\n", h->end);
    add_field(h, "summary", doc->summary);
    add_field(h, "since", doc->since);
    if (with_group)
        add_field(h, "group", doc->group);
    buf_fini(&syntax);
}

static void
print_general(void)
{
    printf("sorrel-cli: commands go to the server, but for these words.\n"
           "  help COMMAND       what a command does and takes; help and Tab show all there are\n"
           "  help @GROUP        the same for all commands of a group: @string, @list, @hash, @generic ...\n"
           "  NUMBER COMMAND     the command, that many times\n"
           "  connect HOST PORT  to another server\n"
           "  clear              the screen; quit or exit to leave\n");
}

void
assist_help(struct assist *a, const struct slice *words, size_t n)
{
    struct help h = {.strong = "", .faint = "", .label = "", .end = "", .columns = columns()};
    struct buf name = {0};

    if (n == 0) {
        print_general();
        return;
    }
    assist_learn(a);
    if (a->docs.n == 0) {
        fprintf(stderr, "The server does not tell about its commands (COMMAND DOCS).\n");
        return;
    }
    if (a->session->colours != NULL) {
        h.strong = "\x1b[1m";
        h.faint = "\x1b[90m";
        h.label = "\x1b[33m";
        h.end = "\x1b[0m";
    }
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_add_char(&name, ' ');
        buf_add_slice(&name, words[i]);
    }
    bool group = words[0].len > 0 && words[0].ptr[0] == '@';
    for (size_t i = 0; i < a->docs.n; i++) {
        const struct doc *doc = &a->docs.list[i];
        bool fits = group ? slice_eq_nocase(doc->group, slice_skip(words[0], 1))
                          : slice_eq_nocase(doc->name, buf_slice(&name)) ||
                                (slice_starts_nocase(doc->name, buf_slice(&name)) && doc->name.ptr[name.len] == ' ');
        if (fits)
            add_command(&h, doc, !group);
    }
    buf_add_char(&h.text, '\n');
    if (!a->session->pages || !pager_show(STDOUT_FILENO, buf_slice(&h.text)))
        fwrite(h.text.ptr, 1, h.text.len, stdout);
    buf_fini(&h.text);
    buf_fini(&name);
}
