package cli

import (
	"bytes"
	"fmt"
	"testing"
)

// TestInOrder: works end in any order, and are read in theirs; the one whose turn it is
// is read while it goes on.
func TestInOrder(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	o := NewInOrder(&out, 3)
	write := func(i int, text, want string) {
		t.Helper()
		fmt.Fprint(o.Writer(i), text)
		if got := out.String(); got != want {
			t.Errorf("after %q of work %d the text is %q, want %q", text, i, got, want)
		}
	}
	write(2, "c1 ", "")
	write(0, "a1 ", "a1 ")
	o.End(2)
	write(1, "b1 ", "a1 ")
	o.End(0)
	write(1, "b2 ", "a1 b1 b2 ")
	o.End(1)
	if got := out.String(); got != "a1 b1 b2 c1 " {
		t.Errorf("the text is %q in the end", got)
	}
}
