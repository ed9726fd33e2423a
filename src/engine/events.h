/* engine/events.h - everything that can happen to a key: name and notification class of each event. */
#ifndef SORREL_ENGINE_EVENTS_H
#define SORREL_ENGINE_EVENTS_H

/* Classes are the letters of notify-keyspace-events. */
/* clang-format off */
#define EVENT_LIST(X)                                                                                                  \
    X(EV_DEL, "del", 'g') X(EV_RENAME_FROM, "rename_from", 'g') X(EV_RENAME_TO, "rename_to", 'g')                      \
    X(EV_MOVE_FROM, "move_from", 'g') X(EV_MOVE_TO, "move_to", 'g') X(EV_COPY_TO, "copy_to", 'g')                      \
    X(EV_RESTORE, "restore", 'g') X(EV_EXPIRE, "expire", 'g') X(EV_PERSIST, "persist", 'g')                            \
    X(EV_SORTSTORE, "sortstore", 'l')                                                                                  \
    X(EV_SET, "set", '$') X(EV_SETRANGE, "setrange", '$') X(EV_INCRBY, "incrby", '$')                                  \
    X(EV_INCRBYFLOAT, "incrbyfloat", '$') X(EV_APPEND, "append", '$') X(EV_SETBIT, "setbit", '$')                      \
    X(EV_PFADD, "pfadd", '$')                                                                                          \
    X(EV_LPUSH, "lpush", 'l') X(EV_RPUSH, "rpush", 'l') X(EV_LPOP, "lpop", 'l') X(EV_RPOP, "rpop", 'l')                \
    X(EV_LINSERT, "linsert", 'l') X(EV_LSET, "lset", 'l') X(EV_LREM, "lrem", 'l') X(EV_LTRIM, "ltrim", 'l')            \
    X(EV_HSET, "hset", 'h') X(EV_HINCRBY, "hincrby", 'h') X(EV_HINCRBYFLOAT, "hincrbyfloat", 'h')                      \
    X(EV_HDEL, "hdel", 'h') X(EV_HEXPIRE, "hexpire", 'h') X(EV_HPERSIST, "hpersist", 'h')                              \
    X(EV_HEXPIRED, "hexpired", 'h')                                                                                    \
    X(EV_SEXPIRE, "sexpire", 's') X(EV_SPERSIST, "spersist", 's') X(EV_SEXPIRED, "sexpired", 's')                      \
    X(EV_ZEXPIRE, "zexpire", 'z') X(EV_ZPERSIST, "zpersist", 'z') X(EV_ZEXPIRED, "zexpired", 'z')                      \
    X(EV_SADD, "sadd", 's') X(EV_SREM, "srem", 's') X(EV_SPOP, "spop", 's')                                            \
    X(EV_SINTERSTORE, "sinterstore", 's') X(EV_SUNIONSTORE, "sunionstore", 's') X(EV_SDIFFSTORE, "sdiffstore", 's')    \
    X(EV_ZADD, "zadd", 'z') X(EV_ZINCR, "zincr", 'z') X(EV_ZREM, "zrem", 'z') X(EV_ZPOPMIN, "zpopmin", 'z')            \
    X(EV_ZPOPMAX, "zpopmax", 'z') X(EV_ZREMRANGEBYSCORE, "zremrangebyscore", 'z')                                      \
    X(EV_ZREMRANGEBYRANK, "zremrangebyrank", 'z') X(EV_ZREMRANGEBYLEX, "zremrangebylex", 'z')                          \
    X(EV_ZRANGESTORE, "zrangestore", 'z') X(EV_ZUNIONSTORE, "zunionstore", 'z')                                        \
    X(EV_ZINTERSTORE, "zinterstore", 'z') X(EV_ZDIFFSTORE, "zdiffstore", 'z')                                          \
    X(EV_GEOSEARCHSTORE, "geosearchstore", 'z') X(EV_GEORADIUSSTORE, "georadiusstore", 'z')                            \
    X(EV_XADD, "xadd", 't') X(EV_XTRIM, "xtrim", 't') X(EV_XDEL, "xdel", 't') X(EV_XSETID, "xsetid", 't')              \
    X(EV_XGROUP_CREATE, "xgroup-create", 't') X(EV_XGROUP_SETID, "xgroup-setid", 't')                                  \
    X(EV_XGROUP_DESTROY, "xgroup-destroy", 't') X(EV_XGROUP_CREATECONSUMER, "xgroup-createconsumer", 't')              \
    X(EV_XGROUP_DELCONSUMER, "xgroup-delconsumer", 't') X(EV_XACK, "xack", ' ')                                        \
    X(EV_JSON_SET, "json.set", 'd') X(EV_JSON_DEL, "json.del", 'd') X(EV_JSON_MERGE, "json.merge", 'd')                \
    X(EV_JSON_MSET, "json.mset", 'd') X(EV_JSON_NUMINCRBY, "json.numincrby", 'd')                                      \
    X(EV_JSON_NUMMULTBY, "json.nummultby", 'd') X(EV_JSON_NUMPOWBY, "json.numpowby", 'd')                              \
    X(EV_JSON_STRAPPEND, "json.strappend", 'd') X(EV_JSON_TOGGLE, "json.toggle", 'd')                                  \
    X(EV_JSON_CLEAR, "json.clear", 'd') X(EV_JSON_ARRAPPEND, "json.arrappend", 'd')                                    \
    X(EV_JSON_ARRINSERT, "json.arrinsert", 'd') X(EV_JSON_ARRPOP, "json.arrpop", 'd')                                  \
    X(EV_JSON_ARRTRIM, "json.arrtrim", 'd')                                                                            \
    X(EV_EXPIRED, "expired", 'x') X(EV_EVICTED, "evicted", 'e') X(EV_KEYMISS, "keymiss", 'm') X(EV_NEW, "new", 'n')    \
    X(EV_NONE, "", ' ') /* a change that nobody is notified of */
/* clang-format on */

enum event {
#define X(id, name, class) id,
    EVENT_LIST(X)
#undef X
        EVENT_COUNT
};

const char *event_name(enum event event);
char event_class(enum event event);

#endif
