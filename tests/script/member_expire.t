# Members of hashes, sets and sorted sets that expire.
# oracle: skip because redis-server 7.0 has none of it

== HEXPIRE and its relatives, and how they are asked for
> HEXPIRE h 10 FIELDS 2 a b
[:-2 :-2]
> HTTL h FIELDS 1 a
[:-2]
> HPERSIST h FIELDS 1 a
[:-2]
> HSET h a 1 b 2 c 3
:3
> HTTL h FIELDS 3 a b nofield
[:-1 :-1 :-2]
> HEXPIRE h 100 FIELDS 2 a nofield
[:1 :-2]
> HTTL h FIELDS 3 a b nofield
[:99..100 :-1 :-2]
> HPTTL h FIELDS 1 a
[:99000..100000]
> HEXPIREAT h 4000000000 FIELDS 1 a
[:1]
> HEXPIRETIME h FIELDS 1 a
[:4000000000]
> HPEXPIRETIME h FIELDS 1 a
[:4000000000000]
> HPEXPIREAT h 4000000000001 FIELDS 1 b
[:1]
> HEXPIRETIME h FIELDS 1 b
[:4000000001]
> HPEXPIRE h 50000 FIELDS 1 b
[:1]
> HPTTL h FIELDS 1 b
[:49000..50000]
> HPERSIST h FIELDS 4 a b c nofield
[:1 :1 :-1 :-2]
> HTTL h FIELDS 3 a b c
[:-1 :-1 :-1]
> OBJECT ENCODING h
"listpackex"

== a time that has passed removes the field, and the key with the last one
> HSET h a 1 b 2
:2
> HEXPIREAT h 1 FIELDS 3 a a nofield
[:2 :-2 :-2]
> HGETALL h
{"b" "2"}
> HEXPIRE h 0 FIELDS 1 b
[:2]
> EXISTS h
:0

== conditions
> HSET h a 1 b 2
:2
> HEXPIRE h 100 XX FIELDS 1 a
[:0]
> HEXPIRE h 100 GT FIELDS 1 a
[:0]
> HEXPIRE h 100 nx FIELDS 1 a
[:1]
> HEXPIRE h 200 NX FIELDS 2 a b
[:0 :1]
> HPEXPIREAT h 4000000000000 FIELDS 2 a b
[:1 :1]
> HPEXPIREAT h 4000000000000 GT FIELDS 1 a
[:0]
> HPEXPIREAT h 4000000000000 LT FIELDS 1 a
[:0]
> HPEXPIREAT h 4000000000001 LT FIELDS 1 a
[:0]
> HPEXPIREAT h 4000000000001 GT FIELDS 1 a
[:1]
> HPEXPIREAT h 3999999999999 LT FIELDS 2 a b
[:1 :1]
> HPEXPIREAT h 3999999999999 XX FIELDS 2 a b
[:1 :1]
> HSET h c 3
:1
> HEXPIREAT h 1 NX FIELDS 2 a c
[:0 :2]

== what is refused
> HSET h a 1
:1
> SET s x
OK
> HEXPIRE s 1 FIELDS 1 a
-WRONGTYPE Operation against a key holding the wrong kind of value
> HTTL s FIELDS 1 a
-WRONGTYPE Operation against a key holding the wrong kind of value
> HPERSIST s FIELDS 1 a
-WRONGTYPE Operation against a key holding the wrong kind of value
> HEXPIRE h x FIELDS 1 a
-ERR value is not an integer or out of range
> HEXPIRE h -1 FIELDS 1 a
-ERR invalid expire time, must be >= 0
> HEXPIRE h 281474976710 FIELDS 1 a
-ERR invalid expire time in 'hexpire' command
> HPEXPIRE h 70368744177663 FIELDS 1 a
-ERR invalid expire time in 'hpexpire' command
> HPEXPIREAT h 70368744177664 FIELDS 1 a
-ERR invalid expire time in 'hpexpireat' command
> HPEXPIREAT h 70368744177663 FIELDS 1 a
[:1]
> HEXPIRE h 10 FIELD 1 a
-ERR Mandatory argument FIELDS is missing or not at the right position
> HEXPIRE h 10 NX FIELD 1 a
-ERR Mandatory argument FIELDS is missing or not at the right position
> HEXPIRE h 10 NX GT FIELDS 1 a
-ERR Mandatory argument FIELDS is missing or not at the right position
> HEXPIRE h 10 FIELDS 0 a
-ERR Parameter `numFields` should be greater than 0
> HEXPIRE h 10 FIELDS x a
-ERR Parameter `numFields` should be greater than 0
> HEXPIRE h 10 FIELDS 2 a
-ERR The `numfields` parameter must match the number of arguments
> HEXPIRE h 10 FIELDS 1 a b
-ERR The `numfields` parameter must match the number of arguments
> HEXPIRE h 10 NX FIELDS 1
-ERR The `numfields` parameter must match the number of arguments
> HEXPIRE h 10 FIELDS 1
-ERR wrong number of arguments for 'hexpire' command
> HTTL h FIELDS 0 a
-ERR Number of fields must be a positive integer
> HTTL h FIELDS 2 a
-ERR The `numfields` parameter must match the number of arguments
> HTTL h FIELD 1 a
-ERR Mandatory argument FIELDS is missing or not at the right position
> HPERSIST h FIELDS -1 a
-ERR Number of fields must be a positive integer

== nobody ever sees a field that is due
> HSET h a 1 b 2 c 3
:3
> HPEXPIRE h 20 FIELDS 2 a b
[:1 :1]
@advance 30
> HLEN h
:1
> HGETALL h
{"c" "3"}
> HGET h a
nil
> HSETNX h a x
:1
> HTTL h FIELDS 1 a
[:-1]
> HPEXPIRE h 20 FIELDS 2 a c
[:1 :1]
@advance 30
> EXISTS h
:0
> DBSIZE
:0
> TYPE h
+none
> KEYS *
[]

== counters keep a field's time, other writes clear it
> HSET h n 1 f 1 s x
:3
> HEXPIRE h 100 FIELDS 3 n f s
[:1 :1 :1]
> HINCRBY h n 5
:6
> HINCRBYFLOAT h f 0.5
"1.5"
> HTTL h FIELDS 2 n f
[:99..100 :99..100]
> HSET h s y
:0
> HTTL h FIELDS 1 s
[:-1]
> HMSET h n 1
OK
> HTTL h FIELDS 1 n
[:-1]
> HDEL h f
:1
> HSET h f 2
:1
> HTTL h FIELDS 1 f
[:-1]

== times go where the key goes
> HSET h a 1 b 2
:2
> HPEXPIREAT h 4000000000000 FIELDS 1 a
[:1]
> RENAME h {t}h
OK
> HPEXPIRETIME {t}h FIELDS 2 a b
[:4000000000000 :-1]
> COPY {t}h {t}i
:1
> HPEXPIRETIME {t}i FIELDS 2 a b
[:4000000000000 :-1]
> HPERSIST {t}i FIELDS 1 a
[:1]
> HPEXPIRETIME {t}h FIELDS 1 a
[:4000000000000]
> EXPIRE {t}h 100
:1
> HPEXPIRETIME {t}h FIELDS 1 a
[:4000000000000]
> PERSIST {t}h
:1
> HPEXPIRETIME {t}h FIELDS 1 a
[:4000000000000]
> MOVE {t}h 3
:1
> SELECT 3
OK
> HPEXPIRETIME {t}h FIELDS 1 a
[:4000000000000]
> SWAPDB 3 4
OK
> SELECT 4
OK
> HPEXPIRETIME {t}h FIELDS 1 a
[:4000000000000]

== HGETDEL
> HSET h a 1 b 2 c 3
:3
> HGETDEL h FIELDS 3 a nofield a
["1" nil nil]
> HGETDEL nokey FIELDS 2 a b
[nil nil]
> HGETDEL h FIELDS 2 b c
["2" "3"]
> EXISTS h
:0
> SET h x
OK
> HGETDEL h FIELDS 1 a
-WRONGTYPE Operation against a key holding the wrong kind of value
> DEL h
:1
> HGETDEL h FIELD 1 a
-ERR Mandatory argument FIELDS is missing or not at the right position
> HGETDEL h FIELDS 0 a
-ERR Number of fields must be a positive integer
> HGETDEL h FIELDS 2 a
-ERR The `numfields` parameter must match the number of arguments

== HGETEX
> HSET h a 1 b 2
:2
> HGETEX h FIELDS 3 a b c
["1" "2" nil]
> HGETEX h EX 100 FIELDS 2 a c
["1" nil]
> HTTL h FIELDS 2 a b
[:99..100 :-1]
> HGETEX h PXAT 4000000000000 FIELDS 2 a b
["1" "2"]
> HPEXPIRETIME h FIELDS 2 a b
[:4000000000000 :4000000000000]
> HGETEX h PERSIST FIELDS 2 a b
["1" "2"]
> HTTL h FIELDS 2 a b
[:-1 :-1]
> HGETEX h EXAT 1 FIELDS 1 a
["1"]
> HGETEX nokey EX 10 FIELDS 2 a b
[nil nil]
> HGETEX h PX 0 FIELDS 1 b
["2"]
> EXISTS h
:0
> HGETEX h PERSIST 1 FIELDS 1 a
-ERR Mandatory argument FIELDS is missing or not at the right position
> HGETEX h PXAT 1 1
-ERR Mandatory argument FIELDS is missing or not at the right position
> HGETEX h EX bla FIELDS 1 a
-ERR value is not an integer or out of range
> HGETEX h PX -1 FIELDS 1 a
-ERR invalid expire time, must be >= 0
> HGETEX h EX 281474976710656 FIELDS 1 a
-ERR invalid expire time in 'hgetex' command
> HGETEX h EX 10 PX 10 FIELDS 1 a
-ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified
> HGETEX h FIELDS 0 a
-ERR Number of fields must be a positive integer
> HGETEX h FIELDS 2 a
-ERR The `numfields` parameter must match the number of arguments

== HSETEX
> HSETEX h FIELDS 1 a 1
:1
> HSETEX h EX 100 FIELDS 2 a 2 b 2
:1
> HTTL h FIELDS 2 a b
[:99..100 :99..100]
> HSETEX h KEEPTTL FIELDS 2 a 3 c 3
:1
> HTTL h FIELDS 3 a b c
[:99..100 :99..100 :-1]
> HSETEX h FIELDS 1 b 3
:1
> HTTL h FIELDS 1 b
[:-1]
> HSETEX h FNX FIELDS 2 c 9 d 9
:0
> HSETEX h FXX FIELDS 2 c 9 d 9
:0
> HSETEX nokey FXX FIELDS 1 a 1
:0
> EXISTS nokey
:0
> HSETEX h PX 50000 FNX FIELDS 1 d 4
:1
> HPTTL h FIELDS 1 d
[:49000..50000]
> HSETEX h fxx pxat 4000000000000 fields 1 d 5
:1
> HPEXPIRETIME h FIELDS 1 d
[:4000000000000]
> HSETEX h EXAT 1 FIELDS 4 a 1 b 1 c 1 d 1
:1
> EXISTS h
:0
> HSETEX h PX 0 FIELDS 1 a 1
:1
> EXISTS h
:0
> HSETEX h XX FIELDS 1 a 1
:0
> HSETEX h NX FIELDS 1 a 1
:1
> HSETEX h NX FIELDS 1 a 2
:0
> HSETEX h XX FIELDS 1 a 2
:1
> HGET h a
"2"
> SET s x
OK
> HSETEX s FIELDS 1 a 1
-WRONGTYPE Operation against a key holding the wrong kind of value
> HSETEX h FIELDS 2 a b
-ERR wrong number of arguments for 'hsetex' command
> HSETEX h FIELDS 1 a b c
-ERR wrong number of arguments for 'hsetex' command
> HSETEX h 1 FIELDS 1 a b
-ERR unknown argument: 1
> HSETEX h FIELDS x a b
-ERR invalid number of fields
> HSETEX h FIELDS 0 a b
-ERR invalid number of fields
> HSETEX h FXX FNX FIELDS 1 a b
-ERR Only one of FXX or FNX arguments can be specified
> HSETEX h EX 100 KEEPTTL FIELDS 1 a b
-ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified
> HSETEX h EX FIELDS 1 a b
-ERR value is not an integer or out of range
> HSETEX h EXAT -1 1 a b
-ERR invalid expire time, must be >= 0
> HSETEX h FXX EX 10 a b
-ERR unknown argument: a

== sets have the same commands
> SEXPIRE s 10 MEMBERS 1 a
[:-2]
> SADD s a b c 12
:4
> SEXPIRE s 100 MEMBERS 2 a nomember
[:1 :-2]
> STTL s MEMBERS 3 a b nomember
[:99..100 :-1 :-2]
> SPEXPIREAT s 4000000000000 FIELDS 2 a b
[:1 :1]
> SPEXPIRETIME s MEMBERS 3 a b c
[:4000000000000 :4000000000000 :-1]
> SEXPIRETIME s MEMBERS 1 a
[:4000000000]
> SEXPIREAT s 4000000001 GT MEMBERS 1 a
[:1]
> SPEXPIRE s 100 GT MEMBERS 1 a
[:0]
> SPERSIST s MEMBERS 3 a c nomember
[:1 :-1 :-2]
> SPEXPIRE s 20 MEMBERS 2 c 12
[:1 :1]
> SPTTL s MEMBERS 1 c
[:1..20]
@advance 30
> SMEMBERS s
~["a" "b"]
> SCARD s
:2
> SEXPIREAT s 1 MEMBERS 1 b
[:2]
> SADD s a
:0
> SEXPIRE s 100 MEMBERS 1 a
[:1]
> SADD s a
:0
> STTL s MEMBERS 1 a
[:99..100]
> SREM s a
:1
> SADD s a
:1
> STTL s MEMBERS 1 a
[:-1]
> SEXPIRE s 10 MEMBRES 1 a
-ERR Mandatory argument MEMBERS is missing or not at the right position
> SEXPIRE s 10 MEMBERS 0 a
-ERR Parameter `numMembers` should be greater than 0
> SEXPIRE s 10 MEMBERS 2 a
-ERR The `nummembers` parameter must match the number of arguments
> STTL s MEMBERS 0 a
-ERR Number of members must be a positive integer
> ZTTL s MEMBERS 1 a
-WRONGTYPE Operation against a key holding the wrong kind of value

== and sorted sets
> ZADD z 1 a 2 b 3 c
:3
> ZEXPIRE z 100 MEMBERS 3 a b nomember
[:1 :1 :-2]
> ZTTL z MEMBERS 3 a b c
[:99..100 :99..100 :-1]
> ZINCRBY z 10 a
,11
> ZADD z INCR 10 a
,21
> ZADD z 2 b
:0
> ZTTL z MEMBERS 2 a b
[:99..100 :99..100]
> ZADD z 5 b
:0
> ZTTL z MEMBERS 1 b
[:-1]
> ZPEXPIREAT z 4000000000000 FIELDS 3 a b c
[:1 :1 :1]
> ZPEXPIRETIME z MEMBERS 1 c
[:4000000000000]
> ZEXPIRETIME z MEMBERS 1 c
[:4000000000]
> ZPERSIST z MEMBERS 1 c
[:1]
> ZPOPMIN z
2: ["c" "3"]
3: ["c" ,3]
> ZREMRANGEBYSCORE z 5 5
:1
> ZADD z 5 b
:1
> ZTTL z MEMBERS 2 a b
[:* :-1]
> ZPEXPIRE z 20 MEMBERS 1 a
[:1]
@advance 30
> ZRANGE z 0 -1
["b"]
> ZRANK z a
nil
> ZEXPIREAT z 1 MEMBERS 1 b
[:2]
> EXISTS z
:0

== other commands see no member that is due
> SADD {t}a 1 2 3
:3
> SADD {t}b 2 3 4
:3
> SPEXPIRE {t}a 20 MEMBERS 1 2
[:1]
> ZADD {t}z 1 3 2 4
:2
> ZPEXPIRE {t}z 20 MEMBERS 1 3
[:1]
@advance 30
> SINTER {t}a {t}b
~["3"]
> SUNIONSTORE {t}c {t}a {t}b
:4
> ZUNION 2 {t}z {t}a
?["1" "3" "4"]
> SORT {t}a
["1" "3"]
> SISMEMBER {t}a 2
:0
> SMOVE {t}a {t}b 2
:0
> ZCARD {t}z
:1
> EVAL "return redis.call('scard', KEYS[1])" 1 {t}a
:2

== a store leaves no times behind
> SADD {t}a 1 2
:2
> SEXPIRE {t}a 100 MEMBERS 1 1
[:1]
> SUNIONSTORE {t}a {t}a
:2
> STTL {t}a MEMBERS 1 1
[:-1]

== SPOP and large collections
> SADD s {1..600}
:600
> SPEXPIRE s 20 MEMBERS 3 1 600 77
[:1 :1 :1]
> OBJECT ENCODING s
"hashtable"
@advance 30
> SCARD s
:597
> HSET h {1..600|f@ v@}
:600
> HPEXPIRE h 20 FIELDS 300 {1..300|f@}
*
> HLEN h
:600
@advance 30
> HLEN h
:300
> OBJECT ENCODING h
"hashtable"
> HGET h f300
nil
> HGET h f301
"v301"
> SEXPIRE s 100 MEMBERS 1 5
[:1]
> SPOP s 597
*
> EXISTS s
:0

== events
@only tcp
> CONFIG SET notify-keyspace-events KEA
OK
s> SUBSCRIBE __keyspace@0__:h __keyspace@0__:s __keyspace@0__:z
>["subscribe" "__keyspace@0__:h" :1]
>["subscribe" "__keyspace@0__:s" :2]
>["subscribe" "__keyspace@0__:z" :3]
> HSETEX h PX 20 FIELDS 2 a 1 b 2
:1
s<
>["message" "__keyspace@0__:h" "hset"]
s<
>["message" "__keyspace@0__:h" "hexpire"]
> HPEXPIRE h 20 FIELDS 1 a
[:1]
s<
>["message" "__keyspace@0__:h" "hexpire"]
> HPERSIST h FIELDS 1 a
[:1]
s<
>["message" "__keyspace@0__:h" "hpersist"]
@advance 30
s<
>["message" "__keyspace@0__:h" "hexpired"]
> HEXPIREAT h 1 FIELDS 1 a
[:2]
s<
>["message" "__keyspace@0__:h" "hdel"]
s<
>["message" "__keyspace@0__:h" "del"]
> SADD s a
:1
s<
>["message" "__keyspace@0__:s" "sadd"]
> SPEXPIRE s 20 MEMBERS 1 a
[:1]
s<
>["message" "__keyspace@0__:s" "sexpire"]
@advance 30
s<
>["message" "__keyspace@0__:s" "sexpired"]
s<
>["message" "__keyspace@0__:s" "del"]
> ZADD z 1 a
:1
s<
>["message" "__keyspace@0__:z" "zadd"]
> ZPEXPIRE z 20 MEMBERS 1 a
[:1]
s<
>["message" "__keyspace@0__:z" "zexpire"]
> ZPERSIST z MEMBERS 1 a
[:1]
s<
>["message" "__keyspace@0__:z" "zpersist"]
> ZPEXPIRE z 20 MEMBERS 1 a
[:1]
s<
>["message" "__keyspace@0__:z" "zexpire"]
@advance 30
s<
>["message" "__keyspace@0__:z" "zexpired"]
s<
>["message" "__keyspace@0__:z" "del"]

== a transaction notices that a member went
> SADD s a b
:2
> SPEXPIRE s 20 MEMBERS 1 a
[:1]
> WATCH s
OK
@advance 30
b> SCARD s
:1
> MULTI
OK
> PING
QUEUED
> EXEC
nil*
