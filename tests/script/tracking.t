# Client-side caching: the messages, the modes, who is not told.
@resp 3

== a key that was read is told of once
> CLIENT TRACKING ON
OK
> GET k
nil
a> SET k 1
OK
<
>["invalidate" ["k"]]
a> SET k 2
OK
> GET k
"2"
> SET k 3
OK
>["invalidate" ["k"]]
> MGET k l
["3" nil]
a> MSET k 1 l 2
OK
<
>["invalidate" ["k"]]
>["invalidate" ["l"]]
> GET k
"1"
a> FLUSHALL
OK
<
>["invalidate" nil]

== broadcasting
> CLIENT TRACKING ON BCAST PREFIX a: PREFIX b: NOLOOP
OK
> CLIENT TRACKINGINFO
{"flags" ~["on" "bcast" "noloop"] "redirect" :0 "prefixes" ["a:" "b:"]}
> SET a:1 1
OK
a> MSET a:1 1 b:1 2 a:2 3 c 1
OK
<
>["invalidate" ["a:1" "a:2"]]
>["invalidate" ["b:1"]]
> CLIENT TRACKING ON BCAST PREFIX a:1
-ERR Prefix 'a:1' overlaps with an existing prefix 'a:'. Prefixes for a single client must not overlap.

== only what is asked for
> CLIENT TRACKING ON OPTIN
OK
> GET o
nil
> CLIENT CACHING YES
OK
> GET p
nil
a> MSET o 1 p 1
OK
<
>["invalidate" ["p"]]
> CLIENT CACHING NO
-ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.
> CLIENT TRACKING ON OPTOUT
-ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode.
> CLIENT TRACKING OFF
OK
> CLIENT GETREDIR
:-1

== what cannot be
> CLIENT TRACKING MAYBE
-ERR syntax error
> CLIENT TRACKING ON BCAST OPTIN
-ERR OPTIN and OPTOUT are not compatible with BCAST
> CLIENT TRACKING ON OPTIN OPTOUT
-ERR You can't specify both OPTIN mode and OPTOUT mode
> CLIENT TRACKING ON PREFIX a
-ERR PREFIX option requires BCAST mode to be enabled
> CLIENT TRACKING ON REDIRECT 999999
-ERR The client ID you want redirect to does not exist
> CLIENT CACHING YES
-ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled
> CLIENT TRACKING ON
OK
> CLIENT CACHING YES
-ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.
> CLIENT CACHING NO
-ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.
> CLIENT TRACKING OFF
OK
