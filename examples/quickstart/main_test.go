package main

import (
	"os"
	"strings"
	"testing"
)

func Example() {
	main()
	// Output: hello, gopher <nil>
}

// What the README shows is this program, and its output this program's.
func TestREADME(t *testing.T) {
	t.Parallel()
	readme := read(t, "../../README.md")
	_, program, ok := strings.Cut(read(t, "main.go"), "var Hello")
	if !ok {
		t.Fatal("main.go does not declare Hello")
	}
	for _, want := range []string{"```go\nvar Hello" + program + "```", "```\nhello, gopher <nil>\n```"} {
		if !strings.Contains(readme, want) {
			t.Errorf("README.md does not contain:\n%s", want)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
