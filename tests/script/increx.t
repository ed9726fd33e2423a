# INCREX: a counter with bounds and a time to live.
# oracle: skip because redis-server 7.0 does not have it

== counting
> INCREX n
[:1 :1]
> SET n 10
OK
> INCREX n
[:11 :1]
> INCREX n BYINT 5
[:16 :5]
> increx n byint -10
[:6 :-10]
> INCREX n BYINT 0
[:6 :0]
> OBJECT ENCODING n
"int"
> INCREX n BYFLOAT 0.25
[,6.25 ,0.25]
> GET n
"6.25"
> INCREX n BYFLOAT 1
[,7.25 ,1]
> INCREX n
-ERR value is not an integer or out of range
> SET n hello
OK
> INCREX n BYFLOAT 1.5
-ERR value is not a valid float
> SET n inf
OK
> INCREX n BYFLOAT 1
-ERR value cannot be Infinity
> RPUSH l a
:1
> INCREX l
-WRONGTYPE Operation against a key holding the wrong kind of value

== bounds
> SET n 10
OK
> INCREX n BYINT 10 UBOUND 15
[:10 :0]
> INCREX n BYINT 10 UBOUND 15 SATURATE
[:15 :5]
> INCREX n BYINT -10 LBOUND 6
[:15 :0]
> INCREX n LBOUND 6 BYINT -10 SATURATE
[:6 :-9]
> INCREX n BYINT 4 UBOUND 10
[:10 :4]
> INCREX n BYINT 1 UBOUND 3
[:10 :0]
> INCREX n BYINT 1 UBOUND 3 SATURATE
[:3 :-7]
> SET n 50
OK
> INCREX n BYINT -25 UBOUND 30
[:25 :-25]
> SET n 9223372036854775800
OK
> INCREX n BYINT 100
[:9223372036854775800 :0]
> INCREX n BYINT 100 SATURATE
[:9223372036854775807 :7]
> INCREX n SATURATE UBOUND -9223372036854775808
-ERR applied increment would overflow
> SET n -9223372036854775800
OK
> INCREX n BYINT -100 SATURATE
[:-9223372036854775808 :-8]
> INCREX m BYINT 5 LBOUND 10
[:0 :0]
> EXISTS m
:0
> INCREX m BYINT 5 LBOUND 10 SATURATE
[:10 :10]
> SET f 50.5
OK
> INCREX f BYFLOAT 5.5 UBOUND 30
[,50.5 ,0]
> INCREX f BYFLOAT 5.5 UBOUND 30 SATURATE
[,30 ,-20.5]
> INCREX n LBOUND 10 UBOUND 5
-ERR LBOUND can't be greater than UBOUND
> INCREX n BYFLOAT 1 LBOUND 10.5 UBOUND 1.5
-ERR LBOUND can't be greater than UBOUND

== expiry
> INCREX n EX 100
[:1 :1]
> TTL n
:99..100
> INCREX n BYINT 5
[:6 :5]
> TTL n
:99..100
> INCREX n EX 500 ENX
[:7 :1]
> TTL n
:99..100
> INCREX n BYINT 5 UBOUND 8 EX 500
[:7 :0]
> TTL n
:99..100
> INCREX n PERSIST
[:8 :1]
> TTL n
:-1
> INCREX n PX 50000 ENX
[:9 :1]
> PTTL n
:49000..50000
> INCREX n EXAT 1 ENX
[:10 :1]
> INCREX n PXAT 4000000000000
[:11 :1]
> PEXPIRETIME n
:4000000000000
> INCREX n EXAT 1
[:12 :1]
> EXISTS n
:0

== what is refused
> INCREX n FOO
-ERR syntax error
> INCREX n BYINT
-ERR syntax error
> INCREX n BYINT 1 BYFLOAT 1.5
-ERR syntax error
> INCREX n BYINT 1 BYINT 2
-ERR syntax error
> INCREX n LBOUND 0 LBOUND 1
-ERR syntax error
> INCREX n SATURATE SATURATE
-ERR syntax error
> INCREX n EX 10 PX 10
-ERR syntax error
> INCREX n EX 10 PERSIST
-ERR syntax error
> INCREX n PERSIST EX 10
-ERR syntax error
> INCREX n PERSIST ENX
-ERR syntax error
> INCREX n ENX PERSIST
-ERR syntax error
> INCREX n PERSIST PERSIST
-ERR syntax error
> INCREX n ENX
-ERR ENX flag requires an expiration
> INCREX n BYINT 1.5
-ERR Increment is not an integer or out of range
> INCREX n BYFLOAT x
-ERR Increment is not a valid float
> INCREX n BYFLOAT inf
-ERR BYFLOAT increment cannot be Infinity
> INCREX n UBOUND 1.5
-ERR UBOUND is not an integer or out of range
> INCREX n BYFLOAT 1 LBOUND x
-ERR LBOUND is not a valid float
> INCREX n EX 0
-ERR invalid expire time in 'increx' command
> INCREX n PX -1
-ERR invalid expire time in 'increx' command
> EXISTS n
:0
