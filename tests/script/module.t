# MODULE: there are none, and none can be loaded.

== the list is empty
> MODULE LIST
[]
> MODULE LIST x
-ERR wrong number of arguments for 'module|list' command
> MODULE
-ERR wrong number of arguments for 'module' command
> MODULE NOSUCH
-ERR unknown subcommand 'NOSUCH'. Try MODULE HELP.

== nothing is loaded
> MODULE LOAD /tmp/x.so
-ERR MODULE command not allowed. Sorrel loads no modules; JSON is built in.
> MODULE LOADEX /tmp/x.so ARGS a
-ERR MODULE command not allowed. Sorrel loads no modules; JSON is built in.
> MODULE UNLOAD x
-ERR MODULE command not allowed. Sorrel loads no modules; JSON is built in.
