// Command regex-oracle makes pairs of pattern and text, asks both the driver (its only argument) and Go's regexp about
// them, and prints every disagreement. It fails when there is one.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"regexp"
	"strings"
)

type pair struct{ pattern, text string }

var atoms = []string{
	"a", "b", "c", "k", "s", "K", "S", "A", "0", "7", "_", "-", " ", "\n", "é", "ſ", "\u212a", "日", "]", "}", "{", ",", ":", ".",
	"^", "$", `\A`, `\z`, `\b`, `\B`, `\d`, `\D`, `\s`, `\S`, `\w`, `\W`, `\n`, `\t`, `\x41`, `\x{e9}`, `\x{}`, `\x4`, `\x{110000}`,
	`\101`, `\0`, `\1`, `\12`, `\07`, `\a`, `\f`, `\v`, `\r`, `\.`, `\_`, `\-`, `\q`, `\C`, `\Z`, `\é`, `\`, `\Qa.b\E`, `\Q`, `\E`,
	"[abc]", "[^a]", "[a-c]", "[c-a]", "[]a]", "[^]a]", "[a-]", "[-a]", "[a", "[", "[]", "[[:alpha:]]", "[[:^digit:]k]", "[[:foo:]]",
	"[[:word:]]", "[[:space:]]", "[[:lower:]]", "[[:punct:]x]", `[\d-z]`, `[a-\d]`, `[\D]`, `[^\W]`, `[\x41-\x43]`, `[\]]`, `[\Q]`, "[[:alpha]",
	"[é-ü]", `[^\x00-\x{10ffff}]`, `[\b]`, "[a^]", "[[:ascii:]]", "[ -~]", "[^\n]", "[K-S]", "[ſ]", "[\u212a]", `\pL`, `\p{Greek}`,
	"*", "+", "?", "*?", "+?", "??", "{2}", "{0}", "{1,}", "{0,2}", "{2,1}", "{1001}", "{1000}", "{,2}", "{a}", "{01}", "{2}?", "{3}", "{2,3}", "{", "{1", "{1,",
	"(", ")", "(?:", "(?i)", "(?s)", "(?m)", "(?U)", "(?i:", "(?-i)", "(?i-s:", "(?s-m)", "(?P<n>", "(?<n>", "(?<n_2>", "(?P<>", "(?<a b>", "(?'n'", "(?=", "(?!", "(?<=", "(?)", "(?:)", "(?-)", "(?x)", "(?#", "(?^", "(?i--s)", "(?",
	"|", "||", "()", "(|a)", "(a|b)*", "(a*)*", "(a|)", "(?:a{2}){3}", "ab", "ba", "(^a|b$)", "(a?){3}",
}

var letters = []string{"a", "b", "c", "k", "s", "K", "S", "A", "B", "0", "7", "_", "-", " ", "\n", "é", "ſ", "\u212a", "日", "]", "}", "{", "1", ".", "\t", "z", "è", "\r", "~"}

func sequence(r *rand.Rand, from []string, most int) string {
	var b strings.Builder
	for n := r.Intn(most + 1); n > 0; n-- {
		b.WriteString(from[r.Intn(len(from))])
	}
	return b.String()
}

// A pattern that is well-formed as a rule, so that matching is exercised as much as refusing.
func expression(r *rand.Rand, depth int) string {
	if depth == 0 {
		return atoms[r.Intn(38)]
	}
	switch r.Intn(9) {
	case 0, 1:
		return expression(r, depth-1) + expression(r, depth-1)
	case 2:
		return expression(r, depth-1) + "|" + expression(r, depth-1)
	case 3:
		return "(" + expression(r, depth-1) + ")" + []string{"*", "+", "?", "{2}", "{1,3}", "{0,}", "*?", "{2,}"}[r.Intn(8)]
	case 4:
		return "(?" + []string{"i", "s", "m", "U", "is", "i-s", "-m", ""}[r.Intn(8)] + ":" + expression(r, depth-1) + ")"
	case 5:
		return "^" + expression(r, depth-1) + "$"
	case 6:
		return "(?" + []string{"i", "s", "m", "sm"}[r.Intn(4)] + ")" + expression(r, depth-1)
	case 7:
		return []string{"[", "[^"}[r.Intn(2)] + sequence(r, letters[:12], 3) + "k-z]" + expression(r, depth-1)
	default:
		return atoms[r.Intn(len(atoms))] + expression(r, depth-1)
	}
}

func make1(r *rand.Rand) pair {
	var pattern string
	switch r.Intn(3) {
	case 0:
		pattern = sequence(r, atoms, 6)
	case 1:
		// Raw bytes of the syntax, glued blindly.
		pattern = sequence(r, strings.Split(`a b ( ) [ ] { } * + ? | ^ $ . \ - : , 1 2 i < > P Q E x p`, " "), 9)
	default:
		pattern = expression(r, 1+r.Intn(5))
	}
	return pair{pattern, sequence(r, letters, 7)}
}

func judge(p pair) string {
	re, err := regexp.Compile(p.pattern)
	if err != nil {
		return "E"
	}
	found := re.FindStringIndex(p.text)
	if found == nil {
		return "0"
	}
	return fmt.Sprintf("1 %d %d", found[0], found[1])
}

func main() {
	seed := flag.Int64("seed", 1, "seed of the generator")
	count := flag.Int("count", 100000, "number of pairs")
	flag.Parse()
	r := rand.New(rand.NewSource(*seed))
	pairs := make([]pair, *count)
	var input bytes.Buffer
	for i := range pairs {
		pairs[i] = make1(r)
		input.WriteString(pairs[i].pattern + "\x00" + pairs[i].text + "\x00")
	}
	command := exec.Command(flag.Arg(0))
	command.Stdin, command.Stderr = &input, os.Stderr
	output, err := command.Output()
	answers := strings.Split(strings.TrimSuffix(string(output), "\n"), "\n")
	if err != nil || len(answers) != len(pairs) {
		fmt.Fprintf(os.Stderr, "driver: %v, %d answers to %d pairs\n", err, len(answers), len(pairs))
		os.Exit(2)
	}
	tally := map[byte]int{}
	wrong := 0
	for i, p := range pairs {
		tally[answers[i][0]]++
		if expected := judge(p); answers[i] != "U" && answers[i] != expected {
			wrong++
			fmt.Printf("%q on %q: Go says %s, we say %s\n", p.pattern, p.text, expected, answers[i])
		}
	}
	fmt.Printf("%d pairs: %d match, %d do not, %d refused, %d not supported; %d disagreements\n",
		len(pairs), tally['1'], tally['0'], tally['E'], tally['U'], wrong)
	if wrong > 0 {
		os.Exit(1)
	}
}
