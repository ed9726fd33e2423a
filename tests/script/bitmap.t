# Bitmaps: SETBIT, GETBIT, BITCOUNT, BITPOS, BITOP, BITFIELD.

== SETBIT and GETBIT
> SETBIT b 7 1
:0
> SETBIT b 7 1
:1
> GET b
"\x01"
> SETBIT b 9 1
:0
> GET b
"\x01@"
> GETBIT b 9
:1
> GETBIT b 1000
:0
> GETBIT none 0
:0
> SETBIT b 7 0
:1
> OBJECT ENCODING b
"raw"
> SETBIT b a 1
-ERR bit offset is not an integer or out of range
> SETBIT b -1 1
-ERR bit offset is not an integer or out of range
> SETBIT b 4294967296 1
-ERR bit offset is not an integer or out of range
> SETBIT b 0 2
-ERR bit is not an integer or out of range
> RPUSH l x
:1
> SETBIT l 0 1
-WRONGTYPE Operation against a key holding the wrong kind of value
> SET n 12345
OK
> GETBIT n 3
:1
> SETBIT n 1 0
:0
> OBJECT ENCODING n
"raw"

== BITCOUNT
> BITCOUNT none
:0
> SET s foobar
OK
> BITCOUNT s
:26
> BITCOUNT s 0 0
:4
> BITCOUNT s 1 1
:6
> BITCOUNT s 1 -2
:18
> BITCOUNT s 5 30 BIT
:17
> BITCOUNT s -2 -1 byte
:7
> BITCOUNT s 3 2
:0
> BITCOUNT s 1
-ERR syntax error
> BITCOUNT s 0 1 NOSUCH
-ERR syntax error
> BITCOUNT s a 1
-ERR value is not an integer or out of range
> SET long "\xff\x01"*5000
OK
> BITCOUNT long
:45000
> BITCOUNT long 1 -2
:44991
> BITCOUNT long 3 -1 bit
:44997

== BITPOS
> SET s "\xff\xf0\x00"
OK
> BITPOS s 0
:12
> BITPOS s 1 2
:-1
> BITPOS s 1 1 -1 BIT
:1
> BITPOS s 0 0 0
:-1
> SET f "\xff"*100
OK
> BITPOS f 0
:800
> BITPOS f 0 0 -1
:-1
> BITPOS none 0
:0
> BITPOS none 1
:-1
> BITPOS s 2
-ERR The bit argument must be 1 or 0.
> SET z "\x00"*1000
OK
> SETBIT z 7001 1
:0
> BITPOS z 1
:7001
> BITPOS z 1 7002 -1 BIT
:-1

== BITOP
> SET a "abc"
OK
> SET b "\x0f"
OK
> BITOP AND d a b
:3
> GET d
"\x01\x00\x00"
> BITOP OR d a b none
:3
> GET d
"obc"
> BITOP XOR d a b
:3
> GET d
"nbc"
> BITOP NOT d a
:3
> GET d
"\x9e\x9d\x9c"
> OBJECT ENCODING d
"raw"
> BITOP NOT d a b
-ERR BITOP NOT must be called with a single source key.
> BITOP AND d none none2
:0
> EXISTS d
:0
> BITOP NOSUCH d a
-ERR syntax error
> RPUSH l 1
:1
> BITOP OR d a l
-WRONGTYPE Operation against a key holding the wrong kind of value

== BITOP's operators of Redis 8.2
# oracle: skip because 7.0 does not have them
> SET a "\xf0\xff"
OK
> SET b "\x3c"
OK
> SET c "\x0f\x01"
OK
> BITOP DIFF d a b c
:2
> GET d
"\xc0\xfe"
> BITOP DIFF1 d a b c
:2
> GET d
"\x0f\x00"
> BITOP ANDOR d a b c
:2
> GET d
"0\x01"
> BITOP ONE d a b c
:2
> GET d
"\xc3\xfe"
> BITOP DIFF d a
-ERR BITOP DIFF must be called with at least two source keys.
> BITOP ONE d a
:2

== BITFIELD
> BITFIELD f SET u8 0 255 GET u4 0 GET i4 0 INCRBY u8 0 10
[:0 :15 :-1 :9]
> BITFIELD f OVERFLOW SAT INCRBY u8 0 300 OVERFLOW FAIL INCRBY u8 0 1 OVERFLOW WRAP INCRBY u8 0 1
[:255 nil :0]
> BITFIELD f SET i64 #1 -9223372036854775808 OVERFLOW SAT INCRBY i64 #1 -1 INCRBY i64 #1 9223372036854775807
[:0 :-9223372036854775808 :-1]
> STRLEN f
:16
> BITFIELD f
[]
> BITFIELD f GET u63 10000
[:0]
> BITFIELD f OVERFLOW SAT SET u5 3 -1 GET u5 3
[:0 :31]
> BITFIELD_RO f GET u5 3 GET u8 0
[:31 :31]
> BITFIELD_RO f SET u8 0 1
-ERR BITFIELD_RO only supports the GET subcommand
> BITFIELD f GET u64 0
-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.
> BITFIELD f SET u8 0 1 GET u8 x
-ERR bit offset is not an integer or out of range
> BITFIELD f OVERFLOW NOSUCH
-ERR Invalid OVERFLOW type specified
> BITFIELD f SET u8 0 abc
-ERR value is not an integer or out of range
> BITFIELD f NOSUCH
-ERR syntax error
> BITFIELD new OVERFLOW FAIL SET u8 0 256
[nil]
> STRLEN new
:1
