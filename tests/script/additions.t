# Additions of Redis 8 and Valkey 8 to lists, sets and sorted sets.

== LMOVEM
# oracle: skip because 7.0 does not have it
> RPUSH a 1 2 3 4 5
:5
> LMOVEM a b LEFT RIGHT
["1"]
> LMOVEM a b LEFT LEFT COUNT 2 OBO
["2" "3"]
> LRANGE b 0 -1
["3" "2" "1"]
> LMOVEM a b RIGHT LEFT COUNT 5 BULK
["4" "5"]
> LRANGE b 0 -1
["4" "5" "3" "2" "1"]
> EXISTS a
:0
> LMOVEM b b RIGHT LEFT COUNT 2 OBO
["1" "2"]
> LRANGE b 0 -1
["2" "1" "4" "5" "3"]
> LMOVEM b c LEFT LEFT EXACTLY 6 BULK
nil*
> LMOVEM b c LEFT LEFT EXACTLY 5 BULK
["2" "1" "4" "5" "3"]
> LMOVEM none c LEFT LEFT
nil*
> LMOVEM c d LEFT LEFT COUNT 0 OBO
-ERR count should be greater than 0
> LMOVEM c d LEFT LEFT COUNT 1
-ERR syntax error
> SET s x
OK
> LMOVEM c s LEFT LEFT
-WRONGTYPE Operation against a key holding the wrong kind of value
> LLEN c
:5

== BLMOVEM
# oracle: skip because 7.0 does not have it
> RPUSH q 1
:1
> BLMOVEM q r LEFT RIGHT 0 COUNT 3 BULK
["1"]
a> BLMOVEM q r LEFT RIGHT 0 EXACTLY 2 BULK
...
b> RPUSH q 2
:1
a<
...
b> RPUSH q 3
:2
a<
["2" "3"]
> LRANGE r 0 -1
["1" "2" "3"]

== SUNIONCARD and SDIFFCARD
# oracle: skip because 7.0 does not have them
> SADD a 1 2 3 x
:4
> SADD b 3 4
:2
> SUNIONCARD 3 a b none
:5
> SUNIONCARD 2 a b LIMIT 2 APPROX
:2
> SDIFFCARD 2 a b
:3
> SDIFFCARD 2 a b LIMIT 1
:1
> SDIFFCARD 2 none a
:0
> SUNIONCARD 3 a b
-ERR Number of keys can't be greater than number of args
> SUNIONCARD 2 a b LIMIT -1
-ERR LIMIT can't be negative
> SDIFFCARD 2 a b APPROX
-ERR syntax error

== ZSCAN NOSCORES and AGGREGATE COUNT
# oracle: skip because 7.0 does not have them
> ZADD z 1 a 2 b
:2
> ZSCAN z 0 NOSCORES
["0" ["a" "b"]]
> ZADD y 5 b
:1
> SADD t b c
:2
> ZUNION 3 z y t AGGREGATE COUNT WITHSCORES
2: ["a" "1" "c" "1" "b" "3"]
3: [["a" ,1] ["c" ,1] ["b" ,3]]
> ZINTER 2 z y WEIGHTS 2 3 AGGREGATE count WITHSCORES
2: ["b" "5"]
3: [["b" ,5]]


== DELMATCH
# oracle: skip because it is ours
> MSET user:1 a user:2 b user:30 c other d
OK
> DELMATCH user:?
:2
> DELMATCH user:* COUNT 0
-ERR COUNT must be positive
> DELMATCH user:* RATE x
-ERR RATE must be a number of keys per second
> DELMATCH user:* RATE
-ERR syntax error
> DELMATCH * COUNT 1 RATE 1000/s
:1
> DBSIZE
:1
> MULTI
OK
> DELMATCH * RATE 1
QUEUED
> DELMATCH *
QUEUED
> EXEC
[:1 :0]

== DELMATCH removes only what its user may
# oracle: skip because it is ours
> MSET a:1 x b:1 x
OK
> ACL SETUSER della reset on nopass +@all ~a:*
OK
a> AUTH della x
OK
a> DELMATCH *
:1
> EXISTS a:1 b:1
:1

== COMMANDLOG
# oracle: skip because 7.0 does not have it
@only inprocess
> COMMANDLOG RESET large-request
OK
> COMMANDLOG RESET large-reply
OK
> SET big "x"*2000000
OK
> GET big
*
> SET small x
OK
> COMMANDLOG LEN large-request
:1
> COMMANDLOG LEN large-reply
:1
> CLIENT SETNAME me
OK
> COMMANDLOG GET -1 large-request
[[:0 :* :2000000..2000100 ["SET" "big" "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx... (1999872 more bytes)"] str "" "default" :0 :* :2000000..2000100 :5]]
> COMMANDLOG GET 1 large-reply
[[:0 :* :2000012 ["GET" "big"] str "" "default" :0 :* :22 :2000012]]
> COMMANDLOG GET 0 large-reply
[]
> COMMANDLOG GET x slow
-ERR count should be greater than or equal to -1
> COMMANDLOG GET -2 slow
-ERR count should be greater than or equal to -1
> COMMANDLOG LEN fast
-ERR type should be one of the following: slow, large-request, large-reply
> COMMANDLOG RESET slow
OK
> COMMANDLOG LEN slow
:0
> COMMANDLOG RESET LARGE-REPLY
OK
> COMMANDLOG LEN large-reply
:0
> SLOWLOG LEN
:0

== HOTKEYS
# oracle: skip because 7.0 does not have it
@only inprocess
> HOTKEYS STOP
-ERR no hotkeys tracking is in progress
> HOTKEYS START
-ERR METRICS with CPU or NET is needed
> HOTKEYS START METRICS 2 CPU
-ERR METRICS count does not match the number of metrics
> HOTKEYS START METRICS 1 CPU COUNT 65
-ERR COUNT must be between 1 and 64
> HOTKEYS START METRICS 1 CPU SLOTS 1 0
-ERR SLOTS parameter cannot be used in non-cluster mode
> HOTKEYS START METRICS 1 NET SAMPLE 1 COUNT 5
OK
> HOTKEYS START METRICS 1 CPU
-ERR hotkeys tracking is already in progress
> SET k v
OK
> GET k
"v"
> HOTKEYS RESET
-ERR hotkeys tracking is in progress, stop it first
> HOTKEYS STOP
OK
> HOTKEYS GET
{"tracking-active" :0 "sample-ratio" :1 "selected-slots" [] "all-commands-all-slots-us" :* "net-bytes-all-commands-all-slots" :* "collection-start-time-unix-ms" :* "collection-duration-ms" :* "total-net-bytes" :* "by-net-bytes" ["k" :*]}
> HOTKEYS RESET
OK
> HOTKEYS TOP CPU COUNT 3
*
> HOTKEYS TOP BYTES
-ERR syntax error
> HOTKEYS BIG ELEMENTS COUNT 0
-ERR COUNT must be between 1 and 64
> HOTKEYS BIG
*
