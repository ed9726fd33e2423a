/* client/error.c - names and texts of failures. */
#include "base/mem.h"
#include "client/error_priv.h"
#include "sorrel/url.h"

#include <stdarg.h>
#include <stdio.h>

const char *
sorrel_rc_name(enum sorrel_rc rc)
{
    switch (rc) {
    case SORREL_OK: return "ok";
    case SORREL_ERR_USAGE: return "usage";
    case SORREL_ERR_CONNECT: return "connect";
    case SORREL_ERR_TIMEOUT: return "timeout";
    case SORREL_ERR_IO: return "io";
    case SORREL_ERR_CLOSED: return "closed";
    case SORREL_ERR_PROTOCOL: return "protocol";
    case SORREL_ERR_AUTH: return "auth";
    case SORREL_ERR_SERVER: return "server";
    case SORREL_ERR_BUSY: return "busy";
    case SORREL_ERR_LOST: return "lost";
    }
    return "unknown";
}

enum sorrel_rc
error__set(struct sorrel_error *err, enum sorrel_rc code, int sys_errno, const char *fmt, ...)
{
    va_list ap;

    if (err == NULL)
        return code;
    err->code = code;
    err->sys_errno = sys_errno;
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof(err->text), fmt, ap);
    va_end(ap);
    return code;
}

enum sorrel_rc
error__reply(struct sorrel_error *err, enum sorrel_rc code, const struct sorrel_reply *r)
{
    enum { LINE_MAX_SHOWN = 250 };
    size_t len = 0;
    const char *text = sorrel_reply_text(r, &len);

    if (text == NULL)
        return error__set(err, code, 0, "the server's answer is not the expected one");
    return error__set(err, code, 0, "%.*s", len > LINE_MAX_SHOWN ? LINE_MAX_SHOWN : (int)len, text);
}

void
sorrel_free(void *p)
{
    mem_free(p);
}

char *
sorrel_alloc(size_t n)
{
    char *p = mem_get(n + 1);

    p[n] = '\0';
    return p;
}
