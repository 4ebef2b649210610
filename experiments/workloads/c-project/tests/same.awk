# Compares two texts word by word: numbers as numbers, to six digits; words as words.
# How many digits an answer shows, and when it counts its zeros, is a matter of taste and no reason to fail.
#
# usage: awk -f same.awk EXPECTED ANSWERS

function is_number(word) { return word ~ /^-?[0-9]+(\.[0-9]+)?(e[-+][0-9]+)?$/ }
function size(number) { return number < 0 ? -number : number }
function same(a, b) {
    if (!is_number(a) || !is_number(b)) return a == b
    return size(a - b) <= 1e-6 * size(a)
}
function differ() {
    printf "line %d: expected `%s`, answered `%s`\n", FNR, wanted, $0
    wrong++
}

NR == FNR { expected[++lines] = $0; next }
{
    answers++
    wanted = expected[FNR]
    count = split(wanted, word)
    if (count != NF) { differ(); next }
    for (i = 1; i <= NF; i++) if (!same(word[i], $i)) { differ(); next }
}
END {
    if (answers != lines) { printf "%d lines expected, %d answered\n", lines, answers; wrong++ }
    if (wrong) exit 1
    printf "%d lines as expected\n", lines
}
