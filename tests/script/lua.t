# Scripts: EVAL and its family, the cache, conversions, errors.

== values of every kind
> EVAL "return 1" 0
:1
> EVAL "return 3.99" 0
:3
> EVAL "return -3.99" 0
:-3
> EVAL "return 'x'" 0
"x"
> EVAL "return {1,2,{3,'x',{ok='z'}},nil,5}" 0
[:1 :2 [:3 "x" +z]]
> EVAL "return true" 0
:1
> EVAL "return false" 0
nil
> EVAL "return nil" 0
nil
> EVAL "return function() end" 0
nil
> EVAL "return {a=1}" 0
[]
> EVAL "return {ok='fine'}" 0
+fine
> EVAL "return {err='MY error'}" 0
-MY error
> EVAL "return {double=3.5}" 0
,3.5
> EVAL "return {map={a='b'}}" 0
{"a" "b"}
> EVAL "return {set={a=true}}" 0
~["a"]
> EVAL "return {big_number='123'}" 0
(123
> EVAL "return {verbatim_string={format='txt',string='x'}}" 0
=txt "x"
> EVAL "return 1e300" 0
:-9223372036854775808

== keys and arguments
> EVAL "return {KEYS[1],KEYS[2],ARGV[1],#KEYS,#ARGV}" 2 a b c d
["a" "b" "c" :2 :2]
> EVAL "return 1" -1
-ERR Number of keys can't be negative
> EVAL "return 1" x
-ERR value is not an integer or out of range
> EVAL "return 1" 2 a
-ERR Number of keys can't be greater than number of args

== commands
> EVAL "return redis.call('set',KEYS[1],ARGV[1])" 1 k v
OK
> EVAL "return redis.call('get',KEYS[1])" 1 k
"v"
> EVAL "return redis.call('set','n',10)" 0
OK
> EVAL "return redis.call('incrbyfloat','n',0.5)" 0
"10.5"
> EVAL "return redis.call('get','none')" 0
nil
> EVAL "return redis.call('lpush','k','x')" 0
/-WRONGTYPE Operation against a key holding the wrong kind of value script: [0-9a-f]{40}, on .*/
> EVAL "return redis.pcall('lpush','k','x')" 0
-WRONGTYPE Operation against a key holding the wrong kind of value
> EVAL "local ok, e = pcall(redis.call, 'nosuch') return e" 0
"ERR Unknown Redis command called from script"
> EVAL "local r = redis.call('multi') return r" 0
/-ERR This Redis command is not allowed from script script: .*/
> EVAL_RO "local r = redis.call('set','a','b') return r" 0
/-ERR Write commands are not allowed from read-only scripts\. script: .*, on @user_script:1\./
> EVAL "redis.call('hset','h','f','v') redis.setresp(3) return redis.call('hgetall','h').map.f" 0
"v"
> EVAL "redis.call('select',1) redis.call('set','in1','x') return 1" 0
:1
> EXISTS in1
:0

== errors say where
> EVAL "error('boom')" 0
-ERR user_script:1: boom script: 82903a0434f1503e152f89c03c9acd881a0e8150, on @user_script:1.
> EVAL "\nerror('line2')" 0
-ERR user_script:2: line2 script: 31d127a049e0ce17ea980fa0ca6695aed9dd080d, on @user_script:2.
> EVAL "error({err='MY boom'})" 0
-MY boom script: 4c2ee35ef37c857625d6ec6d812eab72377cfa97, on @user_script:1.
> EVAL "x x" 0
-ERR Error compiling script (new function): user_script:1: '=' expected near 'x'

== globals are read-only
> EVAL "foo=1" 0
-ERR user_script:1: Attempt to modify a readonly table script: 5bddd8336e5f711bfa499383fc73c17560c6250b, on @user_script:1.
> EVAL "return foo" 0
-ERR user_script:1: Script attempted to access nonexistent global variable 'foo' script: 47e30a5d10d5694f99208f9adc4fe3bf2450edbd, on @user_script:1.
> EVAL "string.foo=1" 0
/-ERR user_script:1: Attempt to modify a readonly table.*/
> EVAL "redis.call=1" 0
/-ERR user_script:1: Attempt to modify a readonly table.*/
> EVAL "getmetatable('').__index=1" 0
/-ERR user_script:1: Attempt to modify a readonly table.*/
> EVAL "rawset(_G,'foo',1)" 0
/-ERR Attempt to modify a readonly table.*/
> EVAL "setmetatable(_G,{})" 0
/-ERR Attempt to modify a readonly table.*/
> EVAL "for k,v in pairs(_G) do if k == 'string' then return v.upper('x') end end" 0
"X"
> EVAL "return type(rawget(_G,'print'))..type(rawget(_G,'os'))..type(rawget(_G,'io'))..type(rawget(_G,'debug'))..type(rawget(_G,'ffi'))..type(rawget(_G,'jit'))..type(rawget(_G,'package'))..type(rawget(_G,'setfenv'))" 0
"nilnilnilnilnilnilnilnil"

== the cache
> SCRIPT FLUSH
OK
> EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0
-NOSCRIPT No matching script. Please use EVAL.
> SCRIPT LOAD "return 1"
"e0e1f9fabfc9d4800c877a703b823ac0578ff8db"
> EVALSHA E0E1f9fabfc9d4800c877a703b823ac0578ff8db 0
:1
> EVALSHA_RO e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0
:1
> SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db foo
[:1 :0]
> SCRIPT FLUSH nonsense
-ERR SCRIPT FLUSH only support SYNC|ASYNC option
> SCRIPT FLUSH
OK
> SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db
[:0]
> SCRIPT KILL
-NOTBUSY No scripts in execution right now.
> SCRIPT LOAD "x x"
-ERR Error compiling script (new function): user_script:1: '=' expected near 'x'

== a script in a transaction
> MULTI
OK
> EVAL "return redis.call('incr','c')" 0
QUEUED
> EVAL "return {KEYS[1]}" 1 a
QUEUED
> EXEC
[:1 ["a"]]

== JSON
> EVAL "return cjson.encode({1,2,{a='b/\"'},true,cjson.null,1.5,'\\195\\164'})" 0
"[1,2,{\"a\":\"b\\/\\\"\"},true,null,1.5,\"\xc3\xa4\"]"
> EVAL "return cjson.encode(cjson.decode(ARGV[1]))" 0 "[1,{\"a\":[]},\"\\u00e4\\ud83d\\ude00\",null,-1e3]"
"[1,{\"a\":{}},\"\xc3\xa4\xf0\x9f\x98\x80\",null,-1000]"
> EVAL "return {pcall(cjson.decode,'[1,')}" 0
[nil "Expected value but found T_END at character 4"]

== calls that are returned keep their place
> EVAL "return redis.call('nosuch')" 0
/-ERR Unknown Redis command called from script script: .*, on @user_script:1\./
> EVAL "if true then return tonumber({}, 2) else return 1 end" 0
/-ERR user_script:1: bad argument #1 to 'tonumber' .*/
> EVAL "local function f(n) if n == 0 then return 'done' end return f(n - 1) end return f(300000)" 0
"done"
> EVAL "return (function() return unpack({1,2,3}) end)()" 0
:1
> EVAL "return {(function() return unpack({1,2,3}) -- )\nend)()}" 0
[:1 :2 :3]
> EVAL "return 'a\\.b\\d' .. [[\\d]]" 0
"a.bd\\d"

== numbers that would load the FFI are none
> EVAL "return 1LL" 0
-ERR Error compiling script (new function): user_script:1: malformed number near '1LL'
> EVAL "return type(loadstring('return 2i'))" 0
"nil"
> EVAL "return type(loadstring(string.char(27)..'LJ'))" 0
"nil"

== MessagePack
> EVAL "return cmsgpack.pack({1,2,{a='x'}},-33,1.5,true,nil)" 0
"\x93\x01\x02\x81\xa1a\xa1x\xd0\xdf\xca?\xc0\x00\x00\xc3\xc0"
> EVAL "return cmsgpack.unpack(ARGV[1])" 0 "\x93\x01\x02\xa1x"
[:1 :2 "x"]
> EVAL "return {cmsgpack.unpack_limit(ARGV[1],2)}" 0 "\x01\x02\x03"
[:2 :1 :2]
> EVAL "return {pcall(cmsgpack.unpack,ARGV[1])}" 0 "\xdd\xff\xff\xff\xff"
[nil "Missing bytes in input."]
# oracle: skip because nesting has no end there
> EVAL "return {pcall(cmsgpack.unpack,string.rep('\\145',200))}" 0
[nil "Bad data format in input."]
> EVAL "local t = {} t[1] = t return #cmsgpack.pack(t)" 0
:17

== struct
> EVAL "return struct.pack('>i3!4bc0sd',-2,1,'ab','c',1.5)" 0
"\xff\xff\xfe\x01abc\x00?\xf8\x00\x00\x00\x00\x00\x00"
> EVAL "return {struct.unpack('bc0s',ARGV[1])}" 0 "\x02abc\x00"
["ab" "c" :6]
> EVAL "return struct.size('!bd')" 0
:16
> EVAL "return struct.unpack('c5','abc')" 0
/-ERR user_script:1: bad argument #2 to 'unpack' \(data string too short\).*/
> EVAL "return struct.pack('i99999999999',1)" 0
/-ERR user_script:1: integral size overflow.*/
> EVAL "return struct.unpack('bbb','abc',2147483647)" 0
/-ERR user_script:1: bad argument #2 to 'unpack' \(data string too short\).*/
