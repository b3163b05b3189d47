package wire_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A form that the code knows and docs/protocol.md does not mention is a secret
// to whoever writes a peer in another language.
func TestProtocolIsDocumented(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "protocol.md"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(doc)
	words := constants(t, "Code", "Header", "header", "Suffix", "Verb", "verb", "QueueGroup", "AllNodes")
	if len(words) < 30 {
		t.Fatalf("constants() = %d words, want those of the protocol, at least 30", len(words))
	}
	for name, word := range words {
		word = strings.Trim(word, ".")
		if !strings.Contains(text, "`"+word+"`") && !strings.Contains(text, "`"+word+":") &&
			!strings.Contains(text, "`"+word+".<") && !strings.Contains(text, "`"+word+"<") {
			t.Errorf("docs/protocol.md does not mention %q, the value of %s", word, name)
		}
	}
}

// constants returns the string constants of the package whose names begin with
// one of the prefixes.
func constants(t *testing.T, prefixes ...string) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	words := make(map[string]string)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range f.Decls {
			d, ok := decl.(*ast.GenDecl)
			if !ok || d.Tok != token.CONST {
				continue
			}
			for _, spec := range d.Specs {
				s := spec.(*ast.ValueSpec)
				for i, value := range s.Values {
					lit, ok := value.(*ast.BasicLit)
					if !ok || lit.Kind != token.STRING || !hasPrefix(s.Names[i].Name, prefixes) {
						continue
					}
					word, err := strconv.Unquote(lit.Value)
					if err != nil {
						t.Fatal(err)
					}
					words[s.Names[i].Name] = word
				}
			}
		}
	}
	return words
}

func hasPrefix(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}
