package gateway_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/session"
)

const (
	atOnce  = 64  // requests of one session
	answers = 6   // of them that are answered
	inLine  = 256 // behind them
)

// A crowd is a container that holds on to its requests.
type crowd struct {
	mu    sync.Mutex
	paths []string // in order of arrival
	leave chan struct{}
}

func (c *crowd) serve(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.paths = append(c.paths, r.URL.Path)
	c.mu.Unlock()
	select {
	case <-c.leave:
		fmt.Fprint(w, r.URL.Path)
	case <-r.Context().Done():
	}
}

// big begins its answer at once, as [flood] does.
func (c *crowd) big(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.paths = append(c.paths, r.URL.Path)
	c.mu.Unlock()
	_ = http.NewResponseController(w).Flush()
	<-c.leave
	_, _ = w.Write(make([]byte, 1<<20))
}

func (c *crowd) arrived() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.paths)
}

// A visitor is a request that was sent, and its client.
type visitor struct {
	net.Conn
	code  int // 0: no answer came
	retry string
}

// visit sends a request that is told from others by its path. Its client takes the
// answer when it comes.
func (s *simulation) visit(t *testing.T, path, token string) *visitor {
	t.Helper()
	nc, r := s.raw(t, "GET "+path+" HTTP/1.1\r\nHost: x\r\nBearer: "+token+"\r\n\r\n")
	v := &visitor{Conn: nc}
	go func() {
		if resp, err := http.ReadResponse(r, nil); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			v.code, v.retry = resp.StatusCode, resp.Header.Get("Retry-After")
		}
	}()
	synctest.Wait()
	return v
}

// fill sends so many requests, for which the container takes its time.
func (s *simulation) fill(t *testing.T, n int) (list []*visitor) {
	t.Helper()
	for i := range n {
		list = append(list, s.visit(t, fmt.Sprintf("/%d", i), s.token))
	}
	time.Sleep(atOnce * time.Second)
	synctest.Wait()
	return list
}

// TestRequestsOfSessionWaitInLine: 64 are asked at once, 256 wait in order of arrival,
// and further ones are refused. Another session notices nothing.
func TestRequestsOfSessionWaitInLine(t *testing.T) {
	c := &crowd{}
	simulate(t, gateway.Config{StallTimeout: time.Hour}, c.serve, func(t *testing.T, s *simulation) {
		c.leave = make(chan struct{})
		list := s.fill(t, atOnce+inLine)
		if got := len(c.arrived()); got != atOnce {
			t.Errorf("%d requests are asked at once, want %d", got, atOnce)
		}
		if v := s.visit(t, "/refused", s.token); v.code != 503 || v.retry != "1" {
			t.Errorf("one too many is answered %d, Retry-After %q; want 503 and 1", v.code, v.retry)
		}
		const other = "1234567890123456789012345678901234567890"
		row := session.Session{ID: 2, State: session.Running, Host: "host0", Port: 9091, Gateway: true, Token: other}
		s.sessions.put(row)
		s.gw.Started(&row)
		s.visit(t, "/other", other)
		if got := c.arrived(); got[len(got)-1] != "/other" {
			t.Error("another session waits too")
		}
		for range atOnce + inLine + 1 {
			c.leave <- struct{}{}
			synctest.Wait()
		}
		for i, v := range list {
			if v.code != 200 {
				t.Errorf("request %d is answered %d", i, v.code)
			}
		}
		for i, path := range slices.DeleteFunc(c.arrived(), func(path string) bool { return path == "/other" }) {
			var n int
			_, _ = fmt.Sscanf(path, "/%d", &n)
			if i < atOnce {
				i, n = i/answers, n/answers // those that began at one moment may overtake each other
			}
			if i != n {
				t.Fatalf("%s is asked as number %d", path, i)
			}
		}
	})
}

// TestWhoMayHaveLeftIsRefusedFirst: a client that half-closed, when the line is full.
func TestWhoMayHaveLeftIsRefusedFirst(t *testing.T) {
	c := &crowd{}
	simulate(t, gateway.Config{StallTimeout: time.Hour}, c.serve, func(t *testing.T, s *simulation) {
		c.leave = make(chan struct{})
		s.fill(t, atOnce+inLine-2)
		left, stays := s.visit(t, "/left", s.token), s.visit(t, "/stays", s.token)
		must(t, left.Close()) // the end of what it sends is all that is seen of it
		synctest.Wait()
		if s.log.count("status=") != 0 {
			t.Error("it is refused though nobody wants its place")
		}
		newcomer := s.visit(t, "/newcomer", s.token)
		for range atOnce + inLine {
			c.leave <- struct{}{}
			synctest.Wait()
		}
		if stays.code != 200 || newcomer.code != 200 || slices.Contains(c.arrived(), "/left") {
			t.Errorf("answers are %d and %d, want 200 and not that of who left: %v", stays.code, newcomer.code, s.log.count("status=503"))
		}
	})
}

// TestUnreadAnswersAreFew: so few are begun that what of them is not taken fits into
// memory. One whose client takes nothing gives its place to one that waits.
func TestUnreadAnswersAreFew(t *testing.T) {
	c := &crowd{}
	simulate(t, gateway.Config{StallTimeout: time.Hour}, c.big, func(t *testing.T, s *simulation) {
		c.leave = make(chan struct{})
		for i := range answers {
			_, r := s.raw(t, fmt.Sprintf("GET /%d HTTP/1.1\r\nHost: x\r\nBearer: %s\r\n\r\n", i, s.token))
			_, err := r.Peek(1) // of the head, after which nothing is taken
			must(t, err)
			c.leave <- struct{}{}
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		if got := s.log.count("status="); got != 0 {
			t.Errorf("%d answers are cut though nobody waits", got)
		}
		next := s.visit(t, "/next", s.token)
		if got := len(c.arrived()); got != answers {
			t.Errorf("%d are answered at once, want %d", got, answers)
		}
		go func() { c.leave <- struct{}{} }()
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if got := s.log.count("status=499"); next.code != 200 || got != 1 {
			t.Errorf("the next is answered %d, and %d are cut for it, want 200 and 1", next.code, got)
		}
	})
}

// TestWaitingInLineEnds: when its client has left, or its session.
func TestWaitingInLineEnds(t *testing.T) {
	c := &crowd{}
	simulate(t, gateway.Config{StallTimeout: time.Hour, DrainTimeout: time.Second}, c.serve, func(t *testing.T, s *simulation) {
		c.leave = make(chan struct{})
		list := s.fill(t, atOnce+3)
		must(t, list[atOnce].Close())
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got := s.log.count("status=499"); got != 1 {
			t.Errorf("%d are said to have left, want the one that did", got)
		}
		c.leave <- struct{}{}
		synctest.Wait()
		if next := fmt.Sprintf("/%d", atOnce+1); !slices.Contains(c.arrived(), next) {
			t.Error("the place that it waited for is given to nobody")
		}
		s.gw.Stopping(t.Context(), 1)
		synctest.Wait()
		if got := list[atOnce+2].code; got != 502 {
			t.Errorf("who waits for a session that ends is answered %d, want 502", got)
		}
	})
}

// TestRequestsThatFailGivePlacesBack: all of them.
func TestRequestsThatFailGivePlacesBack(t *testing.T) {
	c := &crowd{}
	simulate(t, gateway.Config{StallTimeout: 10 * time.Minute}, c.serve, func(t *testing.T, s *simulation) {
		c.leave = make(chan struct{})
		for _, v := range s.fill(t, atOnce) {
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			if v.code != 504 {
				t.Fatalf("a request that lasts too long is answered %d, want 504", v.code)
			}
		}
		close(c.leave)
		wants(t, "a request after those", s.visit(t, "/after", s.token).code, 200)
	})
}
