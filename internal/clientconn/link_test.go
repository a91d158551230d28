package clientconn_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

const long = 200 << 10

func writeLong(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Length", "204800")
	_, _ = w.Write(make([]byte, long)) // in one piece
}

// TestSlowClientIsNotCut: however long it takes, as long as it takes something.
func TestSlowClientIsNotCut(t *testing.T) {
	each(t, func(t *testing.T, config *tls.Config) {
		b := serve(t, config, writeLong)
		c := b.say(t, get)
		resp, err := http.ReadResponse(c.r, nil)
		must(t, err)
		n := 0
		for buf := make([]byte, 16<<10); err == nil; time.Sleep(stall * 9 / 10) {
			var m int
			m, err = io.ReadFull(resp.Body, buf)
			n += m
		}
		if n != long {
			t.Errorf("a slow client got %d bytes, %v; want %d", n, err, long)
		}
	})
}

// TestClientThatTakesNothingIsCut: after the time that it has, or soon once the
// process is about to end.
func TestClientThatTakesNothingIsCut(t *testing.T) {
	each(t, func(t *testing.T, config *tls.Config) {
		took := make(chan time.Duration)
		b := serve(t, config, func(w http.ResponseWriter, r *http.Request) {
			begin := time.Now()
			writeLong(w, r)
			took <- time.Since(begin)
		})
		c := b.say(t, get)
		_, err := c.r.ReadByte() // some has been taken, and nothing after it
		must(t, err)
		if got := <-took; got < stall || got > 2*stall {
			t.Errorf("the write ended after %v, want %v to twice that", got, stall)
		}
		b.say(t, get)
		synctest.Wait()
		time.Sleep(stall / 2)
		b.Hurry()
		if got := <-took; got < stall/2 || got > stall/2+5*time.Second {
			t.Errorf("the write ended %v after the process began to end, want soon", got-stall/2)
		}
		b.say(t, get)
		if got := <-took; got > 5*time.Second {
			t.Errorf("a write that began after that ended after %v, want soon", got)
		}
	})
}

// TestHurryLeavesWhoGoesOn: a request that waits for its answer is not cut, nor one
// whose client takes it slowly.
func TestHurryLeavesWhoGoesOn(t *testing.T) {
	each(t, func(t *testing.T, config *tls.Config) {
		answer := make(chan struct{})
		b := serve(t, config, func(w http.ResponseWriter, r *http.Request) {
			<-answer
			writeLong(w, r)
		})
		c := b.say(t, get)
		synctest.Wait()
		b.Hurry()
		time.Sleep(time.Hour)
		close(answer)
		resp, err := http.ReadResponse(c.r, nil)
		must(t, err)
		n := 0
		for buf := make([]byte, 16<<10); err == nil; time.Sleep(time.Second) {
			var m int
			m, err = io.ReadFull(resp.Body, buf)
			n += m
		}
		if n != long {
			t.Errorf("the client got %d bytes, %v; want %d", n, err, long)
		}
	})
}

// TestHurryEndsHalfRequests: whose rest does not come.
func TestHurryEndsHalfRequests(t *testing.T) {
	each(t, func(t *testing.T, config *tls.Config) {
		b := serve(t, config, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
		var list []*client
		for _, text := range []string{"", "GET / HT", "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nss"} {
			list = append(list, b.say(t, text))
		}
		synctest.Wait()
		b.Hurry()
		begin := time.Now()
		for _, c := range list {
			c.ends()
		}
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("half requests end after %v, want soon", took)
		}
	})
}
