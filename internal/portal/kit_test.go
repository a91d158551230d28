package portal_test

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/base64"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"wrpdistributor/internal/accounts"
	"wrpdistributor/internal/auth"
	"wrpdistributor/internal/clientconn"
	"wrpdistributor/internal/database"
	"wrpdistributor/internal/database/databasetest"
	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/portal"
	"wrpdistributor/internal/service/servicetest"
	"wrpdistributor/internal/session"
)

const (
	databaseID = "0123456789abcdef0123456789abcdef"
	loginName  = "wrp_login_01234567"
	formName   = loginName + "_form"
	password   = "tulip-anvil-42"
)

// A bench is a portal before a gateway, on pretend hosts. It has an account anna.
type bench struct {
	*servicetest.Kit
	t      *testing.T
	gw     *gateway.Gateway
	portal *portal.Portal
	addr   string
	log    *logged
}

type options struct {
	servicetest.Options
	portal.Config
	db      *database.DB                       // nil: a new one
	trusted []netip.Prefix                     // proxies
	before  func(*testing.T, *servicetest.Kit) // what happens before there is a gateway; nil: nothing
}

func newBench(t *testing.T, opt options) *bench {
	t.Helper()
	opt.Options.Gateway = true
	opt.Options.Max = cmp.Or(opt.Options.Max, 4)
	if opt.db == nil {
		opt.db = databasetest.New(t)
	}
	k := servicetest.New(t, opt.db, opt.Options)
	if opt.before != nil {
		opt.before(t, k)
	}
	b := open(t, k, opt)
	b.addAccount("anna", 2)
	return b
}

// open puts a gateway and a portal before a service.
func open(t *testing.T, k *servicetest.Kit, opt options) *bench {
	t.Helper()
	b := &bench{Kit: k, t: t, log: &logged{t: t}}
	log := slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	guard := auth.New(opt.trusted, log)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	b.addr = ln.Addr().String()
	b.gw = gateway.New(gateway.Config{Sessions: k.Sessions, Store: k.Store, Pool: k.Pool, Guard: guard, Log: log, DatabaseID: databaseID, Address: b.addr})
	k.Sessions.SetObserver(b.gw)
	must(t, k.Accounts.LoadKey(t.Context()))
	c := opt.Config
	c.Sessions, c.Accounts, c.Gateway, c.Guard, c.Log, c.DatabaseID, c.Address = k.Sessions, k.Accounts, b.gw, guard, log, databaseID, b.addr
	c.Wait, c.PerAddress = cmp.Or(c.Wait, 10*time.Second), cmp.Or(c.PerAddress, 2)
	c.Names = append(c.Names, "wrp.home")
	b.portal = portal.New(c)
	srv := &http.Server{Handler: b.portal, ReadHeaderTimeout: time.Minute, IdleTimeout: time.Minute, ConnContext: clientconn.NewContext,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug), DisableGeneralOptionsHandler: true}
	test := &httptest.Server{Listener: &clientconn.Listener{Listener: ln, Stall: time.Minute}, Config: srv}
	test.Start()
	done := make(chan error)
	go func() { done <- b.gw.Run(t.Context()) }()
	t.Cleanup(func() {
		must(t, <-done)
		test.CloseClientConnections()
		test.Close()
		k.Sessions.Close()
		b.portal.Close()
		b.gw.Close()
	})
	return b
}

// addAccount adds one whose password costs little.
func (b *bench) addAccount(name string, most int) {
	b.t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	must(b.t, err)
	_, err = b.Accounts.Import(b.t.Context(), name+":"+string(hash)+"\n", true)
	must(b.t, err)
	_, err = b.Accounts.Set(b.t.Context(), name, accounts.Change{MaxSessions: &most})
	must(b.t, err)
}

// basic is the header with which a browser says who its person is.
func basic(user, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// An answer is what came back.
type answer struct {
	*http.Response
	body string
}

// ask sends a request of HTTP/1.0 as it is written, and reads the answer.
func (b *bench) ask(request string, headers ...string) answer {
	b.t.Helper()
	return b.send(request, "", headers...)
}

// post sends a form.
func (b *bench) post(path, form string, headers ...string) answer {
	b.t.Helper()
	return b.send("POST "+path, form, append(headers, "Content-Type: application/x-www-form-urlencoded")...)
}

func (b *bench) send(request, body string, headers ...string) answer {
	b.t.Helper()
	nc, err := net.Dial("tcp", b.addr)
	must(b.t, err)
	defer nc.Close()
	must(b.t, nc.SetDeadline(time.Now().Add(time.Minute)))
	text := request + " HTTP/1.0\r\n"
	for _, h := range headers {
		text += h + "\r\n"
	}
	if body != "" {
		text += "Content-Length: " + strconv.Itoa(len(body)) + "\r\n"
	}
	_, err = io.WriteString(nc, text+"\r\n"+body)
	must(b.t, err)
	method, _, _ := strings.Cut(request, " ")
	resp, err := http.ReadResponse(bufio.NewReader(nc), &http.Request{Method: method})
	must(b.t, err)
	page, err := io.ReadAll(resp.Body)
	must(b.t, err)
	return answer{resp, string(page)}
}

// wants checks a status, and that a page says something.
func (a answer) wants(t *testing.T, what string, code int, text string) {
	t.Helper()
	if a.StatusCode != code || !strings.Contains(a.body, text) {
		t.Errorf("%s: %d %q, want %d with %q", what, a.StatusCode, a.body, code, text)
	}
}

// field returns the value of a hidden field of a page.
func (a answer) field(t *testing.T, name string) string {
	t.Helper()
	m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(a.body)
	if m == nil {
		t.Fatalf("no field %s in %q", name, a.body)
	}
	return m[1]
}

// cookie returns what a browser sends of a cookie that it was given.
func (a answer) cookie(t *testing.T, name string) string {
	t.Helper()
	for _, c := range a.Cookies() {
		if c.Name == name {
			return "Cookie: " + c.Name + "=" + c.Value
		}
	}
	t.Fatalf("no cookie %s in %v", name, a.Header)
	return ""
}

// rows returns how many sessions are in a state.
func (b *bench) rows(state session.State) int {
	b.t.Helper()
	var n int
	must(b.t, b.DB.GetContext(b.t.Context(), &n, b.DB.Rebind("SELECT COUNT(*) FROM sessions WHERE state = ?"), state))
	return n
}

// logged is a log that can be searched.
type logged struct {
	t  testing.TB
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements [io.Writer].
func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.t.Output().Write(p)
	return l.b.Write(p)
}

func (l *logged) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.b.String(), text)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
