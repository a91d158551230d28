package httpapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/go-chi/httprate"
)

const maxFailures = 60 // of authentication, per minute and address

// newFailureLimit counts failed authentications. The answer's headers say
// nothing of it: 401 is the same for everybody.
func newFailureLimit() *httprate.RateLimiter {
	return httprate.NewRateLimiter(maxFailures, time.Minute,
		httprate.WithResponseHeaders(httprate.ResponseHeaders{RetryAfter: "Retry-After"}))
}

// requireToken refuses requests without the shared token, before anything else
// is looked at. Guessing is slowed down per address; a right token never is.
func (s *Server) requireToken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if equal(givenToken(r), s.AuthToken) {
			next.ServeHTTP(w, r)
			return
		}
		code := http.StatusUnauthorized
		if s.failures.OnLimit(w, r, s.failureKey(r)) {
			code = http.StatusTooManyRequests
		}
		s.Log.InfoContext(r.Context(), "wrong or missing token", "request", requestID(r), "method", r.Method, "peer", r.RemoteAddr, "status", code)
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(code)
	})
}

// givenToken returns the token of a request. A header that is literally called
// "Bearer" decides alone if there is one; of several the last counts.
func givenToken(r *http.Request) string {
	if values := r.Header.Values("Bearer"); len(values) > 0 {
		return strings.TrimSpace(values[len(values)-1])
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// equal compares in constant time, whatever the lengths. Nothing equals an
// empty secret.
func equal(got, want string) bool {
	a, b := sha256.Sum256([]byte(got)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1 && want != ""
}

// failureKey is the address that failures are counted for. Whoever has an IPv6
// address has the whole /64.
func (s *Server) failureKey(r *http.Request) string {
	addr, err := s.clientAddr(r)
	if err != nil {
		addr = peer(r)
	}
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(addr, bits).Masked().String()
}
