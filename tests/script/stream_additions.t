# Streams: additions of Redis 8.2 to 8.8.

== XDELEX
# oracle: skip because 7.0 does not have it
> XADD s 1 a 1
*
> XADD s 2 a 2
*
> XADD s 3 a 3
*
> XGROUP CREATE s g 0
OK
> XREADGROUP GROUP g c COUNT 2 STREAMS s >
*
# 1 and 2 are pending, 3 is still to be read.
> XDELEX s ACKED IDS 3 1 3 9
[:2 :2 :-1]
> XACK s g 1
:1
> XDELEX s ACKED IDS 2 1 2
[:1 :2]
> XDELEX s KEEPREF IDS 1 2
[:1]
> XPENDING s g
[:1 "2-0" "2-0" [["c" "1"]]]
> XDELEX s IDS 1 2 DELREF
[:-1]
> XPENDING s g
[:0 nil nil nil*]
> XDELEX s IDS 1 3
[:1]
> XDELEX s IDS 0 1
-ERR Number of IDs must be a positive integer
> XDELEX s IDS x 1
-ERR Number of IDs must be a positive integer
> XDELEX s IDS 2 1
-ERR The `numids` parameter must match the number of arguments
> XDELEX s IDS 1 1 2
-ERR The `numids` parameter must match the number of arguments
> XDELEX s IDS 1 x
-ERR Invalid stream ID specified as stream command argument
> XDELEX s KEEPREF ACKED IDS 1 1
-ERR syntax error
> XDELEX s WHAT IDS 1 1
-ERR syntax error
> XDELEX nokey IDS 2 1 2
[:-1 :-1]
> SET k x
OK
> XDELEX k IDS 1 1
-WRONGTYPE Operation against a key holding the wrong kind of value

== XDELEX ACKED without groups
# oracle: skip because 7.0 does not have it
> XADD s 1 a 1
*
> XDELEX s ACKED IDS 1 1
[:2]
> XLEN s
:1

== XACKDEL
# oracle: skip because 7.0 does not have it
> XADD s 1 a 1
*
> XADD s 2 a 2
*
> XADD s 3 a 3
*
> XGROUP CREATE s g 0
OK
> XGROUP CREATE s h 0
OK
> XREADGROUP GROUP g c STREAMS s >
*
> XREADGROUP GROUP h c STREAMS s >
*
> XACKDEL s g ACKED IDS 2 1 9
[:2 :-1]
> XACKDEL s h ACKED IDS 1 1
[:1]
> XLEN s
:2
> XACKDEL s g IDS 1 2
[:1]
> XPENDING s h
[:2 "2-0" "3-0" [["c" "2"]]]
> XACKDEL s g DELREF IDS 1 3
[:1]
> XPENDING s h
[:1 "2-0" "2-0" [["c" "1"]]]
> XACKDEL s none IDS 1 2
[:-1]
> XACKDEL nokey g IDS 2 2 3
[:-1 :-1]
> XLEN s
:0

== trimming with regard to groups
# oracle: skip because 7.0 does not have it
> XADD s {1..1} a 1
*
> XADD s 2 a 2
*
> XADD s 3 a 3
*
> XADD s 4 a 4
*
> XGROUP CREATE s g 0
OK
> XREADGROUP GROUP g c COUNT 3 STREAMS s >
*
> XACK s g 2
:1
> XTRIM s MAXLEN 1 ACKED
:1
> XRANGE s - + COUNT 2
[["1-0" ["a" "1"]] ["3-0" ["a" "3"]]]
> XINFO GROUPS s
[{"name" "g" "consumers" :1 "pending" :2 "last-delivered-id" "3-0" "entries-read" :3 "lag" :1}]
> XTRIM s MAXLEN 2 DELREF
:1
> XPENDING s g
[:1 "3-0" "3-0" [["c" "1"]]]
> XTRIM s MAXLEN 1 KEEPREF
:1
> XPENDING s g
[:1 "3-0" "3-0" [["c" "1"]]]
> XADD s DELREF MINID 5 5 a 5
"5-0"
> XRANGE s - +
[["5-0" ["a" "5"]]]
> XADD s ACKED MAXLEN = 1 6 a 6
"6-0"
> XLEN s
:2
> XADD s KEEPREF DELREF 7 a 7
-ERR syntax error
> XTRIM s ACKED KEEPREF
-ERR syntax error

== a block that is held goes bit by bit
# oracle: skip because 7.0 does not have it
> EVAL "for i = 1, 1000 do redis.call('xadd', KEYS[1], i .. '-0', 'a', i) end" 1 s
nil
> XGROUP CREATE s g 0
OK
> EVAL "return #redis.call('xreadgroup', 'group', 'g', 'c', 'streams', KEYS[1], '>')[1][2]" 1 s
:1000
> XACK s g {1..49} {51..400}
:399
> XTRIM s ACKED MAXLEN ~ 500
:399
> XLEN s
:601
> XTRIM s MAXLEN 500 DELREF
:101
> XPENDING s g
[:500 "501-0" "1000-0" [["c" "500"]]]

== XNACK
# oracle: skip because 7.0 does not have it
> XGROUP CREATE s g 0 MKSTREAM
OK
> XADD s 1 a 1
*
> XADD s 2 a 2
*
> XADD s 3 a 3
*
> XREADGROUP GROUP g c STREAMS s >
*
> XNACK s g FAIL IDS 2 1 9
:1
> XPENDING s g - + 10
[["1-0" "" :-1 :1] ["2-0" "c" :* :1] ["3-0" "c" :* :1]]
> XPENDING s g
[:3 "1-0" "3-0" [["c" "2"]]]
> XNACK s g SILENT IDS 1 2
:1
> XNACK s g FATAL IDS 1 3
:1
> XPENDING s g - + 10
[["1-0" "" :-1 :1] ["2-0" "" :-1 :0] ["3-0" "" :-1 :9223372036854775807]]
> XINFO CONSUMERS s g
[{"name" "c" "pending" :0 "idle" :* "inactive" :*}]
> XCLAIM s g d 1000000 3
[["3-0" ["a" "3"]]]
> XPENDING s g - + 10
[["1-0" "" :-1 :1] ["2-0" "" :-1 :0] ["3-0" "d" :* :9223372036854775807]]
> XNACK s g FAIL IDS 1 1 RETRYCOUNT 5
:1
> XAUTOCLAIM s g e 1000000 -
["0-0" [["1-0" ["a" "1"]] ["2-0" ["a" "2"]]] []]
> XPENDING s g - + 10
[["1-0" "e" :* :6] ["2-0" "e" :* :1] ["3-0" "d" :* :9223372036854775807]]
> XADD s 4 a 4
*
> XNACK s g FAIL IDS 1 4
:0
> XNACK s g FAIL IDS 2 4 9 FORCE
:1
> XPENDING s g 4 + 10
[["4-0" "" :-1 :0]]
> XACK s g 4
:1
> XNACK s g WHAT IDS 1 1
-ERR syntax error
> XNACK s g FAIL IDS 2 1
-ERR The `numids` parameter must match the number of arguments
> XNACK s g FAIL IDS 3 1 2
-ERR The `numids` parameter must match the number of arguments
> XNACK s none FAIL IDS 1 1
-NOGROUP No such key 's' or consumer group 'none'
> XNACK nokey g FAIL IDS 1 1
-NOGROUP No such key 'nokey' or consumer group 'g'

== given back entries are copied and shown
# oracle: skip because 7.0 does not have it
> XGROUP CREATE s g 0 MKSTREAM
OK
> XADD s 1 a 1
*
> XREADGROUP GROUP g c STREAMS s >
*
> XNACK s g FAIL IDS 1 1
:1
> COPY s t
:1
> XPENDING t g - + 10
[["1-0" "" :-1 :1]]
> EVAL "local f = redis.call('xinfo', 'stream', 's', 'full') for i = 1, #f do if f[i] == 'groups' then return {f[i + 1][1][1], f[i + 1][1][2]} end end" 0
["nacked-count" :1]

== XREADGROUP CLAIM
# oracle: skip because 7.0 does not have it
> XGROUP CREATE s g 0 MKSTREAM
OK
> XADD s 1 a 1
*
> XADD s 2 a 2
*
> XREADGROUP GROUP g c COUNT 1 STREAMS s >
*
@advance 50
> XREADGROUP GROUP g d CLAIM 100000 COUNT 1 STREAMS s >
2: [["s" [["2-0" ["a" "2"] :0 :0]]]]
3: {"s" [["2-0" ["a" "2"] :0 :0]]}
> XADD s 3 a 3
*
> XREADGROUP GROUP g d CLAIM 30 STREAMS s >
2: [["s" [["1-0" ["a" "1"] :50..99999 :1] ["3-0" ["a" "3"] :0 :0]]]]
3: {"s" [["1-0" ["a" "1"] :50..99999 :1] ["3-0" ["a" "3"] :0 :0]]}
> XPENDING s g - + 10
[["1-0" "d" :* :2] ["2-0" "d" :* :1] ["3-0" "d" :* :1]]
> XREADGROUP GROUP g d CLAIM 100000 STREAMS s >
nil*
> XNACK s g FAIL IDS 1 3
:1
> XDEL s 2
:1
> XREADGROUP GROUP g e COUNT 1 CLAIM 100000 STREAMS s >
2: [["s" [["3-0" ["a" "3"] :-1 :1]]]]
3: {"s" [["3-0" ["a" "3"] :-1 :1]]}
@advance 50
# The entry that is gone is dropped on the way; the longest idle come first.
> XREADGROUP GROUP g e CLAIM 10 STREAMS s >
2: [["s" [["1-0" ["a" "1"] :* :2] ["3-0" ["a" "3"] :* :2]]]]
3: {"s" [["1-0" ["a" "1"] :* :2] ["3-0" ["a" "3"] :* :2]]}
> XPENDING s g
[:2 "1-0" "3-0" [["e" "2"]]]
> XREADGROUP GROUP g e CLAIM 0 STREAMS s 0
2: [["s" [["1-0" ["a" "1"]] ["3-0" ["a" "3"]]]]]
3: {"s" [["1-0" ["a" "1"]] ["3-0" ["a" "3"]]]}
> XREADGROUP GROUP g e CLAIM x STREAMS s >
-ERR min-idle-time is not an integer or out of range
> XREADGROUP GROUP g e CLAIM -1 STREAMS s >
-ERR min-idle-time must be a positive integer
> XREAD CLAIM 1 STREAMS s 0
-ERR syntax error

== XREADGROUP CLAIM BLOCK
# oracle: skip because 7.0 does not have it
> XGROUP CREATE s g 0 MKSTREAM
OK
> XADD s 1 a 1
*
> XREADGROUP GROUP g c STREAMS s >
*
a> XREADGROUP GROUP g d BLOCK 0 CLAIM 200 STREAMS s >
...
@advance 40
a<
...
@advance 180
a<
2: [["s" [["1-0" ["a" "1"] :200..9999 :1]]]]
3: {"s" [["1-0" ["a" "1"] :200..9999 :1]]}
a> XREADGROUP GROUP g d BLOCK 150 CLAIM 100000 STREAMS s >
...
@advance 180
a<
nil*
a> XREADGROUP GROUP g d BLOCK 0 CLAIM 100000 STREAMS s >
...
> XNACK s g SILENT IDS 1 1
:1
a<
2: [["s" [["1-0" ["a" "1"] :-1 :1]]]]
3: {"s" [["1-0" ["a" "1"] :-1 :1]]}

== messages that are sent twice
# oracle: skip because 7.0 does not have it
> XADD s IDMP p 1 1-1 a 1
"1-1"
> XADD s IDMP p 1 * a 1
/[0-9]+-[0-9]+/
> XADD t IDMP p 1 * a 1
/[0-9]+-[0-9]+/
> XADD t IDMP p 1 * a other
/[0-9]+-[0-9]+/
> XLEN t
:1
> XADD t IDMP q 1 * a 1
*
> XLEN t
:2
> XADD t IDMPAUTO p * a 1
*
> XADD t IDMPAUTO p * a 1
*
> XADD t IDMPAUTO p * a 2
*
> XLEN t
:4
> EVAL "local f = redis.call('xinfo', 'stream', 't') local r = {} for i = 1, #f, 2 do if f[i]:find('id') and not f[i]:find('-id$') then r[#r + 1] = f[i] r[#r + 1] = f[i + 1] end end return r" 0
["idmp-duration" :100 "idmp-maxsize" :100 "pids-tracked" :2 "iids-tracked" :4 "iids-added" :4 "iids-duplicates" :2]
> COPY t u
:1
> XADD u IDMP p 1 * a 1
*
> XLEN u
:4
> XADD t IDMP p "" * a 1
-ERR syntax error, a producer's and a message's id must not be empty
> XADD t IDMP p 1 IDMPAUTO p * a 1
-ERR syntax error, IDMP and IDMPAUTO can be given once only

== XCFGSET
# oracle: skip because 7.0 does not have it
> XCFGSET s IDMP-DURATION 1
-ERR no such key
> XADD s * a 1
*
> XCFGSET s
-ERR syntax error
> XCFGSET s IDMP-DURATION 0
-ERR invalid duration
> XCFGSET s IDMP-MAXSIZE 10001
-ERR invalid maxsize
> XCFGSET s IDMP-DURATION 1 IDMP-MAXSIZE 2
OK
> XADD s IDMP p 1 * a 1
*
> XADD s IDMP p 2 * a 1
*
> XADD s IDMP p 3 * a 1
*
> XLEN s
:4
> XADD s IDMP p 3 * a 1
*
> XLEN s
:4
# Only two are remembered.
> XADD s IDMP p 1 * a 1
*
> XLEN s
:5
> XCFGSET s IDMP-MAXSIZE 2
OK
> XADD s IDMP p 1 * a 1
*
> XLEN s
:5
> XCFGSET s IDMP-MAXSIZE 3
OK
> XADD s IDMP p 1 * a 1
*
> XLEN s
:6
@advance 1100
> XADD s IDMP p 1 * a 1
*
> XLEN s
:7

== XIDMPRECORD
# oracle: skip because 7.0 does not have it
> XADD s $now_ms-1-1 a 1
*
> XIDMPRECORD s p 1 $now_ms-1-1
OK
> XIDMPRECORD s p 1 $now_ms-1-1
OK
> XADD s IDMP p 1 * a 1
*
> XLEN s
:1
> XIDMPRECORD s p 2 9-9
-ERR there is no entry with that ID in the stream
> XIDMPRECORD nokey p 2 9-9
-ERR no such key
> XIDMPRECORD s "" 2 9-9
-ERR a producer's and a message's id must not be empty
