package clientconn

import (
	"io"
	"net"
	"testing"
	"time"
)

// TestProgressIsWhatTheClientReceived: the kernel's buffer may have no room for long
// while the client takes what is in it.
func TestProgressIsWhatTheClientReceived(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &Listener{Listener: ln, Stall: 100 * time.Millisecond}
	defer l.Close()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	nc, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	// Until it is cut, since nobody takes anything.
	if _, err := nc.Write(make([]byte, 64<<20)); err == nil {
		t.Fatal("a client that takes nothing is not cut")
	}
	c := nc.(*Conn).link
	last := c.lastMove()
	if c.lastMove() != last {
		t.Error("a client that takes nothing is said to have taken something")
	}
	if err := nc.(*Conn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	for { // the window opens after some of what was received is read
		if _, err := io.CopyN(io.Discard, client, 64<<10); err != nil {
			t.Fatal("all was read, and none of it is said to have been taken: ", err)
		}
		if c.lastMove() != last {
			return
		}
	}
}
