# bash completion of cpsctl: the words are what cpsctl says of itself, so they are those of the version that is installed.
_cpsctl() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} program=${COMP_WORDS[0]}
    local words
    COMPREPLY=()
    if ((COMP_CWORD == 1)) || { ((COMP_CWORD == 2)) && [[ $command == help ]]; }; then
        words=$("$program" help 2>/dev/null | sed -n 's/^  \([a-z]\{1,\}\)\( [a-z]\{1,\}\)\{0,1\} \{2,\}[a-z].*/\1/p' | sort -u)
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
        return
    fi
    # keys is followed by one more word
    if [[ $command == keys ]]; then
        if ((COMP_CWORD == 2)); then
            words=$("$program" help 2>/dev/null | sed -n 's/^  keys \([a-z]\{1,\}\) .*/\1/p')
            mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
            return
        fi
        set -- keys "${COMP_WORDS[2]}"
    else
        set -- "$command"
    fi
    # an option's value, as the help writes it in capitals, is a file or something that only its writer knows
    local value
    value=$("$program" help "$@" 2>/dev/null | sed -n "s/^  $prev \(\[*[A-Z][][A-Z=]*\).*/\1/p")
    case $value in
        *FILE*) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
        *DIR*) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
        ?*) ;;
        *)
            if [[ $cur == -* ]]; then
                words=$("$program" help "$@" 2>/dev/null | sed -n 's/^  \(--[a-z0-9-]*\).*/\1/p')
                mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
            else
                mapfile -t COMPREPLY < <(compgen -f -- "$cur")
            fi
            ;;
    esac
}
complete -o filenames -F _cpsctl cpsctl
