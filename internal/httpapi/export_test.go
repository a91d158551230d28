package httpapi

import (
	"net/http"

	"github.com/go-chi/chi/v5"
)

// Endpoints returns the routes of /v1 for clients, as "METHOD path".
func (s *Server) Endpoints() []string {
	var list []string
	for _, e := range s.v1() {
		list = append(list, e.method+" "+e.path)
	}
	return list
}

// Patterns returns the paths of all routes.
func (s *Server) Patterns() (list []string) {
	_ = chi.Walk(s.routes.(chi.Router), func(_, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		list = append(list, path)
		return nil
	})
	return list
}
