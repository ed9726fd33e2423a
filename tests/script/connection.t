# AUTH, HELLO, PING, ECHO, RESET, QUIT, CLIENT.

== HELLO 2
@resp 2
> HELLO 2
{"server" "redis" "version" str "proto" :2 "id" :* "mode" "standalone" "role" "master" "modules" []}
> HELLO
{"server" "redis" "version" str "proto" :2 "id" :* "mode" "standalone" "role" "master" "modules" []}

== HELLO 3
@resp 3
> HELLO 3
{"server" "redis" "version" str "proto" :3 "id" :* "mode" "standalone" "role" "master" "modules" []}
> HELLO 3 SETNAME me
{"server" "redis" "version" str "proto" :3 "id" :* "mode" "standalone" "role" "master" "modules" []}
> CLIENT GETNAME
"me"
> HELLO 4
-NOPROTO unsupported protocol version
> HELLO x
-ERR Protocol version is not an integer or out of range
> HELLO 3 SETNAME
-ERR Syntax error in HELLO option 'SETNAME'
> HELLO 3 AUTH default
-ERR Syntax error in HELLO option 'AUTH'
> HELLO 3 AUTH somebody x
-WRONGPASS invalid username-password pair or user is disabled.
> HELLO 3 SETNAME "a b"
-ERR Client names cannot contain spaces, newlines or special characters.

== AUTH without a password
> AUTH x
-ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?
> AUTH default x
OK
> AUTH somebody x
-WRONGPASS invalid username-password pair or user is disabled.
> AUTH a b c
-ERR syntax error

== AUTH with one
@only tcp
@resp 2
> CONFIG SET requirepass secret
OK
a> GET k
-NOAUTH Authentication required.
a> HELLO 3
/-NOAUTH HELLO must be called with the client already authenticated.*/
a> AUTH secre
-WRONGPASS invalid username-password pair or user is disabled.
a> AUTH secret
OK
a> GET k
nil
> CONFIG SET requirepass ""
OK

== PING, ECHO
> PING
PONG
> PING "a\r\nb"
"a\r\nb"
> PING a b
-ERR wrong number of arguments for 'ping' command
> ECHO "\x00"
"\x00"

== RESET and QUIT
@resp 2
> SELECT 3
OK
> CLIENT SETNAME n
OK
> MULTI
OK
> RESET
RESET
> CLIENT GETNAME
nil
> EXEC
-ERR EXEC without MULTI
> CLIENT INFO
/(?s).* db=0 .*/
> QUIT
OK
closed

== names
> CLIENT SETNAME "a b"
-ERR Client names cannot contain spaces, newlines or special characters.
> CLIENT SETNAME "a\nid=1"
-ERR Client names cannot contain spaces, newlines or special characters.
> CLIENT SETNAME a
OK
> CLIENT GETNAME
"a"
> CLIENT SETNAME ""
OK
> CLIENT GETNAME
nil
# oracle: differs because SETINFO came with 7.2
> CLIENT SETINFO LIB-NAME redis-py
OK
# oracle: differs because SETINFO came with 7.2
> CLIENT SETINFO lib-ver 5.0.0
OK
# oracle: differs because SETINFO came with 7.2
> CLIENT SETINFO LIB-NAME "a b"
-ERR lib-name cannot contain spaces, newlines or special characters.
# oracle: differs because SETINFO came with 7.2
> CLIENT SETINFO LIB-DATE x
-ERR Unrecognized option 'LIB-DATE'

== CLIENT INFO
@resp 2
# oracle: skip because SETINFO and some fields came with 7.2
> CLIENT SETINFO LIB-NAME redis-py
OK
> CLIENT SETINFO LIB-VER 5.0.0
OK
> CLIENT INFO
/(?s)id=\d+ addr=\S+ laddr=\S+ fd=-?\d+ name= age=\d+ idle=0 flags=N db=0 sub=0 psub=0 ssub=0 multi=-1 watch=0 qbuf=\d+ qbuf-free=\d+ argv-mem=\d+ multi-mem=0 rbs=\d+ rbp=\d+ obl=\d+ oll=0 omem=0 tot-mem=\d+ events=r cmd=client\|info user=default redir=-1 resp=[23] lib-name=redis-py lib-ver=5.0.0 io-thread=0 tot-net-in=\d+ tot-net-out=\d+ tot-cmds=\d+ capa=\n/

== CLIENT LIST
@resp 2
a> SUBSCRIBE c
>["subscribe" "c" :1]
> CLIENT LIST TYPE pubsub
/(?s)id=\d+ .* flags=P .* sub=1 .*\n/
> CLIENT LIST TYPE replica
""
> CLIENT LIST TYPE foo
-ERR Unknown client type 'foo'
> CLIENT LIST ID 99999999
""
> CLIENT LIST ID x
-ERR Invalid client ID
> CLIENT LIST ID
-ERR syntax error
> CLIENT LIST FOO
-ERR syntax error

# The runner's own connections are normal clients too.
== CLIENT KILL by type
@only inprocess
a> PING
PONG
> CLIENT KILL TYPE normal SKIPME yes
:1
a<
closed
b> CLIENT KILL TYPE normal SKIPME no
:2
closed

== CLIENT KILL
> CLIENT KILL ID 99999999
:0
> CLIENT KILL 1.2.3.4:5
-ERR No such client
> CLIENT KILL ID 0
-ERR client-id should be greater than 0
> CLIENT KILL TYPE foo
-ERR Unknown client type 'foo'
> CLIENT KILL USER nobody
-ERR No such user 'nobody'
> CLIENT KILL SKIPME perhaps
-ERR syntax error
> CLIENT KILL ADDR 1.2.3.4:5 FOO
-ERR syntax error
# oracle: differs because MAXAGE came with 7.4
> CLIENT KILL MAXAGE 0 ID 1
-ERR maxage should be greater than 0

== CLIENT UNBLOCK
a> CLIENT ID
:*
a> BLPOP q 0
...
> CLIENT UNBLOCK 99999999
:0
> CLIENT UNBLOCK x
-ERR value is not an integer or out of range
> CLIENT UNBLOCK 1 PERHAPS
-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR

== CLIENT REPLY
> CLIENT REPLY SKIP
...
> PING
...
> PING
PONG
> CLIENT REPLY OFF
...
> PING
...
> CLIENT REPLY SKIP
...
> PING
...
> CLIENT REPLY ON
OK
> CLIENT REPLY FOO
-ERR syntax error

== confirmations and messages are no replies
> CLIENT REPLY OFF
...
> SUBSCRIBE x
>["subscribe" "x" :1]
a> PUBLISH x hello
:1
<
>["message" "x" "hello"]
> UNSUBSCRIBE
>["unsubscribe" "x" :0]
> PING
...
> CLIENT REPLY ON
OK
> CLIENT REPLY SKIP
...
> SUBSCRIBE y
>["subscribe" "y" :1]

== RESET switches replies on
> CLIENT REPLY OFF
...
> RESET
RESET
> PING
PONG
> CLIENT REPLY SKIP
...
> RESET
...
> PING
PONG

== a command whose reply is skipped may wait
> CLIENT REPLY SKIP
...
> BLPOP q 0
...
a> RPUSH q x
:1
> PING
PONG
> CLIENT REPLY SKIP
...
> BLPOP q 0.03
...
@advance 50
> PING
PONG
> CLIENT REPLY OFF
...
> BLPOP q 0
...
a> RPUSH q x y
:2
> CLIENT REPLY ON
OK
> LLEN q
:1

== the rest of CLIENT
> CLIENT NO-EVICT ON
OK
> CLIENT NO-EVICT OFF
OK
> CLIENT NO-EVICT PERHAPS
-ERR syntax error
# oracle: differs because NO-TOUCH came with 7.2
> CLIENT NO-TOUCH ON
OK
> CLIENT GETREDIR
:-1
> CLIENT TRACKINGINFO
{"flags" ~["off"] "redirect" :-1 "prefixes" []}
> CLIENT FOO
-ERR unknown subcommand 'FOO'. Try CLIENT HELP.
> CLIENT
-ERR wrong number of arguments for 'client' command

== CLUSTER, where there is none
> CLUSTER INFO
-ERR This instance has cluster support disabled
> CLUSTER KEYSLOT k
-ERR This instance has cluster support disabled
> CLUSTER HELP
-ERR This instance has cluster support disabled
> ASKING
-ERR This instance has cluster support disabled
> CLUSTER
-ERR wrong number of arguments for 'cluster' command
> CLUSTER INFO x
-ERR wrong number of arguments for 'cluster|info' command
> CLUSTER NOSUCH
-ERR unknown subcommand 'NOSUCH'. Try CLUSTER HELP.
> MULTI
OK
> CLUSTER SLOTS
QUEUED
> EXEC
[/-ERR This instance has cluster support disabled/]
