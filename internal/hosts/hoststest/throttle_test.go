package hoststest

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"wrpdistributor/internal/bubbletest"
)

// TestLineTakesItsTime: all that one direction carries shares its rate, and comes
// through whole.
func TestLineTakesItsTime(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		l := newLine(1000, make(chan struct{}))
		begin := time.Now()
		var received sync.WaitGroup
		for range 2 {
			sender, in := net.Pipe()
			out, receiver := net.Pipe()
			go l.copy(out, in)
			sent := bytes.Repeat([]byte("picture "), 500)
			go func() {
				_, _ = sender.Write(sent)
				sender.Close()
			}()
			received.Go(func() {
				got, err := io.ReadAll(receiver)
				if err != nil || !bytes.Equal(got, sent) {
					t.Errorf("%d bytes came through, %v; want the %d that were sent", len(got), err, len(sent))
				}
				if took := time.Since(begin); took < 7900*time.Millisecond || took > 8*time.Second {
					t.Errorf("two times 4000 bytes at 1000 a second took %v", took)
				}
			})
		}
		received.Wait()
	})
}

// TestCutLineSaysNothing: neither side is told.
func TestCutLineSaysNothing(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		frozen := make(chan struct{})
		l := newLine(1000, frozen)
		sender, in := net.Pipe()
		out, receiver := net.Pipe()
		defer receiver.Close()
		done := make(chan struct{})
		go func() {
			l.copy(out, in)
			close(done)
		}()
		close(frozen)
		if _, err := sender.Write([]byte("x")); err != nil {
			t.Error(err)
		}
		<-done
		_ = receiver.SetReadDeadline(time.Now().Add(time.Hour))
		if n, err := receiver.Read(make([]byte, 1)); n != 0 || !isTimeout(err) {
			t.Errorf("the other side read %d bytes, %v; want nothing", n, err)
		}
	})
}

func isTimeout(err error) bool {
	ne, ok := err.(net.Error)
	return ok && ne.Timeout()
}
