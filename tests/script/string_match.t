# Strings on condition: SET IFEQ …, DELEX, DELIFEQ, DIGEST, MSETEX (Redis 8.4, Valkey 9).

== SET IFEQ and its kind
# oracle: skip because 7.0 does not have them
> SET k a
OK
> SET k b IFEQ x
nil
> SET k b IFEQ a
OK
> SET k c IFNE b
nil
> SET k c IFNE x GET
"b"
> SET none 1 IFEQ a
nil
> EXISTS none
:0
> SET none 1 IFNE a
OK
> SET k d IFEQ x GET
"c"
> SET k d NX IFEQ c
-ERR syntax error
> SET k d IFEQ c XX
-ERR syntax error
> SET k d IFEQ
-ERR syntax error
> SET h hello
OK
> DIGEST h
"9555e8555c62dcfd"
> SET h other IFDEQ 9555E8555C62DCFD
OK
> SET h hello IFDNE 9555e8555c62dcfd EX 100
OK
> TTL h
:100
> SET h x IFDEQ abc
-ERR digest must be exactly 16 hexadecimal characters
> DIGEST missing
nil
> RPUSH l 1
:1
> SET l x IFEQ 1
-WRONGTYPE Operation against a key holding the wrong kind of value

== DELEX and DELIFEQ
# oracle: skip because 7.0 does not have them
> SET k a
OK
> DELEX k IFEQ b
:0
> DELEX k IFNE a
:0
> DELEX k IFEQ a
:1
> SET k a
OK
> DELEX k
:1
> DELEX k IFNE a
:0
> SET k hello
OK
> DELEX k IFDNE 9555e8555c62dcfd
:0
> DELEX k IFDEQ 9555e8555c62dcfd
:1
> SET k a
OK
> DELIFEQ k b
:0
> DELIFEQ k a
:1
> DELIFEQ k a
:0
> DELEX k FOO a
-ERR syntax error
> RPUSH l 1
:1
> DELEX l IFEQ 1
-WRONGTYPE Operation against a key holding the wrong kind of value
> DELEX l
:1

== MSETEX
# oracle: skip because 7.0 does not have it
> MSETEX 2 a 1 b 2 EX 100
:1
> TTL b
:100
> MSETEX 2 a 3 c 4 NX
:0
> MGET a c
["1" nil]
> MSETEX 2 a 3 b 4 XX KEEPTTL
:1
> TTL a
:100
> GET b
"4"
> MSETEX 1 a 5
:1
> TTL a
:-1
> MSETEX 0 a 1
-ERR invalid numkeys value
> MSETEX 2 a 1
-ERR wrong number of arguments for 'msetex' command
> MSETEX 1 a 1 EX 0
-ERR invalid expire time in 'msetex' command
> MSETEX 1 a 1 NX XX
-ERR syntax error
