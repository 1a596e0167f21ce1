# Completes the command nexus in fish. Written by `nexus completion`.
function __nexus_completion
    set -l words (commandline -opc)
    set -l program (string replace -r '^~' $HOME -- $words[1])
    set -l typed (commandline -cp)
    set -l last (commandline -ct)
    set -l option (string match -r -- '^--[^=]*=' $last)
    set -l asked COMP_WORDS="$typed" COMP_CWORD="$last"
    set -a asked _NEXUS_COMPLETE=fish_complete
    for line in (env $asked $program 2>/dev/null </dev/null)
        set -l parts (string split -m 1 , -- $line)
        switch $parts[1]
            case plain
                echo "$option$parts[2]"
            case file
                __fish_complete_path $last
            case dir
                __fish_complete_directories $last
        end
    end
end
complete --no-files --command nexus --arguments '(__nexus_completion)'
