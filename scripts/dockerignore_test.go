package scripts_test

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"wrpdistributor/internal/hosts/hoststest"
)

// TestBuilderIsSentAllPackages: an image that is built from docker/Dockerfile, as that of
// Compose by hand is, gets what .dockerignore lets through, and nothing tries that here.
func TestBuilderIsSentAllPackages(t *testing.T) {
	root := hoststest.Root(t)
	text, err := os.ReadFile(filepath.Join(root, ".dockerignore"))
	if err != nil {
		t.Fatal(err)
	}
	var sent []string
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if path, ok := strings.CutPrefix(lines.Text(), "!"); ok {
			sent = append(sent, path)
		}
	}
	for _, file := range compiledFiles(t, root) {
		if !isBelow(file, sent) {
			t.Errorf("%s is compiled in, and .dockerignore keeps it from the builder: it lets through %v", file, sent)
		}
	}
}

// compiledFiles returns what the image's programs are made of, sources and what they embed.
func compiledFiles(t *testing.T, root string) (files []string) {
	t.Helper()
	const format = `{{if .Module}}{{if .Module.Main}}{{$dir := .Dir}}{{range .GoFiles}}{{$dir}}/{{.}}
{{end}}{{range .EmbedFiles}}{{$dir}}/{{.}}
{{end}}{{end}}{{end}}`
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", format, "./cmd/distributor", "./cmd/cleanup")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range strings.Fields(string(out)) {
		rel, err := filepath.Rel(root, file)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, rel)
	}
	if len(files) == 0 {
		t.Fatal("nothing is compiled in")
	}
	return files
}

func isBelow(file string, folders []string) bool {
	for _, folder := range folders {
		if file == folder || strings.HasPrefix(file, folder+"/") {
			return true
		}
	}
	return false
}
