# The notation itself, on commands that every other file relies on.

== strings, integers, nulls and errors
> SET k "a b\r\n\x00"
OK
> GET k
"a b\r\n\x00"
> GET nothing
nil
> APPEND k "x"*1000
:1006
> STRLEN k
:1000..2000
> INCR k
-ERR value is not an integer or out of range
> LPUSH k x
-WRONGTYPE Operation against a key holding the wrong kind of value
> NOSUCH a b
-ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' 

== arrays, sets, maps and doubles
> RPUSH l {1..3}
:3
> LRANGE l 0 -1
["1" "2" "3"]
> SADD s b a
:2
> SMEMBERS s
~["a" "b"]
> HSET h {1..3|f@ v@}
:3
> HGETALL h
{{1..3|"f@" "v@"}}
> ZADD z 1.5 a 2 b
:2
> ZSCORE z a
,1.5
> ZRANGE z 0 -1 WITHSCORES
2: ["a" "1.5" "b" "2"]
3: [["a" ,1.5] ["b" ,2]]
> LPOP nothing 3
nil*
> HMGET h f1 nothing
["v1" nil]
> KEYS *
?["l" "s" "h" "z"]
> SRANDMEMBER s
<"a"|"b">
> TYPE l
/li.t/

== time passes
> SET k v PX 100
OK
> PTTL k
:1..100
@advance 101
> EXISTS k
:0
> SET k v
OK
> EXPIREAT k $now+100
:1
> EXPIRETIME k
:$now+100

== two clients, one waits
a> BLPOP q 0
...
b> RPUSH q x
:1
a<
["q" "x"]
a> PING
PONG

== a broken request closes the connection
a>> "*1\r\nx\r\n"
-ERR Protocol error: expected '$', got 'x'
closed
