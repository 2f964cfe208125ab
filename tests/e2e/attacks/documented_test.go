package attacks

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"klock.dev/e2e/cluster"
)

// TestWaysAreDocumented compares docs/ways-around.md with the tests: all fifty ways are in it, each with its tests, or with the
// reason for having none.
func TestWaysAreDocumented(t *testing.T) {
	t.Parallel()
	root := cluster.Root()
	text, err := os.ReadFile(filepath.Join(root, "docs", "ways-around.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[int][]string{}
	for _, v := range ways() {
		tests[v.number] = append(tests[v.number], v.id())
	}
	e2e := filepath.Join(root, "tests", "e2e")
	functions := testFunctions(t, e2e, filepath.Join(e2e, "attacks"))
	// Number, way, what closes it, tests.
	row := regexp.MustCompile(`(?m)^\| (\d+) \| (.+) \| (.+) \| (.+) \|$`)
	quoted := regexp.MustCompile("`([^`]+)`")
	seen := map[int]bool{}
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		number, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		if seen[number] {
			t.Errorf("way %d is there twice", number)
		}
		seen[number] = true
		named := map[string]bool{}
		for _, name := range quoted.FindAllStringSubmatch(m[4], -1) {
			named[name[1]] = true
		}
		for _, id := range tests[number] {
			if !named[id] {
				t.Errorf("way %d does not name the test %s", number, id)
			}
			delete(named, id)
		}
		for name := range named {
			if !functions[name] {
				t.Errorf("way %d names the test %s, which there is not", number, name)
			}
		}
		if len(quoted.FindAllString(m[4], -1)) == 0 && !strings.HasPrefix(m[4], "none: ") {
			t.Errorf("way %d has no test and no reason for that", number)
		}
	}
	for number := 1; number <= 50; number++ {
		if !seen[number] {
			t.Errorf("way %d is missing", number)
		}
	}
}

// testFunctions are the names of all tests in directories.
func testFunctions(t *testing.T, dirs ...string) map[string]bool {
	t.Helper()
	var files []string
	for _, dir := range dirs {
		found, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	found := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(text), -1) {
			found[m[1]] = true
		}
	}
	return found
}
