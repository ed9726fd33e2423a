# Keys whatever their type, and databases.

== DEL, UNLINK, EXISTS, TOUCH, TYPE
> MSET a 1 b 2 c 3
OK
> EXISTS a b nokey a
:3
> TOUCH a nokey
:1
> DEL a a nokey
:1
> UNLINK b c d
:2
> DBSIZE
:0
> LPUSH l a
:1
> SADD s a
:1
> ZADD z 1 a
:1
> HSET h f v
:1
> SET k v
OK
> TYPE l
list
> TYPE s
set
> TYPE z
zset
> TYPE h
hash
> TYPE k
string
> TYPE nokey
none

== RENAME
> RENAME nokey other
-ERR no such key
> RENAME nokey nokey
-ERR no such key
> SET a 1 EX 100
OK
> RENAME a b
OK
> TTL b
:100
> SADD s x y
:2
> RENAME b s
OK
> GET s
"1"
> RENAME s s
OK
> SET a 1
OK
> RENAMENX a s
:0
> RENAMENX a a
:0
> RENAMENX a b
:1
> RENAMENX nokey b
-ERR no such key

== COPY and MOVE
> HSET h f v
:1
> EXPIRE h 100
:1
> COPY h h2
:1
> TTL h2
:100
> HSET h2 f w
:0
> HGET h f
"v"
> COPY h h2
:0
> COPY h h2 REPLACE
:1
> HGET h2 f
"v"
> COPY h h DB 1
:1
> COPY h h DB 1
:0
> COPY h h
-ERR source and destination objects are the same
> COPY h h DB 0
-ERR source and destination objects are the same
> COPY nokey h3
:0
> COPY h h2 DB 16
-ERR DB index is out of range
> COPY h h2 DB x
-ERR value is not an integer or out of range
> COPY h h2 DB
-ERR syntax error
> COPY h h2 what
-ERR syntax error
> MOVE h 1
:0
> MOVE h 2
:1
> EXISTS h
:0
> SELECT 2
OK
> HGETALL h
{"f" "v"}
> TTL h
:100
> MOVE h 2
-ERR source and destination objects are the same
> MOVE nokey 3
:0
> MOVE h 16
-ERR DB index is out of range
> MOVE h x
-ERR value is not an integer or out of range

== SELECT and SWAPDB
> SET k zero
OK
> SELECT 1
OK
> SET k one
OK
> SWAPDB 0 1
OK
> GET k
"zero"
> SELECT 0
OK
> GET k
"one"
> SWAPDB 0 0
OK
> SELECT 16
-ERR DB index is out of range
> SELECT -1
-ERR DB index is out of range
> SELECT x
-ERR value is not an integer or out of range
> SELECT 99999999999
-ERR value is out of range, value must between -2147483648 and 2147483647
> SWAPDB a 1
-ERR invalid first DB index
> SWAPDB 1 b
-ERR invalid second DB index
> SWAPDB 0 16
-ERR DB index is out of range

== FLUSHDB and FLUSHALL
> SET a 1
OK
> SELECT 1
OK
> SET b 1
OK
> FLUSHDB
OK
> DBSIZE
:0
> SELECT 0
OK
> DBSIZE
:1
> SELECT 1
OK
> SET b 1
OK
> FLUSHALL ASYNC
OK
> DBSIZE
:0
> SELECT 0
OK
> DBSIZE
:0
> FLUSHALL what
-ERR syntax error
> FLUSHDB SYNC ASYNC
-ERR syntax error
> FLUSHDB sync
OK

== KEYS and RANDOMKEY
> RANDOMKEY
nil
> MSET hello 1 hallo 2 hxllo 3 heeello 4 h* 5
OK
> KEYS h?llo
?["hello" "hallo" "hxllo"]
> KEYS h[ae]llo
?["hello" "hallo"]
> KEYS h[^e]llo
?["hallo" "hxllo"]
> KEYS h[a-b]llo
["hallo"]
> KEYS h\*
["h*"]
> KEYS *
?["hello" "hallo" "hxllo" "heeello" "h*"]
> KEYS hello
["hello"]
> KEYS nothing
[]
> RANDOMKEY
<"hello" | "hallo" | "hxllo" | "heeello" | "h*">

== SCAN
> MSET k1 1 k2 2 other 3
OK
> LPUSH l x
:1
> SCAN 0 COUNT 1000
["0" ?["k1" "k2" "other" "l"]]
> SCAN 0 MATCH k* COUNT 1000
["0" ?["k1" "k2"]]
> SCAN 0 TYPE list COUNT 1000
["0" ["l"]]
> SCAN 0 TYPE LIST COUNT 1000
["0" ["l"]]
> SCAN 0 TYPE nosuch COUNT 1000
["0" []]
> SCAN x
-ERR invalid cursor
> SCAN " 1"
-ERR invalid cursor
> SCAN 99999999999999999999999
-ERR invalid cursor
> SCAN 0 COUNT 0
-ERR syntax error
> SCAN 0 COUNT x
-ERR value is not an integer or out of range
> SCAN 0 MATCH
-ERR syntax error
> SCAN 0 what ever
-ERR syntax error
# oracle: differs because NOVALUES came with 7.4
> SCAN 0 NOVALUES
-ERR NOVALUES option can only be used in HSCAN

== SCAN, HSCAN, SSCAN of missing keys and wrong types
> HSCAN nokey 0 what
["0" []]
> SSCAN nokey 0
["0" []]
> HSCAN nokey x
-ERR invalid cursor
> SET k v
OK
> HSCAN k 0
-WRONGTYPE Operation against a key holding the wrong kind of value
> SSCAN k x
-ERR invalid cursor

== OBJECT
> SET int 123
OK
> SET short abc
OK
> SET long "x"*45
OK
> APPEND short d
:4
> OBJECT ENCODING int
"int"
> OBJECT ENCODING short
"raw"
> OBJECT ENCODING long
"raw"
> SET short "x"*44
OK
> OBJECT ENCODING short
"embstr"
> SADD s 1 2 3
:3
> OBJECT ENCODING s
"intset"
> HSET h f v
:1
> OBJECT ENCODING h
"listpack"
> HSET h f2 "x"*65
:1
> OBJECT ENCODING h
"hashtable"
> OBJECT ENCODING nokey
nil
> OBJECT REFCOUNT int
:2147483647
> OBJECT REFCOUNT h
:1
> OBJECT REFCOUNT nokey
nil
> OBJECT FREQ nokey
nil
> OBJECT FREQ int
-ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.
> OBJECT IDLETIME int
:0..1
> OBJECT what
-ERR unknown subcommand 'what'. Try OBJECT HELP.
> OBJECT ENCODING
-ERR wrong number of arguments for 'object|encoding' command
> OBJECT
-ERR wrong number of arguments for 'object' command

== Many keys or members at once, where there are more than a cache holds
> MSET {1..6000|k@ v@}
OK
> MGET {1..40|k@}
[{1..40|"v@"}]
> MGET k1 none k1 {5998..6002|k@}
["v1" nil "v1" "v5998" "v5999" "v6000" nil nil]
> EXISTS {5981..6020|k@}
:20
> TOUCH k1 k1 {5961..6020|k@}
:42
> MSETNX new v {6000..6040|k@ v@}
:0
> MSETNX new v {6001..6040|k@ v@}
:1
> DEL k1 {1..40|k@} none
:40
> UNLINK {5901..6060|k@}
:140
> DBSIZE
:5861
> HSET h {1..20000|f@ v@}
:20000
> HSET h {19991..20010|f@ w@}
:10
> HMGET h f1 none f1 {20008..20012|f@}
["v1" nil "v1" "w20008" "w20009" "w20010" nil nil]
> HDEL h f1 none {1..40|f@}
:40
> HLEN h
:19970
> SADD s {1..30000|member:@}
:30000
> SADD s {29991..30010|member:@} member:30011 member:30011
:11
> SMISMEMBER s member:1 none member:1 {30010..30013|member:@}
[:1 :0 :1 :1 :1 :0 :0]
> SREM s member:1 none {1..40|member:@}
:40
> SCARD s
:29971
> ZADD z {1..6000|@ m@}
:6000
> ZADD z {5991..6010|7 m@}
:10
> ZMSCORE z m1 none m1 m5990 m5991 m6010 m6011
2: ["1" nil "1" "5990" "7" "7" nil]
3: [,1 nil ,1 ,5990 ,7 ,7 nil]
> ZREM z m1 none {1..40|m@}
:40
> ZCARD z
:5970
