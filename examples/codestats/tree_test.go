package main

import (
	"os"
	"path/filepath"
	"testing"
)

// trickyTree has what a walk and a count may get wrong.
func trickyTree(t *testing.T) string {
	t.Helper()
	root := writeTree(t, map[string]string{
		"a.go":                    methods,
		"no_newline.go":           "package a\n\nvar x = 1",
		"crlf.go":                 "package a\r\n\r\n/*\r\n\r\n*/\r\nvar y = `\r\n\r\n`\r\n",
		"empty.go":                "",
		".go":                     "package a\n",
		".hidden/h.go":            "package h\n",
		"testdata/broken.go":      "pack age\n\n// no\n",
		"testdata/t.go/t.go":      "package t\n",
		"vendor/x.org/y/y.go":     "package y\n\nimport \"fmt\"\n",
		"new\nline/b\x1b[31m.go":  "package b\n\nfunc f() {\n}\n",
		"not_utf8_\xff/\xfe.go":   "package u\n",
		"sub/deep/deeper/deep.go": "package deeper\n",
		"sub/_test.go":            "package sub // no go command reads this\n",
		"README.md":               "# not counted\n",
		"go":                      "not counted\n",
		"a.go.orig":               "not counted\n",
		"UPPER.GO":                "not counted\n",
	})
	for link, target := range map[string]string{
		"link.go":     "a.go",
		"dangling.go": "nowhere.go",
		"dirlink":     "sub",
		"dirlink.go":  "sub",
		"loop":        ".",
	} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// writeTree writes the files, by slash-separated path, into a fresh directory.
func writeTree(t *testing.T, files map[string]string) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		place := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(place, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}
