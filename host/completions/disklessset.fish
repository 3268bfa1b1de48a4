# Completion of disklessset for fish. The program itself answers what may follow.
function __disklessset_answer
    set -l words (commandline --current-process --tokenize --cut-at-cursor)
    set -l word (commandline --current-token --cut-at-cursor)
    $words[1] completion answer -- $words[2..-1] "$word" 2>/dev/null
end
complete --command disklessset --no-files --keep-order --arguments '(__disklessset_answer)'
