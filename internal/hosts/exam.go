package hosts

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net"

	"golang.org/x/crypto/ssh"
)

// examined labels the containers of exams, which no service takes for its own.
const examined = "doctor"

// An Exam looks at one host step by step, over a connection of its own: at the way to
// it with [Exam.Lookup], [Exam.Connect], [Exam.HostKey], [Exam.Login] and [Exam.Way], in
// that order, of which a host without SSH needs the last one only, and then at its
// engine. Nothing is changed there but by [Exam.Start], and no host key is added to a
// file. It is not safe for concurrent use.
type Exam struct {
	h   *host
	raw *netConn
	in  chan loginResult // of the handshake that is under way; nil: none is
	end context.CancelFunc

	acceptsNew bool        // a host of which no key is known would be trusted
	conn       *connection // once logged in
}

type loginResult struct {
	conn *connection
	err  error
}

// NewExam returns an exam of a host, which runs containers as cfg says. Whoever makes
// one has to close it.
func NewExam(configured Host, cfg Config) (*Exam, error) {
	cfg.complete()
	acceptsNew := cfg.KnownHosts.AcceptNew != ""
	cfg.DatabaseID, cfg.Log = examined, slog.New(slog.DiscardHandler)
	cfg.KnownHosts.AcceptNew = ""
	h, err := newHost(configured, &cfg, &shared{
		keys:     &hostKeys{KnownHosts: cfg.KnownHosts, log: cfg.Log},
		engines:  &engineOwners{owners: make(map[string]string)},
		turns:    newTurns(1),
		observer: &observer{},
	})
	if err != nil {
		return nil, err
	}
	return &Exam{h: h, end: func() {}, acceptsNew: acceptsNew}, nil
}

// Close ends the connection.
func (x *Exam) Close() {
	if x.raw != nil {
		x.raw.Close()
	}
	if x.in != nil {
		<-x.in
	}
	x.end()
	x.h.close()
}

// Lookup returns the addresses of the host's name.
func (x *Exam) Lookup(ctx context.Context) ([]string, error) {
	ctx, cancel := x.limit(ctx)
	defer cancel()
	name, _, err := net.SplitHostPort(x.h.SSH.Addr)
	if err != nil {
		return nil, err
	}
	return net.DefaultResolver.LookupHost(ctx, name)
}

// limit bounds a step that asks one thing.
func (x *Exam) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, x.h.cfg.ConnectTimeout)
}

// Connect connects to the host's sshd, and returns the address that it has reached.
func (x *Exam) Connect(ctx context.Context) (string, error) {
	raw, err := x.h.client.dial(ctx, *x.h.SSH)
	if err != nil {
		return "", err
	}
	x.raw = raw
	return raw.RemoteAddr().String(), nil
}

// A HostKey is the key by which a host is known, and what is thought of it.
type HostKey struct {
	Kind        string
	Fingerprint string
	Base64      string // as in known_hosts
	IsKnown     bool   // else nothing is known of the host; or of this key, if there is an error
}

// A verdict is what came of a look at a host key.
type verdict struct {
	key HostKey
	err error
}

// HostKey begins the login and returns the host's key. The error says why it is not
// trusted; with IsKnown because another one is, or because it is revoked.
func (x *Exam) HostKey(ctx context.Context) (HostKey, error) {
	limited, cancel := x.limit(ctx)
	stop := context.AfterFunc(ctx, func() { x.raw.Close() })
	x.end = func() { stop(); cancel() }
	judged := make(chan verdict, 1)
	x.in = make(chan loginResult, 1)
	go func() { // its result is awaited by Login, or Close
		conn, err := x.h.client.loginTrusting(limited, x.raw, *x.h.SSH, func(addr string, remote net.Addr, key ssh.PublicKey) error {
			v := x.judge(addr, remote, key)
			select {
			case judged <- v:
			default: // the keys are exchanged anew
			}
			return v.err
		})
		x.in <- loginResult{conn, err}
	}()
	select {
	case v := <-judged:
		return v.key, v.err
	case r := <-x.in:
		x.in <- r // for whoever closes
		select {
		case v := <-judged:
			return v.key, v.err
		default:
			return HostKey{}, r.err
		}
	}
}

// judge returns what is thought of a host's key, and remembers nothing.
func (x *Exam) judge(addr string, remote net.Addr, key ssh.PublicKey) verdict {
	keys := x.h.client.keys
	known, unreadable := keys.load()
	unknown := errors.Is(verifyHostKey(known, addr, remote, key), errUnknownKey)
	v := verdict{key: HostKey{
		Kind: key.Type(), Fingerprint: ssh.FingerprintSHA256(key), Base64: base64.StdEncoding.EncodeToString(key.Marshal()), IsKnown: !unknown,
	}}
	if !unknown || unreadable != nil || !x.acceptsNew {
		v.err = keys.hostKeyCallback(addr, remote, key)
	}
	return v
}

// Login ends the login, and returns what sshd calls itself.
func (x *Exam) Login(ctx context.Context) (string, error) {
	select {
	case r := <-x.in:
		x.in = nil
		x.end()
		if r.err != nil {
			return "", r.err
		}
		x.conn = r.conn
		return inLine(string(r.conn.ServerVersion())), nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// A Way is how a host's engine is reached.
type Way struct {
	Guard    bool // by hostguard's socket
	Command  bool // by dial-stdio, which takes a session of sshd's for each connection
	Sessions int  // how many of those there can be at once; no more than are needed are tried
	Enough   int  // so many are needed
	Endless  bool // what was run did not end when nothing more was said to it, so that they were not counted
}

// Way finds out how the engine is reached.
func (x *Exam) Way(ctx context.Context) (Way, error) {
	if x.h.client == nil {
		conn, err := dialLocal(ctx)
		if err == nil {
			conn.Close()
		}
		return Way{}, err
	}
	limited, cancel := x.limit(ctx)
	defer cancel()
	if err := x.conn.chooseTransport(limited, x.h.log, ""); err != nil {
		return Way{}, err
	}
	if x.conn.noWay != nil {
		return Way{}, x.conn.noWay
	}
	way := Way{Guard: x.conn.way == guardSocket, Command: x.conn.way == byCommand, Enough: maxStdio}
	if way.Command {
		var err error
		way.Sessions, err = x.conn.countSessions(limited)
		way.Endless = err != nil
	}
	return way, x.h.client.keep(x.conn)
}

// CanForward returns why containers on the host's loopback, which a gateway connects
// to, cannot be reached, or nil.
func (x *Exam) CanForward(ctx context.Context) error {
	limited, cancel := x.limit(ctx)
	defer cancel()
	if x.h.client == nil {
		return nil
	}
	if err := x.h.client.required.probe(limited, x.conn); err != nil {
		return err
	}
	return x.conn.forbidden()
}
