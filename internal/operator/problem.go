package operator

import (
	"encoding/json"
	"net/http"
	"strings"
)

const (
	problemPrefix = "urn:wrp-distributor:problem:"
	requestHeader = "X-Request-Id"
)

// A Problem is what somebody is told instead of an answer (RFC 9457).
type Problem struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	Status  int    `json:"status"`
	Detail  string `json:"detail,omitempty"`
	Request string `json:"request,omitempty"` // under which the log has more; empty: a command answered itself
}

// Error is the sentence for people, as the log and commands have it.
func (p *Problem) Error() string { return p.Detail }

// Name is the problem's name, for programs.
func (p *Problem) Name() string { return strings.TrimPrefix(p.Type, problemPrefix) }

func newProblem(code int, name, detail string) *Problem {
	return &Problem{Type: problemPrefix + name, Title: http.StatusText(code), Status: code, Detail: detail}
}

// WriteProblem answers that something is wrong: by a name for programs, and a sentence
// for people. The request's id is that of the answer's header X-Request-Id, if it has one.
func WriteProblem(w http.ResponseWriter, code int, name, detail string) {
	newProblem(code, name, detail).write(w)
}

func (p *Problem) write(w http.ResponseWriter) {
	p.Request = w.Header().Get(requestHeader)
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // who left is not waiting for it
}
