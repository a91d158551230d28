package hostguard

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	pieceSize = 16 << 10        // of an answer that passes
	pieceTime = 2 * time.Minute // for a client to take one: what stands in between has buffers too
	maxRead   = 1 << 20         // of an answer that is read
)

// pass hands the engine's answer on; what is written to a client that is gone fails.
func pass(w http.ResponseWriter, resp *http.Response, flush bool) error {
	passHeader(w, resp)
	if resp.ContentLength >= 0 {
		w.Header().Set("Content-Length", strconv.FormatInt(resp.ContentLength, 10))
	}
	w.WriteHeader(resp.StatusCode)
	limits := http.NewResponseController(w)
	if flush {
		_ = limits.Flush() // if it fails, so does the write
	}
	piece := make([]byte, pieceSize)
	for {
		n, err := resp.Body.Read(piece)
		if n > 0 {
			_ = limits.SetWriteDeadline(time.Now().Add(pieceTime)) // each of our connections has deadlines
			if _, err := w.Write(piece[:n]); err != nil {
				return cut{err}
			}
			if flush {
				_ = limits.Flush() // as above
			}
		}
		switch {
		case err == io.EOF: // as readers return it
			return nil
		case err != nil:
			return cut{err}
		}
	}
}

// passHeader hands on what distributors read of an engine's header.
func passHeader(w http.ResponseWriter, resp *http.Response) {
	for _, name := range [...]string{"Content-Type", "Api-Version", "Ostype", "Docker-Experimental"} {
		if value := resp.Header.Get(name); value != "" {
			w.Header().Set(name, value)
		}
	}
}

var errNoID = errors.New("the engine's answer has no id")

// passCreated hands on the answer to a create, and returns the id in it.
func passCreated(w http.ResponseWriter, resp *http.Response) (id string, err error) {
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxRead))
	if err != nil {
		return "", cut{err} // it may have been made
	}
	var made struct{ ID string }
	if resp.StatusCode == http.StatusCreated {
		if err := json.Unmarshal(text, &made); err != nil {
			return "", cut{fmt.Errorf("the engine's answer: %w", err)}
		}
		if !idForm.MatchString(made.ID) {
			return "", cut{errNoID}
		}
	}
	passHeader(w, resp)
	w.WriteHeader(resp.StatusCode)
	_, err = w.Write(text)
	return made.ID, err
}

// told is what distributors read of what an engine tells of itself and its machine; the keys
// are the engine's.
type told struct {
	ID            string   `json:",omitempty"`
	ServerVersion string   `json:",omitempty"`
	SystemTime    string   `json:",omitempty"`
	MemTotal      int64    `json:",omitempty"`
	MemoryLimit   bool     `json:",omitempty"`
	CPUCfsPeriod  bool     `json:"CpuCfsPeriod,omitempty"`
	CPUCfsQuota   bool     `json:"CpuCfsQuota,omitempty"`
	PidsLimit     bool     `json:",omitempty"`
	Warnings      []string `json:",omitempty"`

	Version       string `json:",omitempty"`
	APIVersion    string `json:"ApiVersion,omitempty"`
	MinAPIVersion string `json:",omitempty"`
}

// passSome hands on of an answer what distributors read.
func passSome(w http.ResponseWriter, resp *http.Response) error {
	if resp.StatusCode != http.StatusOK {
		return pass(w, resp, false)
	}
	var t told
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxRead)).Decode(&t); err != nil {
		return cut{err}
	}
	passHeader(w, resp)
	return json.NewEncoder(w).Encode(t)
}

// A cut exchange is one whose outcome the client is not told: nobody knows it.
type cut struct{ error }

// Unwrap returns why.
func (c cut) Unwrap() error { return c.error }
