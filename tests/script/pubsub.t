# Channels, patterns, shard channels.

== a message reaches who listens
a> SUBSCRIBE news sport
>["subscribe" "news" :1]
>["subscribe" "sport" :2]
b> PSUBSCRIBE n* ne?s
>["psubscribe" "n*" :1]
>["psubscribe" "ne?s" :2]
> PUBLISH news hello
:3
a<
>["message" "news" "hello"]
b<
>["pmessage" "n*" "news" "hello"]
>["pmessage" "ne?s" "news" "hello"]
> PUBLISH nobody hello
:1
b<
>["pmessage" "n*" "nobody" "hello"]
> PUBLISH weather x
:0
a> UNSUBSCRIBE news
>["unsubscribe" "news" :1]
a> UNSUBSCRIBE
>["unsubscribe" "sport" :0]
a> UNSUBSCRIBE
>["unsubscribe" nil :0]
a> UNSUBSCRIBE x
>["unsubscribe" "x" :0]
a> GET k
nil

== PUBSUB
a> SUBSCRIBE c1 c2
>["subscribe" "c1" :1]
>["subscribe" "c2" :2]
b> SUBSCRIBE c1
>["subscribe" "c1" :1]
b> PSUBSCRIBE x*
>["psubscribe" "x*" :2]
> PUBSUB CHANNELS
?["c1" "c2"]
> PUBSUB CHANNELS *2
["c2"]
> PUBSUB NUMSUB c1 c2 c3
["c1" :2 "c2" :1 "c3" :0]
> PUBSUB NUMSUB
[]
> PUBSUB NUMPAT
:1
> PUBSUB CHANNELS a b
-ERR unknown subcommand or wrong number of arguments for 'CHANNELS'. Try PUBSUB HELP.
> PUBSUB
-ERR wrong number of arguments for 'pubsub' command
> PUBSUB FOO
-ERR unknown subcommand 'FOO'. Try PUBSUB HELP.

== shard channels are a space of their own
a> SSUBSCRIBE s
>["ssubscribe" "s" :1]
a> SUBSCRIBE s
>["subscribe" "s" :1]
> SPUBLISH s one
:1
a<
>["smessage" "s" "one"]
> PUBLISH s two
:1
a<
>["message" "s" "two"]
> PUBSUB SHARDCHANNELS
["s"]
> PUBSUB SHARDNUMSUB s t
["s" :1 "t" :0]
a> SUNSUBSCRIBE
>["sunsubscribe" "s" :0]

== a RESP2 subscriber may not do much else
@resp 2
> SUBSCRIBE a
>["subscribe" "a" :1]
> GET k
-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context
> PING
["pong" ""]
> PING x
["pong" "x"]
> RESET
RESET
> PING
PONG

== a RESP3 subscriber may do all it likes
@resp 3
> SUBSCRIBE a
>["subscribe" "a" :1]
> SET k v
OK
> PING
PONG
