#compdef nexus
# Completes the command nexus in zsh. Written by `nexus completion`.
_nexus_completion() {
    local kind name meaning program=${~words[1]}
    local -a answer names described
    local option=${(M)PREFIX#--*=}
    answer=("${(@f)$(env COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT - 1)) \
        _NEXUS_COMPLETE=zsh_complete $program 2>/dev/null </dev/null)}")
    for kind name meaning in "${answer[@]}"; do
        case $kind in
        plain)
            if [[ $meaning == _ ]]; then names+=("$option$name"); else described+=("$name:$meaning"); fi
            ;;
        file) _files ;;
        dir) _files -/ ;;
        esac
    done
    (( $#described )) && _describe -V options described -U
    (( $#names )) && compadd -U -V names -a names
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
compdef _nexus_completion nexus
