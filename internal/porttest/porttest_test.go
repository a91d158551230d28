package porttest

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestNobodyElseIsGivenThem, before anything listens, too; afterwards somebody may be.
func TestNobodyElseIsGivenThem(t *testing.T) {
	const n = 30
	taken := make(map[int]bool)
	for range 40 {
		start := Range(t, n)
		for port := start; port < start+n; port++ {
			if taken[port] {
				t.Fatalf("port %d was given twice", port)
			}
			taken[port] = true
		}
	}
}

func TestPortsComeBack(t *testing.T) {
	var start int
	t.Run("reserved", func(t *testing.T) { start = Free(t) })
	_, reserved, err := Find(1)
	if err != nil {
		t.Fatal(err)
	}
	defer reserved.Close()
	if err := lock(reserved.(*os.File), unix.F_WRLCK, start, 1); err != nil {
		t.Errorf("port %d is still reserved: %v", start, err)
	}
}
