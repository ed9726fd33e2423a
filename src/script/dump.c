/* script/dump.c - FUNCTION DUMP's value: every library's code as a string of an RDB file, a version, and a checksum.
 *
 * Written without compression, read with. Everything in it is hostile.
 */
#include "script/script_priv.h"
#include "value/rdb_string.h"

enum { OPCODE_FUNCTION = 245, LIBRARIES_MAX = 100000 };

static void
put_libraries(const struct script_host *h, struct buf *out)
{
    for (const struct library *l = h->libraries; l != NULL; l = l->next) {
        buf_add_char(out, (char)OPCODE_FUNCTION);
        buf_advance(out, rdb_format_len((unsigned char *)buf_room(out, 9), l->code.len));
        buf_add_slice(out, l->code);
    }
}

void
script_save_libraries(const struct engine *e, struct buf *out)
{
    const struct script_host *h = script__host_if_any(e);

    if (h != NULL)
        put_libraries(h, out);
}

void
script__dump(const struct script_host *h, struct buf *out)
{
    size_t from = out->len;

    put_libraries(h, out);
    (void)rdb_put_footer(out, from, RDB_VERSION_WRITTEN, NULL);
}

/* -- reading --------------------------------------------------------------------------------------------------- */

static enum rc
read_libraries(struct script_host *h, struct exec *x, struct rdb_input *in, struct buf *scratch,
               struct library **staged)
{
    for (int n = 0; in->p < in->end; n++) {
        struct slice code;
        if (n == LIBRARIES_MAX || *in->p++ != OPCODE_FUNCTION || rdb_get_string(in, scratch, &code) != RDB_GOT)
            return fail(x, "ERR given type is not a function");
        struct library *l = library__load(h, x, code, false);
        if (l == NULL)
            return RC_REPLIED_ERROR;
        l->next = *staged;
        *staged = l;
    }
    return RC_OK;
}

enum rc
script__read_dump(struct script_host *h, struct exec *x, struct slice dump, struct library **staged)
{
    struct buf scratch = {0};
    int version;

    if (!rdb_take_footer(&dump, &version, NULL))
        return fail(x, "ERR DUMP payload version or checksum are wrong");
    const unsigned char *p = (const unsigned char *)dump.ptr;
    struct rdb_input in = {p, p + dump.len, NULL};
    enum rc rc = read_libraries(h, x, &in, &scratch, staged);
    buf_fini(&scratch);
    return rc;
}
