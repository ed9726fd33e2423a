# Strings. Rewrites for replicas are in tests/unit/test_cmd_propagation.c.

== SET and its conditions
> SET k v
OK
> SET k w NX
nil
> GET k
"v"
> SET k w XX
OK
> SET nokey w XX
nil
> SET k x GET
"w"
> SET new x NX GET
nil
> GET new
"x"
> SET new y NX GET
"x"
> SET nokey x XX GET
nil
> EXISTS nokey
:0
> SETNX k a
:0
> SETNX k2 a
:1

== SET and expiry
> SET k v EX 100
OK
> TTL k
:100
> SET k v PX 100000
OK
> PTTL k
:99000..100000
> SET k w KEEPTTL
OK
> TTL k
:99..100
> SET k v
OK
> TTL k
:-1
> SET k v EXAT 4000000000
OK
> EXPIRETIME k
:4000000000
> SET k v PXAT 4000000000123
OK
> PEXPIRETIME k
:4000000000123
> SETEX k 50 v
OK
> TTL k
:50
> PSETEX k 50000 v
OK
> TTL k
:50
> SET k v EX 10 ex 20
OK
> TTL k
:20

== SET refuses what makes no sense
> SET k v EX
-ERR syntax error
> SET k v EX 0
-ERR invalid expire time in 'set' command
> SET k v EX -1
-ERR invalid expire time in 'set' command
> SET k v EX 9223372036854775807
-ERR invalid expire time in 'set' command
> SET k v PX 9223372036854775807
-ERR invalid expire time in 'set' command
> SET k v EX 1.5
-ERR value is not an integer or out of range
> SET k v EX 10 PX 10
-ERR syntax error
> SET k v EX 10 KEEPTTL
-ERR syntax error
> SET k v NX XX
-ERR syntax error
> SET k v PERSIST
-ERR syntax error
> SET k v what
-ERR syntax error
> SETEX k 0 v
-ERR invalid expire time in 'setex' command
> PSETEX k -5 v
-ERR invalid expire time in 'psetex' command
> EXISTS k
:0
> LPUSH l a
:1
> SET l v GET
-WRONGTYPE Operation against a key holding the wrong kind of value
> SET l v NX
nil
> TYPE l
list
> SET l v
OK
> TYPE l
string

== GETEX, GETDEL, GETSET
> SET k v
OK
> GETEX k
"v"
> TTL k
:-1
> GETEX k EX 100
"v"
> TTL k
:100
> GETEX k PERSIST
"v"
> TTL k
:-1
> GETEX k PXAT 4000000000000
"v"
> EXPIRETIME k
:4000000000
> GETEX nokey EX 0
nil
> GETEX k EX 0
-ERR invalid expire time in 'getex' command
> GETEX k EX 10 PERSIST
-ERR syntax error
> GETEX k KEEPTTL
-ERR syntax error
> GETEX k NX
-ERR syntax error
> GETEX k EXAT 1
"v"
> EXISTS k
:0
> GETSET k a
nil
> GETSET k b
"a"
> GETDEL k
"b"
> GETDEL k
nil
> LPUSH l x
:1
> GETDEL l
-WRONGTYPE Operation against a key holding the wrong kind of value
> GETSET l x
-WRONGTYPE Operation against a key holding the wrong kind of value
> GETEX l EX 0
-WRONGTYPE Operation against a key holding the wrong kind of value

== MGET, MSET, MSETNX
> MSET a 1 b 2 a 3
OK
> LPUSH l x
:1
> MGET a b l nokey
["3" "2" nil nil]
> MSET a
-ERR wrong number of arguments for 'mset' command
> MSET a 1 b
-ERR wrong number of arguments for 'mset' command
> MSETNX c 1 a 2
:0
> EXISTS c
:0
> MSETNX c 1 d 2
:1
> MSETNX c 1 d
-ERR wrong number of arguments for 'msetnx' command

== GETRANGE counts from both ends
> SET k "Hello World"
OK
> GETRANGE k 0 4
"Hello"
> GETRANGE k -5 -1
"World"
> GETRANGE k 0 -1
"Hello World"
> GETRANGE k 6 1000
"World"
> GETRANGE k 5 3
""
> GETRANGE k -1 -5
""
> GETRANGE k 0 -100
"H"
> GETRANGE k 11 20
""
> GETRANGE nokey 0 -1
""
> SUBSTR k 0 1
"He"
> GETRANGE k a 1
-ERR value is not an integer or out of range
> SET n 12345
OK
> GETRANGE n 1 2
"23"

== large values go out whole and in parts
> SET big "x"*40000
OK
> APPEND big "y"*10
:40010
> STRLEN big
:40010
> GETRANGE big 39999 40001
"xyy"
> GETRANGE big 0 20000
"x"*20001
> GET big
/x{40000}y{10}/

== APPEND and SETRANGE
> APPEND k abc
:3
> APPEND k ""
:3
> APPEND k def
:6
> SETRANGE k 1 XY
:6
> GET k
"aXYdef"
> SETRANGE k 8 Z
:9
> GET k
"aXYdef\0\0Z"
> SETRANGE nokey 5 ""
:0
> EXISTS nokey
:0
> SETRANGE new 2 x
:3
> GET new
"\0\0x"
> SET n 10
OK
> APPEND n 5
:3
> INCR n
:106
> SETRANGE k -1 x
-ERR offset is out of range
> SETRANGE k 9223372036854775807 x
-ERR string exceeds maximum allowed size (proto-max-bulk-len)
> SETRANGE k 536870912 x
-ERR string exceeds maximum allowed size (proto-max-bulk-len)
> SETRANGE k x x
-ERR value is not an integer or out of range
> SADD s a
:1
> APPEND s x
-WRONGTYPE Operation against a key holding the wrong kind of value
> SETRANGE s 1 x
-WRONGTYPE Operation against a key holding the wrong kind of value
> STRLEN s
-WRONGTYPE Operation against a key holding the wrong kind of value

== counters
> INCR n
:1
> INCRBY n 41
:42
> DECR n
:41
> DECRBY n 50
:-9
> SET n 9223372036854775807
OK
> INCR n
-ERR increment or decrement would overflow
> GET n
"9223372036854775807"
> DECRBY n -9223372036854775808
-ERR decrement would overflow
> SET n -9223372036854775808
OK
> DECR n
-ERR increment or decrement would overflow
> INCRBY n 1.5
-ERR value is not an integer or out of range
> SET n " 1"
OK
> INCR n
-ERR value is not an integer or out of range
> SET n 007
OK
> INCR n
-ERR value is not an integer or out of range
> SET n ""
OK
> INCR n
-ERR value is not an integer or out of range
> SET n 5 EX 100
OK
> INCR n
:6
> TTL n
:100
> LPUSH l a
:1
> INCR l
-WRONGTYPE Operation against a key holding the wrong kind of value
> DECRBY nokey 3
:-3

== INCRBYFLOAT
> INCRBYFLOAT f 0.1
"0.1"
> INCRBYFLOAT f 0.2
"0.3"
> INCRBYFLOAT f 1e3
"1000.29999999999999999"
> INCRBYFLOAT f -2000.5
"-1000.20000000000000001"
> SET f 10.50
OK
> INCRBYFLOAT f 0.1
"10.6"
> SET f 5.0e3
OK
> INCRBYFLOAT f 2.0e2
"5200"
> OBJECT ENCODING f
"embstr"
> INCRBYFLOAT f inf
-ERR increment would produce NaN or Infinity
> INCRBYFLOAT f nan
-ERR value is not a valid float
> INCRBYFLOAT f " 1"
-ERR value is not a valid float
> SET f abc
OK
> INCRBYFLOAT f 1
-ERR value is not a valid float
> LPUSH l a
:1
> INCRBYFLOAT l x
-WRONGTYPE Operation against a key holding the wrong kind of value
> SET f 1 EX 100
OK
> INCRBYFLOAT f 1
"2"
> TTL f
:100

== LCS
> MSET a ohmytext b mynewtext
OK
> LCS a b
"mytext"
> LCS a b LEN
:6
> LCS a b IDX
{"matches" [[[:4 :7] [:5 :8]] [[:2 :3] [:0 :1]]] "len" :6}
> LCS a b IDX MINMATCHLEN 4
{"matches" [[[:4 :7] [:5 :8]]] "len" :6}
> LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN
{"matches" [[[:4 :7] [:5 :8] :4]] "len" :6}
> LCS a b IDX MINMATCHLEN -5 WITHMATCHLEN
{"matches" [[[:4 :7] [:5 :8] :4] [[:2 :3] [:0 :1] :2]] "len" :6}
> LCS a nokey
""
> LCS nokey nokey IDX
{"matches" [] "len" :0}
> LCS a b LEN IDX
-ERR If you want both the length and indexes, please just use IDX.
> LCS a b MINMATCHLEN
-ERR syntax error
> LCS a b IDX MINMATCHLEN x
-ERR value is not an integer or out of range
> SADD s x
:1
> LCS a s FOO
-ERR The specified keys must contain string values
> SET n 123
OK
> SET m 10203
OK
> LCS n m
"123"

== LCS of what is too large is refused, not tried
> SETRANGE a 1000000 x
:1000001
> SETRANGE b 1000000 y
:1000001
> LCS a b LEN
-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len
