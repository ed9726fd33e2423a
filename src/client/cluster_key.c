/* client/cluster_key.c - from a command to its slot. */
#include "base/number.h"
#include "client/cluster_priv.h"

/* CRC-16/XMODEM, four bits at a time: polynomial 0x1021. Keys are short. */
static uint16_t
crc16(struct slice s)
{
    static const uint16_t table[16] = {0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7,
                                       0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef};
    uint16_t crc = 0;

    for (size_t i = 0; i < s.len; i++) {
        unsigned char byte = (unsigned char)s.ptr[i];
        crc = (uint16_t)(crc << 4 ^ table[(crc >> 12 ^ byte >> 4) & 15]);
        crc = (uint16_t)(crc << 4 ^ table[(crc >> 12 ^ byte) & 15]);
    }
    return crc;
}

int
cluster_slot(struct slice key)
{
    const char *open = key.len > 0 ? memchr(key.ptr, '{', key.len) : NULL;

    if (open != NULL) {
        struct slice tail = slice_skip(key, (size_t)(open - key.ptr) + 1);
        const char *close = tail.len > 0 ? memchr(tail.ptr, '}', tail.len) : NULL;
        if (close != NULL && close > tail.ptr)
            key = slice_of(tail.ptr, (size_t)(close - tail.ptr));
    }
    return crc16(key) % CLUSTER_SLOTS;
}

/* Commands whose first key is not their first argument. */
enum place {
    NO_KEY = 0,
    SECOND = 2,
    THIRD = 3,
    COUNT_FIRST = -1,  /* numkeys key ... */
    COUNT_SECOND = -2, /* something numkeys key ... */
    AFTER_STREAMS = -3,
};

static const struct {
    struct slice name;
    int place;
} exceptions[] = {
    {LIT_INIT("EVAL"), COUNT_SECOND},
    {LIT_INIT("EVALSHA"), COUNT_SECOND},
    {LIT_INIT("EVAL_RO"), COUNT_SECOND},
    {LIT_INIT("EVALSHA_RO"), COUNT_SECOND},
    {LIT_INIT("FCALL"), COUNT_SECOND},
    {LIT_INIT("FCALL_RO"), COUNT_SECOND},
    {LIT_INIT("BLMPOP"), COUNT_SECOND},
    {LIT_INIT("BZMPOP"), COUNT_SECOND},
    {LIT_INIT("LMPOP"), COUNT_FIRST},
    {LIT_INIT("ZMPOP"), COUNT_FIRST},
    {LIT_INIT("ZUNION"), COUNT_FIRST},
    {LIT_INIT("ZINTER"), COUNT_FIRST},
    {LIT_INIT("ZDIFF"), COUNT_FIRST},
    {LIT_INIT("SINTERCARD"), COUNT_FIRST},
    {LIT_INIT("ZINTERCARD"), COUNT_FIRST},
    {LIT_INIT("XREAD"), AFTER_STREAMS},
    {LIT_INIT("XREADGROUP"), AFTER_STREAMS},
    {LIT_INIT("BITOP"), SECOND},
    {LIT_INIT("OBJECT"), SECOND},
    {LIT_INIT("XGROUP"), SECOND},
    {LIT_INIT("XINFO"), SECOND},
    {LIT_INIT("MEMORY"), SECOND},
    {LIT_INIT("MIGRATE"), THIRD},
    {LIT_INIT("PUBLISH"), NO_KEY},
    {LIT_INIT("PING"), NO_KEY},
    {LIT_INIT("ECHO"), NO_KEY},
    {LIT_INIT("INFO"), NO_KEY},
    {LIT_INIT("TIME"), NO_KEY},
    {LIT_INIT("DBSIZE"), NO_KEY},
    {LIT_INIT("SCRIPT"), NO_KEY},
    {LIT_INIT("FUNCTION"), NO_KEY},
    {LIT_INIT("CLUSTER"), NO_KEY},
    {LIT_INIT("CONFIG"), NO_KEY},
    {LIT_INIT("CLIENT"), NO_KEY},
    {LIT_INIT("COMMAND"), NO_KEY},
    {LIT_INIT("KEYS"), NO_KEY},
    {LIT_INIT("SCAN"), NO_KEY},
    {LIT_INIT("RANDOMKEY"), NO_KEY},
    {LIT_INIT("WAIT"), NO_KEY},
    {LIT_INIT("FLUSHALL"), NO_KEY},
    {LIT_INIT("FLUSHDB"), NO_KEY},
    {LIT_INIT("SUBSCRIBE"), NO_KEY},
    {LIT_INIT("PSUBSCRIBE"), NO_KEY},
    {LIT_INIT("PUBSUB"), NO_KEY},
    {LIT_INIT("ACL"), NO_KEY},
    {LIT_INIT("LATENCY"), NO_KEY},
    {LIT_INIT("SLOWLOG"), NO_KEY},
    {LIT_INIT("HELLO"), NO_KEY},
    {LIT_INIT("ROLE"), NO_KEY},
    {LIT_INIT("LOLWUT"), NO_KEY},
    {LIT_INIT("DEBUG"), NO_KEY},
};

static int
counted(int argc, const char *const *argv, const size_t *lens, int at)
{
    uint64_t n;

    return at + 1 < argc && parse_uint64(slice_of(argv[at], lens[at]), &n) && n > 0 ? at + 1 : 0;
}

int
cluster__first_key(int argc, const char *const *argv, const size_t *lens)
{
    struct slice name = slice_of(argv[0], lens[0]);
    int place = 1;

    for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++)
        if (slice_eq_nocase(name, exceptions[i].name))
            place = exceptions[i].place;
    switch (place) {
    case COUNT_FIRST: return counted(argc, argv, lens, 1);
    case COUNT_SECOND: return counted(argc, argv, lens, 2);
    case AFTER_STREAMS:
        for (int i = 1; i + 1 < argc; i++)
            if (slice_eq_nocase(slice_of(argv[i], lens[i]), LIT("STREAMS")))
                return i + 1;
        return 0;
    default: return place < argc ? place : 0;
    }
}
