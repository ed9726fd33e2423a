/* ACL rules: whatever they are, a user is made as a whole or not at all; what is made can be described and made again
 * as the same; and a check of any command against it ends.
 *
 * The input is lines, one rule each; a line "|" begins another ACL SETUSER for the same user. */
#include "engine/acl.h"
#include "proto/words.h"
#include "support/loopback.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RULES_MAX = 64 };

static void
describe(struct acl *acl, struct buf *out)
{
    struct acl_user *u = acl_find(acl, LIT("u"));

    buf_reset(out);
    if (u != NULL)
        acl_describe(u, out);
}

static void
check_commands(struct engine *e, const struct acl_user *u, struct slice in)
{
    struct slice argv[4] = {{0}, in, slice_skip(in, in.len / 2), LIT("x")};
    const struct command *c;
    int at;

    for (size_t id = 0; (c = command_by_id(e, id)) != NULL; id += 7) {
        argv[0] = slice_cstr(c->row->name);
        enum acl_denied d = acl_check(u, c, argv, 4, &at);
        CHECK(at >= 0 && at < 4 && d <= ACL_DENIED_CHANNEL);
    }
}

/* "user u on ~a* (+get ~b)", split at its blanks as a line of the ACL file is, makes the same user again. */
static void
check_round_trip(struct acl *acl, struct slice line)
{
    struct slice_vec words = {0};
    struct buf again = {0}, why = {0};

    for (size_t from = 0, i = 0; i <= line.len; i++) {
        if (i < line.len && line.ptr[i] != ' ')
            continue;
        if (i > from)
            slice_vec_add(&words, slice_of(line.ptr + from, i - from));
        from = i + 1;
    }
    CHECK(words.n >= 2);
    (void)acl_delete(acl, LIT("v"));
    if (!acl_define(acl, LIT("v"), words.v + 2, (int)words.n - 2, LIT("v"), &why))
        check_failed(__FILE__, __LINE__, "a described user can be made again");
    acl_describe(acl_find(acl, LIT("v")), &again);
    CHECK(slice_eq(slice_skip(line, 6), slice_skip(buf_slice(&again), 6)));
    slice_vec_fini(&words);
    buf_fini(&again);
    buf_fini(&why);
}

static void
set(struct loopback *l, const struct slice *rules, int n, struct slice in)
{
    struct acl *acl = engine_acl(l->engine);
    struct buf before = {0}, after = {0}, why = {0};

    describe(acl, &before);
    bool ok = acl_set(acl, LIT("u"), rules, n, &why);
    describe(acl, &after);
    CHECK(ok == (why.len == 0));
    CHECK(ok || slice_eq(buf_slice(&before), buf_slice(&after)));
    if (after.len > 0) {
        check_round_trip(acl, buf_slice(&after));
        check_commands(l->engine, acl_find(acl, LIT("u")), in);
    }
    buf_fini(&before);
    buf_fini(&after);
    buf_fini(&why);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct loopback *l = loopback_new(3);
    struct slice rules[RULES_MAX], in = slice_of(data, size);
    int n = 0;

    for (size_t from = 0, i = 0; i <= in.len; i++) {
        if (i < in.len && in.ptr[i] != '\n')
            continue;
        struct slice line = slice_of(in.ptr + from, i - from);
        from = i + 1;
        if (slice_eq(line, LIT("|")) || n == RULES_MAX) {
            set(l, rules, n, in);
            n = 0;
        } else {
            rules[n++] = line;
        }
    }
    set(l, rules, n, in);
    loopback_free(l);
    return 0;
}
