package hosts

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"

	"wrpdistributor/internal/bubbletest"
)

// hostileEngine returns an engine that answers ping as engines do, and all else with answer.
// What comes of it after the client has had enough is not written.
func hostileEngine(t *testing.T, answer http.HandlerFunc) *engine {
	t.Helper()
	ln := newPipeListener()
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "/_ping") {
			w.Header().Set("Api-Version", "1.41")
			return
		}
		answer(w, r)
	})}
	served := make(chan error)
	go func() { served <- server.Serve(ln) }()
	t.Cleanup(func() {
		server.Close()
		<-served
	})
	e, err := newEngine(func(ctx context.Context) (net.Conn, error) {
		ours, theirs := net.Pipe()
		select {
		case ln.conns <- theirs:
			return ours, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// A pipeListener accepts what is sent to it.
type pipeListener struct {
	conns chan net.Conn
	ended chan struct{}
	end   func() // closes ended
}

func newPipeListener() pipeListener {
	ended := make(chan struct{})
	return pipeListener{make(chan net.Conn), ended, sync.OnceFunc(func() { close(ended) })}
}

// Accept implements [net.Listener].
func (l pipeListener) Accept() (net.Conn, error) {
	select {
	case nc := <-l.conns:
		return nc, nil
	case <-l.ended:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (l pipeListener) Close() error {
	l.end()
	return nil
}

// Addr implements [net.Listener].
func (pipeListener) Addr() net.Addr { return noAddr{} }

// whatEnginesAreAsked are all questions whose answers are read.
func whatEnginesAreAsked() map[string]func(context.Context, *engine) error {
	const id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	return map[string]func(context.Context, *engine) error{
		"info":    func(ctx context.Context, e *engine) error { _, err := e.info(ctx); return err },
		"facts":   func(ctx context.Context, e *engine) error { _, err := e.facts(ctx); return err },
		"guard":   func(ctx context.Context, e *engine) error { _, _, err := e.guard(ctx); return err },
		"image":   func(ctx context.Context, e *engine) error { _, err := e.image(ctx, "wrp"); return err },
		"network": func(ctx context.Context, e *engine) error { _, err := e.network(ctx, "wrp"); return err },
		"inspect": func(ctx context.Context, e *engine) error { _, err := e.inspect(ctx, id); return err },
		"list":    func(ctx context.Context, e *engine) error { _, err := e.list(ctx, "x=y"); return err },
		"ports":   func(ctx context.Context, e *engine) error { _, err := e.publishedPorts(ctx); return err },
		"output":  func(ctx context.Context, e *engine) error { _, err := e.lastOutput(ctx, id); return err },
		"pull":    func(ctx context.Context, e *engine) error { return e.pull(ctx, "wrp", func(int64, int64) {}) },
		"create": func(ctx context.Context, e *engine) error {
			_, err := e.create(ctx, Spec{}, ContainerConfig{Image: "wrp"}, nil, "/")
			return err
		},
		"events": func(ctx context.Context, e *engine) error {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			s := e.events(ctx, time.Now(), "x=y")
			for {
				if _, err := s.next(); err != nil {
					return err
				}
			}
		},
	}
}

// TestNonsenseOfEnginesIsAnError: nothing that a host answers ends the process.
func TestNonsenseOfEnginesIsAnError(t *testing.T) {
	t.Parallel()
	const id = `"Id":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"`
	harmless := map[string]bool{"list": true, "ports": true, "image": true, "network": true, "facts": true, "guard": true, "pull": true, "output": true}
	for _, text := range []string{
		"", "null", "{}", "[]", "[null]", "[{}]", `"x"`, "1", "{", "\x00\x01\xff", strings.Repeat("[", 1<<16), `{"Actor":null}`,
		"{" + id + "}", "{" + id + `,"Created":"2026-01-01T00:00:00Z"}`, "{" + id + `,"Created":"2026-01-01T00:00:00Z","State":{}}`,
		"{" + id + `,"Created":"2026-01-01T00:00:00Z","Config":{},"State":null}`, `{"Id":"../../images/wrp"}`, `[{"Id":"../../images/wrp"}]`,
	} {
		e := hostileEngine(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
		for what, ask := range whatEnginesAreAsked() {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			// An empty list is an answer, and create needs no more than an id.
			if err := ask(ctx, e); err == nil && !harmless[what] && !(what == "create" && strings.HasPrefix(text, "{"+id)) {
				t.Errorf("%s of an engine that answers %.60q: no error", what, text)
			} else if ctx.Err() != nil {
				t.Errorf("%s of an engine that answers %.60q: %v", what, text, err)
			}
			cancel()
		}
	}
}

// TestEndlessAnswersOfEnginesAreCutOff: before they take memory, whatever it is that has no
// end.
func TestEndlessAnswersOfEnginesAreCutOff(t *testing.T) {
	t.Parallel()
	for name, form := range map[string]struct{ begin, again string }{
		"string": {`{"Id":"`, strings.Repeat("x", 1<<16)},
		"list":   {`[{}`, strings.Repeat(",{}", 1<<14)},
		"map":    {`{"Labels":{"a":"b"`, strings.Repeat(`,"a":"b"`, 1<<13)},
		"spaces": {"", strings.Repeat(" ", 1<<16)},
	} {
		var sent atomic.Int64
		e := hostileEngine(t, func(w http.ResponseWriter, _ *http.Request) {
			for text := form.begin; ; text = form.again {
				n, err := io.WriteString(w, text)
				if sent.Add(int64(n)); err != nil {
					return
				}
			}
		})
		for what, ask := range whatEnginesAreAsked() {
			if what == "output" || what == "ports" || what == "facts" {
				continue // that has a time, and no length; these are list and info
			}
			if name == "spaces" && (what == "events" || what == "pull") {
				continue // no message, and nothing is kept
			}
			sent.Store(0)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if err := ask(ctx, e); err == nil && what != "guard" || ctx.Err() != nil {
				t.Errorf("%s of an engine whose %s has no end = %v, want it cut off", what, name, err)
			}
			cancel()
			if most := int64(perListing*maxAnswer + 1<<17); sent.Load() > most {
				t.Errorf("%s of an engine whose %s has no end: %d bytes, want at most %d", what, name, sent.Load(), most)
			}
		}
	}
}

// TestOutputHasNoRoomOfItsOwn: a piece of a container's output is said to be of 4 GiB, and
// there is no room made for it.
func TestOutputHasNoRoomOfItsOwn(t *testing.T) {
	head := binary.BigEndian.AppendUint32([]byte{1, 0, 0, 0}, 1<<32-1)
	var end tail
	var err error
	made := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			err = copyOutput(&end, io.MultiReader(strings.NewReader(string(head)), strings.NewReader("the end")))
		}
	}).AllocedBytesPerOp()
	if err == nil || end.String() == "" || made > 1<<20 {
		t.Errorf("copyOutput of a piece without an end = %v, with %q, in %d bytes of memory", err, end.String(), made)
	}
}

// TestWordsOfHostsStayInTheirLine: an error that an engine words is neither long, nor does a
// terminal act upon it.
func TestWordsOfHostsStayInTheirLine(t *testing.T) {
	t.Parallel()
	e := hostileEngine(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `{"message":"\u001b[2Jdown\nhost2 is down\u202e`+strings.Repeat("x", 1<<18)+`"}`)
	})
	for what, ask := range whatEnginesAreAsked() {
		if what == "guard" {
			continue // it quotes nothing
		}
		err := InWords(ask(t.Context(), e))
		if err == nil || len(err.Error()) > maxWords+10 || strings.ContainsAny(err.Error(), "\x1b\n\u202e") || !isEngineError(err) {
			t.Errorf("%s = %.100q, want an engine's error in one line", what, err)
		}
	}
}

// TestEngineHasOneName: a host whose engine has another name each time is remembered by one.
func TestEngineHasOneName(t *testing.T) {
	o := &engineOwners{owners: make(map[string]string)}
	for _, id := range []string{"a", "b", "c"} {
		if _, shared := o.register(id, "host0"); shared {
			t.Errorf("engine %s is shared", id)
		}
	}
	if other, shared := o.register("c", "host1"); !shared || other != "host0" || len(o.owners) != 1 {
		t.Errorf("register = %q, %t; %d engines are remembered, want host0's one", other, shared, len(o.owners))
	}
}

// A muteConn is a connection to an sshd that answers nothing.
type muteConn struct {
	ssh.Conn
	ended chan struct{}
}

// SendRequest waits for an answer.
func (c muteConn) SendRequest(string, bool, []byte) (bool, []byte, error) {
	<-c.ended
	return false, nil, net.ErrClosed
}

// TestPatienceWithAHostThatTricklesEnds: one that sends some bytes again and again, and
// never answers, is not waited for for ever.
func TestPatienceWithAHostThatTricklesEnds(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		ended := make(chan struct{})
		defer close(ended)
		conn := &connection{Conn: muteConn{ended: ended}, raw: &netConn{}}
		p, end := newPatience(t.Context(), 8*time.Second, func() *connection {
			conn.raw.received.Add(1)
			return conn
		}, func() bool { return false })
		defer end()
		time.Sleep((maxStretch - 1) * 8 * time.Second)
		if err := p.Err(); err != nil {
			t.Errorf("while the link is behind: %v", err)
		}
		time.Sleep(2 * 8 * time.Second)
		if err := p.Err(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %d times its time: %v, want its end", maxStretch+1, err)
		}
	})
}

// TestFloodOfEventsIsSlowed: events come as fast as hosts that work have them, and no faster.
func TestFloodOfEventsIsSlowed(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		begun, p := time.Now(), pace{}
		for range 3 * mostEvents {
			if err := p.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begun); took != 2*stretch {
			t.Errorf("%d events took %v, want %v", 3*mostEvents, took, 2*stretch)
		}
	})
}

// A leakyConn is a connection to an sshd that answers each question, opens channels and
// does not close one.
type leakyConn struct {
	ssh.Conn
	opensNone bool // but lets them wait
	isLate    bool // closes or refuses them a while after it was asked a question
	read      atomic.Int64

	late, ended chan struct{}
	be, end     func() // closes these
}

func newLeakyConn() *leakyConn {
	late, ended := make(chan struct{}), make(chan struct{})
	return &leakyConn{
		late: late, be: sync.OnceFunc(func() { close(late) }),
		ended: ended, end: sync.OnceFunc(func() { close(ended) }),
	}
}

// await waits for what comes late, or never.
func (c *leakyConn) await() {
	select {
	case <-c.late:
	case <-c.ended:
	}
}

// SendRequest answers at once.
func (c *leakyConn) SendRequest(string, bool, []byte) (bool, []byte, error) {
	if c.isLate {
		time.AfterFunc(time.Second, c.be)
	}
	return false, nil, nil
}

// OpenChannel opens one, or waits.
func (c *leakyConn) OpenChannel(string, []byte) (ssh.Channel, <-chan *ssh.Request, error) {
	if c.opensNone {
		c.await()
		return nil, nil, net.ErrClosed
	}
	requests := make(chan *ssh.Request)
	go func() {
		c.await()
		close(requests)
	}()
	return &leakyChannel{conn: c, left: channelWindow}, requests, nil
}

// Close ends the connection.
func (c *leakyConn) Close() error {
	c.end()
	return nil
}

// channelWindow is how much a peer may send into a channel that nobody reads.
const channelWindow = 2 << 20

// A leakyChannel sends as much as it may, and then nothing, and no end.
type leakyChannel struct {
	ssh.Channel
	conn *leakyConn
	left int
}

// Read returns what is left.
func (ch *leakyChannel) Read(b []byte) (int, error) {
	if ch.left == 0 {
		ch.conn.await()
		return 0, io.EOF
	}
	n := min(len(b), ch.left)
	ch.left -= n
	ch.conn.read.Add(int64(n))
	return n, nil
}

// Write is for what nobody sends.
func (ch *leakyChannel) Write(b []byte) (int, error) { return len(b), nil }

// Stderr returns one that says nothing.
func (ch *leakyChannel) Stderr() io.ReadWriter { return &leakyChannel{conn: ch.conn} }

// Close has no effect.
func (ch *leakyChannel) Close() error { return nil }

// TestSSHDThatLeaksChannelsIsLeft: one that lives, and does not close hundreds of channels, or
// lets hundreds wait that nobody waits for any more. What it sends into them is read. One that
// is only late is not left.
func TestSSHDThatLeaksChannelsIsLeft(t *testing.T) {
	for name, far := range map[string]func() *leakyConn{
		"closes none": newLeakyConn,
		"opens none":  func() *leakyConn { c := newLeakyConn(); c.opensNone = true; return c },
		"closes late": func() *leakyConn { c := newLeakyConn(); c.isLate = true; return c },
		"opens late":  func() *leakyConn { c := newLeakyConn(); c.opensNone, c.isLate = true, true; return c },
	} {
		t.Run(name, func(t *testing.T) {
			bubbletest.Run(t, func(t *testing.T) {
				far := far()
				conn := &connection{Conn: far, raw: &netConn{}, ended: far.ended}
				defer far.end()
				open := func() {
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					defer cancel()
					nc, err := conn.dialSocket(ctx, "/run/docker.sock")
					if (err != nil) != far.opensNone {
						t.Fatal(err)
					}
					if err == nil {
						nc.Close()
					}
					synctest.Wait()
				}
				for range manyOutstanding {
					open()
				}
				if isClosed(far.ended) || !far.opensNone && far.read.Load() != manyOutstanding*channelWindow {
					t.Fatalf("after %d channels it has ended: %t; %d bytes were read of them", manyOutstanding, isClosed(far.ended), far.read.Load())
				}
				open()
				time.Sleep(time.Minute)
				reason := conn.aborted.Load()
				if isClosed(far.ended) == far.isLate || (reason != nil) == far.isLate {
					t.Errorf("after one more it has ended: %t, for the reason %v", isClosed(far.ended), reason)
				}
			})
		})
	}
}

// TestContainerThatReadsNothingCostsNoOther: sshd closes no channel whose container does not
// read. That one gets no more of them, and the connection lasts.
func TestContainerThatReadsNothingCostsNoOther(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		far := newLeakyConn()
		conn := &connection{Conn: far, raw: &netConn{}, ended: far.ended}
		defer far.end()
		dial := func(port int) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			nc, err := conn.dialTCP(ctx, loopback, port)
			if err == nil {
				nc.Close()
			}
			return err
		}
		for port := range 20 {
			for range maxUnread {
				must(t, dial(9090+port))
			}
			if err := dial(9090 + port); !errors.Is(err, errUnread) {
				t.Errorf("dialTCP = %v, want that it reads nothing", err)
			}
		}
		time.Sleep(time.Hour)
		if isClosed(far.ended) {
			t.Fatal("the connection has ended")
		}
		waited := make(chan error, 1)
		go func() { waited <- dial(9090) }()
		synctest.Wait()
		far.be() // the containers have ended
		synctest.Wait()
		if err := <-waited; err != nil {
			t.Errorf("once it has ended: %v", err)
		}
	})
}

// TestUnansweredRequestsAreBounded: whatever an sshd does not answer.
func TestUnansweredRequestsAreBounded(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		far := newLeakyConn()
		far.opensNone = true
		conn := &connection{Conn: muteConn{Conn: far, ended: far.ended}, raw: &netConn{}, ended: far.ended}
		defer far.end()
		for range maxOutstanding {
			conn.expectAnswer()
		}
		time.Sleep(time.Hour)
		if isClosed(far.ended) {
			t.Errorf("it has ended after %d", maxOutstanding)
		}
		conn.expectAnswer()
		synctest.Wait()
		if !isClosed(far.ended) {
			t.Error("it goes on after one more")
		}
		if _, err := conn.dialTCP(t.Context(), loopback, 9090); !errors.Is(err, errLeaksChannels) {
			t.Errorf("dialTCP = %v, want the reason", err)
		}
	})
}

// TestStderrOfAPortEndsTheChannel: nobody reads the standard error of a port.
func TestStderrOfAPortEndsTheChannel(t *testing.T) {
	t.Parallel()
	ours, config := serveSSH(t, func(_ *ssh.ServerConn, channels <-chan ssh.NewChannel, requests <-chan *ssh.Request) {
		go ssh.DiscardRequests(requests)
		for asked := range channels {
			ch, requests, err := asked.Accept()
			if err != nil {
				return
			}
			go ssh.DiscardRequests(requests)
			_, _ = ch.Stderr().Write([]byte("x")) // fails once the client has left
		}
	})
	conn, err := handshake(t.Context(), &netConn{Conn: ours}, "host", config)
	must(t, err)
	defer conn.Close()
	for range 2 { // the connection lasts
		nc, err := conn.dialTCP(t.Context(), loopback, 9090)
		must(t, err)
		if _, err := nc.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("Read = %v, want the end of the channel", err)
		}
	}
}

// TestExamWaitsForNoHostThatSaysNothing: neither for a session, nor for the end of a command.
func TestExamWaitsForNoHostThatSaysNothing(t *testing.T) {
	t.Parallel()
	ours, config := serveSSH(t, func(_ *ssh.ServerConn, channels <-chan ssh.NewChannel, requests <-chan *ssh.Request) {
		go ssh.DiscardRequests(requests)
		if opening, ok := <-channels; ok {
			_, _, _ = opening.Accept() // what it is asked is not answered, nor what else is asked
		}
	})
	conn, err := handshake(t.Context(), &netConn{Conn: ours}, "host", config)
	must(t, err)
	defer conn.Close()
	conn.stdio = newSessions(slog.New(slog.DiscardHandler))
	x := &Exam{h: &host{client: &sshClient{}}, conn: conn}
	for _, what := range []string{"a command that does not end", "a session that does not open"} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if text, err := x.Ask(ctx, "true"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: Ask = %q, %v, want the end of its time", what, text, err)
		}
		cancel()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if n, err := conn.countSessions(ctx); n != 0 || err != nil {
		t.Errorf("countSessions = %d, %v of sessions that do not open", n, err)
	}
	conn.stdio.open = 1
	if n, err := conn.countSessions(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("countSessions = %d, %v while one does not end", n, err)
	}
}

// TestUnreadChannelRequestsBlockNothing: an sshd that asks a channel for more and more, and does not
// answer, keeps nobody from leaving it.
func TestUnreadChannelRequestsBlockNothing(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	ours, config := serveSSH(t, func(_ *ssh.ServerConn, channels <-chan ssh.NewChannel, requests <-chan *ssh.Request) {
		defer close(asked)
		go ssh.DiscardRequests(requests)
		opening, ok := <-channels
		if !ok {
			return
		}
		ch, _, err := opening.Accept() // what it is asked is not answered
		if err != nil {
			return
		}
		for range 1000 {
			if _, err := ch.SendRequest("x", false, nil); err != nil {
				return
			}
		}
	})
	conn, err := handshake(t.Context(), &netConn{Conn: ours}, "host", config)
	must(t, err)
	var using sync.WaitGroup
	using.Go(conn.disableNagle)
	<-asked
	conn.Close()
	using.Wait()
	_ = conn.Wait()
}
