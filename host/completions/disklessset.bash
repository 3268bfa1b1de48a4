# Completion of disklessset for bash. The program itself answers what may follow.
_disklessset() {
    local rest=${COMP_LINE:0:COMP_POINT} part i head=
    local -a words=()
    # bash splits words at @, = and :, too. Here a word is what stands between blanks.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        part=${COMP_WORDS[i]}
        if ((i == COMP_CWORD)); then
            part=${rest#"${rest%%[![:blank:]]*}"}
        fi
        if ((i > 0)) && [[ $rest != [[:blank:]]* ]]; then
            words[-1]+=$part
        else
            words+=("$part")
        fi
        rest=${rest#"${rest%%[![:blank:]]*}"}
        rest=${rest#"$part"}
    done
    local word=${words[-1]} breaks=${COMP_WORDBREAKS//[^@=:]/}
    if [[ -n $breaks && $word == *["$breaks"]* ]]; then
        head=${word%"${word##*["$breaks"]}"}
        # An @ belongs to what bash replaces.
        head=${head%@}
    fi
    mapfile -t COMPREPLY < <("${words[0]}" completion answer -- "${words[@]:1}" 2>/dev/null)
    COMPREPLY=("${COMPREPLY[@]%%$'\t'*}")
    # What bash has split off stays on the line.
    COMPREPLY=("${COMPREPLY[@]#"$head"}")
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[/@=,] ]]; then
        compopt -o nospace
    fi
}
complete -o nosort -F _disklessset disklessset
