package main

import (
	"context"
	"fmt"
	"go/build"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// findRoot is the directory to count: dir, or the source of the Go
// distribution when dir is empty. The result is absolute and no symbolic link,
// since neither find nor a walk enters one that it is pointed at.
func findRoot(ctx context.Context, dir string) (string, error) {
	if dir == "" {
		dir = filepath.Join(goroot(ctx), "src")
	}
	root, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find %q: %w", dir, err)
	}
	root, err = filepath.EvalSymlinks(root)
	if err != nil {
		return "", fmt.Errorf("find %q: %w", dir, err)
	}
	info, err := os.Stat(root)
	if err != nil {
		return "", fmt.Errorf("find %q: %w", dir, err)
	}
	if !info.IsDir() {
		return "", fmt.Errorf("%q is not a directory", dir)
	}
	return root, nil
}

// goroot asks the go command, which knows best. Where there is none, what the
// program was built with has to do.
func goroot(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if dir := strings.TrimSpace(string(out)); err == nil && dir != "" {
		return dir
	}
	return build.Default.GOROOT
}
