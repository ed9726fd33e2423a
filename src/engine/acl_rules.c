/* engine/acl_rules.c - the rules of ACL SETUSER, one at a time, and the way back from users to rules. */
#include "engine/acl_priv.h"

#include "base/sha256.h"
#include "proto/words.h"

const char acl__unknown_command[] = "Unknown command or category name in ACL";
static const char SYNTAX[] = "Syntax error";

/* -- commands -------------------------------------------------------------------------------------------------- */

static void
set_bit(struct acl_selector *s, const struct command *c, bool on)
{
    uint64_t bit = UINT64_C(1) << (c->id % 64);

    if (on)
        s->commands[c->id / 64] |= bit;
    else
        s->commands[c->id / 64] &= ~bit;
}

static void
forget_first_args(struct acl_selector *s, const struct command *c)
{
    size_t kept = 0;

    for (size_t i = 0; i < s->first_arg_count; i++) {
        if (c == NULL || s->first_args[i].command == c->id)
            name_free(s->first_args[i].arg);
        else
            s->first_args[kept++] = s->first_args[i];
    }
    s->first_arg_count = kept;
}

static void
forget_rules(struct acl_selector *s)
{
    for (size_t i = 0; i < s->rule_count; i++)
        name_free(s->rules[i]);
    s->rule_count = 0;
}

/* Keeps the rule, and drops earlier ones that it overrides: those about the same command, a subcommand of it or one of
 * its first arguments, or about the same category. */
static void
note_rule(struct acl_selector *s, struct slice rule)
{
    struct slice what = slice_skip(rule, 1);
    struct slice text = name_copy(rule);
    size_t kept = 0;

    for (size_t i = 0; i < text.len; i++)
        ((char *)(uintptr_t)text.ptr)[i] = ascii_lower(text.ptr[i]);
    for (size_t i = 0; i < s->rule_count; i++) {
        struct slice old = slice_skip(s->rules[i], 1);
        bool same = slice_starts_nocase(old, what) && (old.len == what.len || old.ptr[what.len] == '|');
        if (same)
            name_free(s->rules[i]);
        else
            s->rules[kept++] = s->rules[i];
    }
    s->rules = mem_resize(s->rules, (kept + 1) * sizeof(*s->rules));
    s->rules[kept] = text;
    s->rule_count = kept + 1;
}

static void
apply_all_commands(struct acl *acl, struct acl_selector *s, bool on)
{
    memset(s->commands, on ? 0xff : 0, acl__command_words(acl) * sizeof(uint64_t));
    s->all_commands = s->starts_all = on;
    forget_first_args(s, NULL);
    forget_rules(s);
}

static bool
category_mask(struct slice name, uint64_t *mask)
{
    for (int i = 0; i < CAT_COUNT; i++) {
        if (slice_eq_nocase(name, slice_cstr(cmd_category_name((enum acl_category)i)))) {
            *mask = UINT64_C(1) << i;
            return true;
        }
    }
    return false;
}

static const char *
apply_category(struct acl *acl, struct acl_selector *s, struct slice rule)
{
    const struct command_table *t = &acl->engine->commands;
    bool on = rule.ptr[0] == '+';
    uint64_t mask;

    if (slice_eq_nocase(slice_skip(rule, 2), LIT("all"))) {
        apply_all_commands(acl, s, on);
        return NULL;
    }
    if (!category_mask(slice_skip(rule, 2), &mask))
        return acl__unknown_command;
    for (size_t i = 0; i < t->count; i++) {
        if (t->items[i].categories & mask) {
            set_bit(s, &t->items[i], on);
            forget_first_args(s, &t->items[i]);
        }
    }
    s->all_commands &= on;
    note_rule(s, rule);
    return NULL;
}

static bool
holds_blank_or_nul(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] == ' ' || s.ptr[i] == '\0' || (s.ptr[i] >= '\t' && s.ptr[i] <= '\r'))
            return true;
    return false;
}

/* "+select|0". A blank or line end in it would become other rules, or another user, when the ACL file is read. */
static const char *
allow_first_arg(struct acl_selector *s, const struct command *c, struct slice arg, struct slice rule)
{
    if (holds_blank_or_nul(arg))
        return SYNTAX;
    for (size_t i = 0; i < s->first_arg_count; i++) {
        if (s->first_args[i].command == c->id && slice_eq_nocase(s->first_args[i].arg, arg))
            return NULL;
    }
    s->first_args = mem_resize(s->first_args, (s->first_arg_count + 1) * sizeof(*s->first_args));
    s->first_args[s->first_arg_count++] = (struct acl_first_arg){c->id, name_copy(arg)};
    note_rule(s, rule);
    return NULL;
}

static const char *
apply_command(struct acl *acl, struct acl_selector *s, struct slice rule)
{
    bool on = rule.ptr[0] == '+';
    struct slice name = slice_skip(rule, 1), rest = {0};
    const char *bar = name.len == 0 ? NULL : memchr(name.ptr, '|', name.len);

    if (bar != NULL) {
        rest = slice_skip(name, (size_t)(bar - name.ptr) + 1);
        name.len = (size_t)(bar - name.ptr);
    }
    struct command *c = command_find_original(acl->engine, name);
    if (c == NULL)
        return acl__unknown_command;
    if (bar == NULL) {
        set_bit(s, c, on);
        for (uint32_t i = 0; i < c->sub_count; i++)
            set_bit(s, &c->subs[i], on);
        forget_first_args(s, c);
    } else if (on && rest.len == 0) {
        return SYNTAX;
    } else if (on && memchr(rest.ptr, '|', rest.len) != NULL) {
        rest.len = (size_t)((const char *)memchr(rest.ptr, '|', rest.len) - rest.ptr);
        return c->sub_count > 0 && command_sub(c, rest) != NULL ? "Allowing first-arg of a subcommand is not supported"
                                                                : acl__unknown_command;
    } else if (c->sub_count > 0) {
        struct command *sub = command_sub(c, rest);
        if (sub == NULL)
            return acl__unknown_command;
        set_bit(s, sub, on);
    } else {
        return on ? allow_first_arg(s, c, rest, rule) : acl__unknown_command;
    }
    s->all_commands &= on;
    note_rule(s, rule);
    return NULL;
}

/* -- keys and channels ----------------------------------------------------------------------------------------- */

static void
add_pattern(struct acl_patterns *p, struct slice text, unsigned rights)
{
    for (size_t i = 0; i < p->n; i++) {
        if (slice_eq(p->v[i].text, text)) {
            p->v[i].rights |= rights;
            return;
        }
    }
    p->v = mem_resize(p->v, (p->n + 1) * sizeof(*p->v));
    p->v[p->n++] = (struct acl_pattern){name_copy(text), rights};
}

static const char *
apply_key(struct acl_selector *s, struct slice rule)
{
    unsigned rights = 0;
    size_t at = 1;

    if (s->keys.all)
        return "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any "
               "effect. Try "
               "'resetkeys' to start with an empty list of patterns";
    if (rule.ptr[0] == '~')
        rights = ACL_READ | ACL_WRITE;
    for (; rule.ptr[0] == '%' && at < rule.len && rule.ptr[at] != '~'; at++) {
        char c = ascii_lower(rule.ptr[at]);
        unsigned right = c == 'r' ? ACL_READ : c == 'w' ? ACL_WRITE : 0;
        if (right == 0 || (rights & right))
            return SYNTAX;
        rights |= right;
    }
    if (rights == 0)
        return SYNTAX;
    /* "%R" without a tilde is the empty pattern, as redis has it. */
    struct slice pattern = slice_skip(rule, rule.ptr[0] == '%' && at < rule.len ? at + 1 : at);
    if (holds_blank_or_nul(pattern))
        return SYNTAX;
    add_pattern(&s->keys, pattern, rights);
    return NULL;
}

static const char *
apply_channel(struct acl_selector *s, struct slice rule)
{
    struct slice pattern = slice_skip(rule, 1);

    if (s->channels.all)
        return "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any "
               "effect. "
               "Try 'resetchannels' to start with an empty list of channels";
    if (holds_blank_or_nul(pattern))
        return SYNTAX;
    add_pattern(&s->channels, pattern, 0);
    return NULL;
}

/* -- selectors ------------------------------------------------------------------------------------------------- */

static const char *
apply_to_selector(struct acl *acl, struct acl_selector *s, struct slice rule)
{
    if (slice_eq_nocase(rule, LIT("allkeys")))
        rule = LIT("~*");
    else if (slice_eq_nocase(rule, LIT("allchannels")))
        rule = LIT("&*");
    else if (slice_eq_nocase(rule, LIT("allcommands")))
        rule = LIT("+@all");
    else if (slice_eq_nocase(rule, LIT("nocommands")))
        rule = LIT("-@all");

    if (slice_eq(rule, LIT("~*")) || slice_eq(rule, LIT("&*"))) {
        struct acl_patterns *p = rule.ptr[0] == '~' ? &s->keys : &s->channels;
        acl__patterns_clear(p);
        p->all = true;
    } else if (slice_eq_nocase(rule, LIT("resetkeys"))) {
        acl__patterns_clear(&s->keys);
    } else if (slice_eq_nocase(rule, LIT("resetchannels"))) {
        acl__patterns_clear(&s->channels);
    } else if (rule.len > 0 && (rule.ptr[0] == '~' || rule.ptr[0] == '%')) {
        return apply_key(s, rule);
    } else if (rule.len > 0 && rule.ptr[0] == '&') {
        return apply_channel(s, rule);
    } else if (rule.len > 0 && (rule.ptr[0] == '+' || rule.ptr[0] == '-')) {
        return rule.len > 1 && rule.ptr[1] == '@' ? apply_category(acl, s, rule) : apply_command(acl, s, rule);
    } else {
        return SYNTAX;
    }
    return NULL;
}

/* "(~a* +@read)": the words between the parentheses, which may be quoted. */
static const char *
add_selector(struct acl *acl, struct acl_user *u, struct slice rule)
{
    struct acl_selector *s = acl__selector_new(acl);
    struct slice_vec words = {0};
    struct arena text = {0};
    const char *why = words_split(slice_of(rule.ptr + 1, rule.len - 2), &text, &words) ? NULL : SYNTAX;

    for (size_t i = 0; i < words.n && why == NULL; i++)
        why = apply_to_selector(acl, s, words.v[i]);
    slice_vec_fini(&words);
    arena_fini(&text);
    if (why != NULL) {
        acl__selector_free(s);
        return why;
    }
    u->selectors = mem_resize(u->selectors, (u->selector_count + 1) * sizeof(*u->selectors));
    u->selectors[u->selector_count++] = s;
    return NULL;
}

static void
clear_selectors(struct acl_user *u)
{
    while (u->selector_count > 1)
        acl__selector_free(u->selectors[--u->selector_count]);
}

/* -- passwords ------------------------------------------------------------------------------------------------- */

static int
lower_hex_digit(char c)
{
    return c == ascii_lower(c) ? hex_digit(c) : -1;
}

static bool
parse_hash(struct slice hex, unsigned char out[ACL_HASH_BYTES])
{
    if (hex.len != 2 * ACL_HASH_BYTES)
        return false;
    for (size_t i = 0; i < ACL_HASH_BYTES; i++) {
        int hi = lower_hex_digit(hex.ptr[2 * i]), lo = lower_hex_digit(hex.ptr[2 * i + 1]);
        if (hi < 0 || lo < 0)
            return false;
        out[i] = (unsigned char)(hi << 4 | lo);
    }
    return true;
}

static size_t
find_password(const struct acl_user *u, const unsigned char digest[ACL_HASH_BYTES])
{
    size_t i = 0;

    while (i < u->password_count && memcmp(u->passwords[i], digest, ACL_HASH_BYTES) != 0)
        i++;
    return i;
}

static const char *
apply_password(struct acl_user *u, struct slice rule)
{
    unsigned char digest[ACL_HASH_BYTES];
    char kind = rule.ptr[0];
    bool add = kind == '>' || kind == '#';

    if (kind == '>' || kind == '<')
        sha256(slice_skip(rule, 1), digest);
    else if (!parse_hash(slice_skip(rule, 1), digest))
        return "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters";
    size_t at = find_password(u, digest);
    if (!add) {
        if (at == u->password_count)
            return "The password you are trying to remove from the user does not exist";
        u->password_count--;
        memmove(u->passwords[at], u->passwords[at + 1], (u->password_count - at) * ACL_HASH_BYTES);
        return NULL;
    }
    u->flags &= ~(unsigned)USER_NOPASS;
    if (at == u->password_count) {
        u->passwords = mem_resize(u->passwords, (u->password_count + 1) * ACL_HASH_BYTES);
        memcpy(u->passwords[u->password_count++], digest, ACL_HASH_BYTES);
    }
    return NULL;
}

/* -- one rule -------------------------------------------------------------------------------------------------- */

static void
reset_user(struct acl *acl, struct acl_user *u)
{
    clear_selectors(u);
    acl__selector_free(u->selectors[0]);
    u->selectors[0] = acl__selector_new(acl);
    u->password_count = 0;
    u->flags = USER_SANITIZE;
}

const char *
acl__apply(struct acl *acl, struct acl_user *u, struct slice rule)
{
    if (rule.len == 0)
        return NULL;
    if (slice_eq_nocase(rule, LIT("on"))) {
        u->flags |= USER_ON;
    } else if (slice_eq_nocase(rule, LIT("off"))) {
        u->flags &= ~(unsigned)USER_ON;
    } else if (slice_eq_nocase(rule, LIT("nopass"))) {
        u->flags |= USER_NOPASS;
        u->password_count = 0;
    } else if (slice_eq_nocase(rule, LIT("resetpass"))) {
        u->flags &= ~(unsigned)USER_NOPASS;
        u->password_count = 0;
    } else if (slice_eq_nocase(rule, LIT("sanitize-payload"))) {
        u->flags = (u->flags & ~(unsigned)USER_SKIP_SANITIZE) | USER_SANITIZE;
    } else if (slice_eq_nocase(rule, LIT("skip-sanitize-payload"))) {
        u->flags = (u->flags & ~(unsigned)USER_SANITIZE) | USER_SKIP_SANITIZE;
    } else if (slice_eq_nocase(rule, LIT("clearselectors"))) {
        clear_selectors(u);
    } else if (slice_eq_nocase(rule, LIT("reset"))) {
        reset_user(acl, u);
    } else if (rule.ptr[0] == '(' && rule.ptr[rule.len - 1] == ')') {
        return add_selector(acl, u, rule);
    } else if (rule.ptr[0] == '>' || rule.ptr[0] == '<' || rule.ptr[0] == '#' || rule.ptr[0] == '!') {
        return apply_password(u, rule);
    } else {
        return apply_to_selector(acl, u->selectors[0], rule);
    }
    return NULL;
}

/* -- describing ------------------------------------------------------------------------------------------------ */

/* Within the parentheses of a selector quotes have a meaning, and a parenthesis at the end of a word closes it. */
static void
add_rule(struct buf *out, const char *sigil, struct slice text, bool nested)
{
    bool quote = nested && text.len > 0 && text.ptr[text.len - 1] == ')';

    for (size_t i = 0; nested && i < text.len; i++)
        quote |= text.ptr[i] == '"' || text.ptr[i] == '\'';
    if (quote)
        buf_add_char(out, '"');
    buf_add_slice(out, slice_cstr(sigil));
    for (size_t i = 0; i < text.len; i++) {
        if (quote && (text.ptr[i] == '"' || text.ptr[i] == '\\'))
            buf_add_char(out, '\\');
        buf_add_char(out, text.ptr[i]);
    }
    if (quote)
        buf_add_char(out, '"');
}

static void
describe_commands(const struct acl_selector *s, bool nested, struct buf *out)
{
    buf_add_slice(out, s->starts_all ? LIT("+@all") : LIT("-@all"));
    for (size_t i = 0; i < s->rule_count; i++) {
        buf_add_char(out, ' ');
        add_rule(out, "", s->rules[i], nested);
    }
}

/* To be read again, "~*" among other patterns must not be what redis shows: it would take their place, or forbid them.
 */
static void
describe_keys(const struct acl_selector *s, bool nested, bool again, struct buf *out)
{
    static const char *const sigils[] = {[ACL_READ] = "%R~", [ACL_WRITE] = "%W~", [ACL_READ | ACL_WRITE] = "~"};
    size_t from = out->len;

    if (s->keys.all)
        buf_add_slice(out, LIT("~*"));
    for (size_t i = 0; i < s->keys.n; i++) {
        const struct acl_pattern *p = &s->keys.v[i];
        if (out->len > from)
            buf_add_char(out, ' ');
        bool all = again && s->keys.n > 1 && p->rights == (ACL_READ | ACL_WRITE) && slice_eq(p->text, LIT("*"));
        add_rule(out, all ? "%RW~" : sigils[p->rights], p->text, nested);
    }
}

static void
describe_channels(const struct acl_selector *s, bool nested, struct buf *out)
{
    size_t from = out->len;

    if (s->channels.all)
        buf_add_slice(out, LIT("&*"));
    for (size_t i = 0; i < s->channels.n; i++) {
        if (out->len > from)
            buf_add_char(out, ' ');
        add_rule(out, "&", s->channels.v[i].text, nested);
    }
}

static void
describe_selector(const struct acl_selector *s, bool nested, struct buf *out)
{
    size_t from = out->len;

    describe_keys(s, nested, true, out);
    if (out->len > from)
        buf_add_char(out, ' ');
    if (!s->channels.all) {
        buf_add_slice(out, LIT("resetchannels"));
        buf_add_char(out, ' ');
    }
    from = out->len;
    describe_channels(s, nested, out);
    if (out->len > from)
        buf_add_char(out, ' ');
    describe_commands(s, nested, out);
}

void
acl_flags_each(const struct acl_user *u, void (*fn)(void *ctx, struct slice flag), void *ctx)
{
    fn(ctx, u->flags & USER_ON ? LIT("on") : LIT("off"));
    if (u->flags & USER_NOPASS)
        fn(ctx, LIT("nopass"));
    fn(ctx, u->flags & USER_SKIP_SANITIZE ? LIT("skip-sanitize-payload") : LIT("sanitize-payload"));
}

static void
add_word(void *ctx, struct slice word)
{
    struct buf *out = ctx;

    buf_add_slice(out, word);
    buf_add_char(out, ' ');
}

size_t
acl_password_count(const struct acl_user *u)
{
    return u->password_count;
}

void
acl_password_hex(const struct acl_user *u, size_t n, char out[64])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < ACL_HASH_BYTES; i++) {
        out[2 * i] = digits[u->passwords[n][i] >> 4];
        out[2 * i + 1] = digits[u->passwords[n][i] & 15];
    }
}

void
acl_describe(const struct acl_user *u, struct buf *out)
{
    char hex[64];

    add_word(out, LIT("user"));
    add_word(out, u->name);
    acl_flags_each(u, add_word, out);
    for (size_t i = 0; i < u->password_count; i++) {
        acl_password_hex(u, i, hex);
        buf_add_char(out, '#');
        add_word(out, slice_of(hex, sizeof(hex)));
    }
    describe_selector(u->selectors[0], false, out);
    for (size_t i = 1; i < u->selector_count; i++) {
        buf_add_slice(out, LIT(" ("));
        describe_selector(u->selectors[i], true, out);
        buf_add_char(out, ')');
    }
}

size_t
acl_selector_count(const struct acl_user *u)
{
    return u->selector_count;
}

void
acl_describe_commands(const struct acl_user *u, size_t selector, struct buf *out)
{
    describe_commands(u->selectors[selector], false, out);
}

void
acl_describe_keys(const struct acl_user *u, size_t selector, struct buf *out)
{
    describe_keys(u->selectors[selector], false, false, out);
}

void
acl_describe_channels(const struct acl_user *u, size_t selector, struct buf *out)
{
    describe_channels(u->selectors[selector], false, out);
}
