// Package auth decides who asks, and whether they may: the address of a client
// behind proxies, the one that it used, the token of a request, and how often an address
// may fail.
//
// What callers can rely on: a right token is never limited, what proxies say is
// believed of trusted ones only, and nothing equals an empty secret.
package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/httprate"
	"github.com/prometheus/client_golang/prometheus"
)

const maxFailures = 60 // of authentication, per minute and address

// A Guard knows the trusted proxies and counts failures. One process has one, for
// all that it serves. It is safe for concurrent use.
type Guard struct {
	trusted  []netip.Prefix
	log      *slog.Logger
	failures *httprate.RateLimiter
	failed   *prometheus.CounterVec
	warned   sync.Once // of a proxy that is probably missing in trusted
}

// New returns a guard that believes what these proxies forward.
func New(trusted []netip.Prefix, log *slog.Logger) *Guard {
	return &Guard{
		trusted: trusted,
		log:     log,
		failed:  newFailures(),
		// Only Retry-After: no answer says how many failures an address has left.
		failures: httprate.NewRateLimiter(maxFailures, time.Minute,
			httprate.WithResponseHeaders(httprate.ResponseHeaders{RetryAfter: "Retry-After"})),
	}
}

// Failed counts a request whose token is wrong or missing, and returns the status
// it is to be answered with: 401, or 429 if its address was wrong too often. Then
// Retry-After is set.
func (g *Guard) Failed(w http.ResponseWriter, r *http.Request) int {
	if g.failures.OnLimit(w, r, g.failureKey(r)) {
		g.failed.WithLabelValues(limited).Inc()
		return http.StatusTooManyRequests
	}
	g.failed.WithLabelValues(refused).Inc()
	return http.StatusUnauthorized
}

// failureKey is the network that failures are counted for.
func (g *Guard) failureKey(r *http.Request) string {
	addr, err := g.Client(r)
	if err != nil {
		addr = peer(r)
	}
	return Network(addr).String()
}

// Network returns the addresses that are taken for one: that one, or of IPv6 its /64.
func Network(addr netip.Addr) netip.Prefix {
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(addr, bits).Masked()
}

// The headers that a token is sent in. The first is literally called so.
const (
	HeaderBearer        = "Bearer"
	HeaderAuthorization = "Authorization"
)

// Token returns the token of a request and the header it came in, which is empty
// if no header holds one. A header that is literally called "Bearer" decides
// alone if there is one; of several the last counts.
func Token(r *http.Request) (token, header string) {
	if values := r.Header.Values(HeaderBearer); len(values) > 0 {
		return strings.TrimSpace(values[len(values)-1]), HeaderBearer
	}
	scheme, token, _ := strings.Cut(r.Header.Get(HeaderAuthorization), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", ""
	}
	return strings.TrimSpace(token), HeaderAuthorization
}

// Equal reports whether a secret was got right, in constant time whatever the
// lengths. Nothing equals an empty secret.
func Equal(got, want string) bool {
	a, b := sha256.Sum256([]byte(got)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1 && want != ""
}
