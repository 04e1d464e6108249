# bash completion of cpsd and cps-smpp: options, and configuration keys as the program prints them. Of cps-esme and
# cps-smsc: options.
_cps_daemon() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} program=${COMP_WORDS[0]} words
    COMPREPLY=()
    case $prev in
        -c | --config) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
        --password-file) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
        --user) mapfile -t COMPREPLY < <(compgen -u -- "$cur") ;;
        -o | --set)
            words=$("$program" -p 2>/dev/null |
                sed -n 's/^\[\(.*\)\]$/[\1/p; s/^#\([a-z0-9_]\{1,\}\) =.*/\1/p' |
                while read -r word; do
                    if [[ $word == \[* ]]; then section=${word#[}; else echo "$section.$word="; fi
                done)
            mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
            compopt -o nospace
            ;;
        *)
            words=$("$program" --help 2>/dev/null | sed -n 's/^  \(-[a-zA-Z]\), \(--[a-z-]\{1,\}\).*/\1 \2/p; s/^ *\(--[a-z-]\{1,\}\).*/\1/p')
            mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
            ;;
    esac
}
complete -F _cps_daemon cpsd cps-smpp cps-esme cps-smsc
