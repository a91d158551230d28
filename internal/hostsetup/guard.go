package hostsetup

import (
	"cmp"
	"compress/gzip"
	"debug/elf"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// A Guard is the program hostguard for a kind of machine.
type Guard struct {
	File string
	Arch string // as Debian calls it: amd64, arm64, armhf
}

// packaged is where the distributor's package has guards for other machines than its own.
const packaged = "/usr/lib/wrp-distributor/wrp-hostguard-"

// arches are the kinds of machines by what stands in a program.
func arches() map[elf.Machine]string {
	return map[elf.Machine]string{elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64", elf.EM_ARM: "armhf"}
}

// Arch returns what Debian calls a machine that uname -m calls so.
func Arch(machine string) string {
	switch machine {
	case "x86_64":
		return "amd64"
	case "aarch64", "arm64":
		return "arm64"
	case "armv7l", "armv8l":
		return "armhf"
	}
	return machine
}

// OpenGuard looks at a file that is to be one.
func OpenGuard(file string) (*Guard, error) {
	program, err := elf.Open(file)
	if err != nil {
		if _, ok := errors.AsType[*elf.FormatError](err); ok {
			return nil, fmt.Errorf("%s is no program for Linux: %w", file, err)
		}
		return nil, err
	}
	defer program.Close()
	arch, known := arches()[program.Machine]
	if !known {
		return nil, fmt.Errorf("%s is for a machine that is unknown here: %v", file, program.Machine)
	}
	return &Guard{File: file, Arch: arch}, nil
}

// FindGuard returns the one for a kind of machine: beside a program, which is ours, or as
// the package has it. If arch is empty, it is whatever stands beside the program, or the
// package's for this machine.
func FindGuard(program, arch string) (*Guard, error) {
	folder := filepath.Dir(program)
	for _, file := range []string{
		filepath.Join(folder, "hostguard"), filepath.Join(folder, "wrp-hostguard"),
		filepath.Join(folder, "wrp-hostguard-"+arch), packaged + cmp.Or(arch, ownArch()),
	} {
		g, err := OpenGuard(file)
		if err == nil && (arch == "" || g.Arch == arch) {
			return g, nil
		}
	}
	return nil, fmt.Errorf("there is no hostguard%s beside %s, nor as %s%s; %s", forArch(arch), program, packaged, arch, mendGuard(arch))
}

// ownArch returns what Debian calls this machine.
func ownArch() string {
	if runtime.GOARCH == "arm" {
		return "armhf"
	}
	return runtime.GOARCH
}

func forArch(arch string) string {
	if arch == "" {
		return ""
	}
	return " for " + arch
}

// mendGuard says how to come by one.
func mendGuard(arch string) string {
	env := map[string]string{"amd64": "GOARCH=amd64 ", "arm64": "GOARCH=arm64 ", "armhf": "GOARCH=arm GOARM=7 "}[arch]
	return fmt.Sprintf("in the sources: CGO_ENABLED=0 %sgo build -o wrp-hostguard-%s ./cmd/hostguard, and then --guard wrp-hostguard-%[2]s; or install the package wrp-hostguard on the host; or go on without, by --no-guard", env, arch)
}

// write writes the function that prints the program.
func (g *Guard) write(w io.Writer) (err error) {
	f, err := os.Open(g.File)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.WriteString(w, "\nguard_program() {\nbase64 -d <<'END OF THE PROGRAM' | gunzip\n"); err != nil {
		return err
	}
	text := base64.NewEncoder(base64.StdEncoding, &lines{to: w})
	packed := gzip.NewWriter(text)
	_, err = io.Copy(packed, f)
	if err := errors.Join(err, packed.Close(), text.Close()); err != nil {
		return err
	}
	_, err = io.WriteString(w, "\nEND OF THE PROGRAM\n}\n")
	return err
}

// width of a line of base64.
const width = 76

// lines breaks what is written into lines.
type lines struct {
	to  io.Writer
	has int // of the line under way
}

// Write implements [io.Writer].
func (l *lines) Write(b []byte) (n int, err error) {
	for n < len(b) {
		if l.has == width {
			if _, err := io.WriteString(l.to, "\n"); err != nil {
				return n, err
			}
			l.has = 0
		}
		part := b[n:min(len(b), n+width-l.has)]
		m, err := l.to.Write(part)
		n, l.has = n+m, l.has+m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
