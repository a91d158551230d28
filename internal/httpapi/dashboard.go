package httpapi

import (
	"net/http"

	"wrpdistributor/internal/auth"
)

// dashboard shows how the pool is: all of it to operators; and, if it is public, to
// whoever shows no token what all may know. There an operator asks for ?login.
func (s *Server) dashboard(w http.ResponseWriter, r *http.Request) error {
	if s.DashboardPublic && !auth.ReadCredentials(r).Shown && !r.URL.Query().Has("login") {
		return s.showDashboard(w, r, true)
	}
	s.requireOperator(s.handle(func(w http.ResponseWriter, r *http.Request) error {
		return s.showDashboard(w, r, false)
	})).ServeHTTP(w, r)
	return nil
}

func (s *Server) showDashboard(w http.ResponseWriter, r *http.Request, forAll bool) error {
	if s.Dashboard == nil {
		return errNoDatabase
	}
	page, err := s.Dashboard(r.Context(), forAll)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	write(w, http.StatusOK, "text/html;charset=UTF-8", string(page))
	return nil
}
