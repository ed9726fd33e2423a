# HIMPORT: hashes from prepared names of fields.
# oracle: skip because redis-server 7.0 does not have it

== preparing and making hashes
> HIMPORT PREPARE u name email age
OK
> HIMPORT SET h u alice a@example.com 30
OK
> HGETALL h
{"name" "alice" "email" "a@example.com" "age" "30"}
> HEXPIRE h 100 FIELDS 1 name
[:1]
> EXPIRE h 100
:1
> HIMPORT SET h u bob b@example.com 25
OK
> HTTL h FIELDS 3 name email age
[:-1 :-1 :-1]
> TTL h
:-1
> HIMPORT PREPARE u x
OK
> HIMPORT SET h u 1
OK
> HGETALL h
{"x" "1"}
> HIMPORT PREPARE "" "" b
OK
> HIMPORT SET g "" 1 2
OK
> HGET g ""
"1"

== what is refused
> HIMPORT PREPARE u a b a
-ERR duplicate field name in fieldset
> HIMPORT SET h u 1 2 3
-ERR no such fieldset
> HIMPORT PREPARE u a b
OK
> HIMPORT SET h u 1
-ERR value count does not match fieldset field count
> HIMPORT SET h u 1 2 3
-ERR value count does not match fieldset field count
> SET s x
OK
> HIMPORT SET s u 1 2
-WRONGTYPE Operation against a key holding the wrong kind of value
> HIMPORT PREPARE u
-ERR wrong number of arguments for 'himport|prepare' command
> HIMPORT SET h u
-ERR wrong number of arguments for 'himport|set' command
> HIMPORT
-ERR wrong number of arguments for 'himport' command
> HIMPORT NOSUCH
-ERR unknown subcommand 'NOSUCH'. Try HIMPORT HELP.

== forgetting
> HIMPORT DISCARDALL
:0
> HIMPORT PREPARE a x
OK
> HIMPORT PREPARE b x y
OK
> HIMPORT DISCARD a
:1
> HIMPORT DISCARD a
:0
> HIMPORT PREPARE a z
OK
> HIMPORT DISCARDALL
:2
> HIMPORT SET h b 1 2
-ERR no such fieldset
> HIMPORT PREPARE b x y
OK
> RESET
+RESET
> HIMPORT SET h b 1 2
-ERR no such fieldset

== connections and scripts have their own
> HIMPORT PREPARE u x
OK
b> HIMPORT SET h u 1
-ERR no such fieldset
> EVAL "return redis.call('HIMPORT', 'SET', KEYS[1], 'u', '1')" 1 h
/-ERR no such fieldset.*/
> EVAL "redis.call('HIMPORT', 'PREPARE', 'v', 'f'); return redis.call('HIMPORT', 'SET', KEYS[1], 'v', '1')" 1 h
OK
> HGETALL h
{"f" "1"}
> HIMPORT SET h v 1
-ERR no such fieldset
> MULTI
OK
> HIMPORT PREPARE t q
QUEUED
> HIMPORT SET h t 5
QUEUED
> EXEC
[OK OK]
> HGETALL h
{"q" "5"}
> HIMPORT SET h t 6
OK
