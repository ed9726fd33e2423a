# When keys expire.

== EXPIRE and its relatives, and how they are asked for
> EXPIRE nokey 10
:0
> SET k v
OK
> TTL k
:-1
> PTTL k
:-1
> EXPIRETIME k
:-1
> TTL nokey
:-2
> PEXPIRETIME nokey
:-2
> EXPIRE k 100
:1
> TTL k
:100
> PEXPIRE k 1600
:1
> TTL k
:2
> EXPIREAT k 4000000000
:1
> EXPIRETIME k
:4000000000
> PEXPIREAT k 4000000000500
:1
> PEXPIRETIME k
:4000000000500
> EXPIRETIME k
:4000000001
> PERSIST k
:1
> PERSIST k
:0
> PERSIST nokey
:0
> TTL k
:-1

== conditions
> SET k v
OK
> EXPIRE k 100 XX
:0
> EXPIRE k 100 GT
:0
> EXPIRE k 100 NX
:1
> EXPIRE k 200 NX
:0
> EXPIRE k 50 GT
:0
> EXPIRE k 200 gt
:1
> EXPIRE k 300 LT
:0
> EXPIRE k 100 LT
:1
> EXPIRE k 200 XX GT
:1
> TTL k
:200
> PERSIST k
:1
> EXPIRE k 100 LT
:1

== what is refused
> SET k v
OK
> EXPIRE k 10 NX XX
-ERR NX and XX, GT or LT options at the same time are not compatible
> EXPIRE k 10 NX LT
-ERR NX and XX, GT or LT options at the same time are not compatible
> EXPIRE k 10 GT LT
-ERR GT and LT options at the same time are not compatible
> EXPIRE k x what
-ERR Unsupported option what
> EXPIRE k x
-ERR value is not an integer or out of range
> EXPIRE k 9223372036854775807
-ERR invalid expire time in 'expire' command
> EXPIRE nokey -9223372036854775808
-ERR invalid expire time in 'expire' command
> PEXPIRE k 9223372036854775807
-ERR invalid expire time in 'pexpire' command
> EXPIREAT k 9223372036854775807
-ERR invalid expire time in 'expireat' command
> TTL k
:-1
> PEXPIREAT k 9223372036854775807
:1

== a moment in the past removes the key
> MSET a 1 b 2 c 3
OK
> EXPIRE a -1
:1
> EXPIREAT b 0
:1
> PEXPIREAT c -5
:1
> DBSIZE
:0

== expired keys are gone for everybody
> SET a 1 PX 30
OK
> SET b 1
OK
> SADD s x
:1
> PEXPIRE s 30
:1
@advance 60
> GET a
nil
> TTL a
:-2
> KEYS *
["b"]
> SCAN 0 COUNT 100
["0" ["b"]]
> DBSIZE
:1
> RENAME a c
-ERR no such key
> SADD s y
:1
> TTL s
:-1
> SMEMBERS s
~["y"]
