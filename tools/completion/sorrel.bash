# bash completion for sorrel-cli and sorrel-benchmark (and their redis-* and valkey-* names). The options come from the
# programs' own --help.
_sorrel_tool() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} program=${COMP_WORDS[0]}
    case $prev in
    -s|--eval|--rdb|--functions-rdb|--cacert|--cert|--key)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    -h) mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur"); return ;;
    --type) mapfile -t COMPREPLY < <(compgen -W 'string list set zset hash stream' -- "$cur"); return ;;
    --key-dist) mapfile -t COMPREPLY < <(compgen -W 'uniform zipf seq hot' -- "$cur"); return ;;
    --cluster)
        [[ $program == *benchmark ]] || { mapfile -t COMPREPLY < <(compgen -W 'check info call reshard del-node set-timeout help' -- "$cur"); return; } ;;
    --show-pushes) mapfile -t COMPREPLY < <(compgen -W 'yes no' -- "$cur"); return ;;
    esac
    [[ $cur == -* ]] || return
    local options
    options=$("$program" --help 2>/dev/null | sed -n 's/^  \(-[-a-zA-Z0-9]*\).*/\1/p')
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
}
complete -F _sorrel_tool sorrel-cli sorrel-benchmark redis-cli redis-benchmark valkey-cli valkey-benchmark
