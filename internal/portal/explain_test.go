package portal

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"wrpdistributor/internal/accounts"
	"wrpdistributor/internal/gateway"
	"wrpdistributor/internal/session"
)

// TestTroubleIsToldInASentence: with when to try again, and without words of the database
// or of hosts.
func TestTroubleIsToldInASentence(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err   error
		code  int
		retry bool
		text  string
	}{
		{errors.New("dial tcp 192.0.2.1:3306: connection refused"), 503, true, "Load this page again in a minute"},
		{fmt.Errorf("log in: %w", accounts.ErrBusy), 503, true, "Too many passwords"},
		{session.ErrStopped, 503, true, "stopped while it started"},
		{gateway.ErrClosing, 503, true, "shutting down"},
		{fmt.Errorf("%w: ssh: a.example", gateway.ErrUnreachable), 502, true, "cannot be reached"},
		{fmt.Errorf("%w: EOF", gateway.ErrNoAnswer), 502, true, "did not answer"},
		{gateway.ErrUnavailable, 503, true, "cannot be looked up"},
		{errNoPage, 503, true, ""},
		{errUnknown, 404, false, ""},
		{errForm, 403, false, "Nothing was changed."},
		{errTunnel, 501, false, "http://"},
	} {
		got := troubleOf(tt.err)
		if got.code != tt.code || (got.retry > 0) != tt.retry || !strings.Contains(got.sentence, tt.text) || got.title == "" {
			t.Errorf("%v is told as %+v", tt.err, got)
		}
		for _, word := range []string{"192.0.2.1", "a.example", "EOF"} {
			if strings.Contains(got.sentence, word) {
				t.Errorf("%v is told with %s: %s", tt.err, word, got.sentence)
			}
		}
	}
}

// TestPartsOfPagesAreTold: what nobody opens by itself, as old browsers and new ones say it.
func TestPartsOfPagesAreTold(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		target, accept, dest string
		file                 bool
	}{
		{"/", "", "", false},
		{"/?url=http://example.org/a.gif", "", "", false},
		{"/", "image/gif, image/x-xbitmap, image/jpeg, */*", "", false}, // Netscape, of all
		{"/", "text/html", "", false},
		{"/", "text/html", "image", true},
		{"/x", "image/avif,image/webp", "", true},
		{"/img/1.GIF", "*/*", "", true},
		{"/img/1.gif", "*/*", "document", false},
		{"/map/1.map", "", "", false},
		{"/favicon.ico", "", "", true},
		{"http://example.org/a.css", "", "", true},
		{"http://example.org/index.php", "", "", false},
		{"http://example.org", "", "", false},
	} {
		r := httptest.NewRequest("GET", tt.target, nil)
		r.Header.Set("Accept", tt.accept)
		r.Header.Set("Sec-Fetch-Dest", tt.dest)
		if got := (&exchange{in: r}).isFile(); got != tt.file {
			t.Errorf("%s, Accept %q, Sec-Fetch-Dest %q: a part of a page: %t", tt.target, tt.accept, tt.dest, got)
		}
	}
}
