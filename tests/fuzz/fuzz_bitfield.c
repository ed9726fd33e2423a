/* tests/fuzz/fuzz_bitfield.c - BITFIELD beside a twin that goes bit by bit in 128-bit numbers; and the other commands
 * on bits with any words.
 *
 * The input is a program: a step is either a whole BITFIELD of up to six operations, whose replies and whose string
 * must be those of the twin, or a command of words from the input.
 */
#include "base/check.h"
#include "base/number.h"
#include "engine/settings.h"
#include "support/loopback.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BYTES = 160, OPS_MAX = 6, STEPS_MAX = 60, OFFSET_MAX = 8 * (BYTES - 9) };

typedef __int128 wide;

struct input {
    const uint8_t *at, *end;
};

static unsigned
next(struct input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

static uint64_t
next_number(struct input *in)
{
    uint64_t v = 0;

    for (unsigned bytes = next(in) % 9; bytes > 0; bytes--)
        v = v << 8 | next(in);
    return v;
}

/* -- the twin ---------------------------------------------------------------------------------------------------- */

struct twin {
    unsigned char bytes[BYTES];
    size_t len;
};

static wide
twin_get(const struct twin *t, size_t at, unsigned bits, bool is_signed)
{
    wide v = 0;

    for (size_t i = at; i < at + bits; i++)
        v = v << 1 | (t->bytes[i / 8] >> (7 - i % 8) & 1);
    return is_signed && v >> (bits - 1) != 0 ? v - ((wide)1 << bits) : v;
}

static void
twin_set(struct twin *t, size_t at, unsigned bits, wide v)
{
    size_t need = (at + bits + 7) / 8;

    for (unsigned i = 0; i < bits; i++) {
        size_t bit = at + bits - 1 - i;
        unsigned char mask = (unsigned char)(0x80 >> bit % 8);
        t->bytes[bit / 8] = (unsigned char)(v >> i & 1 ? t->bytes[bit / 8] | mask : t->bytes[bit / 8] & ~mask);
    }
    t->len = need > t->len ? need : t->len;
}

enum overflow { WRAP, SAT, FAIL };

/* False: it does not fit, and nothing is stored. */
static bool
fit(wide *v, unsigned bits, bool is_signed, enum overflow how)
{
    wide one = 1, min = is_signed ? -(one << (bits - 1)) : 0, max = (one << (is_signed ? bits - 1 : bits)) - 1;

    if (*v >= min && *v <= max)
        return true;
    if (how == FAIL)
        return false;
    if (how == SAT) {
        *v = *v < min ? min : max;
        return true;
    }
    *v &= (one << bits) - 1;
    if (is_signed && *v > max)
        *v -= one << bits;
    return true;
}

/* -- steps ------------------------------------------------------------------------------------------------------- */

static void
add_word(struct buf *b, int *words, const char *word)
{
    buf_printf(b, "$%zu\r\n%s\r\n", strlen(word), word);
    ++*words;
}

static void
add_number(struct buf *b, int *words, const char *before, long long v)
{
    char text[32];

    snprintf(text, sizeof(text), "%s%lld", before, v);
    add_word(b, words, text);
}

static void
say(struct loopback *l, const struct buf *body, int words)
{
    struct buf line = {0};

    buf_reset(&l->sessions[0].out);
    buf_printf(&line, "*%d\r\n", words);
    buf_add_slice(&line, buf_slice(body));
    loopback_feed(l, 0, buf_slice(&line));
    buf_fini(&line);
}

static void
one_operation(struct input *in, struct twin *t, struct buf *body, int *words, enum overflow *how, struct buf *want)
{
    static const char *const ways[] = {"WRAP", "SAT", "FAIL"};
    unsigned what = next(in), bits = 1 + next(in) % 64;
    bool is_signed = bits == 64 || what & 0x80;
    size_t at = (next(in) << 8 | next(in)) % OFFSET_MAX;

    if (what & 0x40) {
        *how = (enum overflow)(next(in) % 3);
        add_word(body, words, "OVERFLOW");
        add_word(body, words, ways[*how]);
    }
    unsigned kind = what % 3;
    add_word(body, words, kind == 0 ? "GET" : kind == 1 ? "SET" : "INCRBY");
    add_number(body, words, is_signed ? "i" : "u", bits);
    if (what & 0x20 && at / bits * bits + bits <= OFFSET_MAX) {
        add_number(body, words, "#", (long long)(at / bits));
        at = at / bits * bits;
    } else {
        add_number(body, words, "", (long long)at);
    }
    wide old = twin_get(t, at, bits, is_signed), v = old;
    if (kind == 0) {
        buf_printf(want, ":%lld\r\n", (long long)old);
        return;
    }
    int64_t by = (int64_t)next_number(in);
    add_number(body, words, "", by);
    /* What is set in an unsigned field is an unsigned number: -1 is far above all that fits. */
    v = kind == 2 ? old + by : is_signed ? (wide)by : (wide)(uint64_t)by;
    /* The string grows even when the value does not fit. */
    twin_set(t, at, bits, old);
    if (!fit(&v, bits, is_signed, *how)) {
        buf_printf(want, "$-1\r\n");
        return;
    }
    twin_set(t, at, bits, v);
    buf_printf(want, ":%lld\r\n", (long long)(kind == 1 ? old : v));
}

static void
step_twin(struct loopback *l, struct input *in, struct twin *t)
{
    struct buf body = {0}, want = {0}, head = {0};
    enum overflow how = WRAP;
    int words = 0;
    unsigned ops = 1 + next(in) % OPS_MAX;

    add_word(&body, &words, "BITFIELD");
    add_word(&body, &words, "k");
    for (unsigned i = 0; i < ops; i++)
        one_operation(in, t, &body, &words, &how, &want);
    say(l, &body, words);
    buf_printf(&head, "*%u\r\n", ops);
    buf_add_slice(&head, buf_slice(&want));
    CHECK(slice_eq(buf_slice(&head), buf_slice(&l->sessions[0].out)));
    buf_reset(&l->sessions[0].out);
    loopback_feed(l, 0, LIT("GET k\r\n"));
    struct slice got = buf_slice(&l->sessions[0].out);
    buf_reset(&head);
    if (t->len == 0)
        buf_printf(&head, "$-1\r\n");
    else
        buf_printf(&head, "$%zu\r\n", t->len);
    buf_add(&head, t->bytes, t->len);
    if (t->len > 0)
        buf_printf(&head, "\r\n");
    CHECK(slice_eq(buf_slice(&head), got));
    buf_fini(&body);
    buf_fini(&want);
    buf_fini(&head);
}

/* Any words: no more is asked than that it ends, and soon. */
static void
step_words(struct loopback *l, struct input *in)
{
    static const char *const names[] = {"BITFIELD", "BITFIELD_RO", "BITCOUNT", "BITPOS", "BITOP", "SETBIT", "GETBIT"};
    static const char *const pool[] = {"GET", "SET", "INCRBY", "OVERFLOW", "SAT",   "FAIL", "u8",    "i64", "u64", "u0",
                                       "#1",  "BIT", "BYTE",   "AND",      "DIFF1", "j",    "m",     "0",   "1",   "-1",
                                       "100", "7",   "#-1",    "i65",      "NOT",   "ONE",  "ANDOR", "800"};
    struct buf body = {0};
    int words = 0;

    add_word(&body, &words, names[next(in) % 7]);
    add_word(&body, &words, "j");
    for (unsigned n = next(in) % 10; n > 0; n--) {
        unsigned pick = next(in);
        if (pick < 200)
            add_word(&body, &words, pool[pick % (sizeof(pool) / sizeof(pool[0]))]);
        else
            add_number(&body, &words, "", (long long)next_number(in));
    }
    say(l, &body, words);
    buf_fini(&body);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, data + size};
    struct loopback *l = loopback_new(3);
    struct twin t = {.len = 0};

    /* Far offsets are refused rather than filled with zeros. */
    engine_settings(l->engine)->proto_max_bulk_len = 1 << 20;
    engine_settings_changed(l->engine);
    loopback_open(l, 0);
    for (int i = 0; i < STEPS_MAX && in.at < in.end; i++) {
        if (next(&in) % 4 != 0)
            step_twin(l, &in, &t);
        else
            step_words(l, &in);
    }
    loopback_free(l);
    return 0;
}
