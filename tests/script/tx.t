# MULTI, EXEC, DISCARD, WATCH, UNWATCH.

== a transaction
> MULTI
OK
> SET k 1
QUEUED
> INCR k
QUEUED
> LPUSH k x
QUEUED
> GET k
QUEUED
> EXEC
[OK :2 /-WRONGTYPE .*/ "2"]

== what may not be said when
> EXEC
-ERR EXEC without MULTI
> DISCARD
-ERR DISCARD without MULTI
> MULTI
OK
> MULTI
-ERR MULTI calls can not be nested
> WATCH k
-ERR WATCH inside MULTI is not allowed
> DISCARD
OK
> MULTI now
-ERR wrong number of arguments for 'multi' command

== an error while queueing aborts
> MULTI
OK
> SET k
-ERR wrong number of arguments for 'set' command
> SET k 1
QUEUED
> EXEC
-EXECABORT Transaction discarded because of previous errors.
> GET k
nil
> EXEC
-ERR EXEC without MULTI

== WATCH
> WATCH k j
OK
a> SET k 1
OK
> MULTI
OK
> SET k 2
QUEUED
> EXEC
nil*
> GET k
"1"
> WATCH k
OK
> UNWATCH
OK
a> SET k 3
OK
> MULTI
OK
> EXEC
[]
> WATCH k
OK
> MULTI
OK
> DISCARD
OK
a> SET k 4
OK
> MULTI
OK
> GET k
QUEUED
> EXEC
["4"]

== what is not a change does not count
> ZADD z 1 a
:1
> WATCH z none
OK
a> ZADD z 1 a
:0
a> ZREM z nothing
:0
a> DEL none
:0
> MULTI
OK
> EXEC
[]

== whatever keeps EXEC from running is told as an abort
> EXEC a
-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command
