package hostguard

import (
	"strings"
	"testing"
)

func TestHostsFilesAreRead(t *testing.T) {
	memory := readMemory(strings.NewReader("MemTotal:       2048 kB\nMemFree:  1 kB\nMemAvailable:    512 kB\nHugePages_Total:       0\n"))
	if memory == nil || *memory != (Amount{Free: 512 << 10, Total: 2 << 20}) {
		t.Errorf("memory = %v", memory)
	}
	if got := readMemory(strings.NewReader("nonsense\n")); got != nil {
		t.Errorf("memory of nonsense = %v, want none", got)
	}
	if got := readLoad("0.52 1.58 0.59 2/812 3921\n"); got != [3]float64{0.52, 1.58, 0.59} {
		t.Errorf("load = %v", got)
	}
	if got := readLoad("0.5"); got != [3]float64{0.5} {
		t.Errorf("load of one number = %v", got)
	}
}
