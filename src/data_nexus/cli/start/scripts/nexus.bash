# Completes the command nexus in bash, from 3.2 on. Written by `nexus completion`.
_nexus_completion() {
    local words=() index current=0 line name
    # Readline takes the = of --symbols=AAPL.US for a word of its own.
    for index in "${!COMP_WORDS[@]}"; do
        if [[ $index -gt 0 && ${COMP_WORDS[index]} == "=" ]]; then
            [[ $index -eq $COMP_CWORD ]] && current=${#words[@]}
        else
            [[ $index -eq $COMP_CWORD ]] && current=${#words[@]}
            words+=("${COMP_WORDS[index]}")
        fi
    done
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
        plain,*)
            name=${line#plain,}
            [[ $name == *[!A-Za-z0-9.,_/:@%+=-]* ]] && printf -v name '%q' "$name"
            COMPREPLY+=("$name")
            ;;
        file,*) compopt -o default 2>/dev/null ;;
        dir,*) compopt -o dirnames 2>/dev/null ;;
        esac
    done < <(env COMP_WORDS="${words[*]}" COMP_CWORD="$current" _NEXUS_COMPLETE=bash_complete \
        "${1/#\~/$HOME}" 2>/dev/null </dev/null)
}
complete -F _nexus_completion nexus
