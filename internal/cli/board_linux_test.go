package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal returns one of that many columns, and a function that returns all that was
// written to it so far.
func terminal(t *testing.T, columns uint16) (tty *os.File, written func() string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	must(t, err)
	must(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	must(t, unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}))
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	var mu sync.Mutex
	var text strings.Builder
	done := make(chan struct{})
	go func() {
		defer close(done)
		for buf := make([]byte, 4096); ; {
			n, err := master.Read(buf)
			mu.Lock()
			text.Write(buf[:n])
			mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { tty.Close(); <-done; master.Close() })
	return tty, func() string {
		mu.Lock()
		defer mu.Unlock()
		return text.String()
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestBoardOnATerminal: bars while works are under way, and in the end a line for each,
// whole, in the order of the names.
func TestBoardOnATerminal(t *testing.T) {
	tty, written := terminal(t, 70)
	b := NewBoard(tty, []string{"a.example", "b.example"})
	b.Progress(0, 1e6, 4e6)
	awaitText(t, written, "a.example", "1MB of 4MB", "b.example", "begins")
	b.Finish(1, "FAILED: "+strings.Repeat("long ", 30)+"end")
	b.Finish(0, "pulled")
	b.Close()
	awaitText(t, written, "a.example: pulled", "b.example: FAILED: long ", "long end")
}

// TestBoardOnATerminalWithoutSize: nothing is drawn there, and the end is said.
func TestBoardOnATerminalWithoutSize(t *testing.T) {
	tty, written := terminal(t, 0)
	b := NewBoard(tty, []string{"a.example"})
	b.Progress(0, 1, 4)
	b.Finish(0, "pulled")
	b.Close()
	awaitText(t, written, "a.example: pulled")
}

// awaitText waits until these texts were written, each after the one before.
func awaitText(t *testing.T, written func() string, texts ...string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !inOrder(written(), texts); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the terminal shows %q, want %q", written(), texts)
		}
	}
}

func inOrder(all string, texts []string) bool {
	for _, text := range texts {
		_, after, found := strings.Cut(all, text)
		if !found {
			return false
		}
		all = after
	}
	return true
}

// TestBoardElsewhere: lines, as it happens.
func TestBoardElsewhere(t *testing.T) {
	r, w := io.Pipe()
	lines := make(chan string)
	go func() {
		all, _ := io.ReadAll(r)
		lines <- string(all)
	}()
	b := NewBoard(w, []string{"a.example", "b.example"})
	b.Progress(0, 1, 4) // too soon for a line
	b.works[0].said = b.works[0].said.Add(-lineInterval)
	b.Progress(0, 2e6, 4e6)
	b.Finish(1, "FAILED: x")
	b.Finish(0, "pulled")
	b.Close()
	w.Close()
	if got, want := <-lines, "a.example: 2MB of 4MB\nb.example: FAILED: x\na.example: pulled\n"; got != want {
		t.Errorf("lines are %q, want %q", got, want)
	}
}
