package standin

import (
	"context"
	"image/gif"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"wrpdistributor/internal/bubbletest"
)

func get(t *testing.T, h http.Handler, target, token string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest("GET", target, nil)
	if token != "" {
		r.Header.Set("Bearer", token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestToken checks what WRP protects and, as important, what it does not.
func TestToken(t *testing.T) {
	h := New(Config{Token: "secret", Hostname: "box"})
	for _, tt := range []struct {
		target, token string
		code          int
		empty         bool
	}{
		{"/", "secret", 200, false},
		{"/", "", 401, true},
		{"/", "Secret", 401, true},
		{"/", "secret2", 401, true},
		{"/?url=http://a.example/", "", 401, true},
		{"/img/1.gif", "", 401, true},
		{"/img/big?bytes=5", "", 401, true},
		{"/map/1.map?1,2", "", 401, true},
		{"/elsewhere", "", 401, true},
		{"/elsewhere", "secret", 200, false},
		{"/favicon.ico", "", 404, false},
		{"/favicon.ico", "secret", 404, false},
		{"/shutdown/", "", 200, false},
	} {
		w := get(t, h, tt.target, tt.token)
		if w.Code != tt.code || (w.Body.Len() == 0) != tt.empty {
			t.Errorf("GET %s with token %q = %d with %d bytes, want %d, empty %v", tt.target, tt.token, w.Code, w.Body.Len(), tt.code, tt.empty)
		}
		if got := w.Header().Get("X-Standin"); got != "box" {
			t.Errorf("GET %s: X-Standin = %q", tt.target, got)
		}
	}
	if w := get(t, New(Config{}), "/", ""); w.Code != 200 {
		t.Errorf("without a configured token: GET / = %d", w.Code)
	}
}

// TestBrowse goes from the form to a page, its picture and a click into it.
func TestBrowse(t *testing.T) {
	h := New(Config{KeepPages: true})
	if body := get(t, h, "/", "").Body.String(); !strings.Contains(body, "<form") || strings.Contains(body, "<img") {
		t.Errorf("GET / = %s", body)
	}
	w := get(t, h, `/?url=http://a.example/%22%3E%3Cscript%3E&w=320&h=200`, "")
	body := w.Body.String()
	found := regexp.MustCompile(`<a href="(/map/[^"]+)"><img src="(/img/[^"]+\.gif)" width="320" height="200" .*ismap></a>`).FindStringSubmatch(body)
	if found == nil || strings.Contains(body, "<script>") {
		t.Fatalf("page without a picture, or unescaped: %s", body)
	}
	for range 2 {
		img, err := gif.Decode(get(t, h, found[2], "").Body)
		if err != nil || img.Bounds().Dx() != 320 || img.Bounds().Dy() != 200 {
			t.Errorf("GET %s: %v, %v", found[2], img, err)
		}
	}
	if body := get(t, h, found[1]+"?10,20", "").Body.String(); !strings.Contains(body, "#10,20") || !strings.Contains(body, "<img") {
		t.Errorf("click = %s", body)
	}
	for _, target := range []string{found[1] + "?x", "/map/none.map?1,2"} {
		if w := get(t, h, target, ""); w.Code != 200 || strings.Contains(w.Body.String(), "<img") {
			t.Errorf("GET %s = %d %s", target, w.Code, w.Body)
		}
	}
}

func TestPictureSizes(t *testing.T) {
	h := New(Config{})
	for _, tt := range []struct {
		target        string
		width, height int
	}{
		{"/img/any.gif", 1152, 600},
		{"/img/any.gif?w=40&h=30", 40, 30},
		{"/img/any.gif?w=1&h=1", 1, 1},
		{"/img/any.gif?w=-1&h=0", 1152, 600},
		{"/img/any.gif?w=99999&h=x", 2048, 600},
	} {
		img, err := gif.DecodeConfig(get(t, h, tt.target, "").Body)
		if err != nil || img.Width != tt.width || img.Height != tt.height {
			t.Errorf("GET %s = %dx%d, %v, want %dx%d", tt.target, img.Width, img.Height, err, tt.width, tt.height)
		}
	}
}

func TestBig(t *testing.T) {
	h := New(Config{})
	for _, tt := range []struct {
		bytes string
		code  int
		n     int
	}{
		{"0", 200, 0}, {"1", 200, 1}, {"65537", 200, 65537}, {"1000000", 200, 1000000},
		{"-1", 400, -1}, {"x", 400, -1}, {"", 400, -1}, {"1073741825", 400, -1},
	} {
		w := get(t, h, "/img/big?bytes="+tt.bytes, "")
		if w.Code != tt.code || tt.n >= 0 && w.Body.Len() != tt.n {
			t.Errorf("%q bytes = %d with %d bytes, want %d with %d", tt.bytes, w.Code, w.Body.Len(), tt.code, tt.n)
		}
	}
}

// TestPagesAreBounded asks for more pages than a stand-in remembers.
func TestPagesAreBounded(t *testing.T) {
	s := &server{pages: newPages()}
	for range 3 * maxPages {
		s.pages.add(page{})
	}
	if len(s.pages.byName) != maxPages || len(s.pages.order) != maxPages {
		t.Errorf("%d pages, %d names kept, want %d", len(s.pages.byName), len(s.pages.order), maxPages)
	}
}

// TestBrowserStart checks that the first page is slow, and for all who wait for it.
func TestBrowserStart(t *testing.T) {
	bubbletest.Run(t, func(t *testing.T) {
		h := New(Config{BrowserStart: 2 * time.Second})
		start := time.Now()
		get(t, h, "/", "")
		if d := time.Since(start); d != 0 {
			t.Errorf("the form took %v", d)
		}
		go get(t, h, "/?url=http://a.example/", "")
		time.Sleep(time.Second)
		get(t, h, "/?url=http://a.example/", "")
		if d := time.Since(start); d != 2*time.Second {
			t.Errorf("the second caller got its page after %v, want 2s", d)
		}
		get(t, h, "/?url=http://a.example/", "")
		if d := time.Since(start); d != 2*time.Second {
			t.Errorf("a page of the warm browser came after %v, want 2s", d)
		}
	})
}

// TestClientLeavesWhileBrowserStarts checks that nothing keeps waiting.
func TestClientLeavesWhileBrowserStarts(t *testing.T) {
	h := New(Config{BrowserStart: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/?url=http://a.example/", nil))
	if w.Body.Len() != 0 {
		t.Errorf("a client that left got %s", w.Body)
	}
}

// TestShutdownAnswersFirst checks that the caller has its answer before the end.
func TestShutdownAnswersFirst(t *testing.T) {
	var srv *httptest.Server
	ended := make(chan struct{})
	srv = httptest.NewServer(New(Config{Token: "secret", Shutdown: func() {
		srv.CloseClientConnections()
		close(ended)
	}}))
	defer srv.Close()
	resp, err := http.Get(srv.URL + "/shutdown/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || len(body) == 0 {
		t.Errorf("answer = %q, %v", body, err)
	}
	<-ended
}

func TestParseArgs(t *testing.T) {
	for _, tt := range []struct {
		args string
		want Options
		ok   bool
	}{
		{"", Options{Listen: ":8080", TLSListen: ":8081"}, true},
		{"-O -n -token T -log /dev/null", Options{Listen: ":8080", TLSListen: ":8081", Token: "T", Log: "/dev/null", KeepPages: true}, true},
		{"-l :1 -sl :2 -h -t png -q 3 -g 1x2x3 -ui f -s 1s -ua x", Options{Listen: ":1", TLSListen: ":2"}, true},
		{"-browser-start 2s", Options{Listen: ":8080", TLSListen: ":8081", BrowserStart: 2 * time.Second}, true},
		{"-unknown", Options{}, false},
		{"-token", Options{}, false},
	} {
		got, err := ParseArgs(strings.Fields(tt.args))
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("ParseArgs(%q) = %+v, %v, want %+v", tt.args, got, err, tt.want)
		}
	}
}
