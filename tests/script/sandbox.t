# Known ways out of a script's room: each must end in an error or in nothing, and leave nothing for the next script.

== what is not there
# oracle: differs because it has collectgarbage
> EVAL "local s = '' for _, n in ipairs({'os','io','debug','package','require','dofile','loadfile','module','newproxy','setfenv','getfenv','ffi','jit','print','collectgarbage'}) do s = s .. type(rawget(_G, n)) .. ' ' end return s" 0
/(nil ){15}/
# oracle: differs because it has string.dump
> EVAL "return type(string.dump)" 0
"nil"
> EVAL "return os.execute('id')" 0
/-ERR user_script:1: Script attempted to access nonexistent global variable 'os'.*/

== bytecode
> EVAL "return tostring(loadstring('\\27LJ\\2\\0'))" 0
"nil"
> EVAL "\x1bLJ\x02\x00" 0
/-ERR Error compiling script .*/
> EVAL "return tostring(load(function() return nil end) ~= nil)" 0
"true"

== shared tables stay as they are
> EVAL "local ok = pcall(function() string.rep = nil end) return {ok, type(string.rep)}" 0
[nil "function"]
> EVAL "local ok = pcall(rawset, string, 'x', 1) return {ok, type(string.x)}" 0
[nil "nil"]
> EVAL "local ok = pcall(setmetatable, redis, {}) return tostring(ok)" 0
"false"
# oracle: skip because it is about tables that we show through others
> EVAL "local ok = pcall(table.insert, string, 1) return {ok, type(string[1])}" 0
*
> EVAL "for k, v in pairs(_G) do if type(v) == 'table' and v ~= KEYS and v ~= ARGV and pcall(function() v.evil = 1 end) then return k end end return 'all closed'" 0
"all closed"
> EVAL "local mt = getmetatable('') return {tostring(pcall(function() mt.__index = nil end)), tostring(pcall(function() mt.evil = 1 end)), tostring(pcall(setmetatable, mt, nil))}" 0
["false" "false" "false"]
> EVAL "local mt = getmetatable(_G) return tostring(mt == nil or not pcall(function() mt.__index = function() end end))" 0
"true"
> EVAL "cjson.encode_max_depth(3) return 1" 0
:1
# oracle: skip because there one script's settings reach the next
> EVAL "return cjson.encode({{{{{{1}}}}}})" 0
"[[[[[[1]]]]]]"
> EVAL "leak = 1" 0
/-ERR .*Attempt to modify a readonly table.*/
> EVAL "return {type(rawget(_G,'leak')), type(string.evil)}" 0
["nil" "nil"]

== too deep, too large, too long
> EVAL "local function f() return 1 + f() end return tostring(pcall(f))" 0
"false"
> EVAL "local t = {} for i = 1, 100000 do t = {t} end return tostring(pcall(cjson.encode, t))" 0
"false"
> EVAL "return tostring(pcall(cjson.decode, string.rep('[', 100000)))" 0
"false"
> EVAL "return tostring(pcall(unpack, {}, 1, 1e7))" 0
"false"
# oracle: skip because it would take the memory
> EVAL "return tostring(pcall(string.rep, 'x', 1e10))" 0
"false"
> EVAL "return tostring(pcall(string.find, 'a', string.rep('(a*)', 40)))" 0
"false"
# oracle: skip because it tries for ever
> EVAL "return tostring(pcall(string.find, 'a', string.rep('a?', 5000)))" 0
"true"
> EVAL "return tostring(pcall(struct.pack, 'i2147483647', 1))" 0
"false"
> EVAL "return tostring(pcall(struct.unpack, 'c0', 'x', 2147483647))" 0
"false"
> EVAL "return tostring(pcall(string.format, '%99999d', 1))" 0
"false"
> EVAL "return {tostring(pcall(cmsgpack.unpack, '\\221\\255\\255\\255\\255')), tostring(pcall(cmsgpack.unpack, '\\223\\255\\255\\255\\255')), tostring(pcall(cmsgpack.unpack, '\\219\\255\\255\\255\\255x')), tostring(pcall(cmsgpack.unpack, '\\198\\127\\255\\255\\255x'))}" 0
["false" "false" "false" "false"]
> EVAL "return tostring(pcall(cmsgpack.unpack, ('\\145'):rep(100000) .. '\\1'))" 0
*
> EVAL "local t = {} for i = 1, 100000 do t = {t} end return type(cmsgpack.pack(t))" 0
"string"
> EVAL "return {tostring(pcall(cmsgpack.unpack_limit, '\\1', 2147483647, 2147483647)), tostring(pcall(cmsgpack.unpack_one, '\\1', -2)), tostring(pcall(struct.pack, 'c2147483647', 'x')), tostring(pcall(struct.size, 'i4294967297')), tostring(pcall(struct.unpack, 'c2147483647', 'x'))}" 0
["false" "false" "false" "false" "false"]
> EVAL "return tostring(pcall(string.gsub, 'x', '%', 'y'))" 0
"false"
> EVAL "local f = coroutine.wrap(function() local ok, e = pcall(error, {err='in'}) return e end) return f()" 0
"in"
> EVAL "return tostring(pcall(coroutine.wrap(function() coroutine.yield(redis.call('ping')) end)))" 0
"true"

== errors cannot forge replies
> EVAL "return {err='a\\r\\n+OK\\r\\n'}" 0
/-a +\+OK */
> EVAL "return {ok='a\\r\\n:1'}" 0
/a  :1/
> EVAL "error({err='x\\r\\ny'})" 0
/-x  y script: .*/
# oracle: skip because it ends there
> EVAL "error({})" 0
/-ERR unknown error script: .*/
# oracle: skip because it ends there
> EVAL "error()" 0
/-ERR .*/
