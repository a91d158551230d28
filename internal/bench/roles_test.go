package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// serveNothing is the floor of all that is answered over HTTP.
func serveNothing(addr string) error {
	return http.ListenAndServe(addr, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	}))
}

func serveHosts(addr string) error {
	f := new(farmer)
	mux := http.NewServeMux()
	mux.Handle("/hosts", answers(f.start))
	mux.Handle("/containers", answers(f.run))
	return http.ListenAndServe(addr, mux)
}

// answers makes a function that other processes can call.
func answers[Q, A any](f func(Q) (A, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q Q
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		a, err := f(q)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(a) // whoever asked has gone
	})
}

// call calls a function of another process.
func call[Q, A any](ctx context.Context, url string, q Q) (a A, err error) {
	body, err := json.Marshal(q)
	if err != nil {
		return a, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, text)
	}
	if err != nil {
		return a, err
	}
	return a, json.Unmarshal(text, &a)
}
