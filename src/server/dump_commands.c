/* server/dump_commands.c - the page of all commands, group by group. `make docs` writes it to docs/commands.md. */
#include "server/dump_commands.h"

#include "base/buf.h"
#include "base/mem.h"
#include "engine/cmd_grammar.h"
#include "engine/dispatch.h"
#include "server/families.h"

#include <stdio.h>

struct line {
    const struct cmd *cmd, *parent;
    char name[64]; /* as it is typed: upper case */
};

static struct line
line_of(const struct cmd *cmd, const struct cmd *parent)
{
    struct line l = {.cmd = cmd, .parent = parent};

    snprintf(l.name, sizeof(l.name), "%s%s%s", parent != NULL ? parent->name : "", parent != NULL ? " " : "",
             cmd->name);
    for (char *p = l.name; *p != '\0'; p++)
        *p = *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
    return l;
}

/* Bars would end a cell of the table. */
static void
add_escaped(struct buf *b, struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '|')
            buf_add_char(b, '\\');
        buf_add_char(b, s.ptr[i]);
    }
}

static void
add_line(struct buf *b, const struct line *l)
{
    struct arena a = {0};
    struct buf syntax = {0};
    const char *error;
    struct cmd_arg *args = cmd_grammar_parse(&a, l->cmd, &error);

    cmd_grammar_text(args, &syntax);
    buf_printf(b, "| `%s", l->name);
    if (syntax.len > 0)
        buf_add_char(b, ' ');
    add_escaped(b, buf_slice(&syntax));
    buf_printf(b, "` | %s", l->cmd->about);
    if (l->cmd->deprecated_since != NULL)
        buf_printf(b, " Deprecated since %s: use %s.", l->cmd->deprecated_since, l->cmd->replaced_by);
    buf_printf(b, " | %s | %s |\n", l->cmd->complexity != NULL ? l->cmd->complexity : "", l->cmd->since);
    buf_fini(&syntax);
    arena_fini(&a);
}

/* Commands and subcommands of one group in the order of their names; a container without a handler of its own is left
 * out in favour of its subcommands. */
static size_t
collect(const struct cmd *const *families, enum cmd_group group, struct line *out, size_t max)
{
    size_t n = 0;

    for (; *families != NULL; families++)
        for (const struct cmd *c = *families; c->name != NULL; c++) {
            if (c->group != group)
                continue;
            if (c->handler != NULL && n < max)
                out[n++] = line_of(c, NULL);
            for (const struct cmd *s = c->subs; s != NULL && s->name != NULL && n < max; s++)
                out[n++] = line_of(s, c);
        }
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0 && strcmp(out[k - 1].name, out[k].name) > 0; k--) {
            struct line swap = out[k];
            out[k] = out[k - 1];
            out[k - 1] = swap;
        }
    return n;
}

void
dump_commands(void)
{
    enum { GROUP_LINES_MAX = 200 };
    const struct cmd **families = server_families();
    struct line *lines = mem_get_array(GROUP_LINES_MAX, sizeof(*lines));
    struct buf b = {0};
    size_t total = 0;

    for (int g = 0; g < GROUP_COUNT; g++) {
        size_t n = collect(families, (enum cmd_group)g, lines, GROUP_LINES_MAX);

        if (n == 0)
            continue;
        total += n;
        buf_printf(&b, "\n## %s\n\n| command | does | cost | since Redis |\n|---|---|---|---|\n",
                   cmd_group_name((enum cmd_group)g));
        for (size_t i = 0; i < n; i++)
            add_line(&b, &lines[i]);
    }
    printf("# Commands\n\nMade from the command rows by `make docs`; do not edit. %zu commands and subcommands.\n",
           total);
    fwrite(b.ptr, 1, b.len, stdout);
    buf_fini(&b);
    mem_free(lines);
    mem_free(families);
}
