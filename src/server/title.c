/* server/title.c - see title.h. */
#include "server/title.h"

#include "base/buf.h"
#include "base/mem.h"

#include <string.h>
#include <unistd.h>

/* The end of the strings in a list that lie behind one another from `end` on. */
static char *
end_of(char **list, char *end)
{
    for (; *list != NULL && *list == end; list++)
        end += strlen(*list) + 1;
    return end;
}

static bool
copy_environment(void)
{
    size_t n = 0, bytes;

    while (environ[n] != NULL)
        n++;
    if (!size_mul(n + 1, sizeof(*environ), &bytes))
        return false;
    char **copy = mem_get(bytes);
    for (size_t i = 0; i < n; i++)
        copy[i] = mem_copy_text(environ[i]);
    copy[n] = NULL;
    environ = copy; /* lives as long as the program, as getenv() wants it */
    return true;
}

void
title_init(struct title *t, char **argv)
{
    *t = (struct title){0};
    if (argv[0] == NULL)
        return;
    char *end = end_of(environ, end_of(argv, argv[0]));
    if (!copy_environment())
        return;
    t->program = mem_copy_text(argv[0]);
    t->at = argv[0];
    t->room = (size_t)(end - argv[0]);
}

void
title_fini(struct title *t)
{
    mem_free(t->program);
    *t = (struct title){0};
}

/* Where clients find the server, in one word. */
static void
add_address(struct buf *out, const struct config *c)
{
    struct slice bind = config_text(c, CFG_BIND), path = config_text(c, CFG_UNIXSOCKET);
    int64_t port = config_num(c, CFG_PORT) != 0 ? config_num(c, CFG_PORT) : config_num(c, CFG_TLS_PORT);
    const char *space = memchr(bind.ptr, ' ', bind.len);

    if (port == 0 && path.len > 0) {
        buf_add_slice(out, path);
        return;
    }
    if (space != NULL)
        bind.len = (size_t)(space - bind.ptr);
    buf_add_slice(out, bind.len > 0 ? bind : LIT("*"));
    buf_printf(out, ":%lld", (long long)port);
}

enum variable { TITLE, ADDRESS, MODE, PORT, TLS_PORT, UNIXSOCKET, CONFIG_FILE, VARIABLES };

/* Steps over the variable at the front of the text; VARIABLES: there is none. */
static enum variable
take_variable(struct slice *text)
{
    static const struct slice names[VARIABLES] = {
        [TITLE] = LIT_INIT("{title}"),
        [ADDRESS] = LIT_INIT("{listen-addr}"),
        [MODE] = LIT_INIT("{server-mode}"),
        [PORT] = LIT_INIT("{port}"),
        [TLS_PORT] = LIT_INIT("{tls-port}"),
        [UNIXSOCKET] = LIT_INIT("{unixsocket}"),
        [CONFIG_FILE] = LIT_INIT("{config-file}"),
    };

    for (int v = 0; v < VARIABLES; v++) {
        if (slice_starts(*text, names[v])) {
            *text = slice_skip(*text, names[v].len);
            return (enum variable)v;
        }
    }
    return VARIABLES;
}

bool
title_valid(struct slice text)
{
    while (text.len > 0) {
        if (*text.ptr != '{')
            text = slice_skip(text, 1);
        else if (take_variable(&text) == VARIABLES)
            return false;
    }
    return true;
}

/* Adds what the variable at the front of the text stands for, and steps over it. False: there is none. */
static bool
add_variable(struct buf *out, struct slice *text, const struct title *t, const struct config *c,
             const char *config_path)
{
    switch (take_variable(text)) {
    case TITLE: buf_add_slice(out, slice_cstr(t->program)); break;
    case ADDRESS: add_address(out, c); break;
    case PORT: buf_printf(out, "%lld", (long long)config_num(c, CFG_PORT)); break;
    case TLS_PORT: buf_printf(out, "%lld", (long long)config_num(c, CFG_TLS_PORT)); break;
    case UNIXSOCKET: buf_add_slice(out, config_text(c, CFG_UNIXSOCKET)); break;
    case CONFIG_FILE: buf_add_slice(out, slice_cstr(config_path)); break;
    case MODE: break; /* neither sentinel nor cluster */
    case VARIABLES: return false;
    }
    return true;
}

void
title_show(const struct title *t, const struct config *c, const char *config_path)
{
    struct slice text = config_text(c, CFG_PROC_TITLE_TEMPLATE);
    struct buf out = {0};

    if (t->at == NULL || !config_on(c, CFG_SET_PROC_TITLE))
        return;
    while (text.len > 0) {
        if (add_variable(&out, &text, t, c, config_path))
            continue;
        buf_add_char(&out, *text.ptr);
        text = slice_skip(text, 1);
    }
    while (out.len > 0 && out.ptr[out.len - 1] == ' ')
        out.len--;
    size_t n = out.len < t->room ? out.len : t->room - 1;
    memset(t->at, 0, t->room);
    if (n > 0)
        memcpy(t->at, out.ptr, n);
    buf_fini(&out);
}
