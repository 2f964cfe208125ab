# Lists small mistakes that could be made in the files, one a line:
#   HASH <tab> FILE <tab> LINE <tab> OCCURRENCE <tab> FROM <tab> TO <tab> TEXT OF THE LINE
# The hash is of the seed, the file's name, the text and the mistake, so that the order of hashes stays when lines move.

BEGIN {
	for (i = 1; i < 256; i++) code[sprintf("%c", i)] = i
	add("&&", "||"); add("||", "&&")
	add(" == ", " != "); add(" != ", " == ")
	add(" < ", " <= "); add(" <= ", " < "); add(" > ", " >= "); add(" >= ", " > ")
	add(" + 1", " + 2"); add(" - 1", " - 2")
	add("true", "false"); add("false", "true")
	add("return YES", "return NO"); add("return NO", "return YES")
	add("cel_and(", "cel_or("); add("cel_or(", "cel_and("); add("cel_eq(", "cel_ne("); add("cel_ne(", "cel_eq(")
	# What is left is a comma operator: the negation is gone.
	add("cel_not(", "(")
	add("truth_and(", "truth_or("); add("truth_or(", "truth_and(")
	add("OP_CREATE", "OP_UPDATE"); add("OP_UPDATE", "OP_DELETE"); add("OP_DELETE", "OP_UPDATE")
	add("MODE_WARN", "MODE_AUDIT"); add("MODE_AUDIT", "MODE_WARN")
	add("!", "")
}

function add(from, to) { count++; froms[count] = from; tos[count] = to }

function hash(text,   i, value) {
	value = 7
	for (i = 1; i <= length(text); i++) value = (value * 4099 + code[substr(text, i, 1)]) % 2147483647
	return value
}

# Whether what stands there is the operator and not part of another.
function is_one(from, before, after) {
	if (from == "!") return after ~ /^[A-Za-z_(%]/
	if (from ~ /^[a-zA-Z]/) return before !~ /[A-Za-z0-9_]$/ && (from ~ /\($/ || after !~ /^[A-Za-z0-9_]/)
	return 1
}

{ text = $0; sub(/^[ \t]+/, "", text) }
# Comments, and what is refused by the compiler or bounds a loop.
text ~ /^\/\// || text ~ /^#/ || text ~ /^assert/ { next }
{
	for (m = 1; m <= count; m++) {
		from = froms[m]
		if (text ~ /^for \(/ && from ~ /[<>+]/) continue
		place = 0
		for (n = 1; (at = index(substr($0, place + 1), from)) > 0; n++) {
			place += at
			if (!is_one(from, substr($0, 1, place - 1), substr($0, place + length(from)))) continue
			printf "%d\t%s\t%d\t%d\t%s\t%s\t%s\n", hash(seed " " m " " n " " FILENAME text), FILENAME, FNR, n, from, tos[m], text
		}
	}
}
